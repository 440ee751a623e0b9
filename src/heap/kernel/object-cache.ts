// Object caches: each keeps objects of one kind, in slabs of a few frames, ready for the next who asks.
//
//   slab of two frames   | colour | object | object | object | ... | object | rest |
//                         0, 16, 32, ... bytes: the next slab's objects fall on other lines of the processor's cache
//
//   a free object        without a constructor   | next free | poison |  .........  |
//                        with one                |  its constructed state  | next free | poison |
//
//   frame table          of the slab's first frame                                        of the others
//     owner              address of the first free object, 0 = none                       the first frame
//     index              [ tail : 1 | cache : 8 | colour / 16 : 6 | frames - 1 : 3 | used : 12 ]   tail = 1
//     next, previous     neighbours on the cache's list of partial or of empty slabs      0
//
// A constructor runs once for each object when its slab is made, a destructor when the slab's frames go back; in between whoever frees an
// object leaves it in its constructed state, and the next owner finds it so. Only then does the link have words of its own behind the object.
// A slab is as small as wastes no more than an eighth, up to eight frames in a row; where RAM has no such run, one frame does.
//
// Invariants (quoted by `check`):
//   OC1  used + length of the free list = objects of the slab; free objects are distinct and lie where objects do
//   OC2  a slab is on its cache's partial list exactly if 0 < used < all, on its empty list exactly if used = 0
//   OC3  the frames behind a slab's first name it, and are as many as it says
// A free object that was written where its link is: KH3. An address that is no given object of the cache: KH4.
//
// Cost: allocate and free O(1), no JS objects. Empty slabs stay until `reap`.
// Source: Bonwick 1994, "The Slab Allocator: An Object-Caching Kernel Memory Allocator".

import { invariant, KernelPanic, PAGE_SIZE, type Pfn, pfn } from '../../base/index.ts';
import { FrameKind, type FrameTable, type PhysicalMemory } from '../../frames/index.ts';
import { poisonOf } from './kernel-heap.ts';
import { GRAIN, MAX_BLOCK } from './size-classes.ts';

/** What a cache keeps. */
export interface ObjectCacheOptions {
  /** For reports and panics. */
  readonly name: string;
  /** Bytes of an object, 1 to 4096; with a constructor 8 less. */
  readonly size: number;
  /** Addresses are multiples of it: a power of two from 16 to 4096; default 16. */
  readonly alignment?: number;
  /** Brings a new object into its first state, and the memory of one that is no more out of it. */
  readonly construct?: (address: number) => void;
  readonly destruct?: (address: number) => void;
}

/** Most frames of a slab, and the share of it that may hold no object: Bonwick's. */
const MOST_FRAMES = 8;
const LEAST_USE = 7 / 8;
/** Caches of one memory: their numbers have 8 bits. */
const MOST_CACHES = 256;
/** Bytes of a free object's link: the next one, and the poison. */
const LINK_BYTES = 8;

const USED_MASK = 0xfff;
const FRAMES_SHIFT = 12;
const FRAMES_MASK = 7;
const COLOUR_SHIFT = 15;
const COLOUR_MASK = 63;
const CACHE_SHIFT = 21;
const CACHE_MASK = 0xff;
const TAIL = 1 << 29;

/** Returns how many frames a slab of objects `stride` bytes apart has. */
function framesFor(stride: number): number {
  for (let frames = 1; frames < MOST_FRAMES; frames++) {
    const bytes = frames * PAGE_SIZE;
    if (bytes - (bytes % stride) >= LEAST_USE * bytes) return frames;
  }
  return MOST_FRAMES;
}

/** All object caches over one memory's frames. They take all frames of kind kernelHeap for theirs. */
export class ObjectCaches {
  readonly memory: PhysicalMemory;
  readonly #caches: ObjectCache[] = [];
  readonly #tookFrames: (count: number) => void;

  /** @param tookFrames is told of frames taken, and of those given back as less than none */
  constructor(memory: PhysicalMemory, tookFrames: (count: number) => void = () => {}) {
    this.memory = memory;
    this.#tookFrames = tookFrames;
  }

  /** Makes a cache. Panics (OC1) for a size, an alignment or a number of caches beyond its limits. */
  create(options: ObjectCacheOptions): ObjectCache {
    invariant(this.#caches.length < MOST_CACHES, 'OC1', () => `more than ${MOST_CACHES} caches`);
    const cache = new ObjectCache(this.memory, this.#caches.length, options, this.#tookFrames);
    this.#caches.push(cache);
    return cache;
  }

  /** All of them, in the order in which they were made. */
  get all(): readonly ObjectCache[] {
    return this.#caches;
  }

  /** Returns the cache in whose slabs `address` lies. */
  find(address: number): ObjectCache | undefined {
    const { table } = this.memory;
    const frame = address >>> 12;
    if (!(frame > 0 && frame < table.count) || table.kind(pfn(frame)) !== FrameKind.kernelHeap) return undefined;
    const slab = slabOf(table, frame);
    return this.#caches[(table.index(slab) >>> CACHE_SHIFT) & CACHE_MASK];
  }

  /** Gives the frames of all empty slabs back. Returns how many. */
  reap(): number {
    let frames = 0;
    for (const cache of this.#caches) frames += cache.reap();
    return frames;
  }

  /** Walks every slab and list; panics at the first broken invariant. */
  check(): void {
    const { table } = this.memory;
    for (const cache of this.#caches) cache.beginCheck();
    let frames = 0;
    for (let frame = 1; frame < table.count; frame += Math.max(1, frames)) {
      frames = 0;
      if (table.kind(pfn(frame)) !== FrameKind.kernelHeap) continue;
      const cache = this.find(frame * PAGE_SIZE);
      if (cache === undefined) throw new KernelPanic('OC3', `frame ${frame} is of no cache`);
      frames = cache.checkSlab(pfn(frame));
    }
    for (const cache of this.#caches) cache.endCheck();
  }
}

/** Returns the first frame of the slab that a frame is in. */
function slabOf(table: FrameTable, frame: number): Pfn {
  return (table.index(pfn(frame)) & TAIL) === 0 ? pfn(frame) : pfn(table.owner(pfn(frame)));
}

/** One cache. Made by `ObjectCaches`. */
export class ObjectCache {
  readonly name: string;
  /** Bytes of an object, as it is used: a multiple of 16. */
  readonly objectBytes: number;
  readonly #memory: PhysicalMemory;
  readonly #table: FrameTable;
  readonly #words: Uint32Array;
  readonly #id: number;
  readonly #stride: number;
  /** Words from an object to its link. */
  readonly #link: number;
  readonly #alignment: number;
  /** By frames of a slab: bytes of its objects. */
  readonly #spans: Int32Array;
  readonly #frames: number;
  readonly #construct: ((address: number) => void) | undefined;
  readonly #destruct: ((address: number) => void) | undefined;
  readonly #tookFrames: (count: number) => void;
  #partial = 0;
  #empty = 0;
  #nextColour = 0;
  #used = 0;
  #found = { used: 0, partial: 0, empty: 0 };

  constructor(memory: PhysicalMemory, id: number, options: ObjectCacheOptions, tookFrames: (count: number) => void) {
    const { name, size, alignment = GRAIN, construct, destruct } = options;
    const isConstructed = construct !== undefined;
    const isPossible =
      size >= 1 &&
      size + (isConstructed ? LINK_BYTES : 0) <= MAX_BLOCK &&
      alignment >= GRAIN &&
      alignment <= PAGE_SIZE &&
      (alignment & (alignment - 1)) === 0;
    invariant(isPossible, 'OC1', () => `cache ${name}: no objects of ${size} bytes at multiples of ${alignment}`);
    this.name = name;
    this.objectBytes = Math.ceil(size / GRAIN) * GRAIN;
    this.#link = isConstructed ? Math.ceil(size / LINK_BYTES) * (LINK_BYTES / 4) : 0;
    this.#stride = Math.ceil((isConstructed ? this.#link * 4 + LINK_BYTES : size) / alignment) * alignment;
    this.#memory = memory;
    this.#table = memory.table;
    this.#words = memory.ram.words;
    this.#id = id;
    this.#alignment = alignment;
    this.#spans = Int32Array.from({ length: MOST_FRAMES + 1 }, (_, frames) => {
      const bytes = frames * PAGE_SIZE;
      return bytes - (bytes % this.#stride);
    });
    this.#frames = framesFor(this.#stride);
    this.#construct = construct;
    this.#destruct = destruct;
    this.#tookFrames = tookFrames;
  }

  /** Objects given. */
  get used(): number {
    return this.#used;
  }

  /** Tells whether an object can be given without another frame. */
  get hasFree(): boolean {
    return this.#partial !== 0 || this.#empty !== 0;
  }

  /** Gives an object: as its constructor or its last owner left it, but for the link of a cache without constructor. Returns 0 when no frame is left. */
  allocate(): number {
    const slab = pfn(this.#partial || this.#openSlab());
    if (slab === 0) return 0;
    const table = this.#table;
    const object = table.owner(slab);
    this.expectPoison(object);
    const next = this.#words[(object >>> 2) + this.#link] as number;
    table.setOwner(slab, next);
    table.setIndex(slab, table.index(slab) + 1);
    this.#used++;
    if (next === 0) this.#partial = this.#unlink(slab, this.#partial);
    return object;
  }

  /** Takes an object back, in its constructed state. The caller knows that it is one (`expectGiven`). */
  free(object: number): void {
    const table = this.#table;
    const slab = slabOf(table, object >>> 12);
    const first = table.owner(slab);
    this.mark(object);
    this.#words[(object >>> 2) + this.#link] = first;
    table.setOwner(slab, object);
    const header = table.index(slab) - 1;
    table.setIndex(slab, header);
    this.#used--;
    if (first === 0) this.#partial = this.#insert(slab, this.#partial);
    if ((header & USED_MASK) !== 0) return;
    this.#partial = this.#unlink(slab, this.#partial);
    this.#empty = this.#insert(slab, this.#empty);
  }

  /** Marks an object as free. */
  mark(object: number): void {
    this.#words[(object >>> 2) + this.#link + 1] = poisonOf(object);
  }

  /** Tells whether an object is marked as free. One that is given may look so by chance. */
  isMarked(object: number): boolean {
    return this.#words[(object >>> 2) + this.#link + 1] === poisonOf(object);
  }

  /** Panics (KH3) if a free object has lost its mark. */
  expectPoison(object: number): void {
    if (!this.isMarked(object)) throw new KernelPanic('KH3', `${this.name}: the object at ${object} was written after it was freed`);
  }

  /** Panics (KH4) unless `address` is where an object of this cache lies that is not free in its slab. */
  expectGiven(address: number): void {
    if (!this.#isPlace(address)) throw new KernelPanic('KH4', `${this.name}: no object begins at ${address}`);
    if (this.isMarked(address) && this.#isOnFreeList(address)) {
      throw new KernelPanic('KH4', `${this.name}: the object at ${address} is freed twice`);
    }
  }

  #isPlace(address: number): boolean {
    const table = this.#table;
    const frame = pfn(address >>> 12);
    if (!(frame > 0 && frame < table.count) || table.kind(frame) !== FrameKind.kernelHeap) return false;
    const slab = slabOf(table, frame);
    const header = table.index(slab);
    const offset = address - slab * PAGE_SIZE - colourOf(header);
    const isOfCache = ((header >>> CACHE_SHIFT) & CACHE_MASK) === this.#id;
    return isOfCache && offset >= 0 && offset < (this.#spans[framesOf(header)] as number) && offset % this.#stride === 0;
  }

  #isOnFreeList(address: number): boolean {
    let object = this.#table.owner(slabOf(this.#table, address >>> 12));
    while (object !== 0 && object !== address) object = this.#words[(object >>> 2) + this.#link] as number;
    return object !== 0;
  }

  #countOf(header: number): number {
    return (this.#spans[framesOf(header)] as number) / this.#stride;
  }

  /** Gives the frames of empty slabs back. Returns how many. */
  reap(): number {
    let frames = 0;
    while (this.#empty !== 0) {
      const slab = pfn(this.#empty);
      this.#empty = this.#unlink(slab, this.#empty);
      frames += this.#giveBack(slab);
    }
    return frames;
  }

  /** Returns an empty slab, now at the head of the partial list; 0 when no frame is left. */
  #openSlab(): number {
    const slab = this.#empty;
    if (slab === 0) return this.#makeSlab();
    this.#empty = this.#unlink(pfn(slab), slab);
    this.#partial = this.#insert(pfn(slab), this.#partial);
    return slab;
  }

  #makeSlab(): number {
    let frames = this.#frames;
    let first = frames > 1 ? this.#memory.allocateRun(frames, FrameKind.kernelHeap) : -1;
    if (first === -1) {
      frames = 1;
      first = this.#memory.allocate(FrameKind.kernelHeap);
    }
    if (first === -1) return 0;
    this.#tookFrames(frames);
    const slab = pfn(first);
    for (let i = 1; i < frames; i++) {
      this.#table.setOwner(pfn(slab + i), slab);
      this.#table.setIndex(pfn(slab + i), TAIL);
    }
    this.#cut(slab, frames);
    this.#partial = this.#insert(slab, this.#partial);
    return slab;
  }

  /** Lays out a fresh slab, lowest object first. */
  #cut(slab: Pfn, frames: number): void {
    const span = this.#spans[frames] as number;
    const start = slab * PAGE_SIZE + this.#colourFor(frames * PAGE_SIZE - span);
    let next = 0;
    for (let object = start + span - this.#stride; object >= start; object -= this.#stride) {
      this.#construct?.(object);
      this.mark(object);
      this.#words[(object >>> 2) + this.#link] = next;
      next = object;
    }
    this.#table.setOwner(slab, next);
    const colour = (start - slab * PAGE_SIZE) / GRAIN;
    this.#table.setIndex(slab, (this.#id << CACHE_SHIFT) | (colour << COLOUR_SHIFT) | ((frames - 1) << FRAMES_SHIFT));
  }

  /** Returns where the first object of the next slab lies, and moves on, round and round within the slack. */
  #colourFor(slack: number): number {
    const colour = this.#nextColour > Math.min(slack, COLOUR_MASK * GRAIN) ? 0 : this.#nextColour;
    this.#nextColour = colour + this.#alignment;
    return colour;
  }

  #giveBack(slab: Pfn): number {
    const header = this.#table.index(slab);
    const frames = framesOf(header);
    if (this.#destruct !== undefined) {
      const start = slab * PAGE_SIZE + colourOf(header);
      for (let i = 0; i < this.#countOf(header); i++) this.#destruct(start + i * this.#stride);
    }
    for (let i = 0; i < frames; i++) this.#memory.free(pfn(slab + i));
    this.#tookFrames(-frames);
    return frames;
  }

  /** Puts a slab before `head`. Returns the new head. */
  #insert(slab: Pfn, head: number): number {
    this.#table.setNext(slab, head);
    this.#table.setPrevious(slab, 0);
    if (head !== 0) this.#table.setPrevious(pfn(head), slab);
    return slab;
  }

  /** Takes a slab off the list that begins with `head`. Returns the new head. */
  #unlink(slab: Pfn, head: number): number {
    const next = this.#table.next(slab);
    const previous = this.#table.previous(slab);
    if (previous !== 0) this.#table.setNext(pfn(previous), next);
    if (next !== 0) this.#table.setPrevious(pfn(next), previous);
    this.#table.setNext(slab, 0);
    this.#table.setPrevious(slab, 0);
    return previous === 0 ? next : head;
  }

  /** First of three steps of a check: nothing is found yet. */
  beginCheck(): void {
    this.#found = { used: 0, partial: 0, empty: 0 };
  }

  /** Checks one slab. Returns its frames. */
  checkSlab(slab: Pfn): number {
    const table = this.#table;
    const header = table.index(slab);
    const used = header & USED_MASK;
    invariant((header & TAIL) === 0, 'OC3', () => `frame ${slab} is behind no slab`);
    for (let i = 1; i < framesOf(header); i++) {
      const tail = pfn(slab + i);
      const isTail =
        slab + i < table.count && table.kind(tail) === FrameKind.kernelHeap && table.index(tail) === TAIL && table.owner(tail) === slab;
      invariant(isTail, 'OC3', () => `frame ${tail} does not belong to slab ${slab}`);
    }
    const free = new Set<number>();
    for (let object = table.owner(slab); object !== 0; object = this.#words[(object >>> 2) + this.#link] as number) {
      const isOwn = this.#isPlace(object) && slabOf(table, object >>> 12) === slab && !free.has(object);
      invariant(isOwn, 'OC1', () => `slab ${slab} has the free object ${object} outside it, askew or twice`);
      this.expectPoison(object);
      free.add(object);
    }
    invariant(used + free.size === this.#countOf(header), 'OC1', () => `slab ${slab}: ${used} used and ${free.size} free`);
    this.#found.used += used;
    if (used === 0) this.#found.empty++;
    else if (free.size > 0) this.#found.partial++;
    return framesOf(header);
  }

  /** Checks the lists against the slabs found. */
  endCheck(): void {
    invariant(this.#found.used === this.#used, 'OC1', () => `${this.name}: ${this.#used} objects used, found ${this.#found.used}`);
    this.#checkList('partial', this.#partial, this.#found.partial);
    this.#checkList('empty', this.#empty, this.#found.empty);
  }

  #checkList(what: 'partial' | 'empty', head: number, expected: number): void {
    let count = 0;
    let previous = 0;
    for (let slab = head; slab !== 0; slab = this.#table.next(pfn(slab))) {
      const header = this.#table.index(pfn(slab));
      const used = header & USED_MASK;
      const belongs =
        this.#table.kind(pfn(slab)) === FrameKind.kernelHeap &&
        ((header >>> CACHE_SHIFT) & CACHE_MASK) === this.#id &&
        (what === 'empty' ? used === 0 : used > 0 && used < this.#countOf(header)) &&
        this.#table.previous(pfn(slab)) === previous;
      invariant(belongs && ++count <= expected, 'OC2', () => `${this.name}: slab ${slab} does not belong on the ${what} list`);
      previous = slab;
    }
    invariant(count === expected, 'OC2', () => `${this.name}: ${count} of ${expected} ${what} slabs are listed`);
  }
}

const framesOf = (header: number): number => ((header >>> FRAMES_SHIFT) & FRAMES_MASK) + 1;
const colourOf = (header: number): number => ((header >>> COLOUR_SHIFT) & COLOUR_MASK) * GRAIN;
