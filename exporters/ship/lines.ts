import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** A complete line of a file. */
export interface Line {
  /** Undefined if the line is too long for one of our records. */
  readonly text: string | undefined;
  /** Byte offset after the line's newline. */
  readonly end: number;
}

const CHUNK_BYTES = 256 * 1024;
const MAX_LINE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * Yields complete lines of `path` from byte `offset` on; text after the last newline is left for later. Yields nothing
 * if the path is not a file.
 */
export async function* readLines(path: string, offset: number): AsyncGenerator<Line> {
  // O_NONBLOCK: a project's log may be a pipe, and opening one waits for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) return;
    let rest = Buffer.alloc(0);
    let lineStart = offset;
    let position = offset;
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      // Of an endless line only enough is kept to know that it is too long.
      const kept = rest.length > MAX_LINE_BYTES ? rest.subarray(0, MAX_LINE_BYTES + 1) : rest;
      const chunk = buffer.subarray(0, bytesRead);
      let from = 0;
      let head = kept;
      for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
        const bytes = head.length === 0 ? chunk.subarray(from, to) : Buffer.concat([head, chunk.subarray(from, to)]);
        const end = position - bytesRead + to + 1;
        yield { text: bytes.length > MAX_LINE_BYTES ? undefined : bytes.toString('utf8'), end };
        lineStart = end;
        head = Buffer.alloc(0);
        from = to + 1;
      }
      rest = lineStart === position ? Buffer.alloc(0) : Buffer.concat([head, chunk.subarray(from)]);
    }
  } finally {
    await file.close();
  }
}
