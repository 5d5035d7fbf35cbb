/**
 * Calls chDB directly: runs each statement that its parent sends on one open connection, and reports how long the call
 * took. Its data folder and engine configuration were created by an embedded server, so that only the request path
 * differs. Started by `direct.ts`.
 */
import { join } from 'node:path';
import { loadChdb } from '../../embedded/clickhouse/chdb.js';
import type { DirectAnswer, DirectQuestion } from './direct.js';

const [dataDir = '', database = ''] = process.argv.slice(2);
const chdb = loadChdb();
const connection = chdb.CreateConnection(join(dataDir, 'data'), [
  `--config-file=${join(dataDir, 'config', 'config.xml')}`,
]);
const tell = (answer: DirectAnswer): void => void process.send?.(answer);

process.on('message', ({ sql }: DirectQuestion) => {
  const startedAt = performance.now();
  chdb.QueryAsyncConnection(connection, sql, 'TabSeparated').then(
    ({ bytes }) => {
      tell({ ms: performance.now() - startedAt, text: Buffer.from(bytes).toString() });
    },
    (error: unknown) => {
      tell({ error: String(error) });
    },
  );
});
process.on('disconnect', () => {
  chdb.CloseConnection(connection);
  process.exit(0);
});
await chdb.QueryAsyncConnection(connection, `USE \`${database}\``, 'TabSeparated');
tell({ ms: 0, text: 'ready' });
