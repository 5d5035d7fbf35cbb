import type { z } from 'zod';
import type { Egress, EgressAnswer } from '../egress.js';
import type { Notice } from '../notice.js';

/** What became of an attempt. */
export type Outcome =
  | { readonly result: 'sent'; readonly status?: number }
  | {
      /** `retry`: later it may succeed. `failed`: it will not, until somebody changes something. */
      readonly result: 'retry' | 'failed';
      readonly status?: number;
      /** What went wrong, for people; the engine removes secrets from it. */
      readonly error: string;
      /** The service asked for silence: the whole destination waits. */
      readonly retryAfterSeconds?: number;
    };

/** The ticket of a key at a destination, as stored. */
export interface Ticket {
  /** Null: it was about to be created, and may exist. */
  readonly externalId: string | null;
  readonly url: string | null;
  readonly state: 'open' | 'closed';
  readonly episode: number;
  /** When it was about to be created. */
  readonly createdAt: Date;
}

/** The ticket of the notice's key. Each call is a transaction of its own. */
export interface TicketStore {
  find(): Promise<Ticket | undefined>;
  /** Records that the ticket is about to be created, before it is. */
  intend(): Promise<void>;
  save(ticket: Pick<Ticket, 'externalId' | 'url' | 'state'>): Promise<void>;
}

/** One attempt to deliver a notice. */
export interface Attempt {
  readonly destinationId: string;
  readonly deliveryId: string;
  readonly idempotencyKey: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly notice: Notice;
  readonly isTicket: boolean;
  readonly queuedAt: Date;
  readonly egress: Egress;
  readonly tickets: TicketStore;
  /** Aborts when the attempt has taken too long. */
  readonly signal: AbortSignal;
  /** URL at which people reach the gateway, for links. */
  readonly publicUrl: string | undefined;
}

/** A kind of destination: its settings, its secrets, and how a notice is sent there. */
export interface Destination<C extends z.ZodType = z.ZodType, S extends z.ZodType = z.ZodType> {
  /** Settings that are no secret: stored and shown as they are. */
  readonly config: C;
  /** Sealed at rest, and never shown. */
  readonly secret: S;
  /** Sends one notice. What it throws counts as `retry`; `EgressRefused` as `failed`. */
  send(attempt: Attempt, config: z.output<C>, secret: z.output<S>): Promise<Outcome>;
}

/** Keeps the types of a destination's settings. */
export const destination = <C extends z.ZodType, S extends z.ZodType>(made: Destination<C, S>): Destination<C, S> =>
  made;

/** Statuses after which a repetition may succeed. */
const isTransient = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500;

/** Judges an HTTP answer: 2xx is sent; timeouts, 429 and 5xx are retried; redirects are not followed. */
export function outcomeOf(answer: EgressAnswer): Outcome {
  const { status, retryAfterSeconds, text } = answer;
  if (status >= 200 && status < 300) return { result: 'sent', status };
  if (status >= 300 && status < 400)
    return { result: 'failed', status, error: `redirected (${String(status)}); redirects are not followed` };
  const said = text.trim() === '' ? '' : `: ${text.slice(0, 300)}`;
  return {
    result: isTransient(status) ? 'retry' : 'failed',
    status,
    error: `the service answered ${String(status)}${said}`,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}

/** Sends JSON by POST. */
export function postJson(
  { egress, signal }: Pick<Attempt, 'egress' | 'signal'>,
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<EgressAnswer> {
  return egress.request({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
    signal,
  });
}

/** Parses a JSON answer; undefined if it is none. */
export function jsonOf(answer: EgressAnswer): unknown {
  try {
    return JSON.parse(answer.text);
  } catch {
    return undefined;
  }
}
