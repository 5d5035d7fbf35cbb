/**
 * CRC-32 (ISO-HDLC, as in gzip), four bits at a time: a table of sixteen entries is fast to compute. Not `node:zlib`,
 * which has it only in newer versions of Node and takes a millisecond to load.
 */
const TABLE = new Uint32Array(16);
for (let index = 0; index < 16; index += 1) {
  let value = index;
  for (let bit = 0; bit < 4; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  TABLE[index] = value;
}

/** Returns the checksum of the UTF-8 bytes of `text`, as eight hexadecimal digits. */
export function checksum(text: string): string {
  let crc = 0xffff_ffff;
  const bytes = Buffer.from(text);
  // By index: an iterator is slow before it is optimised, and a hook ends earlier.
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    crc = (TABLE[(crc ^ byte) & 15] ?? 0) ^ (crc >>> 4);
    crc = (TABLE[(crc ^ (byte >>> 4)) & 15] ?? 0) ^ (crc >>> 4);
  }
  return ((crc ^ 0xffff_ffff) >>> 0).toString(16).padStart(8, '0');
}
