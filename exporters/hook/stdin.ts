import { readSync } from 'node:fs';

/** A tool call larger than this is refused rather than judged: reading on could exhaust memory. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * All of standard input. Reads the descriptor directly, which spares loading Node's streams; only where
 * the agent hands over a non-blocking descriptor does it fall back to them.
 */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const add = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error('input too large');
    chunks.push(chunk);
  };
  if (!readDirectly(add)) for await (const chunk of process.stdin) add(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

/** False when the descriptor would have to be waited for. */
function readDirectly(add: (chunk: Buffer) => void): boolean {
  for (;;) {
    const buffer = Buffer.allocUnsafe(65_536);
    let length: number;
    try {
      length = readSync(0, buffer);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') return false;
      // Windows says EOF where others return 0.
      if (code === 'EOF') return true;
      throw error;
    }
    if (length === 0) return true;
    add(buffer.subarray(0, length));
  }
}
