import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resources } from '@opentelemetry/sdk-node';
import { repositoryAttributes } from '#schemas/records/repository.js';
import { packageRoot } from '#schemas/root.js';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION, SCOPE_NAME, SERVICE_NAME_PRODUCER } from '#schemas/semconv.js';

export type Resource = ReturnType<typeof resources.resourceFromAttributes>;

const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };

/** Instrumentation scope of everything the producers send; one object, since exporters group by identity. */
export const SCOPE = { name: SCOPE_NAME, version };

/** Resource of telemetry about one repository. No host, user or process attributes: nobody asked for them. */
export function producerResource(repository: string): Resource {
  return resources.resourceFromAttributes({
    [ATTR_SERVICE_NAME]: SERVICE_NAME_PRODUCER,
    [ATTR_SERVICE_VERSION]: version,
    ...repositoryAttributes(repository),
  });
}
