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

interface Flags {
  dataDir?: string;
  org?: string;
}

export type Out = (line: string) => void;

export const DATA_DIR = ['--data-dir <folder>', 'data folder of the running stack'] as const;
const ORG = ['--org <id>', 'organisation; the one of this machine unless given'] as const;

/** Milliseconds a call may take. */
const CALL_MS = 120_000;
/** A whole audit trail is read and checked in one: some minutes for a million entries. */
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

/** One request to the API as the machine itself. */
function api<T>(
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

/** The entries of a list, page by page. */
async function* each<T>(flags: Flags, url: string, field: string): AsyncGenerator<T> {
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Record<string, unknown> = await api(
      flags,
      'GET',
      `${url}?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    yield* page[field] as T[];
    cursor = page['nextCursor'] as string | null;
  }
}

async function all<T>(flags: Flags, url: string, field: string): Promise<T[]> {
  const found: T[] = [];
  for await (const entry of each<T>(flags, url, field)) found.push(entry);
  return found;
}

/** Rows as columns of a terminal. */
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

function subcommand(
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

/** `shieldwatch org | repo | token | member | review | promotion | audit`: the control plane, for whoever may open the data folder. */
export function registerControlCommands(root: Command, out: Out): void {
  orgCommands(root.command('org').description('organisations and their plans'), out);
  repoCommands(
    root.command('repo').description('repositories: list, add, remove with all that is stored of them'),
    out,
  );
  tokenCommands(root.command('token').description('tokens: mint, list, rotate, revoke'), out);
  memberCommands(root.command('member').description('members and their roles'), out);
  reviewCommands(root.command('review').description('what has to be decided about scans'), out);
  policyCommands(
    root.command('promotion').description('policy packs that wait for approval: list, approve, reject'),
    out,
  );
  auditCommands(root.command('audit').description('the audit trail: show, export, verify'), out);
}

function orgCommands(org: Command, out: Out): void {
  subcommand(org, 'show', 'an organisation, its plan and what is in use').action(async (flags: Flags) => {
    const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
    out(JSON.stringify(await api<Org>(flags, 'GET', `/v1/org/${flags.org ?? orgId}`), null, 2));
  });
  subcommand(org, 'list', 'every organisation of this machine').action(async (flags: Flags) => {
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
  subcommand(org, 'plan <plan>', 'give it another plan: team or enterprise').action(
    async (plan: string, flags: Flags) => {
      const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
      out(JSON.stringify(await call<Org>(flags, '/orgs', 'PATCH', { orgId: flags.org ?? orgId, plan }), null, 2));
    },
  );
  subcommand(
    org,
    'delete <name>',
    'delete the organisation that --org names, and all its data; the name is asked for against slips',
  ).action(async (name: string, flags: Flags) => {
    if (flags.org === undefined) throw new CommandError('name the organisation with --org <id>');
    out(JSON.stringify(await api<Purge>(flags, 'DELETE', `/v1/org/${flags.org}`, { name }), null, 2));
  });
  subcommand(org, 'retention <days>', 'days that raw telemetry is kept').action(async (days: string, flags: Flags) => {
    const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
    out(
      JSON.stringify(
        await api<Org>(flags, 'PATCH', `/v1/org/${flags.org ?? orgId}`, { retentionDays: Number(days) }),
        null,
        2,
      ),
    );
  });
  subcommand(
    org,
    'content <choice>',
    'keep or drop prompts, answers, tool arguments and results; they are dropped unless kept',
  ).action(async (choice: string, flags: Flags) => {
    if (choice !== 'keep' && choice !== 'drop')
      throw new CommandError('content is either kept or dropped: say keep or drop');
    const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
    out(
      JSON.stringify(
        await api<Org>(flags, 'PATCH', `/v1/org/${flags.org ?? orgId}`, { keepContent: choice === 'keep' }),
        null,
        2,
      ),
    );
  });
  subcommand(org, 'github <login>', 'the organisation on GitHub that it stands for; `none` for none').action(
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
  subcommand(org, 'sso <choice>', 'note whether its members sign in by SSO: on or off; tokens work as before').action(
    async (choice: string, flags: Flags) => {
      if (choice !== 'on' && choice !== 'off') throw new CommandError('SSO is either on or off: say on or off');
      const { orgId } = await call<{ orgId: string }>(flags, '/status', 'GET');
      out(
        JSON.stringify(
          await api<Org>(flags, 'PATCH', `/v1/org/${flags.org ?? orgId}`, { ssoEnabled: choice === 'on' }),
          null,
          2,
        ),
      );
    },
  );
  subcommand(
    org,
    'identities <choice>',
    'keep or replace e-mail addresses and login names in telemetry; pseudonyms replace them unless kept',
  ).action(async (choice: string, flags: Flags) => {
    if (choice !== 'keep' && choice !== 'replace')
      throw new CommandError('identities are either kept or replaced: say keep or replace');
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
  subcommand(repo, 'list', 'repositories, by name').action(async (flags: Flags) => {
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
  subcommand(repo, 'add <owner/name>', 'add a repository before it sends anything').action(
    async (repository: string, flags: Flags) => {
      out((await api<{ repoId: string }>(flags, 'POST', '/v1/repos', { repository })).repoId);
    },
  );
  subcommand(
    repo,
    'compare <owner/name>',
    'what its newest scan shows that its baseline did not, and the other way round',
  ).action(async (name: string, flags: Flags) => {
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
  });
  subcommand(
    repo,
    'link <owner/name>',
    "GitHub's number of it, and where its scans come from; scans from GitHub Actions give the number where there is none",
  )
    .option('--github-id <number>', 'as GITHUB_REPOSITORY_ID has it; `none` for none')
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
  subcommand(repo, 'remove <owner/name>', 'remove a repository with everything that is stored of it').action(
    async (name: string, flags: Flags) => {
      out(JSON.stringify(await api<Purge>(flags, 'DELETE', repoPath(name)), null, 2));
    },
  );
  subcommand(repo, 'baseline <owner/name>', 'make its newest scan its baseline').action(
    async (name: string, flags: Flags) => {
      out(JSON.stringify(await api<Baseline>(flags, 'PUT', `${repoPath(name)}/baseline`, {}), null, 2));
    },
  );
  subcommand(
    repo,
    'merge <from> <into>',
    "join what was recorded under two names: all of the first becomes the second's",
  ).action(async (from: string, into: string, flags: Flags) => {
    out(JSON.stringify(await api<RepoMerge>(flags, 'POST', '/v1/repos/merge', { from, into }), null, 2));
  });
  subcommand(repo, 'merges', 'what was merged, and how far that is').action(async (flags: Flags) => {
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
  subcommand(repo, 'purges', 'what is being removed, and how far that is').action(async (flags: Flags) => {
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
  subcommand(repo, 'purge', 'remove telemetry by repository, token or time')
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
  subcommand(token, 'mint <name>', 'make a token; it is shown once', { isDefault: true })
    .requiredOption(
      '--scope <scope...>',
      'ingest:scan, ingest:runtime, ingest:drift, ingest:otlp, webhook:drift, read, admin',
    )
    .option('--repository <owner/name>', 'bind it to one repository')
    .option('--member <login>', "make it a member's, with the rights of its role at most")
    .option('--expires-in-days <days>', 'end it by itself')
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
  subcommand(token, 'list', 'tokens, never the secret').action(async (flags: Flags) => {
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
  subcommand(token, 'rotate <id>', 'make its successor; both work for a while')
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
  subcommand(token, 'revoke <id>', 'end it; it works at most a second longer').action(
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
  subcommand(member, 'list', 'members and their roles').action(async (flags: Flags) => {
    show((await api<{ members: Member[] }>(flags, 'GET', '/v1/members')).members);
  });
  subcommand(member, 'add <login>', 'add a member')
    .requiredOption('--role <role>', 'owner, admin, member or viewer')
    .action(async (login: string, flags: Flags & { role: string }) => {
      show([await api<Member>(flags, 'POST', '/v1/members', { login, role: flags.role })]);
    });
  subcommand(member, 'role <login> <role>', 'give a member another role').action(
    async (login: string, role: string, flags: Flags) => {
      show([await api<Member>(flags, 'PATCH', `/v1/members/${encodeURIComponent(login)}`, { role })]);
    },
  );
  subcommand(member, 'remove <login>', 'remove a member; its tokens end with it').action(
    async (login: string, flags: Flags) => {
      await api(flags, 'DELETE', `/v1/members/${encodeURIComponent(login)}`);
      out('removed');
    },
  );
}

function reviewCommands(review: Command, out: Out): void {
  subcommand(review, 'list <owner/name>', 'what has to be decided about its newest scan').action(
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
  subcommand(review, 'assign <id> <login>', 'give it to a member').action(
    async (id: string, assignee: string, flags: Flags) => {
      const state = await api<ReviewItemState>(flags, 'PATCH', `/v1/review-items/${encodeURIComponent(id)}`, {
        assignee,
      });
      out(`${state.id} ${state.assignee ?? ''}`);
    },
  );
  subcommand(review, 'comment <id> <text>', 'say something about it').action(
    async (id: string, text: string, flags: Flags) => {
      out(
        (await api<ReviewComment>(flags, 'POST', `/v1/review-items/${encodeURIComponent(id)}/comments`, { text })).id,
      );
    },
  );
  subcommand(review, 'comments <id>', 'what was said about it, oldest first').action(
    async (id: string, flags: Flags) => {
      for await (const { createdAt, author, text } of each<ReviewComment>(
        flags,
        `/v1/review-items/${encodeURIComponent(id)}/comments`,
        'comments',
      )) {
        // Indented, so that no line of a comment looks like another comment.
        out(`${createdAt}  ${author}  ${text.replaceAll('\n', '\n    ')}`);
      }
    },
  );
}

function policyCommands(policy: Command, out: Out): void {
  subcommand(policy, 'list', 'policy packs that wait for approval, or were decided about').action(
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
  subcommand(audit, 'show', 'the trail, oldest first').action(async (flags: Flags) => {
    for await (const { record } of each<AuditEntry>(flags, '/v1/audit', 'entries')) {
      const { seq, at, actor, action, subject, detail } = JSON.parse(record) as Record<string, unknown>;
      out([seq, at, actor, action, subject, JSON.stringify(detail)].map(String).join('  '));
    }
  });
  subcommand(audit, 'export', 'the whole trail as NDJSON; what to verify it with is told on standard error').action(
    async (flags: Flags) => {
      // Leaves the entry that every export leaves; the trail itself comes in pages.
      await api(flags, 'GET', '/v1/audit/export?limit=1');
      let last: AuditEntry | undefined;
      for await (const entry of each<AuditEntry>(flags, '/v1/audit', 'entries')) {
        out(JSON.stringify(entry));
        last = entry;
      }
      if (last !== undefined) {
        const { orgId } = JSON.parse(last.record) as { orgId: string };
        process.stderr.write(`note it elsewhere: --org ${orgId} --count ${last.seq} --head ${last.hash}\n`);
      }
    },
  );
  subcommand(audit, 'verify', 'check the trail, and name the first entry that is not what was written')
    .option('--file <export>', 'check an export instead of the running stack')
    .option('--key <pem>', 'public key for --file; audit-key.pub.pem of the data folder unless given')
    .option('--heads <ndjson>', 'published heads for --file; audit-heads.ndjson of the data folder unless given')
    .option('--count <entries>', 'an entry that was noted: its number')
    .option('--head <hash>', 'and its hash')
    .option('--quick', 'of --file, check the last signature alone, which covers all entries by their hashes')
    .action(async (flags: VerifyFlags) => {
      const noted = notedOf(flags);
      const query = noted === undefined ? '' : `?count=${noted.count}&head=${noted.head}`;
      const verdict =
        flags.file === undefined
          ? await api<AuditVerdict>(flags, 'GET', `/v1/audit/verify${query}`, undefined, VERIFY_MS)
          : await verifyFile(flags, flags.file, noted);
      if (!verdict.ok) throw new CommandError(`entry ${verdict.seq}: ${verdict.problem}`);
      out(`${verdict.entries} entries hold; head ${verdict.head}`);
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
    throw new CommandError('what was noted is both: --count <entries> and --head <64 hexadecimal digits>');
  }
  return { count: Number(count), head };
}

/** Needs no stack: whoever has an export, the public key and the heads can check it anywhere. */
async function verifyFile(
  flags: VerifyFlags,
  file: string,
  noted: { count: number; head: string } | undefined,
): Promise<AuditVerdict> {
  if (flags.org === undefined)
    throw new CommandError(
      'name the organisation that the export is of with --org <id>: an export cannot vouch for that itself',
    );
  const dataDir = resolveDataDir(flags.dataDir);
  if (flags.heads !== undefined && !existsSync(flags.heads))
    throw new CommandError(`there are no heads at ${flags.heads}`);
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
