import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerControlCommands } from '#deploy/control-commands.js';
import { chainEntry, GENESIS, type AuditEntry, type AuditRecord } from '#ingest/control/audit-chain.js';
import { scanOfSpec } from '#ingest/testing/bodies.js';
import { CommandError } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';
import { startStackProcess, until, type RunningStack } from '../testing/stack.js';

const CLI = join(packageRoot(), 'dist/deploy/cli.js');

let stack: RunningStack;
beforeAll(async () => {
  stack = await startStackProcess({ withCollector: false });
});
afterAll(() => stack.dispose());

interface Said {
  code: number | null;
  out: string;
  error: string;
}

/** `shieldwatch <words>` on the stack's data folder, as a person types it. */
function typed(...words: string[]): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...words, '--data-dir', stack.dataDir], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: status, out: stdout.trim(), error: stderr.trim() };
}

/** The same without the second that a process takes to start. */
async function shieldwatch(...words: string[]): Promise<Said> {
  const root = new Command().exitOverride();
  const lines: string[] = [];
  registerControlCommands(root, (line) => lines.push(line));
  try {
    await root.parseAsync([...words, '--data-dir', stack.dataDir], { from: 'user' });
    return { code: 0, out: lines.join('\n').trim(), error: '' };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { code: 1, out: lines.join('\n').trim(), error: error.message };
  }
}

/** Its output, where it must work. */
async function said(...words: string[]): Promise<string> {
  const { code, out, error } = await shieldwatch(...words);
  expect(code, `${words.join(' ')}: ${error}`).toBe(0);
  return out;
}

const api = async (method: string, path: string, token: string, body?: unknown): Promise<Response> =>
  fetch(`${stack.status.gateway}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

describe('a user with access to the data folder', () => {
  it('replaces a lost admin token and revokes the old one', async () => {
    const lost = typed('token', 'mint', 'lost', '--scope', 'read', 'admin').out;
    expect((await api('GET', '/v1/tokens', lost)).status).toBe(200);
    const found = await said('token', 'mint', 'found', '--scope', 'read', 'admin');
    expect(found).toMatch(/^eccp_[0-9A-Za-z]{36}$/);
    expect((await api('GET', '/v1/tokens', found)).status).toBe(200);
    const list = await said('token', 'list');
    expect(list).not.toContain('eccp_');
    const id = /^(tok_\S+)\s+lost\s+live/m.exec(list)?.[1] ?? '';
    const successor = await said('token', 'rotate', id, '--overlap-hours', '1');
    expect((await api('GET', '/v1/tokens', successor)).status).toBe(200);
    expect(await said('token', 'revoke', id)).toMatch(/^revoked at 20/);
    await until('the lost one is refused', async () => (await api('GET', '/v1/tokens', lost)).status === 401);
    expect((await api('GET', '/v1/tokens', found)).status).toBe(200);
  });

  it('manages members, repositories and organisations', async () => {
    expect(await said('member', 'add', 'olga', '--role', 'owner')).toMatch(/^olga\s+owner/);
    await said('member', 'add', 'alice', '--role', 'viewer');
    expect(await said('member', 'role', 'alice', 'member')).toMatch(/^alice\s+member/);
    const token = await said(
      'token',
      'mint',
      'of alice',
      '--scope',
      'read',
      'admin',
      '--member',
      'alice',
      '--expires-in-days',
      '1',
    );
    expect((await api('POST', '/v1/tokens', token, { name: 'x', scopes: ['read'] })).status).toBe(403);
    expect(await said('member', 'remove', 'alice')).toBe('removed');
    expect(await said('member', 'list')).toMatch(/^olga\s+owner\s+\S+$/);

    const repoId = await said('repo', 'add', 'acme/by-hand');
    expect(await said('repo', 'list')).toContain(repoId);
    expect(await shieldwatch('repo', 'baseline', 'acme/by-hand')).toMatchObject({
      code: 1,
      error: 'this repository has no scan of at least one file',
    });
    const purge = JSON.parse(
      await said('repo', 'purge', '--repository', 'acme/by-hand', '--to', '2026-01-01T00:00:00Z'),
    ) as { id: string };
    await until('it is purged', async () => new RegExp(`${purge.id}\\s+done`).test(await said('repo', 'purges')));
    await said('repo', 'remove', 'acme/by-hand');
    expect(await said('repo', 'list')).not.toContain('acme/by-hand');

    const other = await said('org', 'create', 'Other', '--plan', 'team');
    expect(await said('org', 'list')).toMatch(new RegExp(`^${other}\\s+Other\\s+team`, 'm'));
    expect(JSON.parse(await said('org', 'plan', 'enterprise', '--org', other))).toMatchObject({
      id: other,
      plan: 'enterprise',
    });
    expect(JSON.parse(await said('org', 'retention', '40', '--org', other))).toMatchObject({
      retentionDays: { used: 40 },
    });
    expect(JSON.parse(await said('org', 'content', 'keep', '--org', other))).toMatchObject({ keepContent: true });
    const foreign = await said('token', 'mint', 'there', '--scope', 'read', '--org', other);
    expect((await api('GET', `/v1/org/${other}`, foreign)).status).toBe(200);
    expect((await shieldwatch('org', 'delete', 'Another name', '--org', other)).code).toBe(1);
    await said('org', 'delete', 'Other', '--org', other);
    await until('its token is refused', async () => (await api('GET', '/v1/repos', foreign)).status === 401);
    expect(JSON.parse(await said('org', 'show'))).toMatchObject({ id: stack.status.orgId });
  });

  it('decides review items and policy packs', async () => {
    const ingest = await stack.token('ingest:scan');
    expect((await api('POST', '/v1/ingest/scan', ingest, scanOfSpec({ repository: 'acme/reviewed' }))).status).toBe(
      200,
    );
    const item =
      /^(review_\S+|\S+)\s+security-blocker\s+open/m.exec(await said('review', 'list', 'acme/reviewed'))?.[1] ?? '';
    expect(await said('review', 'assign', item, 'olga')).toBe(`${item} olga`);
    for (const [verb, state] of [
      ['approve', 'approved'],
      ['reopen', 'open'],
      ['dismiss', 'dismissed'],
    ] as const) {
      expect(await said('review', verb, item, '--comment', `${verb} by hand`)).toBe(`${item} ${state}`);
    }
    expect(await said('review', 'comment', item, 'and a word more')).toMatch(/^comment_/);
    expect((await said('review', 'comments', item)).split('\n').map((line) => line.replace(/^\S+ {2}/, ''))).toEqual([
      'machine  approve by hand',
      'machine  reopen by hand',
      'machine  dismiss by hand',
      'machine  and a word more',
    ]);
    expect(await said('review', 'list', 'acme/reviewed')).toContain('4 comments');
    const asked = await api('POST', '/v1/policy-promotions', ingest, {
      pack: 'team',
      policyName: 'p',
      owners: [],
      sha256: `sha256:${'0'.repeat(64)}`,
      verified: true,
      reviewItems: [],
    });
    const { id } = (await asked.json()) as { id: string };
    for (const [verb, state] of [
      ['reject', 'rejected'],
      ['reopen', 'open'],
      ['approve', 'approved'],
    ] as const)
      expect(await said('promotion', verb, id)).toBe(`${id} ${state}`);
    expect(await said('promotion', 'list')).toMatch(new RegExp(`^${id}\\s+team\\s+p\\s+approved`, 'm'));
  });

  it('gets each refusal in one line', async () => {
    for (const [words, error] of [
      [['token', 'mint', 'x', '--scope', 'root'], /^scopes\[0\]: /],
      [['token', 'revoke', 'tok_none'], /^there is no such token$/],
      [['member', 'role', 'olga', 'viewer'], /owner/],
      [['review', 'approve', 'none'], /^there is no such review item$/],
      [['org', 'content', 'maybe'], /^expected keep or drop$/],
    ] as const) {
      const answer = await shieldwatch(...words);
      expect([words.join(' '), answer.code, answer.error.split('\n').length, answer.out]).toEqual([
        words.join(' '),
        1,
        1,
        '',
      ]);
      expect(answer.error).toMatch(error);
    }
    expect(typed('token', 'revoke', 'tok_none')).toEqual({ code: 1, out: '', error: 'there is no such token' });
  });
});

describe('the audit trail', () => {
  it('records all of these actions, verifies, and names the first bad entry of a tampered export, without a stack trace', async () => {
    const shown = await said('audit', 'show');
    for (const action of [
      'token.mint',
      'token.rotate',
      'token.revoke',
      'member.add',
      'member.role',
      'member.remove',
      'repo.add',
      'repo.remove',
      'purge.request',
      'purge.finish',
      'review_item.approve',
      'review_item.reopen',
      'review_item.dismiss',
      'policy_promotion.approve',
      'policy_promotion.reject',
      'access.denied',
    ])
      expect(shown).toContain(`  ${action}  `);
    expect(shown).not.toContain('eccp_');
    expect(await said('audit', 'verify')).toMatch(/^\d+ entries verified; head [0-9a-f]{64}$/);

    const entries = (await said('audit', 'export')).split('\n').map((line) => JSON.parse(line) as AuditEntry);
    expect(entries.at(-1)?.record).toContain('audit.export');
    expect(await stack.interrupt()).toBe(0);
    const file = join(stack.dataDir, 'export.ndjson');
    const verify = async (lines: readonly AuditEntry[]): Promise<{ code: number | null; printed: string }> => {
      writeFileSync(file, lines.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      const { code, out, error } = await shieldwatch('audit', 'verify', '--file', file, '--org', 'org_local');
      return { code, printed: out || error };
    };
    expect(await verify(entries)).toEqual({
      code: 0,
      printed: `${entries.length} entries verified; head ${entries.at(-1)?.hash ?? ''}`,
    });

    const key = createPrivateKey(readFileSync(join(stack.dataDir, 'audit-key.pem')));
    const at = 4;
    const entry = (index: number): AuditEntry =>
      entries[index] ?? { seq: 0, record: '{}', previousHash: '', hash: '', signature: '' };
    // The holder of the key can rewrite history from there on.
    const forked = entries.slice(0, at);
    for (const { record } of entries.slice(at))
      forked.push(
        chainEntry(
          { ...(JSON.parse(record) as AuditRecord), actor: 'somebody else' },
          forked.at(-1)?.hash ?? GENESIS,
          key,
        ),
      );
    const tampered: [what: string, lines: AuditEntry[], printed: RegExp][] = [
      [
        'edited',
        entries.map((each, i) =>
          i === at ? { ...each, record: each.record.replace('"actor":"', '"actor":"not ') } : each,
        ),
        /^entry 5: its content was changed$/,
      ],
      ['dropped', entries.filter((_, i) => i !== at), /^entry 5: /],
      [
        'swapped',
        entries.map((_, i) => (i === at ? entry(at + 1) : i === at + 1 ? entry(at) : entry(i))),
        /^entry 5: /,
      ],
      ['cut short', entries.slice(0, at), /^entry 5: the trail is truncated: entry \d+ was published$/],
      ['forked', forked, /^entry 5: another entry was published in its place: the trail was forked$/],
    ];
    expect(await verify([])).toEqual({
      code: 1,
      printed: expect.stringMatching(/^entry 1: the trail is truncated/) as unknown,
    });
    const unnamed = await shieldwatch('audit', 'verify', '--file', file);
    expect([unnamed.code, unnamed.error]).toEqual([1, expect.stringContaining('--org')]);
    for (const [what, lines, printed] of tampered) {
      const verdict = await verify(lines);
      expect([what, verdict.code]).toEqual([what, 1]);
      expect(verdict.printed, what).toMatch(printed);
    }
    // Without the heads nothing tells where the trail ended, unless somebody noted it.
    rmSync(join(stack.dataDir, 'audit-heads.ndjson'));
    const short = entries.slice(0, at);
    writeFileSync(file, short.map((each) => `${JSON.stringify(each)}\n`).join(''));
    const noHeads = await shieldwatch('audit', 'verify', '--file', file, '--org', 'org_local');
    expect([noHeads.code, noHeads.error]).toEqual([1, expect.stringContaining('not checked: truncation')]);
    const noted = await shieldwatch(
      'audit',
      'verify',
      '--file',
      file,
      '--org',
      'org_local',
      '--count',
      String(entries.length),
      '--head',
      entries.at(-1)?.hash ?? '',
    );
    expect([noted.code, noted.error]).toEqual([1, expect.stringContaining('truncated')]);
  });
});
