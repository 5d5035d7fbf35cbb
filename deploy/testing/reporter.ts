import type { Reporter, TestModule, TestRunEndReason, TestSpecification } from 'vitest/node';

/** A suite that cannot run on a machine says so in its title, e.g. `NOT RUN: no Go`. */
const NOT_RUN = /NOT RUN: [^\]>)]+/;

/** Suites that took less than this are one line together, ms. */
const CHEAP_MS = 5_000;

/**
 * What each suite cost, most expensive first: seconds from its first hook to its last, and of its processor time where
 * that is known. A suite whose second figure is far below its first waits; the shared engine's time is in neither.
 */
function costs(modules: readonly TestModule[]): string[] {
  const all = modules
    .map((module) => ({
      name: module.relativeModuleId,
      wallMs: module.diagnostic().duration,
      cpuMs: module.meta().cpuMs ?? 0,
    }))
    .sort((one, other) => other.wallMs - one.wallMs);
  const cheap = all.filter(({ wallMs }) => wallMs < CHEAP_MS);
  const sum = (some: typeof all, name: string): (typeof all)[number] => ({
    name,
    wallMs: some.reduce((total, { wallMs }) => total + wallMs, 0),
    cpuMs: some.reduce((total, { cpuMs }) => total + cpuMs, 0),
  });
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1).padStart(8);
  return [
    '  wall s   cpu s  suite',
    ...[
      ...all.slice(0, all.length - cheap.length),
      sum(cheap, `${cheap.length} suites of less than ${CHEAP_MS / 1_000} s`),
      sum(all, `${all.length} suites`),
    ].map(({ name, wallMs, cpuMs }) => `${seconds(wallMs)}${seconds(cpuMs)}  ${name}`),
  ];
}

/**
 * Ends a test run with what each suite cost and with one line, `N passed, N failed`, and `, N not run` where something could not run.
 * A test file that failed before its first test, or did not run, counts as a failure; so does a skipped test that gives no
 * reason. With SHIELDWATCH_REQUIRE_ALL_SUITES set, anything not run fails the run.
 */
export default class LastLineReporter implements Reporter {
  #wanted: readonly string[] = [];

  onTestRunStart(specifications: readonly TestSpecification[]): void {
    this.#wanted = specifications.map(({ moduleId }) => moduleId);
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: TestRunEndReason): void {
    let passed = 0;
    let failed = errors.length;
    let notRun = 0;
    const reasons = new Set<string>();
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        tests += 1;
        const state = test.result().state;
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
        else {
          const why = NOT_RUN.exec(test.fullName);
          if (why === null) failed += 1;
          else {
            notRun += 1;
            reasons.add(why[0].trim());
          }
        }
      }
      if (tests === 0 || (!module.ok() && module.errors().length > 0)) failed += 1;
    }
    const ended = new Set(modules.map(({ moduleId }) => moduleId));
    for (const moduleId of this.#wanted.filter((wanted) => !ended.has(wanted))) {
      failed += 1;
      process.stdout.write(`did not run: ${moduleId}\n`);
    }
    if (reason === 'interrupted') failed += 1;
    for (const why of reasons) process.stdout.write(`${why}\n`);
    const isStrict = process.env['SHIELDWATCH_REQUIRE_ALL_SUITES'] !== undefined;
    if (failed > 0 || (isStrict && notRun > 0)) process.exitCode = 1;
    for (const line of costs(modules)) process.stdout.write(`${line}\n`);
    // Written when the process ends, so that nothing of vitest's own comes after it.
    process.on('exit', () => {
      const tail = notRun > 0 ? `, ${notRun} not run` : '';
      process.stdout.write(`${passed} passed, ${failed} failed${tail}\n`);
    });
  }
}
