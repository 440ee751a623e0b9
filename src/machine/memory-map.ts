// The boot memory map: what the firmware says about physical memory, made fit for use.
//
//   firmware   | usable        |reserved|  usable    |      | mmio ...      byte ranges, any order, overlapping, odd bounds
//   normalized | usable      | reserved   | usable | reserved |             frame ranges, sorted, disjoint, covering RAM
//
//   MM1  the result covers [0, frames of RAM) without gap or overlap, and neighbours differ in kind
//   MM2  a frame is usable only if every byte of it is listed as usable and no byte as anything else
//
// Usable memory is joined byte by byte and then shrinks to whole frames; everything else grows to whole frames. Where ranges
// overlap, the more restrictive kind wins. What no range lists is reserved, as on a PC. Ranges above RAM are cut off: firmware
// lists device memory there. Cost: O(frames + ranges log ranges) time and one byte per frame, at boot only.

import { PAGE_SIZE, type Pfn, pfn, UsageError } from '../base/index.ts';

/** What memory is good for, from the least to the most restrictive: the later wins where ranges overlap. */
export const MEMORY_KINDS = ['usable', 'permanent', 'reserved', 'mmio', 'bad'] as const;

/**
 * What memory is good for. `usable`: frames to hand out; `permanent`: holds something for ever (a kernel image);
 * `reserved`: the firmware's; `mmio`: device registers; `bad`: failed its test.
 */
export type MemoryKind = (typeof MEMORY_KINDS)[number];

/** One line of a boot memory map: the bytes [start, end). */
export interface MemoryRange {
  readonly start: number;
  readonly end: number;
  readonly kind: MemoryKind;
}

/** Frames [first, end) of one kind. */
export interface FrameRange {
  readonly first: Pfn;
  readonly end: Pfn;
  readonly kind: MemoryKind;
}

/**
 * Turns a boot memory map into sorted, disjoint frame ranges that cover RAM (MM1, MM2).
 * @param ramBytes size of RAM; a last partial frame is not used.
 * Empty ranges count for nothing. Throws `UsageError` for a range that is no range (a bound that is not a non-negative
 * integer, start above end, an unknown kind) and for a map that leaves no usable frame.
 */
export function normalizeMemoryMap(ranges: readonly MemoryRange[], ramBytes: number): FrameRange[] {
  ranges.forEach(checkRange);
  const frameCount = Math.floor(ramBytes / PAGE_SIZE);
  const kinds = new Uint8Array(frameCount).fill(MEMORY_KINDS.indexOf('reserved'));
  for (const { start, end } of joinUsable(ranges)) {
    kinds.fill(MEMORY_KINDS.indexOf('usable'), Math.ceil(start / PAGE_SIZE), Math.floor(end / PAGE_SIZE));
  }
  for (const kind of MEMORY_KINDS.slice(1)) {
    for (const { start, end } of ranges.filter((range) => range.kind === kind && range.start < range.end)) {
      kinds.fill(MEMORY_KINDS.indexOf(kind), Math.floor(start / PAGE_SIZE), Math.ceil(end / PAGE_SIZE));
    }
  }
  const frames = runsOf(kinds);
  if (!frames.some((range) => range.kind === 'usable')) {
    throw new UsageError(
      `the memory map has no usable frame of ${PAGE_SIZE} bytes below ${ramBytes} bytes of RAM; list a larger usable range`,
    );
  }
  return frames;
}

function checkRange(range: MemoryRange, position: number): void {
  const { start, end, kind } = range;
  const where = `memory map range ${position} (${kind} ${start} to ${end})`;
  if (!Number.isSafeInteger(start) || start < 0 || !Number.isSafeInteger(end) || end < 0) {
    throw new UsageError(`${where} has a bound that is not a non-negative integer; give bytes below 2^53`);
  }
  if (start > end) throw new UsageError(`${where} starts above its end; give start <= end`);
  if (!MEMORY_KINDS.includes(kind)) throw new UsageError(`${where} has an unknown kind; use one of ${MEMORY_KINDS.join(', ')}`);
}

/** Joins touching and overlapping usable ranges, so that a frame made of two of them stays usable. */
function joinUsable(ranges: readonly MemoryRange[]): { start: number; end: number }[] {
  const joined: { start: number; end: number }[] = [];
  const usable = ranges.filter((range) => range.kind === 'usable' && range.start < range.end);
  for (const { start, end } of usable.sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

/** Run-length encodes the kind of each frame. */
function runsOf(kinds: Uint8Array): FrameRange[] {
  const runs: FrameRange[] = [];
  for (let first = 0; first < kinds.length; ) {
    const kind = kinds[first]!;
    let end = first + 1;
    while (end < kinds.length && kinds[end] === kind) end++;
    runs.push({ first: pfn(first), end: pfn(end), kind: MEMORY_KINDS[kind]! });
    first = end;
  }
  return runs;
}
