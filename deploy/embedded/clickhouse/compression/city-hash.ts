/**
 * CityHash128 of version 1.0.2, the checksum of ClickHouse's compressed blocks (later versions of CityHash give other
 * values). JavaScript has no 64-bit integers that are fast, so this is written for a machine of 64-bit registers, each
 * of which is two halves in one array.
 */
import { atOnce, type Steps } from './turns.js';

/** Register `n` is `halves[n]` (low) and `halves[n + 1]` (high). */
const halves = new Uint32Array(40);
const [X, Y, Z, V1, V2, W1, W2, A, B, C, D, T, U, S] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26] as const;
const [K0, K1, K3, MUL] = [32, 34, 36, 38] as const;
for (const [register, value] of [
  [K0, 0xc3a5c85c97cb3127n],
  [K1, 0xb492b66fbe98f273n],
  [K3, 0xc949d7c7509e6557n],
  [MUL, 0x9ddfea08eb382d69n],
] as const)
  set64(register, value);

/** Bytes that are hashed in one step. */
const STEP_BYTES = 2 ** 19;

/** The 16 bytes of the hash as they stand in front of a block. */
export function cityHash128(bytes: Uint8Array): Buffer {
  return atOnce(cityHash128Steps(bytes));
}

/** The same in steps. */
export function* cityHash128Steps(bytes: Uint8Array): Steps<Buffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length;
  if (length >= 16) {
    load(X, view, 0);
    xor(X, K3);
    load(Y, view, 8);
    yield* hashSeeded(view, 16, length);
  } else if (length >= 8) {
    set(T, length);
    multiply(T, K0);
    load(X, view, 0);
    xor(X, T);
    load(Y, view, length - 8);
    xor(Y, K1);
    yield* hashSeeded(view, length, length);
  } else {
    copy(X, K0);
    copy(Y, K1);
    yield* hashSeeded(view, 0, length);
  }
  const hash = Buffer.alloc(16);
  for (let i = 0; i < 4; i++) hash.writeUInt32LE(halves[X + i] ?? 0, 4 * i);
  return hash;
}

/** Hashes `view[from, to)` with the seed in X (low) and Y (high) into X and Y. */
function* hashSeeded(view: DataView, from: number, to: number): Steps<void> {
  if (to - from < 128) hashShort(view, from, to);
  else yield* hashLong(view, from, to);
}

function hashShort(view: DataView, from: number, to: number): void {
  const length = to - from;
  copy(A, X);
  copy(B, Y);
  if (length <= 16) {
    mixInto(A, A);
    copy(C, B);
    multiply(C, K1);
    hashUpTo16(view, from, length);
    add(C, T);
    copy(D, C);
    if (length >= 8) load(D, view, from);
    add(D, A);
    shiftMix(D);
  } else {
    load(T, view, to - 8);
    add(T, K1);
    hash16(T, A);
    copy(C, T);
    load(T, view, to - 16);
    add(T, C);
    set(D, length);
    add(D, B);
    hash16(D, T);
    add(A, D);
    for (let at = from; at < to - 16; at += 16) {
      load(T, view, at);
      mixInto(T, T);
      xor(A, T);
      multiply(A, K1);
      xor(B, A);
      load(T, view, at + 8);
      mixInto(T, T);
      xor(C, T);
      multiply(C, K1);
      xor(D, C);
    }
  }
  hash16(A, C);
  hash16(D, B);
  copy(B, D);
  copy(X, A);
  xor(X, B);
  copy(Y, B);
  hash16(Y, A);
}

function* hashLong(view: DataView, from: number, to: number): Steps<void> {
  set(Z, to - from);
  multiply(Z, K1);
  // v and w
  copy(V1, Y);
  xor(V1, K1);
  rotate(V1, 49);
  multiply(V1, K1);
  load(T, view, from);
  add(V1, T);
  copy(V2, V1);
  rotate(V2, 42);
  multiply(V2, K1);
  load(T, view, from + 8);
  add(V2, T);
  copy(W1, Y);
  add(W1, Z);
  rotate(W1, 35);
  multiply(W1, K1);
  add(W1, X);
  load(W2, view, from + 88);
  add(W2, X);
  rotate(W2, 53);
  multiply(W2, K1);

  let at = from;
  while (to - at >= 128) {
    round(view, at);
    round(view, at + 64);
    at += 128;
    if ((at - from) % STEP_BYTES !== 0) continue;
    // Another hash may be made meanwhile, of the same registers.
    const registers = halves.slice();
    yield;
    halves.set(registers);
  }

  copy(T, W1);
  rotate(T, 37);
  multiply(T, K0);
  add(T, Z);
  add(Y, T);
  copy(T, V1);
  add(T, Z);
  rotate(T, 49);
  multiply(T, K0);
  add(X, T);
  for (let end = to; end > at; end -= 32) {
    subtract(Y, X);
    rotate(Y, 42);
    multiply(Y, K0);
    add(Y, V2);
    load(T, view, end - 16);
    add(W1, T);
    rotate(X, 49);
    multiply(X, K0);
    add(X, W1);
    add(W1, V1);
    weakHash(V1, view, end - 32, V1, V2);
  }
  hash16(X, V1);
  hash16(Y, W1);
  copy(A, X);
  add(A, V2);
  hash16(A, W2);
  add(A, Y);
  add(X, W2);
  add(Y, V2);
  hash16(X, Y);
  copy(Y, X);
  copy(X, A);
}

/** 64 bytes into X, Y, Z, V and W. */
function round(view: DataView, at: number): void {
  add(X, Y);
  add(X, V1);
  load(T, view, at + 16);
  add(X, T);
  rotate(X, 37);
  multiply(X, K1);
  add(Y, V2);
  load(T, view, at + 48);
  add(Y, T);
  rotate(Y, 42);
  multiply(Y, K1);
  xor(X, W2);
  xor(Y, V1);
  xor(Z, W1);
  rotate(Z, 33);
  copy(U, V2);
  multiply(U, K1);
  copy(S, X);
  add(S, W1);
  weakHash(V1, view, at, U, S);
  copy(U, Z);
  add(U, W2);
  weakHash(W1, view, at + 32, U, Y);
  copy(T, Z);
  copy(Z, X);
  copy(X, T);
}

/** 32 bytes with the seeds `a` and `b` into the pair of registers at `to`. */
function weakHash(to: number, view: DataView, at: number, a: number, b: number): void {
  copy(A, a);
  copy(B, b);
  load(T, view, at);
  add(A, T);
  load(T, view, at + 24);
  add(B, A);
  add(B, T);
  rotate(B, 21);
  copy(C, A);
  load(D, view, at + 8);
  add(A, D);
  load(D, view, at + 16);
  add(A, D);
  copy(D, A);
  rotate(D, 44);
  add(B, D);
  add(A, T);
  add(B, C);
  copy(to, A);
  copy(to + 2, B);
}

/** At most 16 bytes into T. */
function hashUpTo16(view: DataView, at: number, length: number): void {
  if (length > 8) {
    load(T, view, at);
    load(U, view, at + length - 8);
    copy(S, U);
    set(D, length);
    add(U, D);
    rotate(U, length);
    hash16(T, U);
    xor(T, S);
  } else if (length >= 4) {
    set(T, view.getUint32(at, true));
    set(U, 8);
    multiply(T, U);
    set(U, length);
    add(T, U);
    set(U, view.getUint32(at + length - 4, true));
    hash16(T, U);
  } else if (length > 0) {
    set(T, view.getUint8(at) + (view.getUint8(at + (length >> 1)) << 8));
    set(U, length + (view.getUint8(at + length - 1) << 2));
    set64(S, 0x9ae16a3b2f90404fn);
    multiply(T, S);
    multiply(U, K3);
    xor(T, U);
    shiftMix(T);
    multiply(T, S);
  } else set64(T, 0x9ae16a3b2f90404fn);
}

/** Hash128to64 of `to` and `other`, into `to`. */
function hash16(to: number, other: number): void {
  xor(to, other);
  multiply(to, MUL);
  shiftMix(to);
  xor(to, other);
  multiply(to, MUL);
  shiftMix(to);
  multiply(to, MUL);
}

function mixInto(to: number, from: number): void {
  copy(to, from);
  multiply(to, K1);
  shiftMix(to);
  multiply(to, K1);
}

function low(register: number): number {
  return halves[register] as number;
}

function high(register: number): number {
  return halves[register + 1] as number;
}

function set64(register: number, value: bigint): void {
  halves[register] = Number(value & 0xffffffffn);
  halves[register + 1] = Number(value >> 32n);
}

function set(register: number, value: number): void {
  halves[register] = value;
  halves[register + 1] = 0;
}

function load(register: number, view: DataView, at: number): void {
  halves[register] = view.getUint32(at, true);
  halves[register + 1] = view.getUint32(at + 4, true);
}

function copy(to: number, from: number): void {
  halves[to] = low(from);
  halves[to + 1] = high(from);
}

function xor(to: number, from: number): void {
  halves[to] = low(to) ^ low(from);
  halves[to + 1] = high(to) ^ high(from);
}

function add(to: number, from: number): void {
  const sum = low(to) + low(from);
  halves[to] = sum;
  halves[to + 1] = high(to) + high(from) + (sum > 0xffffffff ? 1 : 0);
}

function subtract(to: number, from: number): void {
  const difference = low(to) - low(from);
  halves[to] = difference;
  halves[to + 1] = high(to) - high(from) - (difference < 0 ? 1 : 0);
}

function multiply(to: number, from: number): void {
  const [a, b] = [low(to), low(from)];
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const p00 = a0 * b0;
  // At most 2^32 - 2^17 + 1 plus 2^16: exact in a double.
  const p10 = a1 * b0 + Math.floor(p00 / 65536);
  const p01 = a0 * b1 + (p10 % 65536);
  const carry = a1 * b1 + Math.floor(p10 / 65536) + Math.floor(p01 / 65536);
  halves[to + 1] = carry + Math.imul(a, high(from)) + Math.imul(high(to), b);
  halves[to] = ((p01 & 0xffff) << 16) | (p00 & 0xffff);
}

/** To the right. */
function rotate(register: number, bits: number): void {
  const [l, h] = bits >= 32 ? [high(register), low(register)] : [low(register), high(register)];
  const by = bits & 31;
  if (by === 0) {
    halves[register] = l;
    halves[register + 1] = h;
    return;
  }
  halves[register] = (l >>> by) | (h << (32 - by));
  halves[register + 1] = (h >>> by) | (l << (32 - by));
}

/** `x ^ (x >> 47)` */
function shiftMix(register: number): void {
  halves[register] = low(register) ^ (high(register) >>> 15);
}
