import { driftBody, driftWebhookBody } from '#schemas/http/ingest-drift.js';
import { driftOfBody, driftTelemetry, type DriftStatement } from '#schemas/mapping/drift.js';
import { checkTime } from '../body/check-time.js';
import { knownFieldsOf } from '../body/fields.js';
import { parseJson } from '../body/json.js';
import { parseBody } from '../body/read-json.js';
import { tracesRequest } from '../report/otlp-json.js';
import { JSON_TYPE } from '../request/content.js';
import type { Meter } from '../request/meter.js';
import { repositoryOf, type Report, type Sender } from '../report/report.js';

const KNOWN_FIELDS = knownFieldsOf(driftBody);
const WEBHOOK_FIELDS = knownFieldsOf(driftWebhookBody);

/** A drift as OTLP requests. */
export interface DriftReport extends Report {
  readonly eventId: string;
  /** What an alert says of it; undefined: it has neither a regression nor critical findings. */
  readonly alert?: DriftAlert;
}

export interface DriftAlert {
  /** ISO 8601. */
  readonly occurredAt: string;
  readonly hasCritical: boolean;
  readonly scorePrevious: number;
  readonly scoreCurrent: number;
  readonly newFindings: number;
}

/** Parses the body of `POST /v1/ingest/drift`. */
export function readDrift(bytes: Buffer, sender: Sender, meter: Meter): DriftReport {
  const { value, warnings } = parseBody(parseJson(bytes, meter), driftBody, KNOWN_FIELDS);
  return reportOf(value, value.repository, sender, warnings);
}

/** Parses what the stock `agentshield watch` posts to its webhook. */
export function readDriftWebhook(bytes: Buffer, sender: Sender, meter: Meter): DriftReport {
  const { value, warnings } = parseBody(parseJson(bytes, meter), driftWebhookBody, WEBHOOK_FIELDS);
  const { score, ...drift } = value;
  return reportOf(
    { ...drift, previousScore: score.previous, currentScore: score.current },
    undefined,
    sender,
    warnings,
  );
}

/** Converts a drift to the span that our own watcher would have sent. */
function reportOf(
  body: DriftStatement,
  name: string | null | undefined,
  sender: Sender,
  dropped: readonly string[],
): DriftReport {
  checkTime(body.timestamp, 'timestamp');
  const { named, repository } = repositoryOf(name, sender);
  const { drift, moved } = driftOfBody(body, repository);
  const warnings = [
    ...dropped,
    ...(moved === 0
      ? []
      : [`newFindings, resolvedFindings: ${String(moved)} are in both because their lines moved; they were left out`]),
  ];
  return {
    named,
    warnings,
    eventId: drift.eventId,
    ...(drift.isRegression || drift.hasCritical
      ? {
          alert: {
            occurredAt: drift.timestamp,
            hasCritical: drift.hasCritical,
            scorePrevious: drift.previousScore,
            scoreCurrent: drift.currentScore,
            newFindings: drift.newFindings.length,
          },
        }
      : {}),
    requests: [{ signal: 'traces', type: JSON_TYPE, bytes: tracesRequest(repository, [driftTelemetry(drift)]) }],
  };
}
