import { z } from 'zod';
import { redactText } from '../redaction.js';
import { count, nextCursor, paging } from './atoms.js';

/** Name of a destination, unique in its organisation. */
export const destinationName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'up to 63 lower-case letters, digits and hyphens')
  .refine((name) => redactText(name) === name, 'a name that is no secret')
  .meta({ example: 'security-channel' });

/** Kinds of destinations, in `ingest/delivery/destinations/`. */
export const DESTINATION_KINDS = [
  'webhook',
  'slack',
  'slack-bot',
  'pagerduty',
  'alertmanager',
  'github',
  'teams',
] as const;
export const destinationKind = z.enum(DESTINATION_KINDS);
export type DestinationKind = z.infer<typeof destinationKind>;

/** A new destination. `ingest/delivery/README.md` lists the settings and secrets of each kind. */
export const destinationRequest = z.object({
  name: destinationName,
  kind: destinationKind,
  /** Settings of the kind that are no secret. */
  config: z.record(z.string(), z.unknown()).default({}),
  /** Secrets of the kind. They are sealed, and never returned. */
  secrets: z.record(z.string(), z.unknown()),
});
export type DestinationRequest = z.output<typeof destinationRequest>;

/** A destination without its secrets. */
export const destination = z.object({
  id: z.string(),
  name: z.string(),
  kind: destinationKind,
  config: z.record(z.string(), z.unknown()),
  createdBy: z.string(),
  createdAt: z.string(),
  /** Notices that wait, and dead ones. */
  waiting: count,
  dead: count,
});
export type DestinationInfo = z.infer<typeof destination>;
export const destinationList = z.object({ destinations: z.array(destination), nextCursor });
export const destinationQuery = z.object(paging);

export const deliveryState = z.enum(['waiting', 'sent', 'dead']);

/** A notice on its way to a destination. */
export const delivery = z.object({
  id: z.string(),
  destination: z.string(),
  state: deliveryState,
  kind: z.string(),
  key: z.string(),
  title: z.string(),
  repository: z.string().nullable(),
  attempts: count,
  queuedAt: z.string(),
  /** Null unless it waits. */
  nextAttemptAt: z.string().nullable(),
  endedAt: z.string().nullable(),
  /** HTTP status of the last attempt. */
  lastStatus: z.int().nullable(),
  /** What went wrong with the last attempt, without secrets. */
  lastError: z.string().nullable(),
});
export type DeliveryInfo = z.infer<typeof delivery>;
export const deliveryList = z.object({ deliveries: z.array(delivery), nextCursor });
export const deliveryQuery = z.object({ state: deliveryState.optional(), ...paging });
