// Where the segment that begins at an address has its tag: a hash table of the given segments of one arena, chained through their tags.
//
//   hash(address / quantum) -> head -> tag -> tag -> 0        linked by word 6 of the tags
//
// An arena begins with 16 heads of its own. When there are two segments for each head the table takes frames and grows by 64 times or 4;
// when there are none the chains get longer, and nothing else changes.
// Cost: one probe or two. Source: Bonwick and Adams 2001, section 4.4.2.

import { PAGE_SHIFT, PAGE_SIZE, type Pfn } from '../../base/index.ts';
import { FrameKind } from '../../frames/index.ts';
import { LINK, startOf, type TagPool } from './tag-pool.ts';

/** Heads of a new arena, in its own structure. */
const FIRST_HEADS = 16;
/** Segments for each head, before the table grows. */
const MOST_LOAD = 2;
/** Index in the record of a frame of heads: no frame of tags has so many in use. */
const HEADS_MARK = 0xffff_ffff;

/** The given segments of one arena. */
export class BusyTable {
  readonly #pool: TagPool;
  readonly #quantum: number;
  #heads: Uint32Array = new Uint32Array(FIRST_HEADS);
  /** First frame of the heads, and how many; 0 while they are the arena's own. */
  #frame = 0;
  #frames = 0;
  #count = 0;

  constructor(pool: TagPool, quantum: number) {
    this.#pool = pool;
    this.#quantum = quantum;
  }

  /** Segments in the table. */
  get count(): number {
    return this.#count;
  }

  /** Frames of heads. */
  get frames(): number {
    return this.#frames;
  }

  /** Returns the tag of the segment that begins at `start`, or 0. */
  find(start: number): number {
    const { words } = this.#pool;
    let tag = this.#heads[this.#index(start)] as number;
    while (tag !== 0 && startOf(words, tag) !== start) tag = words[tag + LINK] as number;
    return tag;
  }

  /** Adds the segment of a tag. */
  insert(tag: number): void {
    if (this.#count >= MOST_LOAD * this.#heads.length) this.#grow();
    this.#link(tag);
    this.#count++;
  }

  /** Removes the segment of a tag that is in the table. */
  remove(tag: number): void {
    const { words } = this.#pool;
    const at = this.#index(startOf(words, tag));
    let before = 0;
    for (let each = this.#heads[at] as number; each !== tag; each = words[each + LINK] as number) before = each;
    const next = words[tag + LINK] as number;
    if (before === 0) this.#heads[at] = next;
    else words[before + LINK] = next;
    this.#count--;
  }

  /** Gives the frames back; the table is empty. */
  destroy(): void {
    this.#giveHeads();
    this.#heads = new Uint32Array(FIRST_HEADS);
  }

  /** Hashes an address: its quantum number, whose high bits count as well, by the golden ratio. */
  #index(start: number): number {
    const number = start / this.#quantum;
    const mixed = Math.imul((number ^ (number / 0x1_0000_0000)) | 0, 0x9e37_79b1);
    return (mixed >>> 12) & (this.#heads.length - 1);
  }

  #link(tag: number): void {
    const at = this.#index(startOf(this.#pool.words, tag));
    this.#pool.words[tag + LINK] = this.#heads[at] as number;
    this.#heads[at] = tag;
  }

  #grow(): void {
    const { memory, words } = this.#pool;
    const frames = Math.max(1, 4 * this.#frames);
    const first = memory.allocateRun(frames, FrameKind.vmem);
    if (first === -1) return;
    for (let i = 0; i < frames; i++) memory.table.setIndex((first + i) as Pfn, HEADS_MARK);
    const old = this.#heads;
    const start = first << (PAGE_SHIFT - 2);
    const heads = words.subarray(start, start + (frames * PAGE_SIZE) / 4).fill(0);
    this.#heads = heads;
    for (let tag of old) {
      while (tag !== 0) {
        const next = words[tag + LINK] as number;
        this.#link(tag);
        tag = next;
      }
    }
    this.#giveHeads();
    this.#frame = first;
    this.#frames = frames;
  }

  #giveHeads(): void {
    for (let i = 0; i < this.#frames; i++) this.#pool.memory.free((this.#frame + i) as Pfn);
    this.#frames = 0;
  }
}
