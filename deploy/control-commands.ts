import { createPublicKey } from 'node:crypto';
import { readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { verifyTrail, type AuditEntry, type AuditVerdict } from '#ingest/control/audit-chain.js';
import { readHeads, readLines } from '#ingest/control/audit-files.js';
import { CommandError } from '#schemas/errors.js';
import type { Baseline, Member, MintedToken, Org, Purge, RepoMerge, Token } from '#schemas/http/control.js';
import type { ReviewComment, ReviewItem, ReviewItemState } from '#schemas/http/fleet.js';
import type { PolicyPromotion } from '#schemas/http/policy-promotion.js';
import { resolveDataDir } from './embedded/config.js';
import { callStack } from './embedded/data-folder.js';
import type { MachineRequest } from './embedded/machine-api.js';

export interface Flags {
  dataDir?: string;
  org?: string;
}

export type Out = (line: string) => void;

export const DATA_DIR = ['--data-dir <folder>', 'data folder of the running stack'] as const;
const ORG = ['--org <id>', "organisation id; default: this machine's organisation"] as const;

/** Timeout of a call, in milliseconds. */
const CALL_MS = 120_000;
/** Timeout of reading and verifying a whole audit trail, in milliseconds: some minutes for a million entries. */
const VERIFY_MS = 3_600_000;

export async function call<T>(
  flags: { dataDir?: string },
  path: string,
  method: string,
  body?: unknown,
  timeoutMs = CALL_MS,
): Promise<T> {
  const dataDir = resolveDataDir(flags.dataDir);
  const answer = await callStack<T>(dataDir, method, path, body, timeoutMs);
  if (answer === undefined) throw new CommandError(`no stack runs on ${dataDir}; start it with \`npm start\``);
  return answer;
}

/** Sends one request to the API with the rights of the machine's administrator. */
export function api<T>(
  flags: Flags,
  method: MachineRequest['method'],
  url: string,
  body?: unknown,
  timeoutMs?: number,
): Promise<T> {
  return call(
    flags,
    '/api',
    'POST',
    { method, url, ...(flags.org === undefined ? {} : { orgId: flags.org }), ...(body === undefined ? {} : { body }) },
    timeoutMs,
  );
}

/** Yields the entries of a list, page by page. */
async function* each<T>(flags: Flags, url: string, field: string, query = ''): AsyncGenerator<T> {
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Record<string, unknown> = await api(
      flags,
      'GET',
      `${url}?${query}limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    yield* page[field] as T[];
    cursor = page['nextCursor'] as string | null;
  }
}

/** Reads a whole list. `query` ends with an ampersand. */
export async function all<T>(flags: Flags, url: string, field: string, query?: string): Promise<T[]> {
  const found: T[] = [];
  for await (const entry of each<T>(flags, url, field, query)) found.push(entry);
  return found;
}

/** Formats rows as columns for a terminal. */
export function table(rows: readonly (readonly (string | number | null)[])[], out: Out): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? '-').length))) ?? [];
  for (const row of rows)
    out(
      row
        .map((cell, column) => String(cell ?? '-').padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

const repoPath = (name: string): string => `/v1/repo/${encodeURIComponent(name)}`;

export function subcommand(
  parent: Command,
  usage: string,
  description: string,
  options: { isDefault?: boolean } = {},
): Command {
  return parent
    .command(usage, options)
    .description(description)
    .option(...DATA_DIR)
    .option(...ORG);
}

/**
 * `shieldwatch org | repo | token | member | review | promotion | audit`: the control plane, for users with access to
 * the data folder.
 */
export function registerControlCommands(root: Command, out: Out): void {
  orgCommands(root.command('org').description('organisations and their plans'), out);
  repoCommands(root.command('repo').description('repositories: list, add, remove with all their data'), out);
  tokenCommands(root.command('token').description('tokens: mint, list, rotate, revoke'), out);
  memberCommands(root.command('member').description('members and their roles'), out);
  reviewCommands(root.command('review').description('review items: list, decide, assign, comment'), out);
  policyCommands(
    root.command('promotion').description('policy packs that wait for approval: list, approve, reject'),
    out,
  );
  auditCommands(root.command('audit').description('the audit trail: show, export, verify'), out);
}

function orgCommands(org: Command, out: Out): void {
  subcommand(org, 'show', 'show the organisation, its plan and current usage').action(async (flags: Flags) => {
    const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
    out(JSON.stringify(await api<Org>(flags, 'GET', `/v1/org/${flags.org ?? orgId}`), null, 2));
  });
  subcommand(org, 'list', 'list all organisations of this machine').action(async (flags: Flags) => {
    const orgs = await call<{ id: string; name: string; plan: string }[]>(flags, '/orgs', 'GET');
    table(
      orgs.map(({ id, name, plan }) => [id, name, plan]),
      out,
    );
  });
  subcommand(org, 'create <name>', 'add an organisation')
    .option('--plan <plan>', 'team or enterprise', 'team')
    .action(async (name: string, flags: Flags & { plan: string }) => {
      out((await call<{ id: string }>(flags, '/orgs', 'POST', { name, plan: flags.plan })).id);
    });
  subcommand(org, 'plan <plan>', 'change the plan: team or enterprise').action(async (plan: string, flags: Flags) => {
    const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
    out(JSON.stringify(await call<Org>(flags, '/orgs', 'PATCH', { orgId: flags.org ?? orgId, plan }), null, 2));
  });
  subcommand(
    org,
    'delete <name>',
    'delete the organisation named by --org and all its data; asks for its name as confirmation',
  ).action(async (name: string, flags: Flags) => {
    if (flags.org === undefined) throw new CommandError('name the organisation with --org <id>');
    out(JSON.stringify(await api<Purge>(flags, 'DELETE', `/v1/org/${flags.org}`, { name }), null, 2));
  });
  subcommand(org, 'retention <days>', 'retention of raw telemetry in days').action(
    async (days: string, flags: Flags) => {
      const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
      out(
        JSON.stringify(
          await api<Org>(flags, 'PATCH', `/v1/org/${flags.org ?? orgId}`, { retentionDays: Number(days) }),
          null,
          2,
        ),
      );
    },
  );
  subcommand(
    org,
    'content <choice>',
    'keep or drop prompts, answers, tool arguments and results (default: drop)',
  ).action(async (choice: string, flags: Flags) => {
    if (choice !== 'keep' && choice !== 'drop') throw new CommandError('expected keep or drop');
    const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
    out(
      JSON.stringify(
        await api<Org>(flags, 'PATCH', `/v1/org/${flags.org ?? orgId}`, { keepContent: choice === 'keep' }),
        null,
        2,
      ),
    );
  });
  subcommand(org, 'github <login>', 'link the organisation to its GitHub login; \\`none\\` removes the link').action(
    async (login: string, flags: Flags) => {
      const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
      out(
        JSON.stringify(
          await api<Org>(flags, 'PATCH', `/v1/org/${flags.org ?? orgId}`, {
            githubOrgLogin: login === 'none' ? null : login,
          }),
          null,
          2,
        ),
      );
    },
  );
  subcommand(
    org,
    'sso <choice>',
    'record whether its members sign in by SSO: on or off; does not affect tokens',
  ).action(async (choice: string, flags: Flags) => {
    if (choice !== 'on' && choice !== 'off') throw new CommandError('expected on or off');
    const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
    out(
      JSON.stringify(
        await api<Org>(flags, 'PATCH', `/v1/org/${flags.org ?? orgId}`, { ssoEnabled: choice === 'on' }),
        null,
        2,
      ),
    );
  });
  subcommand(
    org,
    'identities <choice>',
    'keep e-mail addresses and login names in telemetry, or replace them by pseudonyms (default: replace)',
  ).action(async (choice: string, flags: Flags) => {
    if (choice !== 'keep' && choice !== 'replace') throw new CommandError('expected keep or replace');
    const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
    out(
      JSON.stringify(
        await api<Org>(flags, 'PATCH', `/v1/org/${flags.org ?? orgId}`, { keepIdentities: choice === 'keep' }),
        null,
        2,
      ),
    );
  });
}

function repoCommands(repo: Command, out: Out): void {
  subcommand(repo, 'list', 'list repositories by name').action(async (flags: Flags) => {
    const repos = await all<{ repoId: string; repository: string; lastSeenAt: string | null }>(
      flags,
      '/v1/repos',
      'repos',
    );
    table(
      repos.map(({ repoId, repository, lastSeenAt }) => [repository, repoId, lastSeenAt]),
      out,
    );
  });
  subcommand(repo, 'add <owner/name>', 'register a repository before it sends anything').action(
    async (repository: string, flags: Flags) => {
      out((await api<{ repoId: string }>(flags, 'POST', '/v1/repos', { repository })).repoId);
    },
  );
  subcommand(repo, 'compare <owner/name>', 'compare the newest scan with the baseline').action(
    async (name: string, flags: Flags) => {
      const { comparison } = await api<Baseline>(flags, 'GET', `${repoPath(name)}/baseline`);
      if (comparison.notCompared !== null) throw new CommandError(`not compared: ${comparison.notCompared}`);
      const { newFindingsCount, resolvedFindingsCount, unchangedCount, scoreDelta, newFindings, resolvedFindings } =
        comparison;
      out(
        `${String(newFindingsCount)} new, ${String(resolvedFindingsCount)} resolved, ${String(unchangedCount)} unchanged; score ${scoreDelta === null ? 'not compared' : `${scoreDelta > 0 ? '+' : ''}${String(scoreDelta)}`}`,
      );
      const rows = (word: string, findings: typeof newFindings) =>
        findings.map(({ severity, id, file, title }) => [word, severity, id, file, title]);
      table([...rows('new', newFindings), ...rows('resolved', resolvedFindings)], out);
    },
  );
  subcommand(
    repo,
    'link <owner/name>',
    'set the GitHub repository id, and where its scans come from; scans from GitHub Actions set a missing id',
  )
    .option('--github-id <number>', 'value of GITHUB_REPOSITORY_ID; \\`none\\` removes it')
    .option('--provider <provider>', 'github-actions or local')
    .action(
      async (name: string, { githubId, provider, ...flags }: Flags & { githubId?: string; provider?: string }) => {
        const change = {
          ...(githubId === undefined ? {} : { githubRepoId: githubId === 'none' ? null : githubId }),
          ...(provider === undefined ? {} : { defaultProvider: provider }),
        };
        out(JSON.stringify(await api(flags, 'PATCH', repoPath(name), change), null, 2));
      },
    );
  subcommand(repo, 'remove <owner/name>', 'remove a repository with all its data').action(
    async (name: string, flags: Flags) => {
      out(JSON.stringify(await api<Purge>(flags, 'DELETE', repoPath(name)), null, 2));
    },
  );
  subcommand(repo, 'baseline <owner/name>', 'make the newest scan the baseline').action(
    async (name: string, flags: Flags) => {
      out(JSON.stringify(await api<Baseline>(flags, 'PUT', `${repoPath(name)}/baseline`, {}), null, 2));
    },
  );
  subcommand(
    repo,
    'merge <from> <into>',
    'merge two names of one repository: all data of the first moves to the second',
  ).action(async (from: string, into: string, flags: Flags) => {
    out(JSON.stringify(await api<RepoMerge>(flags, 'POST', '/v1/repos/merge', { from, into }), null, 2));
  });
  subcommand(repo, 'merges', 'list merges and their progress').action(async (flags: Flags) => {
    const { merges } = await api<{ merges: RepoMerge[] }>(flags, 'GET', '/v1/repos/merges');
    table(
      merges.map(({ from, into, status, rowsMoved, requestedBy, requestedAt }) => [
        from,
        into,
        status,
        rowsMoved,
        requestedBy,
        requestedAt,
      ]),
      out,
    );
  });
  subcommand(repo, 'purges', 'list deletions and their progress').action(async (flags: Flags) => {
    const { purges } = await api<{ purges: Purge[] }>(flags, 'GET', '/v1/purges');
    table(
      purges.map(({ id, status, progress, requestedBy, requestedAt }) => [
        id,
        status,
        `${progress.tables}/${progress.of}`,
        progress.rowsRemoved,
        requestedBy,
        requestedAt,
      ]),
      out,
    );
  });
  subcommand(repo, 'purge', 'delete telemetry by repository, token or time range')
    .option('--repository <owner/name>')
    .option('--token-id <id>')
    .option('--from <time>')
    .option('--to <time>')
    .action(
      async ({
        repository,
        tokenId,
        from,
        to,
        ...flags
      }: Flags & { repository?: string; tokenId?: string; from?: string; to?: string }) => {
        out(JSON.stringify(await api<Purge>(flags, 'POST', '/v1/purges', { repository, tokenId, from, to }), null, 2));
      },
    );
}

function tokenCommands(token: Command, out: Out): void {
  subcommand(token, 'mint <name>', 'create a token; the secret is shown once', { isDefault: true })
    .requiredOption(
      '--scope <scope...>',
      'ingest:scan, ingest:runtime, ingest:drift, ingest:otlp, webhook:drift, read, admin',
    )
    .option('--repository <owner/name>', 'restrict it to one repository')
    .option('--member <login>', "assign it to a member; the member's role limits its rights")
    .option('--expires-in-days <days>', 'set an expiry')
    .action(
      async (
        name: string,
        flags: Flags & { scope: string[]; repository?: string; member?: string; expiresInDays?: string },
      ) => {
        const { scope: scopes, repository, member, expiresInDays } = flags;
        const body = {
          name,
          scopes,
          repository,
          member,
          ...(expiresInDays === undefined ? {} : { expiresInDays: Number(expiresInDays) }),
        };
        const minted = await api<MintedToken>(flags, 'POST', '/v1/tokens', body);
        out(minted.webhookPath ?? minted.token);
      },
    );
  subcommand(token, 'list', 'list tokens, without secrets').action(async (flags: Flags) => {
    const tokens = await all<Token>(flags, '/v1/tokens', 'tokens');
    const state = ({ revokedAt, expiresAt }: Token): string =>
      revokedAt !== null ? 'revoked' : expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'live';
    table(
      tokens.map((each) => [
        each.id,
        each.name,
        state(each),
        each.scopes.join(' '),
        each.repository,
        each.member,
        each.expiresAt,
      ]),
      out,
    );
  });
  subcommand(token, 'rotate <id>', 'create a successor; both are valid during an overlap')
    .option('--overlap-hours <hours>', 'how long', '24')
    .action(async (id: string, flags: Flags & { overlapHours: string }) => {
      out(
        (
          await api<MintedToken>(flags, 'POST', `/v1/tokens/${encodeURIComponent(id)}/rotate`, {
            overlapHours: Number(flags.overlapHours),
          })
        ).token,
      );
    });
  subcommand(token, 'revoke <id>', 'revoke a token; it stops working within a second').action(
    async (id: string, flags: Flags) => {
      const { revokedAt } = await api<Token>(flags, 'DELETE', `/v1/tokens/${encodeURIComponent(id)}`);
      out(`revoked at ${revokedAt ?? ''}`);
    },
  );
}

function memberCommands(member: Command, out: Out): void {
  const show = (members: readonly Member[]): void => {
    table(
      members.map(({ id, login, role }) => [login, role, id]),
      out,
    );
  };
  subcommand(member, 'list', 'list members and their roles').action(async (flags: Flags) => {
    show((await api<{ members: Member[] }>(flags, 'GET', '/v1/members')).members);
  });
  subcommand(member, 'add <login>', 'add a member')
    .requiredOption('--role <role>', 'owner, admin, member or viewer')
    .action(async (login: string, flags: Flags & { role: string }) => {
      show([await api<Member>(flags, 'POST', '/v1/members', { login, role: flags.role })]);
    });
  subcommand(member, 'role <login> <role>', "change a member's role").action(
    async (login: string, role: string, flags: Flags) => {
      show([await api<Member>(flags, 'PATCH', `/v1/members/${encodeURIComponent(login)}`, { role })]);
    },
  );
  subcommand(member, 'remove <login>', "remove a member and revoke the member's tokens").action(
    async (login: string, flags: Flags) => {
      await api(flags, 'DELETE', `/v1/members/${encodeURIComponent(login)}`);
      out('removed');
    },
  );
}

function reviewCommands(review: Command, out: Out): void {
  subcommand(review, 'list <owner/name>', 'list review items of the newest scans').action(
    async (name: string, flags: Flags) => {
      const items = await api<ReviewItem[]>(flags, 'GET', `${repoPath(name)}/review-items`);
      table(
        items.map(({ id, route, status, assignee, commentCount, reason }) => [
          id,
          route,
          status,
          assignee,
          `${String(commentCount)} comments`,
          reason,
        ]),
        out,
      );
    },
  );
  for (const [name, status] of [
    ['approve', 'approved'],
    ['dismiss', 'dismissed'],
    ['reopen', 'open'],
  ] as const) {
    subcommand(review, `${name} <id>`, `${name} a review item`)
      .option('--comment <text>', 'why')
      .action(async (id: string, { comment, ...flags }: Flags & { comment?: string }) => {
        const state = await api<ReviewItemState>(flags, 'PATCH', `/v1/review-items/${encodeURIComponent(id)}`, {
          status,
          ...(comment === undefined ? {} : { comment }),
        });
        out(`${state.id} ${state.status}`);
      });
  }
  subcommand(review, 'assign <id> <login>', 'assign it to a member').action(
    async (id: string, assignee: string, flags: Flags) => {
      const state = await api<ReviewItemState>(flags, 'PATCH', `/v1/review-items/${encodeURIComponent(id)}`, {
        assignee,
      });
      out(`${state.id} ${state.assignee ?? ''}`);
    },
  );
  subcommand(review, 'comment <id> <text>', 'add a comment').action(async (id: string, text: string, flags: Flags) => {
    out((await api<ReviewComment>(flags, 'POST', `/v1/review-items/${encodeURIComponent(id)}/comments`, { text })).id);
  });
  subcommand(review, 'comments <id>', 'list comments, oldest first').action(async (id: string, flags: Flags) => {
    for await (const { createdAt, author, text } of each<ReviewComment>(
      flags,
      `/v1/review-items/${encodeURIComponent(id)}/comments`,
      'comments',
    )) {
      // Indented, so that no line of a comment looks like another comment.
      out(`${createdAt}  ${author}  ${text.replaceAll('\n', '\n    ')}`);
    }
  });
}

function policyCommands(policy: Command, out: Out): void {
  subcommand(policy, 'list', 'list policy packs that wait for approval, or were decided').action(
    async (flags: Flags) => {
      const promotions = await all<PolicyPromotion>(flags, '/v1/policy-promotions', 'policyPromotions');
      table(
        promotions.map(({ id, pack, policyName, status, sha256 }) => [id, pack, policyName, status, sha256]),
        out,
      );
    },
  );
  for (const [name, status] of [
    ['approve', 'approved'],
    ['reject', 'rejected'],
    ['reopen', 'open'],
  ] as const) {
    subcommand(policy, `${name} <id>`, `${name} a policy pack`)
      .option('--note <text>')
      .action(async (id: string, { note, ...flags }: Flags & { note?: string }) => {
        const promotion = await api<PolicyPromotion>(
          flags,
          'PATCH',
          `/v1/policy-promotions/${encodeURIComponent(id)}`,
          { status, ...(note === undefined ? {} : { note }) },
        );
        out(`${promotion.id} ${promotion.status}`);
      });
  }
}

function auditCommands(audit: Command, out: Out): void {
  subcommand(audit, 'show', 'print the trail, oldest first').action(async (flags: Flags) => {
    for await (const { record } of each<AuditEntry>(flags, '/v1/audit', 'entries')) {
      const { seq, at, actor, action, subject, detail } = JSON.parse(record) as Record<string, unknown>;
      out([seq, at, actor, action, subject, JSON.stringify(detail)].map(String).join('  '));
    }
  });
  subcommand(
    audit,
    'export',
    'export the whole trail as NDJSON; prints on standard error what is needed to verify it',
  ).action(async (flags: Flags) => {
    // Appends the audit entry of the export; the trail itself is read in pages.
    await api(flags, 'GET', '/v1/audit/export?limit=1');
    let last: AuditEntry | undefined;
    for await (const entry of each<AuditEntry>(flags, '/v1/audit', 'entries')) {
      out(JSON.stringify(entry));
      last = entry;
    }
    if (last !== undefined) {
      const { orgId } = JSON.parse(last.record) as { orgId: string };
      process.stderr.write(
        `to verify it later, store elsewhere: --org ${orgId} --count ${last.seq} --head ${last.hash}\n`,
      );
    }
  });
  subcommand(audit, 'verify', 'verify the trail, and name the first entry that was altered')
    .option('--file <export>', 'verify an export instead of the running stack')
    .option('--key <pem>', 'public key for --file; default: audit-key.pub.pem in the data folder')
    .option('--heads <ndjson>', 'published heads for --file; default: audit-heads.ndjson in the data folder')
    .option('--count <entries>', 'number of entries at an earlier verification')
    .option('--head <hash>', 'hash of the last entry at that time')
    .option('--quick', 'with --file, verify only the last signature, which covers all entries through their hashes')
    .action(async (flags: VerifyFlags) => {
      const noted = notedOf(flags);
      const query = noted === undefined ? '' : `?count=${noted.count}&head=${noted.head}`;
      const verdict =
        flags.file === undefined
          ? await api<AuditVerdict>(flags, 'GET', `/v1/audit/verify${query}`, undefined, VERIFY_MS)
          : await verifyFile(flags, flags.file, noted);
      if (!verdict.ok) throw new CommandError(`entry ${verdict.seq}: ${verdict.problem}`);
      out(`${verdict.entries} entries verified; head ${verdict.head}`);
      if (verdict.unchecked.length > 0) throw new CommandError(`not checked: ${verdict.unchecked.join('; ')}`);
    });
}

interface VerifyFlags extends Flags {
  file?: string;
  key?: string;
  heads?: string;
  count?: string;
  head?: string;
  quick?: true;
}

function notedOf({ count, head }: VerifyFlags): { count: number; head: string } | undefined {
  if (count === undefined && head === undefined) return undefined;
  if (count === undefined || head === undefined || !/^\d{1,15}$/.test(count) || !/^[0-9a-f]{64}$/.test(head)) {
    throw new CommandError('expected both --count <entries> and --head <64 hexadecimal digits>');
  }
  return { count: Number(count), head };
}

/** Verifies an export offline: needs the export, the public key and the heads, but no running stack. */
async function verifyFile(
  flags: VerifyFlags,
  file: string,
  noted: { count: number; head: string } | undefined,
): Promise<AuditVerdict> {
  if (flags.org === undefined)
    throw new CommandError('expected --org <id>, the organisation of the export: an export cannot prove that itself');
  const dataDir = resolveDataDir(flags.dataDir);
  if (flags.heads !== undefined && !existsSync(flags.heads)) throw new CommandError(`no heads file at ${flags.heads}`);
  try {
    return await verifyTrail(readLines(file), {
      orgId: flags.org,
      publicKey: createPublicKey(readFileSync(flags.key ?? join(dataDir, 'audit-key.pub.pem'))),
      heads: readHeads(flags.heads ?? join(dataDir, 'audit-heads.ndjson')),
      noted,
      isQuick: flags.quick === true,
    });
  } catch (error) {
    throw new CommandError(
      `the export, the key or the heads cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'not in their format'}`,
    );
  }
}
