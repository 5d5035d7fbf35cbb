import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DEFAULT_DATABASE } from '#schemas/clickhouse/client.js';
import { packageRoot } from '#schemas/root.js';
import { DATASOURCE } from './datasource.js';

const module = join(packageRoot(), 'grafana');
const read = (path: string): Promise<string> => readFile(join(module, path), 'utf8');

describe('provisioning', () => {
  it('creates the datasource that the boards name, over HTTP', async () => {
    const { datasources } = parse(await read('provisioning/datasources/clickhouse.yaml')) as {
      datasources: { uid: string; type: string; jsonData: Record<string, string> }[];
    };
    expect(datasources).toHaveLength(1);
    expect(datasources[0]).toMatchObject({ ...DATASOURCE, jsonData: { protocol: 'http' } });
  });

  it('loads the boards from files', async () => {
    const { providers } = parse(await read('provisioning/dashboards/shieldwatch.yaml')) as { providers: unknown[] };
    expect(providers).toMatchObject([{ type: 'file', options: { path: '${SHIELDWATCH_BOARDS}' } }]);
  });

  it('sets a default for every variable, because Grafana has none', async () => {
    const env = new Map(
      (await read('grafana.env')).split('\n').flatMap((line) => {
        const [, name, value = ''] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
        return name === undefined ? [] : [[name, value] as const];
      }),
    );
    const files = await Promise.all(
      [
        'provisioning/datasources/clickhouse.yaml',
        'provisioning/dashboards/shieldwatch.yaml',
        'provisioning/alerting/rules.json',
      ].map(read),
    );
    const used = files.flatMap((text) => [...text.matchAll(/^[^#\n]*\$\{(\w+)\}/gm)].map(([, name = '']) => name));
    // The others are Grafana's own settings.
    expect([...env.keys()].filter((name) => !name.startsWith('GF_')).sort()).toEqual([...new Set(used)].sort());
    expect(env.get('GF_SERVER_ROOT_URL')).toMatch(/\/$/);
    expect(env.get('SHIELDWATCH_CLICKHOUSE_HOST')).toBe('127.0.0.1');
    expect(env.get('SHIELDWATCH_CLICKHOUSE_PORT')).toBe('8123');
    expect(env.get('SHIELDWATCH_CLICKHOUSE_DATABASE')).toBe(DEFAULT_DATABASE);
  });
});

describe('examples of notifications', () => {
  it('name existing contact points, and take secrets from the environment', async () => {
    const contacts = parse(await read('examples/contact-points.yaml')) as {
      contactPoints: { name: string; receivers: { uid: string; type: string; settings: Record<string, string> }[] }[];
    };
    const policies = parse(await read('examples/notification-policy.yaml')) as {
      policies: { receiver: string; routes: { receiver: string; group_by: string[]; object_matchers: string[][] }[] }[];
    };
    const names = contacts.contactPoints.map(({ name }) => name);
    const receivers = contacts.contactPoints.flatMap((point) => point.receivers);
    expect(receivers.map(({ type, settings }) => [type, settings['url']])).toEqual([
      ['slack', '${SHIELDWATCH_SLACK_WEBHOOK_URL}'],
      ['webhook', '${SHIELDWATCH_WEBHOOK_URL}'],
    ]);
    for (const { receiver, object_matchers, group_by } of policies.policies[0]?.routes ?? []) {
      // Titles show the name of the rule, which is common to all alerts only if they are grouped by it.
      expect(group_by).toContain('alertname');
      expect(names).toContain(receiver);
      expect(object_matchers).toContainEqual(['product', '=', 'shieldwatch']);
    }
  });
});
