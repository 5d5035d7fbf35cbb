import { z } from 'zod';
import { text } from '#schemas/http/atoms.js';
import { displayUnmentioned, facts, headline, links, visible } from '../display.js';
import type { EgressAnswer } from '../egress.js';
import type { Notice } from '../notice.js';
import { secretText, targetUrl } from './atoms.js';
import { destination, type Attempt, type Outcome } from './destination.js';
import { accepted, keepTicket, NotSent, parsed, type Issue, type TicketService } from './ticket-flow.js';

/** GitHub's limit for a title. */
const MAX_TITLE = 256;
/** Bytes of a list: 100 bodies of 64 KiB. */
const MAX_LIST_BYTES = 8 * 1024 * 1024;
/** Pages of 100 issues that are searched after a crash. */
const MAX_PAGES = 10;

const issueAnswer = z.object({
  number: z.int().positive(),
  html_url: z.string().max(500),
  state: z.enum(['open', 'closed']),
  body: z.string().nullish(),
});
const issueList = z.array(issueAnswer);
const commentList = z.array(z.object({ body: z.string().nullish() }));

const marked = (kind: 'ticket' | 'delivery', marker: string): string => `<!-- shieldwatch ${kind} ${marker} -->`;

/** Title of an issue: text without mentions and references. */
export const githubTitle = (notice: Notice): string => displayUnmentioned(headline(notice), MAX_TITLE);

/**
 * Markdown of an issue or a comment. Untrusted text is in one fenced code block, in which GitHub makes no mentions, references
 * and links; the fence is longer than any run of backticks in it.
 */
export function githubBody(notice: Notice, publicUrl: string | undefined, markers: readonly string[]): string {
  const lines = [headline(notice), '', ...facts(notice).map(([name, value]) => `${name}: ${value}`)];
  const block = lines.map(visible).join('\n').slice(0, 30_000);
  const longest = Math.max(2, ...[...block.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const own = links(notice, publicUrl).map(([name, url]) => `[${name}](<${url}>)`);
  return [`${fence}text`, block, fence, ...(own.length === 0 ? [] : ['', own.join(' · ')]), '', ...markers].join('\n');
}

/** Issues of a repository on GitHub: one per key. */
export const github = destination({
  config: z.strictObject({
    repository: z
      .string()
      .max(140)
      .regex(/^[A-Za-z0-9-]{1,39}\/[A-Za-z0-9._-]{1,100}$/, 'owner/name')
      .refine((name) => !/\/\.{1,2}$/.test(name), 'owner/name'),
    labels: z.array(text(50)).max(10).default(['shieldwatch']),
    /** Of GitHub Enterprise Server: `https://HOST/api/v3`. */
    apiUrl: targetUrl().default('https://api.github.com'),
  }),
  /** A fine-grained token with read and write access to issues. */
  secret: z.strictObject({ token: secretText(300) }),
  async send(attempt, { repository, labels, apiUrl }, { token }): Promise<Outcome> {
    const issues = `${apiUrl.replace(/\/+$/, '')}/repos/${repository}/issues`;
    const { notice, publicUrl, queuedAt } = attempt;
    const call = (method: 'GET' | 'POST' | 'PATCH', url: string, body?: object): Promise<EgressAnswer> =>
      callGitHub(attempt, token, method, url, body);
    const delivery = (marker: string): string => marked('delivery', marker);

    const service: TicketService = {
      async search(marker, since) {
        for (let page = 1; page <= MAX_PAGES; page += 1) {
          const query = `?state=all&sort=created&direction=desc&per_page=100&page=${String(page)}&since=${since.toISOString().replace(/\.\d+Z$/, 'Z')}`;
          const found = parsed(issueList, await call('GET', `${issues}${query}`));
          const issue = found.find(({ body }) => body?.includes(marked('ticket', marker)) === true);
          if (issue !== undefined) return issueOf(issue);
          if (found.length < 100) return undefined;
        }
        return undefined;
      },
      async read(id) {
        try {
          return issueOf(parsed(issueAnswer, await call('GET', `${issues}/${id}`)));
        } catch (error) {
          // 410: deleted. 404 would also be said of a repository that the token may not see.
          if (error instanceof NotSent && error.outcome.status === 410) return undefined;
          throw error;
        }
      },
      async create(marker) {
        const body = githubBody(notice, publicUrl, [marked('ticket', marker)]);
        return issueOf(parsed(issueAnswer, await call('POST', issues, { title: githubTitle(notice), body, labels })));
      },
      async comment(id, marker) {
        if (attempt.attempt > 1) {
          const since = new Date(queuedAt.getTime() - 3_600_000).toISOString().replace(/\.\d+Z$/, 'Z');
          const found = parsed(commentList, await call('GET', `${issues}/${id}/comments?per_page=100&since=${since}`));
          if (found.some(({ body }) => body?.includes(delivery(marker)) === true)) return;
        }
        accepted(
          await call('POST', `${issues}/${id}/comments`, { body: githubBody(notice, publicUrl, [delivery(marker)]) }),
        );
      },
      async reopen(id) {
        accepted(await call('PATCH', `${issues}/${id}`, { state: 'open', state_reason: 'reopened' }));
      },
      async close(id) {
        accepted(await call('PATCH', `${issues}/${id}`, { state: 'closed', state_reason: 'completed' }));
      },
    };
    return keepTicket(attempt, service);
  },
});

async function callGitHub(
  { egress, signal }: Attempt,
  token: string,
  method: 'GET' | 'POST' | 'PATCH',
  url: string,
  body: object | undefined,
): Promise<EgressAnswer> {
  const answer = await egress.request({
    method,
    url,
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${token}`,
      'x-github-api-version': '2022-11-28',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    maxBytes: MAX_LIST_BYTES,
    signal,
  });
  // Rate limits, primary and secondary, are also answered with 403.
  if (answer.status !== 403) return answer;
  const { 'x-ratelimit-remaining': remaining, 'x-ratelimit-reset': reset } = answer.headers;
  if (answer.retryAfterSeconds !== undefined) return { ...answer, status: 429 };
  if (remaining !== '0') return answer;
  const seconds = Math.max(1, Number(reset) - Math.floor(Date.now() / 1_000));
  return { ...answer, status: 429, ...(Number.isFinite(seconds) ? { retryAfterSeconds: seconds } : {}) };
}

const issueOf = ({ number, html_url: url, state }: z.output<typeof issueAnswer>): Issue => ({
  id: String(number),
  url: url.startsWith('https://') || url.startsWith('http://') ? url : null,
  state,
});
