/** Writes a line of the command's result to standard output. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Writes a line of diagnostics to standard error. */
export function writeStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
