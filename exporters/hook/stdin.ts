import { readSync } from 'node:fs';
import { utf8 } from '../read-file.js';

/** A larger tool call is refused instead of judged, because reading it could exhaust memory. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Most calls fit into the first read. */
const [FIRST_BYTES, NEXT_BYTES] = [8192, 65_536];

/**
 * Returns all of standard input. Reads the descriptor directly, which avoids loading Node's streams and promises; falls
 * back to them only if the agent passes a non-blocking descriptor.
 */
export function readStdin(): string | Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const add = (chunk: Uint8Array): void => {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error('input too large');
    chunks.push(chunk);
  };
  return readDirectly(add) ? textOf(chunks) : readStream(add).then(() => textOf(chunks));
}

/** Returns false if it would have to wait for the descriptor. */
function readDirectly(add: (chunk: Uint8Array) => void): boolean {
  for (let bytes = FIRST_BYTES; ; bytes = NEXT_BYTES) {
    const buffer = new Uint8Array(bytes);
    let length: number;
    try {
      length = readSync(0, buffer);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') return false;
      // Windows reports EOF as an error where others return 0.
      if (code === 'EOF') return true;
      throw error;
    }
    if (length === 0) return true;
    add(buffer.subarray(0, length));
  }
}

async function readStream(add: (chunk: Uint8Array) => void): Promise<void> {
  for await (const chunk of process.stdin) add(chunk as Uint8Array);
}

function textOf(chunks: readonly Uint8Array[]): string {
  const [first = new Uint8Array()] = chunks;
  return utf8(chunks.length > 1 ? Buffer.concat(chunks) : first);
}
