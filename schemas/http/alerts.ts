import { z } from 'zod';
import { ALERT_RULES } from '../alerts/rules.js';
import { ALERT_KINDS, ALERT_SEVERITIES, ALERT_SIGNALS } from '../alerts/signals.js';
import { redactText } from '../redaction.js';
import { moment, nextCursor, paging, prose, text } from './atoms.js';

const MAX_ROUTES = 50;

/** A masked name or pattern would mean something else, so that one with a secret is refused. */
const hasNoSecret = (text: string): boolean => redactText(text) === text;

const kind = z.enum(ALERT_KINDS);
const severity = z.enum(ALERT_SEVERITIES);
const uids = [...ALERT_RULES, ...ALERT_SIGNALS].map(({ uid }) => uid);
const some = <T extends z.ZodType>(each: T) => z.array(each).min(1).max(100).optional();

/** `*` stands for any characters. */
const pattern = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\s\p{Cc}]+$/u, 'a repository name, in which * stands for any characters')
  .refine((text) => text.split('*').length <= 5, 'at most four *')
  .refine(hasNoSecret, 'text without a secret');

/** Which alerts a route takes: those that meet every given condition. Without conditions all. */
export const routeMatch = z.strictObject({
  kinds: some(kind),
  rules: some(z.enum(uids)),
  severities: some(severity),
  repositories: some(pattern).meta({ description: 'Names; `*` stands for any characters.' }),
  owners: some(text(200)).meta({
    description: 'Owner of the repository (`acme` of `acme/app`), or of the policy pack that waits for approval.',
  }),
});

export const alertRoute = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and -, at most 63')
    .refine(hasNoSecret, 'text without a secret'),
  match: routeMatch.default({}),
  destinations: z.array(text(100)).min(1).max(10).meta({ description: 'Names of destinations.' }),
  digest: z.enum(['none', 'hourly', 'daily']).default('none').meta({
    description: 'Collects notices until the full hour or midnight (UTC). Critical alerts and recoveries do not wait.',
  }),
  ticket: z
    .boolean()
    .default(false)
    .meta({ description: 'Keep one ticket for each alert, where the destination has tickets.' }),
});
export type AlertRoute = z.output<typeof alertRoute>;

const named = z
  .array(alertRoute)
  .max(MAX_ROUTES)
  .refine((routes) => new Set(routes.map(({ name }) => name)).size === routes.length, 'every name once');

/** All routes of an organisation. `version` is that of the set that is replaced; 0: there is none. */
export const alertRoutesChange = z.strictObject({ version: z.int().min(0), routes: named });
export const alertRoutes = z.object({
  version: z.int().min(0),
  routes: z.array(alertRoute),
  updatedBy: z.string().nullable(),
  updatedAt: z.string().nullable(),
});
export type AlertRoutes = z.output<typeof alertRoutes>;

/** The file of `shieldwatch alerts apply`. */
export const alertRoutesFile = z.strictObject({ routes: named });

export const EPISODE_STATES = ['firing', 'no_data', 'resolved', 'expired', 'superseded'] as const;

export const alert = z.object({
  id: z.string(),
  key: z.string(),
  episode: z.int(),
  rule: z.string(),
  kind,
  severity,
  state: z.enum(EPISODE_STATES),
  repository: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  title: z.string(),
  summary: z.string(),
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  windowSeconds: z.number().nullable(),
  since: z.string(),
  endedAt: z.string().nullable(),
  acknowledgedAt: z.string().nullable(),
  acknowledgedBy: z.string().nullable(),
  assignee: z.string().nullable(),
  mutedUntil: z.string().nullable(),
  links: z.object({ board: z.string(), explain: z.string(), runbook: z.string().nullable() }),
});
export type Alert = z.output<typeof alert>;

export const alertsQuery = z.object({
  state: z
    .enum([...EPISODE_STATES, 'open', 'all'])
    .default('open')
    .meta({ description: '`open`: `firing` or `no_data`.' }),
  ...paging,
});
export const alertList = z.object({
  /** Organisations without routes are not evaluated. */
  isEvaluated: z.boolean(),
  evaluatedAt: z.string().nullable(),
  /** Rules that could not be evaluated, or not completely. */
  problems: z.array(z.object({ rule: z.string(), problem: z.string() })),
  alerts: z.array(alert),
  nextCursor,
});

export const alertChange = z
  .strictObject({
    acknowledged: z.literal(true).optional(),
    mute: z
      .strictObject({ until: moment, reason: prose(1_000) })
      .nullable()
      .optional()
      .meta({ description: 'null ends it.' }),
    assignee: text(200).nullable().optional().meta({ description: 'Login of a member; null: nobody.' }),
  })
  .refine((change) => Object.keys(change).length > 0, 'acknowledged, mute or assignee');

/** Why notices of an alert were or were not sent, in order. */
export const alertExplanation = z.object({
  alert,
  decisions: z.array(
    z.object({
      at: z.string(),
      notice: z.enum(['firing', 'still_firing', 'acknowledged', 'resolved']),
      outcome: z.enum(['queued', 'waiting', 'digested', 'suppressed']),
      reason: z.string(),
      route: z.string().nullable(),
      destination: z.string().nullable(),
      dueAt: z.string().nullable(),
      deliveryId: z.string().nullable(),
    }),
  ),
  routes: z.array(z.object({ name: z.string(), matches: z.boolean(), because: z.string() })),
});
export type AlertExplanation = z.output<typeof alertExplanation>;

/** Body of a backtest: a range of time, and routes that are compared with those in force. */
export const alertBacktestRequest = z.strictObject({
  from: moment,
  to: moment,
  routes: named.optional(),
});
export const alertBacktest = z.object({
  /** Alerts that opened in the range. */
  alerts: z.int(),
  configurations: z.array(
    z.object({
      name: z.enum(['current', 'proposed']),
      /** Notices sent at once, by routes without tickets. */
      pages: z.int(),
      digests: z.int(),
      tickets: z.int(),
      recoveries: z.int(),
      suppressed: z.array(z.object({ reason: z.string(), count: z.int() })),
      notices: z.array(
        z.object({
          at: z.string(),
          notice: z.enum(['page', 'digest', 'ticket', 'recovery', 'acknowledged', 'still_firing']),
          destination: z.string(),
          route: z.string(),
          title: z.string(),
          repository: z.string().nullable(),
          severity: severity.nullable(),
          members: z.int(),
        }),
      ),
      /** Notices that are not listed. */
      more: z.int(),
    }),
  ),
});
export type AlertBacktest = z.output<typeof alertBacktest>;
