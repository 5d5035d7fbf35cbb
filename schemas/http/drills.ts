import { z } from 'zod';
import { DRILL_CLIENTS, DRILL_RESULTS, DRILL_STATES } from '../records/drill.js';
import { nextCursor, paging } from './atoms.js';

/** State of a seat's proof. */
export const drillState = z.enum(DRILL_STATES).meta({
  description:
    '`proved`: the newest live drill showed that the agent obeys the guard, within 24 hours. `overdue`: the same, longer ago. `failed`: the newest drill did not show it.',
});

/** Query of `GET /v1/drills`. */
export const drillsQuery = z.object({
  /** Id or full name. */
  repository: z.string().min(1).max(600).optional(),
  state: drillState.optional(),
  ...paging,
});

/** What one seat has proved for one repository and agent. */
export const drillSeat = z.object({
  /** Null for drills without a project. */
  repository: z.string().nullable(),
  /** Random id of a user on a machine; names neither. */
  seat: z.string(),
  client: z.enum(DRILL_CLIENTS),
  clientVersion: z.string().nullable(),
  state: drillState,
  lastResult: z.enum(DRILL_RESULTS),
  lastDrillAt: z.string(),
  /** Null if it was never proved. */
  lastProofAt: z.string().nullable(),
});

/** Answer of `GET /v1/drills`, sorted by repository, seat and agent. */
export const drillList = z.object({ seats: z.array(drillSeat), nextCursor });
