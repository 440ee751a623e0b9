// Memory for segments that have no pages: each lies in one piece of physical memory, so memory falls apart, and is pushed together again.
//
//   | code | . | heap . . | stack |  . . . |        place: the first hole that is large enough
//   | code | heap . . | stack |  . . . . . |        compact: everything moves down; only a segment's base changes, programs notice nothing
//
//   grow     into the hole behind it; else to another hole; else after compaction; else ENOMEM, and nothing has changed
//
//   STORE1  placements lie inside memory in order of their addresses, and none overlaps another
//   STORE2  a placement's bytes are the segment's, and its address is the segment's base
// Only segments that grow up: one that grows down would have to move its content whenever it grows.
// Cost: O(segments) for a place, and the bytes that move. Elsewhere: bounds and rights (segment.ts).

import { type Errno, invariant } from '../../base/index.ts';
import type { Segment } from './segment.ts';

/** Physical memory that segments lie in. */
export class SegmentStore {
  /** Bytes that compaction and growth have moved. */
  movedBytes = 0;
  compactions = 0;
  readonly #memory: Uint8Array;
  /** In order of their bases. */
  #placed: Segment[] = [];

  constructor(memory: Uint8Array) {
    this.#memory = memory;
  }

  /** Bytes that no segment has. */
  get freeBytes(): number {
    return this.#memory.length - this.#placed.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The largest hole, in bytes. */
  get largestHole(): number {
    return Math.max(...this.#holes().map(({ bytes }) => bytes));
  }

  /** Gives a segment a place of zeros, and its base. ENOMEM if memory has not so many bytes, even pushed together; EINVAL if it grows down. */
  place(segment: Segment): Errno | 'done' {
    if (segment.grows === 'down') return 'EINVAL';
    if (segment.bytes > this.freeBytes) return 'ENOMEM';
    const base = this.#holeOf(segment.bytes) ?? this.#compactedHole();
    this.#memory.fill(0, base, base + segment.bytes);
    segment.base = base;
    this.#insert(segment);
    return 'done';
  }

  /** Takes a segment's place back. */
  remove(segment: Segment): void {
    invariant(this.#placed.includes(segment), 'STORE1', () => `${segment.name} has no place`);
    this.#placed = this.#placed.filter((each) => each !== segment);
  }

  /** Makes a segment larger or smaller, moving it if it must; new bytes are zeros. ENOMEM if there is no room, or it may not have it. */
  resize(segment: Segment, bytes: number): Errno | 'done' {
    const before = segment.bytes;
    if (bytes - before > this.freeBytes) return 'ENOMEM';
    const outcome = segment.resize(bytes);
    if (outcome !== 'done') return outcome;
    if (bytes > before) {
      if (this.#roomOf(segment) < bytes) this.#move(segment, before);
      this.#memory.fill(0, segment.base + before, segment.base + bytes);
    }
    return 'done';
  }

  /** Pushes all segments together at the start of memory. */
  compact(): void {
    this.compactions++;
    let at = 0;
    for (const segment of this.#placed) {
      this.#copy(segment, at, segment.bytes);
      at += segment.bytes;
    }
  }

  /** Walks everything; panics at the first broken invariant. */
  check(): void {
    let end = 0;
    for (const { name, base, bytes } of this.#placed) {
      invariant(
        base >= end && base + bytes <= this.#memory.length,
        'STORE1',
        () => `${name} at ${base} begins before ${end} or ends outside`,
      );
      end = base + bytes;
    }
  }

  /** Finds a new place for a segment whose size has grown beyond its room. There are enough free bytes. */
  #move(segment: Segment, contentBytes: number): void {
    this.#placed = this.#placed.filter((each) => each !== segment);
    const hole = this.#holeOf(segment.bytes);
    if (hole !== undefined) this.#copy(segment, hole, contentBytes);
    else this.#pushApart(segment, contentBytes);
    this.#insert(segment);
  }

  /** Compacts with the grown segment last: what stood above it moves down before it, so its content is kept aside meanwhile. */
  #pushApart(segment: Segment, contentBytes: number): void {
    const content = this.#memory.slice(segment.base, segment.base + contentBytes);
    const base = this.#compactedHole();
    this.#memory.set(content, base);
    this.movedBytes += contentBytes;
    segment.base = base;
  }

  #copy(segment: Segment, to: number, bytes: number): void {
    if (segment.base === to) return;
    this.#memory.copyWithin(to, segment.base, segment.base + bytes);
    this.movedBytes += bytes;
    segment.base = to;
  }

  #insert(segment: Segment): void {
    this.#placed = [...this.#placed, segment].sort((a, b) => a.base - b.base || a.bytes - b.bytes);
  }

  /** Compacts, and returns where the one hole begins. */
  #compactedHole(): number {
    this.compact();
    const last = this.#placed.at(-1);
    return last === undefined ? 0 : last.base + last.bytes;
  }

  #roomOf(segment: Segment): number {
    const next = this.#placed[this.#placed.indexOf(segment) + 1];
    return (next?.base ?? this.#memory.length) - segment.base;
  }

  #holeOf(bytes: number): number | undefined {
    return this.#holes().find((hole) => hole.bytes >= bytes)?.base;
  }

  #holes(): { base: number; bytes: number }[] {
    const starts = [0, ...this.#placed.map(({ base, bytes }) => base + bytes)];
    return starts.map((base, at) => ({ base, bytes: (this.#placed[at]?.base ?? this.#memory.length) - base }));
  }
}
