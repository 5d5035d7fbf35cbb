import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryAttributes } from '#schemas/records/repository.js';
import { packageRoot } from '#schemas/root.js';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION, SCOPE_NAME, SERVICE_NAME_PRODUCER } from '#schemas/semconv.js';

const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };

/** Instrumentation scope of telemetry received by REST. */
export const SCOPE = { name: SCOPE_NAME, version };

/** Returns the resource attributes of telemetry received by REST: one repository, named as by our own producers. */
export function producerResource(repository: string): Record<string, string> {
  return {
    [ATTR_SERVICE_NAME]: SERVICE_NAME_PRODUCER,
    [ATTR_SERVICE_VERSION]: version,
    ...repositoryAttributes(repository),
  };
}
