import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

/** Set up before each file of `npm run test:unit`: starting a process, connecting and listening fail there. */
function refuse(what: string): () => never {
  return () => {
    throw new Error(`a unit test may not ${what}; npm run test:unit takes only files that reach nothing outside`);
  };
}

for (const name of ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'] as const)
  childProcess[name] = refuse('start a process') as never;
net.Socket.prototype.connect = refuse('open a connection');
net.Server.prototype.listen = refuse('listen');
syncBuiltinESMExports();
