import { isPlainRuntimeBody, runtimeBody } from '#schemas/http/ingest-runtime.js';
import { knownFieldsOf } from '../body/fields.js';
import { parseJson } from '../body/json.js';
import { parseBody } from '../body/read-json.js';
import { PROTOBUF_TYPE } from '../request/content.js';
import type { Meter } from '../request/meter.js';
import { repositoryOf, type Report, type Sender } from '../report/report.js';
import { toOtlp } from './to-otlp.js';

const KNOWN_FIELDS = knownFieldsOf(runtimeBody);

/** A batch of the runtime log as one OTLP request; none if it has no entries. */
export interface RuntimeReport extends Report {
  readonly accepted: number;
  readonly blocked: number;
  readonly allowed: number;
}

/**
 * Parses the body of `POST /v1/ingest/runtime`. Nearly all bodies are plain, which is detected in a quarter of the time
 * that schema validation takes.
 */
export function readRuntime(bytes: Buffer, sender: Sender, meter: Meter): RuntimeReport {
  const input = parseJson(bytes, meter);
  const { value: body, warnings } = isPlainRuntimeBody(input)
    ? { value: input, warnings: [] }
    : parseBody(input, runtimeBody, KNOWN_FIELDS);
  const { named, repository } = repositoryOf(body.repository, sender);
  const { bytes: spans, blocked, allowed } = toOtlp(body, repository, sender.orgId);
  const accepted = body.entries.length;
  return {
    named,
    warnings,
    accepted,
    blocked,
    allowed,
    requests: accepted === 0 ? [] : [{ signal: 'traces', type: PROTOBUF_TYPE, bytes: spans }],
  };
}
