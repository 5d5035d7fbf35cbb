import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { EgressAnswer } from '../egress.js';
import { jsonOf, outcomeOf, type Attempt, type Outcome, type Ticket } from './destination.js';

/** A request to a service that did not succeed. */
export class NotSent extends Error {
  override readonly name = 'NotSent';
  readonly outcome: Exclude<Outcome, { result: 'sent' }>;
  constructor(outcome: Exclude<Outcome, { result: 'sent' }>) {
    super(outcome.error);
    this.outcome = outcome;
  }
}

/** A ticket at a service. */
export interface Issue {
  readonly id: string;
  readonly url: string | null;
  readonly state: 'open' | 'closed';
}

/** What a service for tickets does. Each call throws {@link NotSent} when it does not succeed. */
export interface TicketService {
  /** Finds a ticket that was created with the marker since a time. */
  search(marker: string, since: Date): Promise<Issue | undefined>;
  /** Reads a ticket; undefined when it was deleted. */
  read(id: string): Promise<Issue | undefined>;
  /** Creates a ticket with the marker. */
  create(marker: string): Promise<Issue>;
  /** Adds the notice as a comment, unless one of this delivery is there. */
  comment(id: string, delivery: string): Promise<void>;
  reopen(id: string): Promise<void>;
  close(id: string): Promise<void>;
}

/** Opaque marker of the ticket of a key: 32 hexadecimal digits, the same for every attempt. */
export const markerOf = (destinationId: string, key: string): string => hash(`ticket\0${destinationId}\0${key}`);
/** Opaque marker of one notice. */
export const deliveryMarkerOf = ({ destinationId, idempotencyKey }: Attempt): string =>
  hash(`delivery\0${destinationId}\0${idempotencyKey}`);

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

/**
 * Keeps one ticket per key: it is created when the key first fires, a recurrence is a comment and reopens it, and `resolved`
 * is a comment and closes it if the delivery is about a ticket. A crash between two steps repeats them without a second ticket:
 * that it is about to be created is stored before, and then it is searched for.
 */
export async function keepTicket(attempt: Attempt, service: TicketService): Promise<Outcome> {
  const { notice, tickets, destinationId } = attempt;
  try {
    const marker = markerOf(destinationId, notice.key);
    const known = await tickets.find();
    const issue = await present(service, marker, known);
    if (issue === undefined) {
      // Nothing to close or to comment on.
      if (notice.kind === 'resolved' || notice.kind === 'acknowledged') return { result: 'sent' };
      await tickets.intend();
      const created = await service.create(marker);
      // Saved first: if closing a test fails, the next attempt finds it.
      await tickets.save({ externalId: created.id, url: created.url, state: 'open' });
      if (notice.kind === 'test') await end(attempt, service, created);
      return { result: 'sent' };
    }
    await service.comment(issue.id, deliveryMarkerOf(attempt));
    if (notice.kind === 'test' || (notice.kind === 'resolved' && attempt.isTicket)) {
      await end(attempt, service, issue);
      return { result: 'sent' };
    }
    if (notice.kind === 'firing' && issue.state === 'closed') await service.reopen(issue.id);
    const state = notice.kind === 'firing' ? 'open' : issue.state;
    await tickets.save({ externalId: issue.id, url: issue.url, state });
    return { result: 'sent' };
  } catch (error) {
    if (error instanceof NotSent) return error.outcome;
    throw error;
  }
}

async function end({ tickets }: Attempt, service: TicketService, issue: Issue): Promise<void> {
  if (issue.state === 'open') await service.close(issue.id);
  await tickets.save({ externalId: issue.id, url: issue.url, state: 'closed' });
}

/** Returns the ticket of the key if it exists at the service. */
async function present(service: TicketService, marker: string, known: Ticket | undefined): Promise<Issue | undefined> {
  if (known === undefined) return undefined;
  if (known.externalId !== null) return service.read(known.externalId);
  // An hour for clocks that differ.
  return service.search(marker, new Date(known.createdAt.getTime() - 3_600_000));
}

/** @throws NotSent unless the answer is 2xx. */
export function accepted(answer: EgressAnswer): EgressAnswer {
  const outcome = outcomeOf(answer);
  if (outcome.result !== 'sent') throw new NotSent(outcome);
  return answer;
}

/** @throws NotSent unless the answer is 2xx and of this form. */
export function parsed<T extends z.ZodType>(schema: T, answer: EgressAnswer): z.output<T> {
  const result = schema.safeParse(jsonOf(accepted(answer)));
  if (!result.success)
    throw new NotSent({ result: 'retry', status: answer.status, error: 'the service answered in another form' });
  return result.data;
}
