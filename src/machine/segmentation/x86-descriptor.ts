// Segment descriptors of x86, as a GDT or an LDT has them: eight bytes that every kernel writes and nobody can read.
//
//   high   31 .. 24     23  22   21 20   19 .. 16      15 14 13 12  11 .. 8   7 .. 0
//          | base 31:24 | G | D/B | L | AVL | limit 19:16 | P | DPL | S | type | base 23:16 |
//   low    31 .. 16                       15 .. 0
//          | base 15:0                  | limit 15:0 |
//
//   limit   the last offset inside, in bytes (G = 0) or in units of 4 KiB (G = 1)
//   S = 1   code or data. type bit 3: code; then bit 2 conforming, bit 1 readable. Else data: bit 2 expand-down, bit 1 writable. Bit 0: accessed
//   S = 0   of the system: LDT, TSS, gates. No program's address reaches memory through these
//
//   selector   15 .. 3   2    1 .. 0          an expand-down segment has the offsets above its limit, to 2^16 - 1 or (B = 1) 2^32 - 1
//              | index | TI | RPL |
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, vol. 3, 3.4.2, 3.4.5, 5.3 to 5.6.
// L (64-bit code) is decoded and encoded; in 64-bit mode bases and limits do not count, and this is not that mode.

import { OFFSET_LIMIT, SEGMENT_EXECUTE, SEGMENT_READ, SEGMENT_WRITE, Segment, type SegmentEntry } from './segment.ts';

/** The fields of a descriptor, by their names in the manual; bits are 0 or 1. */
export interface X86Descriptor {
  /** Linear address, 32 bits. */
  readonly base: number;
  /** 20 bits, in bytes or in units of 4 KiB. */
  readonly limit: number;
  readonly g: 0 | 1;
  readonly db: 0 | 1;
  readonly l: 0 | 1;
  readonly avl: 0 | 1;
  readonly p: 0 | 1;
  /** 0 to 3. */
  readonly dpl: number;
  readonly s: 0 | 1;
  /** Four bits. */
  readonly type: number;
}

/** Bits of the type of code and data. */
const TYPE_CODE = 8;
const TYPE_DOWN_OR_CONFORMING = 4;
const TYPE_WRITE_OR_READ = 2;

const systemTypes: Readonly<Record<number, string>> = {
  1: '16-bit TSS (available)',
  2: 'LDT',
  3: '16-bit TSS (busy)',
  4: '16-bit call gate',
  5: 'task gate',
  6: '16-bit interrupt gate',
  7: '16-bit trap gate',
  9: '32-bit TSS (available)',
  11: '32-bit TSS (busy)',
  12: '32-bit call gate',
  14: '32-bit interrupt gate',
  15: '32-bit trap gate',
};

/** Decodes two 32-bit words. */
export function decodeDescriptor(low: number, high: number): X86Descriptor {
  const bit = (at: number): 0 | 1 => ((high >>> at) & 1) as 0 | 1;
  return {
    base: ((high & 0xff00_0000) | ((high & 0xff) << 16) | (low >>> 16)) >>> 0,
    limit: (high & 0xf_0000) | (low & 0xffff),
    g: bit(23),
    db: bit(22),
    l: bit(21),
    avl: bit(20),
    p: bit(15),
    dpl: (high >>> 13) & 3,
    s: bit(12),
    type: (high >>> 8) & 15,
  };
}

/** Encodes a descriptor as two 32-bit words, the low one first. */
export function encodeDescriptor({ base, limit, g, db, l, avl, p, dpl, s, type }: X86Descriptor): [low: number, high: number] {
  const flags = (g << 23) | (db << 22) | (l << 21) | (avl << 20) | (p << 15) | (dpl << 13) | (s << 12) | (type << 8);
  const low = ((base << 16) | (limit & 0xffff)) >>> 0;
  return [low, ((base & 0xff00_0000) | flags | (limit & 0xf_0000) | ((base >>> 16) & 0xff)) >>> 0];
}

/** Returns the type in words: `data, writable, expand-down`. */
export function descriptorType({ s, type }: X86Descriptor): string {
  if (s === 0) return systemTypes[type] ?? `reserved type ${type}`;
  const isCode = (type & TYPE_CODE) !== 0;
  const second = (type & TYPE_DOWN_OR_CONFORMING) !== 0 ? (isCode ? ', conforming' : ', expand-down') : '';
  const right = (type & TYPE_WRITE_OR_READ) !== 0 ? (isCode ? ', readable' : ', writable') : isCode ? ', execute only' : ', read only';
  return `${isCode ? 'code' : 'data'}${right}${second}${(type & 1) === 1 ? ', accessed' : ''}`;
}

/** Returns the segment that a descriptor of code or data makes, or undefined for one of the system. @param name for people */
export function segmentOf(descriptor: X86Descriptor, name: string): SegmentEntry | undefined {
  const { base, limit, g, db, p, dpl, s, type } = descriptor;
  if (s === 0) return undefined;
  const isCode = (type & TYPE_CODE) !== 0;
  const isDown = !isCode && (type & TYPE_DOWN_OR_CONFORMING) !== 0;
  // The units of a large limit have all their lower bits set: 0 is the first 4 KiB.
  const bytes = (g === 1 ? limit * 4096 + 4095 : limit) + 1;
  const offsets = isDown && db === 0 ? 2 ** 16 : OFFSET_LIMIT;
  const segment = new Segment({ name, base, bytes: isDown ? Math.max(0, offsets - bytes) : bytes, grows: isDown ? 'down' : 'up', offsets });
  segment.presence = p === 1 ? 'present' : 'absent';
  const second = (type & TYPE_WRITE_OR_READ) !== 0;
  const rights = isCode ? SEGMENT_EXECUTE | (second ? SEGMENT_READ : 0) : SEGMENT_READ | (second ? SEGMENT_WRITE : 0);
  // Conforming code runs with the privilege of its caller: anybody less privileged may use it.
  const privilege = isCode && (type & TYPE_DOWN_OR_CONFORMING) !== 0 ? 3 : dpl;
  return { segment, rights, privilege };
}
