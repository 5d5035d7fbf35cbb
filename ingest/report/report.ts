import type { Caller } from '../auth/caller.js';
import { chooseRepository } from '../choose-repository.js';
import type { OtlpType } from '../request/content.js';
import type { Signal } from '../request/signal.js';

/** Bodies of REST that become telemetry. */
export type ReportKind = 'runtime' | 'scan' | 'drift' | 'webhook';

/** Whose report it is. */
export interface Sender extends Pick<Caller, 'orgId' | 'repository'> {
  /** The name under which the repository that the report names is kept; absent: the name in the report. */
  readonly keptAs?: string;
}

export interface ReportWork {
  readonly kind: 'report';
  readonly report: ReportKind;
  /** JSON, in the clear. */
  readonly body: Buffer;
  readonly sender: Sender;
}

/** One OTLP request that a report is sent on as. */
export interface OutgoingRequest {
  readonly signal: Signal;
  readonly type: OtlpType;
  readonly bytes: Uint8Array;
}

/** A report that was read: small, but for the requests. */
export interface Report {
  /** The repository that it names, or that its token is bound to. */
  readonly named: string;
  readonly warnings: readonly string[];
  readonly requests: readonly OutgoingRequest[];
}

/** The repository of a report: as it is named, and under which name it is sent on. @throws ShieldwatchError 400 or 403. */
export function repositoryOf(named: string | null | undefined, sender: Sender): { named: string; repository: string } {
  const chosen = chooseRepository(named, sender);
  return { named: chosen, repository: sender.keptAs ?? chosen };
}
