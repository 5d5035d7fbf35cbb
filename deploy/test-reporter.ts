import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

/** A suite that cannot run on a machine says so in its title, e.g. `NOT RUN: no Go`. */
const NOT_RUN = /NOT RUN: [^\]>)]+/;

/**
 * Ends a test run with one line, `N passed, N failed`, and `, N not run` where something could not run.
 * A test file that failed before its first test counts as a failure; so does a skipped test that gives no
 * reason. With SHIELDWATCH_REQUIRE_ALL_SUITES set, anything not run fails the run.
 */
export default class LastLineReporter implements Reporter {
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
    if (reason === 'interrupted') failed += 1;
    for (const why of reasons) process.stdout.write(`${why}\n`);
    const isStrict = process.env['SHIELDWATCH_REQUIRE_ALL_SUITES'] !== undefined;
    if (failed > 0 || (isStrict && notRun > 0)) process.exitCode = 1;
    // Written when the process ends, so that nothing of vitest's own comes after it.
    process.on('exit', () => {
      const tail = notRun > 0 ? `, ${notRun} not run` : '';
      process.stdout.write(`${passed} passed, ${failed} failed${tail}\n`);
    });
  }
}
