// Entry of the bundle that agents start before each tool call (dist/exporters/hook.cjs, see build.mjs).
import { runHook } from './main.js';

process.on('uncaughtException', () => process.exit(2));
void runHook(process.argv.slice(2));
