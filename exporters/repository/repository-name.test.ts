import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { REPOSITORY_PATTERN } from '#schemas/records/repository.js';
import { remoteUrl } from './git-config.js';
import { remoteName } from './remote-name.js';
import { repositoryName } from './repository-name.js';

describe('remoteName', () => {
  it('takes the path of every form of remote, and never its credentials', () => {
    const cases: [string, string | undefined][] = [
      ['https://git.example/acme/app.git', 'acme/app'],
      ['https://user:pa55word@git.example/acme/app', 'acme/app'],
      ['https://ghp_token@git.example/group/sub/app.git/', 'group/sub/app'],
      ['https://git.example/acme/app.git?private_token=abc#x', 'acme/app'],
      ['ssh://git@git.example:2222/acme/app.git', 'acme/app'],
      ['git@git.example:acme/app.git', 'acme/app'],
      ['user:pa55word@git.example:acme/app.git', 'acme/app'],
      ['git.example:~/app.git', '~/app'],
      ['file:///srv/private/app.git', 'app'],
      ['/srv/private/app.git', 'app'],
      ['../app/', 'app'],
      ['C:\\work\\app', 'app'],
      ['https://git.example/', undefined],
      ['', undefined],
    ];
    expect(cases.map(([url]) => [url, remoteName(url)])).toEqual(cases);
  });
});

describe('remoteUrl', () => {
  it('reads origin, whatever stands around it', () => {
    const config = [
      '[core]',
      '  bare = false',
      '[remote "fork"]',
      '  url = git@h:me/app.git',
      '[Remote "origin"] ; main',
      '\tURL = "https://h/acme/app.git"',
      '  pushurl = https://h/other/app.git',
      '  url = https://h/second/app.git',
      '[branch "main"]',
      '  url = https://h/not/me.git',
    ].join('\r\n');
    expect(remoteUrl(config)).toBe('https://h/acme/app.git');
  });

  it('takes the only remote under another name, but guesses among none', () => {
    expect(remoteUrl('[remote "upstream"]\nurl = a:b/c # main')).toBe('a:b/c');
    expect(remoteUrl('[remote "a"]\nurl = x\n[remote "b"]\nurl = y')).toBeUndefined();
  });
});

describe('repositoryName', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'shieldwatch-repo-'));
  });

  function git(folder: string, config = ''): string {
    mkdirSync(join(root, folder, '.git'), { recursive: true });
    writeFileSync(join(root, folder, '.git', 'config'), config);
    return join(root, folder);
  }

  it('prefers what the environment says, if it is a name', () => {
    const app = git('app', '[remote "origin"]\nurl = h:acme/app.git');
    expect(repositoryName([app], { SHIELDWATCH_REPOSITORY: 'acme/web' })).toBe('acme/web');
    expect(repositoryName([app], { SHIELDWATCH_REPOSITORY: '//' })).toBe('acme/app');
  });

  it('follows a worktree to the repository it belongs to', () => {
    const app = git('app', '[remote "origin"]\nurl = h:acme/app.git');
    const files = join(app, '.git', 'worktrees', 'w');
    mkdirSync(files, { recursive: true });
    writeFileSync(join(files, 'commondir'), '../..\n');
    mkdirSync(join(root, 'w', 'src'), { recursive: true });
    writeFileSync(join(root, 'w', '.git'), `gitdir: ${files}\n`);
    expect(repositoryName([join(root, 'w', 'src')], {})).toBe('acme/app');
  });

  it('names a repository without remote after its folder, and a plain folder after itself', () => {
    expect(repositoryName([git('my app')], {})).toBe('my-app');
    mkdirSync(join(root, 'plain'));
    expect(repositoryName([join(root, 'plain')], {})).toBe('plain');
  });

  it('passes over a folder outside git for the next one', () => {
    mkdirSync(join(root, 'scratch'));
    expect(repositoryName([join(root, 'scratch'), git('app')], {})).toBe('app');
  });

  it('masks a token in the name and stays a name', () => {
    const app = git('app', '[remote "origin"]\nurl = https://h/ghp_0123456789abcdefghij/app.git');
    const name = repositoryName([app], {});
    expect(name).toBe('[REDACTED:github-token]/app');
    expect(name).toMatch(REPOSITORY_PATTERN);
  });
});
