import { createHash } from 'node:crypto';
import { z } from 'zod';
import { display, displayUnmentioned, facts, headline, links } from '../display.js';
import type { Notice } from '../notice.js';
import { secretText } from './atoms.js';
import { destination, outcomeOf, postJson } from './destination.js';

const ADDRESSES = {
  us: 'https://events.pagerduty.com/v2/enqueue',
  eu: 'https://events.eu.pagerduty.com/v2/enqueue',
} as const;
/** Limits of Events API v2. */
const MAX_DEDUP_KEY = 255;
const MAX_SUMMARY = 1_024;

type Action = 'trigger' | 'acknowledge' | 'resolve';

/** Events of a notice, in the order in which they are sent: a test opens an incident of severity info and resolves it. */
const ACTIONS: Readonly<Record<Notice['kind'], readonly Action[]>> = {
  firing: ['trigger'],
  digest: ['trigger'],
  acknowledged: ['acknowledge'],
  resolved: ['resolve'],
  test: ['trigger', 'resolve'],
};

/** A test and a digest of warnings page nobody. A storm's digest has critical alerts, which were never sent one by one. */
const severityOf = ({ kind, severity }: Notice): string =>
  kind === 'test' || (kind === 'digest' && severity !== 'critical') ? 'info' : severity;

/** An event of Events API v2. */
export function pagerDutyEvent(notice: Notice, action: Action, publicUrl: string | undefined): object {
  const dedupKey =
    notice.key.length <= MAX_DEDUP_KEY ? notice.key : createHash('sha256').update(notice.key).digest('hex');
  if (action !== 'trigger') return { event_action: action, dedup_key: dedupKey };
  return {
    event_action: action,
    dedup_key: dedupKey,
    client: 'Shieldwatch',
    payload: {
      summary: displayUnmentioned(headline(notice), MAX_SUMMARY),
      source: display(notice.repository ?? notice.organisation, 200),
      severity: severityOf(notice),
      timestamp: notice.since,
      component: 'shieldwatch',
      class: display(notice.rule, 100),
      custom_details: Object.fromEntries(
        facts(notice).map(([name, value]) => [display(name, 100), displayUnmentioned(value, 1_000)]),
      ),
    },
    links: links(notice, publicUrl).map(([text, href]) => ({ href, text })),
  };
}

/** A service of PagerDuty, by Events API v2. The service makes one incident of events with one key. */
export const pagerduty = destination({
  config: z.strictObject({ region: z.enum(['us', 'eu']).default('us') }),
  secret: z.strictObject({ routingKey: secretText(100) }),
  async send(attempt, { region }, { routingKey }) {
    const { notice, publicUrl } = attempt;
    let outcome = outcomeOf({ status: 500, retryAfterSeconds: undefined, headers: {}, text: '' });
    for (const action of ACTIONS[notice.kind]) {
      outcome = outcomeOf(
        await postJson(attempt, ADDRESSES[region], {
          routing_key: routingKey,
          ...pagerDutyEvent(notice, action, publicUrl),
        }),
      );
      if (outcome.result !== 'sent') return outcome;
    }
    return outcome;
  },
});
