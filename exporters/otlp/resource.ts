import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import { repositoryAttributes } from '#schemas/records/repository.js';
import { packageRoot } from '#schemas/root.js';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION, SCOPE_NAME, SERVICE_NAME_PRODUCER } from '#schemas/semconv.js';

const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };

/** Instrumentation scope of all producers; one object, since exporters group by identity. */
export const SCOPE = { name: SCOPE_NAME, version };

/**
 * Returns the resource of telemetry about one repository, or with `''` about the producer itself. Has no host, user or
 * process attributes.
 */
export function producerResource(repository: string): Resource {
  return resourceFromAttributes({
    [ATTR_SERVICE_NAME]: SERVICE_NAME_PRODUCER,
    [ATTR_SERVICE_VERSION]: version,
    ...(repository === '' ? {} : repositoryAttributes(repository)),
  });
}
