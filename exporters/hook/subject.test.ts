import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { patchedFiles } from './patch.js';
import { pathForms } from './paths.js';
import type { PolicyMode } from './policy-mode.js';
import { subjectOf } from './subject.js';
import { judge } from './verdict.js';

let project: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'shieldwatch-subject-'));
  mkdirSync(join(project, '.agentshield'));
});

function writeRules(...deny: object[]): void {
  writeFileSync(join(project, '.agentshield', 'runtime-policy.json'), JSON.stringify({ version: 1, deny }));
}

function verdict(tool: string, input: unknown, mode: PolicyMode = 'strict'): string {
  const env = { HOME: project, SHIELDWATCH_SPOOL_DIR: join(project, 'spool') };
  return judge(
    { event: 'PreToolUse', tool, input: JSON.stringify(input), cwd: project, sessionId: '', agent: '' },
    { mode, env, projectDir: '' },
  ).decision;
}

const patch = (...lines: string[]): string => ['*** Begin Patch', ...lines, '*** End Patch'].join('\n');

describe('a pattern is tested on', () => {
  it('the decoded strings of the input', () => {
    writeRules(
      { tool: 'Bash', pattern: String.raw`rm\s+-rf` },
      { tool: 'Bash', pattern: '^halt$' },
      { tool: 'Bash', pattern: 'say "yes"' },
    );
    for (const command of [
      'rm\t-rf /',
      'rm \\\n -rf /',
      'rm\\\n\t-rf /',
      'rm\n-rf',
      'halt',
      'say "yes"',
      "r''m -rf /",
      'r\\m -rf /',
      '"rm" \'-rf\' /',
      'rm${IFS}-rf /',
    ]) {
      expect([command, verdict('Bash', { command })]).toEqual([command, 'block']);
    }
    for (const command of ['ls', 'halt now', 'rm -r f'])
      expect([command, verdict('Bash', { command })]).toEqual([command, 'allow']);
    // AgentShield's own hook has the JSON text alone.
    expect(['rm\t-rf /', 'halt'].map((command) => verdict('Bash', { command }, 'compat'))).toEqual(['allow', 'allow']);
  });

  it('the words of a list as one line', () => {
    writeRules({ tool: 'Bash', pattern: 'rm -rf' }, { tool: 'mcp__run__*', pattern: 'rm -rf' });
    expect(verdict('local_shell', { command: ['bash', '-lc', 'rm -rf /'] })).toBe('block');
    expect(verdict('local_shell', { command: ['rm', '-rf', '/'] })).toBe('block');
    expect(verdict('mcp__run__it', { command: 'rm', args: ['-rf', '/'] })).toBe('block');
  });

  it('every string at any depth, and the JSON text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.string(), (value, text) => {
        const input = JSON.stringify({ value, inner: [{ text }] });
        const { texts } = subjectOf({ tool: 'Any', input, cwd: '/' }, 'strict');
        expect(texts[0]).toBe(input);
        expect(texts).toContain(text);
      }),
    );
  });

  it('a command with continued lines joined', () => {
    const piece = fc.constantFrom('a', '\\\n', ' ', '"', "'", '\\', '\n', '$IFS');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const command = pieces.join('');
        const { texts } = subjectOf({ tool: 'Bash', input: JSON.stringify({ command }), cwd: '/' }, 'strict');
        expect(texts).toContain(command.replace(/\\\n/g, ''));
      }),
    );
  });
});

describe('a pattern for a path is tested on', () => {
  it('the resolved path: from the call’s folder, with links followed', () => {
    writeRules({ tool: 'Edit', pattern: String.raw`\.github/` }, { tool: 'Read', pattern: String.raw`\.env` });
    mkdirSync(join(project, '.github', 'workflows'), { recursive: true });
    writeFileSync(join(project, '.env'), '');
    symlinkSync('.env', join(project, 'plain.txt'));
    symlinkSync('.github', join(project, 'gh'));
    expect(verdict('Read', { file_path: join(project, 'plain.txt') })).toBe('block');
    expect(verdict('read_file', { path: 'plain.txt' })).toBe('block');
    expect(verdict('Edit', { file_path: join(project, 'gh/workflows/new.yml'), old_string: '', new_string: 'x' })).toBe(
      'block',
    );
    const call = {
      event: 'PreToolUse',
      tool: 'Edit',
      input: JSON.stringify({ file_path: 'workflows/a.yml' }),
      cwd: join(project, '.github'),
      sessionId: '',
      agent: '',
    };
    expect(
      judge(call, {
        mode: 'strict',
        env: { HOME: project, SHIELDWATCH_SPOOL_DIR: join(project, 'spool') },
        projectDir: project,
      }).decision,
    ).toBe('block');
    expect(verdict('Read', { file_path: join(project, 'a.txt') })).toBe('allow');
  });
});

describe('one action under several tool names', () => {
  const secretPatch = patch('*** Update File: src/a.ts', '@@', '-a', '+b', '*** Add File: sub/../.env', '+KEY=1');
  const writes: [string, unknown][] = [
    ['Write', { file_path: '/app/.env', content: 'x' }],
    ['Edit', { file_path: '/app/.env', old_string: 'a', new_string: 'b' }],
    ['MultiEdit', { file_path: '/app/.env', edits: [{ old_string: 'a', new_string: 'b' }] }],
    ['NotebookEdit', { notebook_path: '/app/.env', new_source: 'x' }],
    ['write_file', { file_path: '/app/.env', content: 'x' }],
    ['replace', { file_path: '/app/.env', old_string: 'a', new_string: 'b' }],
    ['apply_patch', { command: secretPatch }],
    ['apply_patch', { input: patch('*** Update File: a.txt', '*** Move to: .env', '@@', ' a') }],
    ['apply_patch', { input: patch('*** Delete File: .env') }],
    ['Bash', { command: `apply_patch <<'EOF'\n${secretPatch}\nEOF` }],
    ['mcp__filesystem__write_file', { path: '.env', content: 'x' }],
    ['mcp__filesystem__edit_file', { path: 'x/../.env', edits: [{ oldText: 'a', newText: 'b' }] }],
    ['mcp__filesystem__move_file', { source: 'a', destination: '.env' }],
    ['mcp_filesystem_write_file', { path: '.env', content: 'x' }],
    ['filesystem__write_file', { path: '.env', content: 'x' }],
  ];

  it('is denied under every name by a rule with a path pattern on one of them', () => {
    for (const rule of ['Write', 'Edit', 'MultiEdit', 'apply_patch']) {
      writeRules({ tool: rule, pattern: String.raw`(^|/)\.env$` });
      for (const [tool, input] of writes) expect([rule, tool, verdict(tool, input)]).toEqual([rule, tool, 'block']);
      expect(verdict('Write', { file_path: '/app/a.ts', content: 'see /.env there' })).toBe('allow');
      expect(verdict('Read', { file_path: '/app/.env' })).toBe('allow');
    }
  });

  it('applies to reading tools too', () => {
    writeRules({ tool: 'Read', pattern: String.raw`\.env$` });
    const reads: [string, unknown][] = [
      ['Read', { file_path: '.env' }],
      ['Grep', { pattern: 'KEY', path: '.env' }],
      ['read_file', { absolute_path: '/a/.env' }],
      ['read_many_files', { paths: ['a', '.env'] }],
      ['search_file_content', { pattern: '.', path: '.env' }],
      ['mcp__fs__read_text_file', { path: '.env' }],
      ['mcp__fs__read_multiple_files', { paths: ['.env'] }],
      ['view_image', { path: '.env' }],
    ];
    for (const [tool, input] of reads) expect([tool, verdict(tool, input)]).toEqual([tool, 'block']);
    // A pattern of names is not a file that is read.
    expect(verdict('Grep', { pattern: 'x.env', path: 'src' })).toBe('allow');
  });

  it('a rule on Read covers searches and listings by their glob', () => {
    writeRules({ tool: 'Read', pattern: String.raw`(^|/)\.env$` });
    const reads: [string, unknown][] = [
      ['Grep', { pattern: '.', glob: '.env' }],
      ['Grep', { pattern: '.', glob: '**/{a,.env}', path: 'src' }],
      ['grep_search', { pattern: '.', include: '.env' }],
      ['grep_search', { pattern: '.', include_pattern: '.env', dir_path: 'src' }],
      ['Glob', { pattern: '**/.env' }],
      ['glob', { pattern: '.env' }],
      ['read_many_files', { include: ['a', '.env'] }],
      ['mcp__fs__read_file', { target: { path: '.env' } }],
    ];
    for (const [tool, input] of reads) expect([tool, input, verdict(tool, input)]).toEqual([tool, input, 'block']);
    for (const [tool, input] of [
      ['Grep', { pattern: '.', glob: '!.env' }],
      ['Grep', { pattern: '.env' }],
      ['Glob', { pattern: '**/*.ts' }],
      ['list_directory', { dir_path: '.' }],
    ] as const)
      expect([tool, verdict(tool, input)]).toEqual([tool, 'allow']);
  });

  it('covers search, listing and MCP tools, with names in any letter case', () => {
    writeRules(
      { tool: 'Grep', pattern: 'forbidden' },
      { tool: 'Glob', pattern: 'forbidden' },
      { tool: 'mcp__tickets__*' },
      { tool: 'mcp__git_hub__delete' },
      { tool: 'Bash', pattern: 'forbidden' },
      { tool: 'WRITE', pattern: 'forbidden' },
    );
    for (const [tool, input] of [
      ['grep_search', { pattern: 'forbidden' }],
      ['search_file_content', { pattern: 'forbidden' }],
      ['glob', { pattern: 'forbidden' }],
      ['LS', { path: 'forbidden' }],
      ['mcp_tickets_close', {}],
      ['mcp__tickets__close', {}],
      ['tickets__close', {}],
      ['MCP__Tickets__close', {}],
      ['mcp_git_hub_delete', {}],
      ['bash', { command: 'forbidden' }],
      ['BASH', { command: 'forbidden' }],
      ['Run_Shell_Command', { command: 'forbidden' }],
      ['write', { file_path: 'forbidden' }],
      ['Write', { file_path: 'forbidden' }],
    ] as const)
      expect([tool, verdict(tool, input)]).toEqual([tool, 'block']);
    expect(verdict('mcp_ticketing_close', {})).toBe('allow');
    expect([
      verdict('bash', { command: 'forbidden' }, 'compat'),
      verdict('mcp_tickets_close', {}, 'compat'),
      verdict('grep_search', { pattern: 'forbidden' }, 'compat'),
    ]).toEqual(['allow', 'allow', 'allow']);
  });

  it('covers every spelling of a path', () => {
    writeRules({ tool: 'Read', pattern: String.raw`^/mnt/c/app/\.env$|^/srv/app/\.env$|^C:/app/\.env$` });
    const paths: unknown[] = [
      '/srv/app/.env',
      ['a', '/srv/app/.env'],
      'file:///srv/app/.env',
      'FILE://localhost/srv/app/%2Eenv',
      'file:/srv/app/.env',
      '/srv/app/./.env',
      '//srv//app/.env',
      '/srv/app/x/../.env/',
      '/srv/app/.env.',
      '/srv/app/.env. .',
      'C:\\app\\.env',
      'c:/app/.env',
      'file:///C:/app/.env',
      '\\\\?\\C:\\app\\.env',
      '\\\\wsl$\\Ubuntu\\srv\\app\\.env',
      '//wsl.localhost/Debian/srv/app/.env',
      'C:\\app\\.env::$DATA',
      '\\srv\\app\\.env',
    ];
    for (const file_path of paths) expect([file_path, verdict('Read', { file_path })]).toEqual([file_path, 'block']);
    writeRules({ tool: 'Write', pattern: `^${project}/\\.ssh/` });
    expect(verdict('Write', { file_path: `${project}/.ssh/x`, content: '' })).toBe('block');
    fc.assert(
      fc.property(fc.string(), fc.string(), (path, cwd) => {
        expect(pathForms(path, `/${cwd}`)).toContain(resolve(`/${cwd}`, path));
      }),
    );
    expect(pathForms('~/.ssh/id', '/', '/home/me')).toContain('/home/me/.ssh/id');
  });

  it('covers shells, agents and web tools', () => {
    writeRules(
      { tool: 'Bash', pattern: 'forbidden' },
      { tool: 'WebFetch', pattern: 'host' },
      { tool: 'Task', pattern: 'spy' },
      { tool: 'WebSearch' },
    );
    const calls: [string, unknown][] = [
      ...[
        'Bash',
        'PowerShell',
        'run_shell_command',
        'shell',
        'exec_command',
        'local_shell',
        'unified_exec',
        'mcp__x__execute_command',
      ].map((tool): [string, unknown] => [tool, { command: 'forbidden' }]),
      ['exec_command', { cmd: 'forbidden' }],
      ['web_fetch', { prompt: 'get host' }],
      ['Agent', { prompt: 'spy' }],
      ['google_web_search', {}],
    ];
    for (const [tool, input] of calls) expect([tool, verdict(tool, input)]).toEqual([tool, 'block']);
  });

  it('covers nothing more in stock mode, nor by a rule without a pattern', () => {
    writeRules({ tool: 'NotebookEdit' }, { tool: 'Write' });
    expect(verdict('Edit', { file_path: 'a' })).toBe('allow');
    expect(verdict('write_file', { file_path: 'a' })).toBe('block');
    expect(verdict('write_file', { file_path: 'a' }, 'compat')).toBe('allow');
    expect(verdict('apply_patch', { input: secretPatch }, 'compat')).toBe('allow');
    expect(verdict('apply_patch', { input: secretPatch })).toBe('block');
  });
});

it('reads source, target and content of each file in a patch', () => {
  expect(
    patchedFiles(
      `x <<EOF\n${patch('*** Update File: a b.txt ', '*** Move to: c', '@@ f', '-1', '+2', '*** Delete File: d', '*** Add File: e', '+one')}`,
    ),
  ).toEqual([
    { kind: 'update', path: 'a b.txt', movedTo: 'c', lines: ['@@ f', '-1', '+2'] },
    { kind: 'delete', path: 'd', lines: [] },
    { kind: 'add', path: 'e', lines: ['+one', '*** End Patch'] },
  ]);
});
