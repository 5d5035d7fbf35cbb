/**
 * `npm run collector:profile`: writes collector/default.pgo, the CPU profile that the collector is compiled for
 * (https://go.dev/doc/pgo), from the hotpath bench's spans in both encodings.
 */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildCollector, COLLECTOR_CONFIG, ownSource } from '#collector/binary.js';
import { packageRoot } from '#schemas/root.js';
import { makeBodies } from './bodies.js';
import { openPath, withHotpathStore } from './paths.js';

const PPROF = '127.0.0.1:17777';
const SECONDS = 20;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

// Built without a profile, so that a profile does not depend on the previous one; with the profiling extension.
const { manifest } = ownSource();
const extension = '  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/extension/pprofextension $1';
const binary = await buildCollector(say, {
  manifest: manifest.replace(/^ +- gomod: .*\/healthcheckextension (v\S+)$/m, `$&\n${extension}`),
});

await withHotpathStore(async (store, folder) => {
  const overlay = join(folder, 'pprof.yaml');
  await writeFile(
    overlay,
    `extensions: { pprof: { endpoint: '${PPROF}' } }\nservice: { extensions: [bearertokenauth, health_check, file_storage, pprof] }\n`,
  );
  const bodies = makeBodies(120, 500);
  const profiles: string[] = [];
  const path = await openPath({ ...store, binary, folder, config: [...COLLECTOR_CONFIG, overlay], withGateway: false });
  try {
    for (const [encoding, type] of [
      ['protobuf', 'application/x-protobuf'],
      ['json', 'application/json'],
    ] as const) {
      say(`profiling ${encoding} for ${SECONDS} s`);
      const profile = fetch(`http://${PPROF}/debug/pprof/profile?seconds=${SECONDS}`).then((response) =>
        response.arrayBuffer(),
      );
      for (const end = Date.now() + SECONDS * 1000; Date.now() < end;)
        await path.round(bodies[encoding], type, bodies.spans);
      const file = join(folder, `${encoding}.pb.gz`);
      await writeFile(file, Buffer.from(await profile));
      profiles.push(file);
    }
  } finally {
    await path.close();
  }
  const target = join(packageRoot(), 'collector', 'default.pgo');
  await writeFile(
    target,
    execFileSync('go', ['tool', 'pprof', '-proto', ...profiles], { stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  say(`wrote ${target}`);
});
