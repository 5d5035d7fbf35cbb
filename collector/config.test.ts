import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as semconv from '#schemas/semconv.js';
import { packageRoot } from '#schemas/root.js';
import { COLLECTOR_CONFIG, buildCollector, collectorBinary, hasGo } from './binary.js';

interface Config {
  readonly receivers: object;
  readonly processors: object;
  readonly exporters: object;
  readonly extensions: object;
  readonly service: { readonly pipelines: Readonly<Record<string, { readonly processors: readonly string[] }>> };
}

interface Stamp {
  readonly action: string;
  readonly key: string;
  readonly from_context: string;
}

const texts = COLLECTOR_CONFIG.map((file) => readFileSync(file, 'utf8'));
const [config, generated] = texts.map((text) => parse(text) as Config);
if (config === undefined || generated === undefined) throw new Error('two configuration files expected');

describe('config.yaml', () => {
  it('stamps the tenant under the names of schemas/semconv.ts, from the headers of schemas/semconv.ts', () => {
    const { attributes } = (config.processors as { 'resource/tenant': { attributes: readonly Stamp[] } })['resource/tenant'];
    expect(attributes).toEqual(
      [
        [semconv.ATTR_TENANT_ORG_ID, semconv.HEADER_ORG_ID],
        [semconv.ATTR_TENANT_TOKEN_ID, semconv.HEADER_TOKEN_ID],
        [semconv.ATTR_TENANT_REPOSITORY, semconv.HEADER_REPOSITORY],
        [semconv.ATTR_TENANT_RETENTION_DAYS, semconv.HEADER_RETENTION_DAYS],
      ].map(([key, header]) => ({ action: 'upsert', key, from_context: `metadata.${header ?? ''}` })),
    );
  });

  it('deletes what a client sent under our prefix, before it stamps, and drops what has no organisation after', () => {
    const prefix = `"^${semconv.SERVER_ATTRIBUTE_PREFIX.replaceAll('.', '\\\\.')}"`;
    const statements = JSON.stringify((config.processors as Record<string, unknown>)['transform/tenant']);
    expect(statements.match(/delete_matching_keys/g)).toHaveLength(11);
    expect(statements.split(JSON.stringify(prefix).slice(1, -1))).toHaveLength(12);
    expect(JSON.stringify((config.processors as Record<string, unknown>)['filter/tenant'])).toContain(
      semconv.ATTR_TENANT_ORG_ID,
    );
    for (const { processors } of Object.values(config.service.pipelines)) {
      expect(processors.slice(-3)).toEqual(['transform/tenant', 'resource/tenant', 'filter/tenant']);
      expect(processors[0]).toBe('memory_limiter');
      expect(processors).toContain('redaction');
      expect(processors).toContain('transform/secrets');
    }
    expect(Object.keys(config.service.pipelines)).toEqual(['traces', 'logs', 'metrics']);
  });

  it('uses every component of the manifest, and no other', () => {
    const manifest = readFileSync(join(packageRoot(), 'collector', 'manifest.yaml'), 'utf8');
    const compiled = [...manifest.matchAll(/\/([a-z]+?)(?:receiver|processor|exporter|extension)? v0\.161\.0$/gm)].map((match) => match[1]);
    const used = new Set(
      [config.receivers, config.processors, generated.processors, config.exporters, config.extensions]
        .flatMap((components) => Object.keys(components))
        .map((id) => id.replace(/\/.*/, '').replaceAll('_', '')),
    );
    expect(compiled.toSorted()).toEqual([...used].toSorted());
  });
});

describe.skipIf(!hasGo())(`the built collector ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  beforeAll(async () => {
    await buildCollector();
  }, 900_000);

  it('accepts the configuration', () => {
    const { status, stderr } = spawnSync(
      collectorBinary() ?? '',
      ['validate', ...COLLECTOR_CONFIG.flatMap((file) => ['--config', file])],
      {
        encoding: 'utf8',
        env: {
          SHIELDWATCH_COLLECTOR_KEY: 'key',
          SHIELDWATCH_COLLECTOR_QUEUE: join(tmpdir(), 'shieldwatch-validate'),
          SHIELDWATCH_CLICKHOUSE_URL: 'http://user:password@127.0.0.1:8123',
        },
      },
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
