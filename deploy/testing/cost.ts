import { readFileSync } from 'node:fs';
import { afterAll } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Processor time of a test file's worker and of the processes it waited for, ms. Only Linux tells the latter. */
    cpuMs?: number;
  }
}

/** A clock tick of `/proc`, which every Linux that Node runs on has at 100 a second. */
const TICK_MS = 10;

/** User and system time of this process, and on Linux of its children that have ended, ms. */
function cpuMs(): number {
  try {
    // The second field is the program's name in brackets, which may hold spaces.
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0) * TICK_MS;
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  }
}

// A test file has a process of its own. Registered before the file's own hooks, so that it runs after them.
afterAll(({}, suite) => {
  suite.file.meta.cpuMs = cpuMs();
});
