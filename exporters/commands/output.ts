/** What a command prints as its result. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What a command prints beside it. */
export function writeStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
