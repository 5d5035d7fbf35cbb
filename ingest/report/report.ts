import type { Caller } from '../auth/caller.js';
import { chooseRepository } from '../choose-repository.js';
import type { OtlpType } from '../request/content.js';
import type { Signal } from '../request/signal.js';

/** Kinds of REST bodies that become telemetry. */
export type ReportKind = 'runtime' | 'scan' | 'drift' | 'webhook';

/** Sender of a report. */
export interface Sender extends Pick<Caller, 'orgId' | 'repository'> {
  /** Current name of the repository if it was merged; absent for the name in the report. */
  readonly currentName?: string;
}

export interface ReportWork {
  readonly kind: 'report';
  readonly report: ReportKind;
  /** Decompressed JSON. */
  readonly body: Buffer;
  readonly sender: Sender;
}

/** One of the OTLP requests into which a report is converted. */
export interface OutgoingRequest {
  readonly signal: Signal;
  readonly type: OtlpType;
  readonly bytes: Uint8Array;
}

/** A parsed report. */
export interface Report {
  /** The repository that the report names, or that its token is bound to. */
  readonly named: string;
  readonly warnings: readonly string[];
  readonly requests: readonly OutgoingRequest[];
}

/**
 * Returns the repository of a report as named, and its current name.
 * @throws ShieldwatchError 400 or 403.
 */
export function repositoryOf(named: string | null | undefined, sender: Sender): { named: string; repository: string } {
  const chosen = chooseRepository(named, sender);
  return { named: chosen, repository: sender.currentName ?? chosen };
}
