import { environment } from '../environment.js';

const HEADER_VARIABLES = [
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
  'OTEL_EXPORTER_OTLP_LOGS_HEADERS',
  'OTEL_EXPORTER_OTLP_METRICS_HEADERS',
] as const;

/**
 * Runs `create` with the OTLP header variables hidden. The exporters add those headers to the given ones, and on a
 * machine with an OTel pipeline they contain another vendor's key.
 */
export function withoutEnvHeaders<T>(create: () => T): T {
  const saved = HEADER_VARIABLES.map((name) => [name, environment[name]] as const);
  for (const [name] of saved) Reflect.deleteProperty(environment, name);
  try {
    return create();
  } finally {
    for (const [name, value] of saved) if (value !== undefined) environment[name] = value;
  }
}
