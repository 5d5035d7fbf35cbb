import { openPostgres } from '#schemas/postgres/client.js';
import { createEgress } from '../egress.js';
import { startDelivery } from '../engine.js';
import { secretsKeyOf } from '../seal.js';

/** Sends the notices of a data folder until it is killed: `engine-main.js FOLDER KEY`, the key in base64. */
const [folder = '', key = ''] = process.argv.slice(2);
startDelivery(
  await openPostgres({ dataDir: folder }),
  { key: secretsKeyOf(Buffer.from(key, 'base64')), egress: createEgress({ allow: ['127.0.0.1'] }) },
  (error) => {
    process.stderr.write(`delivery failed: ${String(error)}\n`);
  },
);
// Background work alone does not keep a process running.
setInterval(() => undefined, 60_000);
