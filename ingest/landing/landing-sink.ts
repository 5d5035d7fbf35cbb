import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Caller } from '../auth/caller.js';
import { inflate } from '../body/inflate.js';
import { parseJson } from '../body/json.js';
import { fromStore } from '../errors/from-store.js';
import { acceptedAll, JSON_TYPE, MAX_INFLATED_BYTES, type Signal, type TelemetryRequest, type TelemetrySink } from '../telemetry/sink.js';
import type { Batch } from './batch.js';
import { decodeJson } from './decode-json.js';
import { decodeProtobuf } from './decode-protobuf.js';
import { insertBatch } from './insert.js';
import { createRequestPlans, type MessagePlan } from './message-plan.js';
import type { LogsRequest, MetricsRequest, TracesRequest } from './otlp.js';
import { logRows } from './rows/logs.js';
import { metricRows } from './rows/metrics.js';
import { traceRows } from './rows/traces.js';

/**
 * Does the collector's work where there is none: reads the request, deletes what only we may set, stamps the
 * tenant, takes secrets out, and writes the rows that the collector's exporter would write.
 *
 * A request is acknowledged when all its rows are stored. If some table failed the client is told to send it
 * again, and the rows that did get stored come twice: landing may repeat, facts fold.
 *
 * @param allowedKeys attribute keys that the operator allows besides ours (schemas/attribute-keys.ts).
 */
export function createLandingSink(clickhouse: ClickHouseClient, allowedKeys: readonly string[]): TelemetrySink {
  const plans = createRequestPlans();
  return {
    async deliver(request, caller) {
      const message = await read(request, plans[request.signal]);
      const batches = ROWS[request.signal](message, caller, allowedKeys).filter((batch) => batch.rows.length > 0);
      await fromStore(Promise.all(batches.map((batch) => insertBatch(clickhouse, batch))));
      return acceptedAll(request.type);
    },
  };
}

async function read(request: TelemetryRequest, plan: MessagePlan): Promise<unknown> {
  const body = await inflate(request.body, request.encoding, MAX_INFLATED_BYTES);
  return request.type === JSON_TYPE ? decodeJson(plan, parseJson(body)) : decodeProtobuf(plan, body);
}

/** The decoders give exactly the shapes of `otlp.ts`, each made from the signal's own plan. */
const ROWS: Readonly<Record<Signal, (message: unknown, caller: Caller, allowedKeys: readonly string[]) => Batch[]>> = {
  traces: (message, caller, allowedKeys) => traceRows(message as TracesRequest, caller, allowedKeys),
  metrics: (message, caller, allowedKeys) => metricRows(message as MetricsRequest, caller, allowedKeys),
  logs: (message, caller, allowedKeys) => logRows(message as LogsRequest, caller, allowedKeys),
};
