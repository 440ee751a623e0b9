// Boundary tags: records of 32 bytes in RAM, for the segments of all arenas (vmem.ts). They come from frames and not from the kernel heap,
// since a kernel heap may itself be built on an arena.
//
//   word 0, 1   start, kind | 2, 3   size | 4, 5   neighbours in the arena | 6, 7   links of a free list, or of a chain of the hash table
//
//   a frame        | tag | tag | tag | ... 128        a free tag: [ next free tag | 0 | ... ]
//   frame table    owner   first free tag, as an index of RAM's words; 0 = none
//   of the frame   index   tags in use
//                  next, previous   the list of frames that have a free tag
//
// What needs tags asks for them before it changes anything (`reserve`), so a request for memory never comes in the middle of a change: the
// first frame is taken when the pool is made, and from then on nothing that an arena does on its way needs an arena. Giving needs no memory.
//
//   TP1  tags in use + free tags = 128 for each frame; a frame is listed exactly if it has a free tag
//   TP2  the frames of the pool are those of kind vmem
// Cost: take and give a few ns. Source: Bonwick and Adams 2001, section 4.4.5.

import { invariant, PAGE_SHIFT, type Pfn, pfn } from '../../base/index.ts';
import { FrameKind, type FrameTable, type PhysicalMemory } from '../../frames/index.ts';

/** log2 of the words of a tag. */
const TAG_SHIFT = 3;
/** Tags of a frame. */
const TAGS = 1 << (PAGE_SHIFT - 2 - TAG_SHIFT);
/** Words of a frame, as a shift. */
const FRAME_WORDS_SHIFT = PAGE_SHIFT - 2;
/** Free tags that stay when an empty frame is given back, so that the next request does not take it again. */
const KEPT_TAGS = TAGS / 2;

/** Words of a tag: where its segment begins and what it is, its size, its neighbours in its arena, and the links of the list it is on. */
export const START = 0;
export const START_HIGH = 1;
export const SIZE = 2;
const SIZE_HIGH = 3;
export const NEXT = 4;
export const PREVIOUS = 5;
export const LINK = 6;
export const BACK_LINK = 7;
/** The kind of a tag is above the 21 high bits of its start. */
const KIND_SHIFT = 24;
const HIGH_MASK = 0x1f_ffff;
const HIGH = 0x1_0000_0000;

/** Returns where the segment of a tag begins. */
export function startOf(words: Uint32Array, tag: number): number {
  return (words[tag + START] as number) + ((words[tag + START_HIGH] as number) & HIGH_MASK) * HIGH;
}

/** Returns the size of the segment of a tag. */
export function sizeOf(words: Uint32Array, tag: number): number {
  return (words[tag + SIZE] as number) + (words[tag + SIZE_HIGH] as number) * HIGH;
}

/** Returns what a tag is for, a number of the arena's; 0 for a free one. */
export function kindOf(words: Uint32Array, tag: number): number {
  return (words[tag + START_HIGH] as number) >>> KIND_SHIFT;
}

/** Writes where a segment begins, and what it is. */
export function setStart(words: Uint32Array, tag: number, start: number, kind: number): void {
  words[tag + START] = start;
  words[tag + START_HIGH] = Math.floor(start / HIGH) | (kind << KIND_SHIFT);
}

/** Writes what a tag is for. */
export function setKind(words: Uint32Array, tag: number, kind: number): void {
  words[tag + START_HIGH] = ((words[tag + START_HIGH] as number) & HIGH_MASK) | (kind << KIND_SHIFT);
}

/** Writes the size of a segment. */
export function setSize(words: Uint32Array, tag: number, size: number): void {
  words[tag + SIZE] = size;
  words[tag + SIZE_HIGH] = Math.floor(size / HIGH);
}

/** The tags of one machine. A tag is the index of its first word in RAM's words; 0 is none. Made by `TagPool.create`. */
export class TagPool {
  /** RAM, where the tags are. */
  readonly words: Uint32Array;
  /** Where arenas take frames for their own records. */
  readonly memory: PhysicalMemory;
  readonly #table: FrameTable;
  /** First frame with a free tag. */
  #open = 0;
  #free = 0;
  #frames = 0;

  private constructor(memory: PhysicalMemory) {
    this.memory = memory;
    this.words = memory.ram.words;
    this.#table = memory.table;
  }

  /** Makes a pool with its first frame. Returns ENOMEM if there is none. */
  static create(memory: PhysicalMemory): TagPool | 'ENOMEM' {
    const pool = new TagPool(memory);
    return pool.#open !== 0 || pool.reserve(1) ? pool : 'ENOMEM';
  }

  /** Frames of tags. */
  get frames(): number {
    return this.#frames;
  }

  /** Tags in use. */
  get used(): number {
    return this.#frames * TAGS - this.#free;
  }

  /** Makes sure that the next `count` calls of `take` find a tag. Returns false, with nothing lost, if there is no frame for them. */
  reserve(count: number): boolean {
    while (this.#free < count) {
      const frame = this.memory.allocate(FrameKind.vmem);
      if (frame === -1) return false;
      this.#cut(frame);
    }
    return true;
  }

  /** Takes a tag; its words are anything. One must have been reserved: panics (TP1) if none is free. */
  take(): number {
    const frame = this.#open as Pfn;
    invariant(frame !== 0, 'TP1', () => 'a tag is taken that was not reserved');
    const tag = this.#table.owner(frame);
    const next = this.words[tag] as number;
    this.#table.setOwner(frame, next);
    this.#table.setIndex(frame, this.#table.index(frame) + 1);
    this.#free--;
    if (next === 0) this.#unlist(frame);
    return tag;
  }

  /** Takes a tag back. */
  give(tag: number): void {
    const frame = (tag >>> FRAME_WORDS_SHIFT) as Pfn;
    const first = this.#table.owner(frame);
    this.words[tag] = first;
    this.words[tag + 1] = 0;
    this.#table.setOwner(frame, tag);
    const used = this.#table.index(frame) - 1;
    this.#table.setIndex(frame, used);
    this.#free++;
    if (first === 0) this.#list(frame);
    if (used === 0 && this.#free - TAGS >= KEPT_TAGS) this.#release(frame);
  }

  /** Gives the frames back. Panics (TP1) while a tag is in use. */
  destroy(): void {
    invariant(this.used === 0, 'TP1', () => `${this.used} tags are in use`);
    while (this.#open !== 0) this.#release(this.#open as Pfn);
  }

  /** Walks all frames; panics at the first broken invariant. */
  check(): void {
    let [frames, free] = [0, 0];
    for (let frame = 1; frame < this.#table.count; frame++) {
      if (this.#table.kind(pfn(frame)) !== FrameKind.vmem || this.#table.index(pfn(frame)) > TAGS) continue;
      frames++;
      let own = 0;
      for (let tag = this.#table.owner(pfn(frame)); tag !== 0 && own <= TAGS; tag = this.words[tag] as number) {
        invariant(tag >>> FRAME_WORDS_SHIFT === frame && tag % (1 << TAG_SHIFT) === 0, 'TP1', () => `frame ${frame} lists the tag ${tag}`);
        own++;
      }
      const used = this.#table.index(pfn(frame));
      invariant(own + used === TAGS, 'TP1', () => `frame ${frame} has ${used} tags in use and ${own} free`);
      free += own;
    }
    invariant(
      frames === this.#frames && free === this.#free,
      'TP2',
      () => `${frames} of ${this.#frames} frames, ${free} of ${this.#free} free tags`,
    );
    let listed = 0;
    for (let frame = this.#open; frame !== 0; frame = this.#table.next(frame as Pfn)) listed += TAGS - this.#table.index(frame as Pfn);
    invariant(listed === this.#free, 'TP1', () => `the listed frames have ${listed} free tags, all have ${this.#free}`);
  }

  /** Threads the free list through a fresh frame, lowest address first. */
  #cut(frame: Pfn): void {
    const first = frame << FRAME_WORDS_SHIFT;
    for (let i = 0; i < TAGS; i++) {
      const tag = first + (i << TAG_SHIFT);
      this.words[tag] = i + 1 < TAGS ? tag + (1 << TAG_SHIFT) : 0;
      this.words[tag + 1] = 0;
    }
    this.#table.setOwner(frame, first);
    this.#frames++;
    this.#free += TAGS;
    this.#list(frame);
  }

  #release(frame: Pfn): void {
    this.#unlist(frame);
    this.memory.free(frame);
    this.#frames--;
    this.#free -= TAGS;
  }

  #list(frame: Pfn): void {
    this.#table.setNext(frame, this.#open);
    this.#table.setPrevious(frame, 0);
    if (this.#open !== 0) this.#table.setPrevious(this.#open as Pfn, frame);
    this.#open = frame;
  }

  #unlist(frame: Pfn): void {
    const [next, previous] = [this.#table.next(frame), this.#table.previous(frame)];
    if (previous === 0) this.#open = next;
    else this.#table.setNext(previous as Pfn, next);
    if (next !== 0) this.#table.setPrevious(next as Pfn, previous);
    this.#table.setNext(frame, 0);
    this.#table.setPrevious(frame, 0);
  }
}
