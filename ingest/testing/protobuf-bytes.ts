import protobuf from 'protobufjs/minimal.js';

/** Encodes a length-delimited protobuf field by hand: protobufjs rejects deep nesting. */
export function field(number: number, content: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
}

/** Encodes an OTLP AnyValue of nested arrays, from the inside out: each level is two fields. */
export function nested(levels: number): Buffer {
  const reversed: number[] = [];
  let length = 0;
  const wrap = (number: number): void => {
    const varint: number[] = [];
    for (let rest = length; ; rest >>>= 7) {
      varint.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    for (const byte of varint.reverse()) reversed.push(byte);
    reversed.push((number << 3) | 2);
    length += varint.length + 1;
  };
  for (let level = 0; level < levels; level += 1) {
    wrap(1);
    wrap(5);
  }
  return Buffer.from(reversed.reverse());
}

/** Decodes a google.rpc.Status, the error body of OTLP/protobuf. */
export function rpcStatus(body: Buffer): { code: number; message: string } {
  const reader = protobuf.Reader.create(body);
  const status = { code: 0, message: '' };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((1 << 3) | 0)) status.code = reader.int32();
    else if (tag === ((2 << 3) | 2)) status.message = reader.string();
    else reader.skipType(tag & 7);
  }
  return status;
}
