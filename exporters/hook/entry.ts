// Entry of the bundle that agents start before each tool call (dist/exporters/hook.cjs, see build.mjs).
import { runHook } from './main.js';

// Nobody sees a stack here, and making one takes time.
Error.stackTraceLimit = 0;
process.on('uncaughtException', () => process.exit(2));
// Leaving at once spares taking the engine down in order; all writes have been waited for.
void runHook(process.argv.slice(2)).then(() => process.exit());
