import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/**
 * A named pipe into which the engine writes an answer (`INTO OUTFILE`) and from which this process reads.
 * The pipe's 64 KB are all that waits for a slow client: when they are full, the query stops until they
 * are read. chDB's own `queryStream` plans on the event loop (a scalar subquery blocks every other
 * request) and writes whole documents per chunk in formats like JSON.
 */
export class AnswerPipe {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Readies the pipe for one answer. */
  open(): OpenPipe {
    const reader = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    // Our own write end keeps the pipe from ending before the engine has opened it, or when it never does.
    const writer = openSync(this.path, constants.O_WRONLY | constants.O_NONBLOCK);
    const readable = new Socket({ fd: reader, readable: true, writable: false });
    let isFinished = false;
    return {
      readable,
      finish: () => {
        if (!isFinished) closeSync(writer);
        isFinished = true;
      },
    };
  }
}

export interface OpenPipe {
  readonly readable: Readable;
  /** The engine is done: the readable ends after what is still in the pipe. */
  finish(): void;
}

/** Makes `count` pipes in `dir`. Node cannot make one itself; the tool is part of every Linux and macOS. */
export function createAnswerPipes(dir: string, count: number): AnswerPipe[] {
  const paths = Array.from({ length: count }, (_, i) => join(dir, `answer-${i}`));
  execFileSync('mkfifo', ['-m', '600', ...paths]);
  return paths.map((path) => new AnswerPipe(path));
}
