import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MAX_OTLP_BYTES } from '#schemas/otlp-bounds.js';
import * as semconv from '#schemas/semconv.js';
import { packageRoot } from '#schemas/root.js';
import { COLLECTOR_CONFIG, STOCK_COLLECTOR_CONFIG, buildCollector, collectorBinary, hasGo } from './binary.js';

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

const read = (file: string | undefined): Config => parse(readFileSync(file ?? '', 'utf8')) as Config;
const [config, generated, stock] = [COLLECTOR_CONFIG[0], COLLECTOR_CONFIG[1], STOCK_COLLECTOR_CONFIG[1]].map(read);
if (config === undefined || generated === undefined || stock === undefined)
  throw new Error('three configuration files expected');

describe('config.yaml', () => {
  it('stamps the tenant under the names of schemas/semconv.ts, from the headers of schemas/semconv.ts', () => {
    const { attributes } = (config.processors as { 'resource/tenant': { attributes: readonly Stamp[] } })[
      'resource/tenant'
    ];
    expect(attributes).toEqual(
      [
        [semconv.ATTR_TENANT_ORG_ID, semconv.HEADER_ORG_ID],
        [semconv.ATTR_TENANT_TOKEN_ID, semconv.HEADER_TOKEN_ID],
        [semconv.ATTR_TENANT_REPOSITORY, semconv.HEADER_REPOSITORY],
        [semconv.ATTR_TENANT_RETENTION_DAYS, semconv.HEADER_RETENTION_DAYS],
      ].map(([key, header]) => ({ action: 'upsert', key, from_context: `metadata.${header ?? ''}` })),
    );
  });

  it.each([
    ['ours', config, 'secretredaction'],
    ['the stock one', stock, 'redaction'],
  ])(
    '%s redacts and drops client attributes of our prefix before stamping, and drops records without an organisation afterwards',
    (_, { service }, redaction) => {
      expect(Object.keys(service.pipelines)).toEqual(['traces', 'logs', 'metrics']);
      for (const { processors } of Object.values(service.pipelines)) {
        expect(processors[0]).toBe('memory_limiter');
        expect(processors).toContain(redaction);
        expect(processors.slice(-2)).toEqual(['resource/tenant', 'filter/tenant']);
      }
    },
  );

  it('drops records without the organisation attribute of schemas/semconv.ts', () => {
    expect(JSON.stringify((config.processors as Record<string, unknown>)['filter/tenant'])).toContain(
      semconv.ATTR_TENANT_ORG_ID,
    );
  });

  it('accepts bodies as large as the gateway does, and checks bounds before decoding', () => {
    const http = (of: Config): unknown =>
      (of.receivers as { otlp: { protocols: { http: unknown } } }).otlp.protocols.http;
    expect(http(config)).toMatchObject({ max_request_body_size: MAX_OTLP_BYTES });
    expect(http(generated)).toEqual({ middlewares: [{ id: 'otlp_bounds' }] });
    expect((generated.service as { extensions?: unknown }).extensions).toEqual([
      ...(config.service as unknown as { extensions: string[] }).extensions,
      'otlp_bounds',
    ]);
  });

  it('uses exactly the components of the manifest', () => {
    const manifest = readFileSync(join(packageRoot(), 'collector', 'manifest.yaml'), 'utf8');
    // Ours around one of contrib's has its type.
    const wraps: Readonly<Record<string, string>> = { setaside: 'clickhouse', guardedstorage: 'filestorage' };
    const compiled = [
      ...manifest.matchAll(
        /gomod: .*\/([a-z]+?)(?:receiver|processor|exporter|extension)? v0\.\d+\.0$(?:\n +import: .*\/([a-z]+)$)?/gm,
      ),
    ]
      .map(([, module = '', imported]) => imported ?? module)
      .map((name) => wraps[name] ?? name);
    const used = new Set(
      [
        config.receivers,
        config.processors,
        generated.processors,
        stock.processors,
        config.exporters,
        config.extensions,
        generated.extensions,
      ]
        .flatMap((components) => Object.keys(components))
        .map((id) => id.replace(/\/.*/, '').replaceAll('_', '')),
    );
    expect(compiled.toSorted()).toEqual([...used].toSorted());
  });

  it('has a baseline collector of the same versions in the bench', () => {
    const modules = (file: string, names = /(?<=gomod: ).*$/gm): string[] =>
      readFileSync(join(packageRoot(), file), 'utf8').match(names) ?? [];
    const ours = new Set([
      ...modules('collector/manifest.yaml'),
      ...modules('collector/exporters/setaside/go.mod', /(?<=^\t)\S+ v\S+$/gm),
    ]);
    expect(modules('deploy/bench/hotpath/manifest.yaml').filter((module) => !ours.has(module))).toEqual([]);
  });
});

describe.skipIf(!hasGo())(`the built collector ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  beforeAll(async () => {
    await buildCollector();
  }, 900_000);

  it.each([
    ['its own', COLLECTOR_CONFIG],
    ['the stock', STOCK_COLLECTOR_CONFIG],
  ])('accepts %s configuration', (_, files) => {
    const { status, stderr } = spawnSync(
      collectorBinary() ?? '',
      ['validate', ...files.flatMap((file) => ['--config', file])],
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
