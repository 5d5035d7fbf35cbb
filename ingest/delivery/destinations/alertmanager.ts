import { z } from 'zod';
import { display, facts, headline, links } from '../display.js';
import type { Notice } from '../notice.js';
import { secretText, targetUrl } from './atoms.js';
import { destination, outcomeOf, postJson } from './destination.js';

/**
 * Seconds after which an alert ends by itself. A firing one is sent once and ended by `resolved`, so Alertmanager's own
 * `resolve_timeout` must not end it.
 */
const LASTS_SECONDS = { firing: 30 * 86_400, acknowledged: 30 * 86_400, digest: 300, test: 60, resolved: 0 } as const;

/**
 * An alert of Alertmanager's API v2. The labels identify it, so they are the same when it fires and when it is resolved;
 * everything that may differ is an annotation.
 */
export function alertOf(notice: Notice, publicUrl: string | undefined, now: number): object {
  const startsAt = Math.min(Date.parse(notice.since), now);
  const endsAt = Math.max(now + LASTS_SECONDS[notice.kind] * 1_000, startsAt + 1);
  const own = Object.fromEntries(links(notice, publicUrl));
  return {
    labels: {
      alertname: display(notice.rule, 100),
      severity: notice.severity,
      org_id: display(notice.organisation, 100),
      ...(notice.repository === null ? {} : { repository: display(notice.repository, 200) }),
      shieldwatch_key: display(notice.key, 500),
      ...(notice.kind === 'test' || notice.kind === 'digest' ? { shieldwatch_kind: notice.kind } : {}),
    },
    annotations: {
      title: display(headline(notice), 500),
      summary: display(notice.summary, 1_000),
      description: facts(notice)
        .map(([name, value]) => `${display(name, 100)}: ${display(value, 500)}`)
        .join('\n')
        .slice(0, 10_000),
      ...(own['Runbook'] === undefined ? {} : { runbook_url: own['Runbook'] }),
    },
    startsAt: new Date(startsAt).toISOString(),
    endsAt: new Date(endsAt).toISOString(),
    ...(own['Board'] === undefined ? {} : { generatorURL: own['Board'] }),
  };
}

/** An Alertmanager, which groups, silences and routes by itself. */
export const alertmanager = destination({
  config: z.strictObject({}),
  secret: z.strictObject({
    /** Base URL, without `/api/v2`. */
    url: targetUrl(),
    username: secretText(200).optional(),
    password: secretText(500).optional(),
    bearerToken: secretText(2_000).optional(),
  }),
  async send(attempt, _config, { url, username, password, bearerToken }) {
    const basic = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64');
    const headers: Record<string, string> =
      bearerToken !== undefined
        ? { authorization: `Bearer ${bearerToken}` }
        : username !== undefined
          ? { authorization: `Basic ${basic}` }
          : {};
    const body = [alertOf(attempt.notice, attempt.publicUrl, Date.now())];
    return outcomeOf(await postJson(attempt, `${url.replace(/\/+$/, '')}/api/v2/alerts`, body, headers));
  },
});
