// What all calls of one process share, and the small acts that every call is made of: checking pointers, reading paths, writing structures.
//
// Order within a call: descriptors and flags first, then all pointers (WC1), then the work, then the copy out. So
//   WC1  a call that answers EFAULT has changed nothing, neither in the guest's memory nor in a file
// The staging buffer bounds what one call takes from the host, whatever lengths the guest passes; larger transfers go through it in chunks.

import { BadAddress, type GuestMemory } from '../guest-memory.ts';
import type { WasiClock, WasiRandom } from './clock.ts';
import type { DescriptorTable } from './descriptor-table.ts';
import { WasiError } from './errno.ts';
import type { StringBlock } from './string-block.ts';
import type { Transfer } from './transfer.ts';

/** Bytes of the staging buffer. Writing 1 MiB to a host file took 0.24 ms through 4 KiB, 0.14 through 16, 0.11 through 64 and 0.08 to 0.11 through 256. */
export const STAGING_BYTES = 0x1_0000;
/** The longest path in bytes: Linux's PATH_MAX. */
const MAX_PATH_BYTES = 4096;

/** A call of the interface: takes i32 as number and i64 as bigint, both with the sign that the machine gives; returns an error number. */
export type WasiCall = (...parameters: never[]) => number;
/** Calls by name. */
export type WasiCalls = Readonly<Record<string, WasiCall>>;

/** The state of one process's system interface. */
export interface WasiContext {
  readonly memory: GuestMemory;
  readonly descriptors: DescriptorTable;
  readonly clock: WasiClock;
  readonly random: WasiRandom;
  readonly args: StringBlock;
  readonly environ: StringBlock;
  readonly transfer: Transfer;
  /** Scratch space of `STAGING_BYTES`, for the duration of one call. */
  readonly staging: Uint8Array;
}

/** Throws `BadAddress` unless the guest may write the whole range. */
export function requireWritable(memory: GuestMemory, address: number, length: number): void {
  if (!memory.accessible(address, length, 'write')) throw new BadAddress(address, length);
}

/** Throws `BadAddress` unless the guest may read the whole range. */
export function requireReadable(memory: GuestMemory, address: number, length: number): void {
  if (!memory.accessible(address, length, 'read')) throw new BadAddress(address, length);
}

const pathDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a path of `length` bytes; EFAULT, ENAMETOOLONG, EILSEQ (not UTF-8), EINVAL (holds a NUL). */
export function readPath(context: WasiContext, address: number, length: number): string {
  requireReadable(context.memory, address, length);
  if (length > MAX_PATH_BYTES) throw new WasiError('ENAMETOOLONG');
  const bytes = context.staging.subarray(0, length);
  context.memory.copyIn(address, bytes);
  if (bytes.includes(0)) throw new WasiError('EINVAL');
  try {
    return pathDecoder.decode(bytes);
  } catch {
    throw new WasiError('EILSEQ');
  }
}

/** A structure on its way to the guest: filled field by field, then copied out at once. */
export class StructBuffer {
  readonly view: DataView;
  readonly #bytes: Uint8Array;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
    this.view = new DataView(this.#bytes.buffer);
  }

  copyOut(memory: GuestMemory, address: number): void {
    memory.copyOut(address, this.#bytes);
  }
}

/** Returns a u64 file position as a number; EINVAL beyond 2^53 - 1. */
export function positionFrom(value: bigint): number {
  const position = Number(BigInt.asUintN(64, value));
  if (position > Number.MAX_SAFE_INTEGER) throw new WasiError('EINVAL');
  return position;
}
