// memcpy, memmove, memset, memcmp, memchr and strlen of a process's memory: C's functions of <string.h>, through its address space.
//
//   | page | page | page |        each step is a run: the bytes up to the nearest page end of any range in it. Its pages are brought in as
//     ^==run=^==run==^=run^       the program's own loads and stores would bring them in, and the bytes are moved in RAM at once.
//
// What holds, as if the bytes were accessed one by one in order (memmove onto higher addresses: from the last to the first):
//   MF1  a fault names the first byte that cannot be accessed; where source and destination both cannot, the source, since it is read first
//   MF2  everything before that byte is done, and nothing at or after it
//   MF3  what lies behind the answer is not touched: memcmp behind a difference, memchr and strlen behind the byte that they look for
// Each function has a form that does one run and tells how long it was, for callers that go on after a fault was mended
// (scripts/access-calls.ts). Source: ISO C 7.26. Cost: a TLB look-up per page and range; the bytes at the engine's own speed.

import { PAGE_MASK, PAGE_SIZE } from '../base/index.ts';
import { FaultOutcome, type Machine } from '../system/index.ts';
import { GuestFault } from './guest-fault.ts';

/** What the functions need of a process. */
export interface GuestMemory {
  readonly machine: Pick<Machine, 'ram'>;
  /** Returns the physical address of the byte at `address`, its page brought in. Throws `GuestFault`. */
  translate(address: number, access: 0 | 1): number;
}

const ADDRESS_END = 0x1_0000_0000;

/** Bytes from `at` to the end of its page, at most `limit`. */
export const runLength = (at: number, limit: number): number => Math.min(limit, PAGE_SIZE - (at & PAGE_MASK));
/** The same backwards from `end`. */
const runLengthBefore = (end: number, limit: number): number => Math.min(limit, ((end - 1) & PAGE_MASK) + 1);

/** Copies as if through a buffer. The ranges may overlap. Throws `GuestFault`. */
export function memmove(process: GuestMemory, to: number, from: number, size: number): void {
  for (let done = 0; done < size; ) done += moveRun(process, to, from, size, done);
}

/** Copies; ranges that overlap, which C leaves undefined, are copied as by `memmove`. Throws `GuestFault`. */
export function memcpy(process: GuestMemory, to: number, from: number, size: number): void {
  memmove(process, to, from, size);
}

/** Sets every byte to the low byte of `value`. Throws `GuestFault`. */
export function memset(process: GuestMemory, at: number, value: number, size: number): void {
  for (let done = 0; done < size; ) done += fillRun(process, at, value, size, done);
}

/** Returns 0 if the ranges are equal, else the difference of the first two bytes that differ. Throws `GuestFault`. */
export function memcmp(process: GuestMemory, a: number, b: number, size: number): number {
  for (let done = 0; done < size; ) {
    const step = compareRun(process, a, b, size, done);
    if (step.difference !== 0) return step.difference;
    done += step.run;
  }
  return 0;
}

/** Returns the address of the first byte of [at, at + size) that is the low byte of `value`, or -1. Throws `GuestFault`. */
export function memchr(process: GuestMemory, at: number, value: number, size: number): number {
  for (let done = 0; done < size; ) {
    const { found, run } = findRun(process, at, value, size, done);
    if (found >= 0) return found;
    done += run;
  }
  return -1;
}

/** Returns the number of bytes before the first 0 byte at or after `at`. Throws `GuestFault` if memory ends before. */
export function strlen(process: GuestMemory, at: number): number {
  return memchr(process, at, 0, Number.POSITIVE_INFINITY) - at;
}

/** Does the next run of a memmove of which `done` bytes are done. Returns its length. Throws `GuestFault`, and then it did nothing. */
export function moveRun(process: GuestMemory, to: number, from: number, size: number, done: number): number {
  const left = size - done;
  if (to > from && to < from + size) return moveRunBefore(process, to + left, from + left, left);
  const run = runLength(to + done, runLength(from + done, left));
  moveWithin(process, to + done, from + done, 0, run);
  return run;
}

/** Moves the longest run that ends at `fromEnd` and stays in one page on both sides: its last byte is accessed first. */
function moveRunBefore(process: GuestMemory, toEnd: number, fromEnd: number, limit: number): number {
  const run = runLengthBefore(toEnd, runLengthBefore(fromEnd, limit));
  moveWithin(process, toEnd - 1, fromEnd - 1, run - 1, run);
  return run;
}

/** Moves `run` bytes of one page; `to` and `from` are their bytes number `offset`. */
function moveWithin(process: GuestMemory, to: number, from: number, offset: number, run: number): void {
  place(process, from, 0);
  const target = place(process, to, 1);
  // Bringing the destination in cannot have evicted the source (it is held), but may have replaced its frame (a copy-on-write page in both).
  const source = place(process, from, 0);
  process.machine.ram.bytes.copyWithin(target - offset, source - offset, source - offset + run);
}

/** Does the next run of a memset, as `moveRun`. */
export function fillRun(process: GuestMemory, at: number, value: number, size: number, done: number): number {
  const run = runLength(at + done, size - done);
  const physical = place(process, at + done, 1);
  process.machine.ram.bytes.fill(value, physical, physical + run);
  return run;
}

/** Compares the next run of a memcmp. Returns its length and the difference of the first bytes in it that differ, or 0. Throws `GuestFault`. */
export function compareRun(process: GuestMemory, a: number, b: number, size: number, done: number): { run: number; difference: number } {
  const run = runLength(a + done, runLength(b + done, size - done));
  place(process, a + done, 0);
  const right = place(process, b + done, 0);
  const left = place(process, a + done, 0);
  const { bytes } = process.machine.ram;
  for (let i = 0; i < run; i++) {
    const difference = (bytes[left + i] as number) - (bytes[right + i] as number);
    if (difference !== 0) return { run, difference };
  }
  return { run, difference: 0 };
}

/** Looks for a byte in the next run of a memchr. Returns the run's length and the byte's address, or -1. Throws `GuestFault`. */
export function findRun(process: GuestMemory, at: number, value: number, size: number, done: number): { run: number; found: number } {
  const run = runLength(at + done, size - done);
  const physical = place(process, at + done, 0);
  const index = process.machine.ram.bytes.subarray(physical, physical + run).indexOf(value & 0xff);
  return { run, found: index < 0 ? -1 : at + done + index };
}

/** Returns where the byte is in RAM, its page brought in. What is no address faults like one that is not mapped. */
function place(process: GuestMemory, address: number, access: 0 | 1): number {
  if (Number.isSafeInteger(address) && address >= 0 && address < ADDRESS_END) return process.translate(address, access);
  throw new GuestFault(FaultOutcome.unmapped, address, 1, access === 1 ? 'write' : 'read');
}
