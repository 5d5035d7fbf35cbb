// Entry of the bundle that agents start before each tool call (dist/exporters/hook.cjs, see build.mjs, which also sees to
// it that any failure before this blocks).
import { runHook } from './main.js';

// Nobody sees a stack here, and making one takes time.
Error.stackTraceLimit = 0;
// Leaving at once spares taking the engine down in order; all writes have been waited for.
const late = runHook(process.argv.slice(2));
if (late === undefined) process.exit();
else void late.then(() => process.exit());
