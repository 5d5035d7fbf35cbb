/** CRC-32 (ISO-HDLC, as in gzip) by table. Own lines: `node:zlib` has it only in newer Nodes, and takes a millisecond to load. */
const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value >>> 0;
});

/** Checksum of the UTF-8 bytes of `text`, as eight hexadecimal digits. */
export function checksum(text: string): string {
  let crc = 0xffff_ffff;
  for (const byte of Buffer.from(text)) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ((crc ^ 0xffff_ffff) >>> 0).toString(16).padStart(8, '0');
}
