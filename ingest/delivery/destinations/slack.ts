import { z } from 'zod';
import { cut, displayUnmentioned, facts, headline, links } from '../display.js';
import type { Notice } from '../notice.js';
import { secretText, targetUrl } from './atoms.js';
import { destination, jsonOf, outcomeOf, postJson, type Outcome } from './destination.js';

/** Slack's limits: characters of a header and of a section. */
const MAX_HEADER = 150;
const MAX_SECTION = 3_000;

/** Escapes the three characters that Slack's control sequences are made of; cut afterwards at no entity. */
const escaped = (text: string, max: number): string =>
  cutEntities(text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'), max);
const cutEntities = (text: string, max: number): string => cut(text, max).replace(/&[a-z]{0,3}…$/, '…');

/** Body of a message: plain text in which nothing is parsed, and links of our own. */
export function slackMessage(notice: Notice, publicUrl: string | undefined): object {
  const title = displayUnmentioned(headline(notice), 400);
  const lines = facts(notice).map(
    ([name, value]) => `${displayUnmentioned(name, 100)}: ${displayUnmentioned(value, 600)}`,
  );
  const own = links(notice, publicUrl).map(([name, url]) => `<${url.replaceAll('&', '&amp;')}|${name}>`);
  return {
    text: escaped(title, 1_000),
    parse: 'none',
    link_names: false,
    mrkdwn: false,
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'header', text: { type: 'plain_text', emoji: false, text: escaped(title, MAX_HEADER) } },
      { type: 'section', text: { type: 'plain_text', emoji: false, text: escaped(lines.join('\n'), MAX_SECTION) } },
      ...(own.length === 0
        ? []
        : [{ type: 'section', text: { type: 'mrkdwn', verbatim: true, text: own.join('  ').slice(0, MAX_SECTION) } }]),
    ],
  };
}

/** A channel, by an incoming webhook. */
export const slack = destination({
  config: z.strictObject({}),
  secret: z.strictObject({ url: targetUrl('hooks.slack.com', 'hooks.slack-gov.com') }),
  async send(attempt, _config, { url }) {
    const answer = await postJson(attempt, url, slackMessage(attempt.notice, attempt.publicUrl));
    return outcomeOf(answer);
  },
});

/** Errors of the Web API after which a repetition may succeed. */
const TRANSIENT = new Set(['internal_error', 'fatal_error', 'service_unavailable', 'request_timeout', 'ratelimited']);

const POSTED = z.object({ ok: z.literal(true), ts: z.string().max(50), channel: z.string().max(50) });
const REFUSED = z.object({ ok: z.literal(false), error: z.string() });

/** A channel, by a bot token (`chat:write`): one thread for each episode of a key. */
export const slackBot = destination({
  config: z.strictObject({
    channel: z.string().regex(/^[CGD][A-Z0-9]{8,20}$/, 'the id of a channel, such as C0123456789'),
  }),
  secret: z.strictObject({ token: secretText(300) }),
  async send(attempt, { channel }, { token }): Promise<Outcome> {
    const { notice, tickets } = attempt;
    const known = await tickets.find();
    const thread = known?.externalId != null && known.episode === notice.episode ? known.externalId : undefined;
    const answer = await postJson(
      attempt,
      'https://slack.com/api/chat.postMessage',
      {
        channel,
        ...slackMessage(notice, attempt.publicUrl),
        ...(thread === undefined ? {} : { thread_ts: thread, reply_broadcast: notice.kind === 'resolved' }),
      },
      { authorization: `Bearer ${token}` },
    );
    const outcome = outcomeOf(answer);
    if (outcome.result !== 'sent') return outcome;
    const body = jsonOf(answer);
    const posted = POSTED.safeParse(body);
    if (!posted.success) {
      const { error } = REFUSED.safeParse(body).data ?? { error: 'an answer of another form' };
      return { result: TRANSIENT.has(error) ? 'retry' : 'failed', status: answer.status, error: `Slack: ${error}` };
    }
    await tickets.save({
      externalId: thread ?? posted.data.ts,
      url: null,
      state: notice.kind === 'resolved' ? 'closed' : 'open',
    });
    return outcome;
  },
});
