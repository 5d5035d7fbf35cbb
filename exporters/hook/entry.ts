// Entry of the bundle that agents start before each tool call (dist/exporters/hook.cjs). build.mjs adds code that
// blocks on any failure before this point.
import { runHook } from './main.js';

// Nobody sees a stack trace here, and creating one takes time.
Error.stackTraceLimit = 0;
// Exits without the engine's shutdown, to save time; all writes have completed.
const late = runHook(process.argv.slice(2));
if (late === undefined) process.exit();
else void late.then(() => process.exit());
