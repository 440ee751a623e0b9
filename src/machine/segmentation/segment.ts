// Segmentation: a process's memory as segments, each from offset 0 on, with bounds, rights and perhaps a page table of its own.
//
//   logical address   | selector | offset |
//                          |          \ --- inside the bounds? ---> + base -> linear (or physical) address
//                          v                                        or, with a page table of its own: page of the segment -> frame
//     segment table   | segment 0 | segment 1 | ...      what a segment is, is the segment's; what this process may do with it, the table's
//
//   grows up     offsets [0, bytes) are inside
//   grows down   offsets [2^32 - bytes, 2^32) are: a stack; base + offset is taken modulo 2^32
//
// A segment may be in many tables (a shared library), in each with rights of its own. It grows and shrinks for all of them at once.
//
//   SEG1  a segment's references are the entries of all tables that name it
//   SEG2  0 <= bytes <= most <= 2^32
// Source: Denning, "Virtual Memory" (1970), part 1; the checks in the order in which x86 makes them (Intel SDM vol. 3, chapter 5).
// Cost: some ns for `reach`, which allocates nothing. Elsewhere: the bits of x86 (x86-descriptor.ts), memory for segments that have no
// pages (segment-store.ts).

import { type Errno, invariant } from '../../base/index.ts';
import { ACCESS_EXECUTE, ACCESS_WRITE, type Access } from '../mmu/fault.ts';

/** Loads are allowed. */
export const SEGMENT_READ = 1;
/** Stores are allowed. */
export const SEGMENT_WRITE = 2;
/** Instructions may be fetched. */
export const SEGMENT_EXECUTE = 4;

/** No entry of the table has that selector. */
export const SEGMENT_MISSING = -1;
/** The access needs a right that the entry does not give. */
export const SEGMENT_RIGHT = -2;
/** The segment is for a more privileged mode. */
export const SEGMENT_PRIVILEGE = -3;
/** The segment is not in memory. */
export const SEGMENT_NOT_PRESENT = -4;
/** Some byte of the access lies outside the segment. */
export const SEGMENT_LIMIT = -5;

/** Offsets are below this. */
export const OFFSET_LIMIT = 2 ** 32;

/** What a segment is made with. */
export interface SegmentSettings {
  readonly name: string;
  /** Linear address of offset 0. */
  readonly base: number;
  readonly bytes: number;
  /** Bytes to which it may grow. Default: as far as offsets go. */
  readonly most?: number;
  readonly grows: 'up' | 'down';
  /** Offsets are below this: of a 16-bit x86 stack 2^16, else 2^32. */
  readonly offsets?: number;
}

/** A stretch of memory with bounds. */
export class Segment {
  readonly name: string;
  readonly grows: 'up' | 'down';
  readonly offsets: number;
  /** Linear address of offset 0: changed by who moves the segment. */
  base: number;
  presence: 'present' | 'absent' = 'present';
  /** Entries of tables that name it (SEG1). */
  references = 0;
  readonly #most: number;
  #bytes: number;

  /** Panics (SEG2) for a size that cannot be. */
  constructor({ name, base, bytes, grows, offsets = OFFSET_LIMIT, most = offsets }: SegmentSettings) {
    invariant(bytes >= 0 && bytes <= most && most <= offsets, 'SEG2', () => `${name}: ${bytes} bytes, at most ${most}`);
    this.name = name;
    this.base = base;
    this.grows = grows;
    this.offsets = offsets;
    this.#most = most;
    this.#bytes = bytes;
  }

  /** Bytes inside the bounds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The lowest offset inside. */
  get first(): number {
    return this.grows === 'up' ? 0 : this.offsets - this.#bytes;
  }

  /** Grows or shrinks to `bytes`. ENOMEM beyond what it may have, EINVAL for no size; then nothing has changed. */
  resize(bytes: number): Errno | 'done' {
    if (!Number.isSafeInteger(bytes) || bytes < 0) return 'EINVAL';
    if (bytes > this.#most) return 'ENOMEM';
    this.#bytes = bytes;
    return 'done';
  }
}

/** What a process may do with a segment. */
export interface SegmentEntry {
  readonly segment: Segment;
  /** `SEGMENT_READ`, `SEGMENT_WRITE`, `SEGMENT_EXECUTE`, together. */
  readonly rights: number;
  /** The least privileged mode that may use it, 0 (kernel) to 3. */
  readonly privilege: number;
}

/** The segments of one process, by selector: 0, 1, 2, ... */
export class SegmentTable {
  readonly #entries: (SegmentEntry | undefined)[];

  /** @param room selectors that there are */
  constructor(room: number) {
    this.#entries = new Array<SegmentEntry | undefined>(room).fill(undefined);
  }

  /** Selectors that there are. */
  get room(): number {
    return this.#entries.length;
  }

  /** Returns the entry of a selector, if it has one. */
  find(selector: number): SegmentEntry | undefined {
    return this.#entries[selector];
  }

  /** Puts a segment under a free selector, the lowest by default. EEXIST if it is taken, EINVAL if there is none such, ENOMEM if all are. */
  attach(entry: SegmentEntry, selector: number = this.#entries.indexOf(undefined)): number | Errno {
    if (selector === -1) return 'ENOMEM';
    if (!(Number.isInteger(selector) && selector >= 0 && selector < this.room)) return 'EINVAL';
    if (this.#entries[selector] !== undefined) return 'EEXIST';
    this.#entries[selector] = entry;
    entry.segment.references++;
    return selector;
  }

  /** Takes a segment out, and returns it: nobody has it any more if its references are 0. EINVAL if there is none. */
  detach(selector: number): Segment | Errno {
    const entry = this.#entries[selector];
    if (entry === undefined) return 'EINVAL';
    this.#entries[selector] = undefined;
    entry.segment.references--;
    return entry.segment;
  }

  /** Gives a process other rights to a segment; other processes keep theirs. EINVAL if there is no such segment. */
  protect(selector: number, rights: number): Errno | 'done' {
    const entry = this.#entries[selector];
    if (entry === undefined) return 'EINVAL';
    this.#entries[selector] = { ...entry, rights };
    return 'done';
  }

  /** Makes the table of a child that shares every segment. */
  share(): SegmentTable {
    const child = new SegmentTable(this.room);
    this.#entries.forEach((entry, selector) => {
      if (entry !== undefined) child.attach(entry, selector);
    });
    return child;
  }

  /**
   * Returns the linear address of an access, or a negative `SEGMENT_...` fault.
   * @param bytes of the access, at least 1: all of them have to be inside
   * @param privilege of who tries it, 0 (kernel) to 3
   */
  reach(selector: number, offset: number, bytes: number, access: Access, privilege = 3): number {
    const entry = this.#entries[selector];
    if (entry === undefined) return SEGMENT_MISSING;
    const { segment } = entry;
    if (privilege > entry.privilege) return SEGMENT_PRIVILEGE;
    if (segment.presence === 'absent') return SEGMENT_NOT_PRESENT;
    const needed = access === ACCESS_WRITE ? SEGMENT_WRITE : access === ACCESS_EXECUTE ? SEGMENT_EXECUTE : SEGMENT_READ;
    if ((entry.rights & needed) === 0) return SEGMENT_RIGHT;
    const first = segment.first;
    if (offset < first || offset + bytes > first + segment.bytes) return SEGMENT_LIMIT;
    return (segment.base + offset) % OFFSET_LIMIT;
  }

  /** Adds the references of this table's entries to `counts`, which a check compares with the segments' own (SEG1). */
  count(counts: Map<Segment, number>): void {
    for (const entry of this.#entries) {
      if (entry !== undefined) counts.set(entry.segment, (counts.get(entry.segment) ?? 0) + 1);
    }
  }
}

/** Panics (SEG1) if segments have other references than the entries of all tables that there are. */
export function checkSegments(tables: readonly SegmentTable[]): void {
  const counts = new Map<Segment, number>();
  for (const table of tables) table.count(counts);
  for (const [{ name, references }, count] of counts) {
    invariant(references === count, 'SEG1', () => `${name} has ${references} references, and ${count} entries name it`);
  }
}
