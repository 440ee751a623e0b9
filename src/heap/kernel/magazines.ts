// Magazines before an object cache: free objects in arrays, so that most requests touch no slab.
//
//   each processor    loaded [ o o o o . . ]  previous [ o o o o o o ]     allocate pops, free pushes
//   the depot         full -> full -> ...     empty -> empty -> ...        a whole magazine is exchanged when both have run out, or over
//
//   a magazine        a block of 64 to 512 bytes    | next in the depot | rounds | object | object | ... |
//
// Previous is always full or empty, so that two requests at the edge do not go to the depot twice: at least a magazine's worth of requests
// lies between two visits. The size adapts: when the visits come close together, all magazines are emptied and the next larger size is used.
// Whoever frees must not need memory, and memory is freed when there is little: a new magazine takes a frame only while a sixteenth of memory
// is free. Without one, objects go to their slabs.
//
// Invariants (quoted by `check`):
//   MG1  every round is an object of the cache that its slab counts as used, marked as free, and in one place only
//   MG2  magazines of the full list are full, those of the empty list and a previous one not full are empty, none has more than its size
// Cost: a request that a magazine answers, O(1), one load and one store in it. Source: Bonwick and Adams 2001, "Magazines and Vmem".

import { invariant, KernelPanic } from '../../base/index.ts';
import type { PhysicalMemory } from '../../frames/index.ts';
import type { ObjectCache } from './object-cache.ts';

/** Bytes of magazines, ascending: 14, 30, 62 and 126 rounds. */
export const magazineBytes: readonly number[] = [64, 128, 256, 512];

/** Words of a magazine before its rounds. */
const NEXT = 0;
const ROUNDS = 1;
const HEADER_WORDS = 2;
/** Exchanges with the depot after which the size is looked at. */
const VISITS = 32;
/** Fewer magazines' worth of requests than this between two visits, on average, ask for a larger size. */
const WORTH = 4;
/** Share of memory that must be free for a magazine to take a frame. */
const FREE_SHARE = 1 / 16;

/** What the magazines of one cache have answered. */
export interface MagazineCounts {
  /** Requests and frees that a magazine answered, those after an exchange too. */
  readonly hits: number;
  /** Those that went to the slabs. */
  readonly misses: number;
}

/** The magazines of one cache. */
export class Magazines {
  readonly #cache: ObjectCache;
  /** The caches that magazines of each size come from. */
  readonly #sources: readonly ObjectCache[];
  readonly #memory: PhysicalMemory;
  readonly #words: Uint32Array;
  /** By processor; 0 = none. */
  readonly #loaded: Int32Array;
  readonly #previous: Int32Array;
  #full = 0;
  #emptyList = 0;
  #size = 0;
  #capacity: number;
  #hits = 0;
  #misses = 0;
  #visits = 0;
  #hitsAtLook = 0;

  /** @param sources caches of objects of `magazineBytes`, which all magazines share @param processors that will ask */
  constructor(cache: ObjectCache, sources: readonly ObjectCache[], memory: PhysicalMemory, processors = 1) {
    this.#cache = cache;
    this.#sources = sources;
    this.#memory = memory;
    this.#words = memory.ram.words;
    this.#loaded = new Int32Array(processors);
    this.#previous = new Int32Array(processors);
    this.#capacity = capacityOf(0);
  }

  /** See `MagazineCounts`. */
  get counts(): MagazineCounts {
    return { hits: this.#hits, misses: this.#misses };
  }

  /** Rounds of a magazine now. */
  get rounds(): number {
    return this.#capacity;
  }

  /** Gives an object to a processor, as its last owner left it. Returns 0 when no frame is left. */
  allocate(processor = 0): number {
    const loaded = this.#loaded[processor] as number;
    if (loaded !== 0 && this.#words[(loaded >>> 2) + ROUNDS] !== 0) return this.#pop(loaded);
    return this.#allocateSlowly(processor);
  }

  /** Takes an object back from a processor. The caller knows that it is given (`expectGiven`). */
  free(object: number, processor = 0): void {
    const loaded = this.#loaded[processor] as number;
    if (loaded !== 0 && (this.#words[(loaded >>> 2) + ROUNDS] as number) < this.#capacity) this.#push(loaded, object);
    else this.#freeSlowly(object, processor);
  }

  /** Panics (KH4) unless `address` is an object of the cache that is given. */
  expectGiven(address: number): void {
    this.#cache.expectGiven(address);
    if (this.#cache.isMarked(address) && this.#holds(address)) {
      throw new KernelPanic('KH4', `${this.#cache.name}: the object at ${address} is freed twice`);
    }
  }

  /** Puts all objects back into their slabs and gives all magazines back. */
  purge(): void {
    for (let processor = 0; processor < this.#loaded.length; processor++) {
      this.#unload(this.#loaded[processor] as number);
      this.#unload(this.#previous[processor] as number);
    }
    this.#loaded.fill(0);
    this.#previous.fill(0);
    for (const head of [this.#full, this.#emptyList]) {
      for (let magazine = head; magazine !== 0; ) {
        const next = this.#words[(magazine >>> 2) + NEXT] as number;
        this.#unload(magazine);
        magazine = next;
      }
    }
    this.#full = 0;
    this.#emptyList = 0;
  }

  #pop(magazine: number): number {
    const at = magazine >>> 2;
    const rounds = (this.#words[at + ROUNDS] as number) - 1;
    this.#words[at + ROUNDS] = rounds;
    const object = this.#words[at + HEADER_WORDS + rounds] as number;
    this.#cache.expectPoison(object);
    this.#hits++;
    return object;
  }

  #push(magazine: number, object: number): void {
    const at = magazine >>> 2;
    const rounds = this.#words[at + ROUNDS] as number;
    this.#words[at + HEADER_WORDS + rounds] = object;
    this.#words[at + ROUNDS] = rounds + 1;
    this.#cache.mark(object);
    this.#hits++;
  }

  #allocateSlowly(processor: number): number {
    const previous = this.#previous[processor] as number;
    if (previous !== 0 && this.#words[(previous >>> 2) + ROUNDS] !== 0) {
      this.#swap(processor);
      return this.#pop(previous);
    }
    this.#adapt();
    const full = this.#full;
    if (full === 0) {
      this.#misses++;
      return this.#cache.allocate();
    }
    this.#full = this.#words[(full >>> 2) + NEXT] as number;
    this.#emptyList = this.#exchange(processor, full, this.#emptyList);
    return this.#pop(full);
  }

  #freeSlowly(object: number, processor: number): void {
    const previous = this.#previous[processor] as number;
    if (previous !== 0 && this.#words[(previous >>> 2) + ROUNDS] === 0) {
      this.#swap(processor);
      this.#push(previous, object);
      return;
    }
    this.#adapt();
    const empty = this.#takeEmpty();
    if (empty === 0) {
      this.#misses++;
      this.#cache.free(object);
      return;
    }
    this.#full = this.#exchange(processor, empty, this.#full);
    this.#push(empty, object);
  }

  #swap(processor: number): void {
    const loaded = this.#loaded[processor] as number;
    this.#loaded[processor] = this.#previous[processor] as number;
    this.#previous[processor] = loaded;
  }

  /** Loads `magazine`; what was loaded becomes the previous one, and that goes to the depot's list. Returns the list's new head. */
  #exchange(processor: number, magazine: number, list: number): number {
    this.#visits++;
    const gone = this.#previous[processor] as number;
    this.#previous[processor] = this.#loaded[processor] as number;
    this.#loaded[processor] = magazine;
    if (gone === 0) return list;
    this.#words[(gone >>> 2) + NEXT] = list;
    return gone;
  }

  /** Returns an empty magazine, from the depot or new; 0 when memory is too low for one. */
  #takeEmpty(): number {
    const empty = this.#emptyList;
    if (empty !== 0) {
      this.#emptyList = this.#words[(empty >>> 2) + NEXT] as number;
      return empty;
    }
    const source = this.#sources[this.#size] as ObjectCache;
    const { freeCount, managed } = this.#memory;
    if (!source.hasFree && freeCount <= managed * FREE_SHARE) return 0;
    const magazine = source.allocate();
    if (magazine !== 0) this.#words[(magazine >>> 2) + ROUNDS] = 0;
    return magazine;
  }

  /** Before a visit to the depot: takes the next size if the last ones came close together. */
  #adapt(): void {
    if (this.#visits < VISITS) return;
    const isBusy = this.#hits - this.#hitsAtLook < VISITS * WORTH * this.#capacity;
    this.#visits = 0;
    this.#hitsAtLook = this.#hits;
    if (!isBusy || this.#size === magazineBytes.length - 1) return;
    this.purge();
    this.#size++;
    this.#capacity = capacityOf(this.#size);
  }

  /** Empties a magazine and gives it back. */
  #unload(magazine: number): void {
    if (magazine === 0) return;
    for (let left = this.#words[(magazine >>> 2) + ROUNDS] as number; left > 0; left--) {
      const object = this.#words[(magazine >>> 2) + HEADER_WORDS + left - 1] as number;
      this.#cache.expectPoison(object);
      this.#cache.free(object);
    }
    (this.#sources[this.#size] as ObjectCache).free(magazine);
  }

  #holds(address: number): boolean {
    for (const magazine of this.#all()) {
      const first = (magazine >>> 2) + HEADER_WORDS;
      if (this.#words.subarray(first, first + (this.#words[(magazine >>> 2) + ROUNDS] as number)).includes(address)) return true;
    }
    return false;
  }

  *#all(): Generator<number> {
    for (const magazine of [...this.#loaded, ...this.#previous]) if (magazine !== 0) yield magazine;
    for (const head of [this.#full, this.#emptyList]) {
      for (let magazine = head; magazine !== 0; magazine = this.#words[(magazine >>> 2) + NEXT] as number) yield magazine;
    }
  }

  /** Panics at the first broken invariant. Returns the objects and the magazines held, by size of magazine. */
  check(): { readonly objects: number; readonly magazines: number; readonly size: number } {
    const seen = new Set<number>();
    let magazines = 0;
    for (const magazine of this.#all()) {
      const rounds = this.#words[(magazine >>> 2) + ROUNDS] as number;
      invariant(rounds <= this.#capacity, 'MG2', () => `${this.#cache.name}: the magazine at ${magazine} has ${rounds} rounds`);
      for (let i = 0; i < rounds; i++) {
        const object = this.#words[(magazine >>> 2) + HEADER_WORDS + i] as number;
        invariant(!seen.has(object), 'MG1', () => `${this.#cache.name}: the object at ${object} is in two magazines`);
        this.#cache.expectPoison(object);
        this.#cache.expectGiven(object);
        seen.add(object);
      }
      magazines++;
    }
    this.#checkList('full', this.#full, this.#capacity);
    this.#checkList('empty', this.#emptyList, 0);
    return { objects: seen.size, magazines, size: this.#size };
  }

  #checkList(what: string, head: number, rounds: number): void {
    for (let magazine = head; magazine !== 0; magazine = this.#words[(magazine >>> 2) + NEXT] as number) {
      invariant(
        this.#words[(magazine >>> 2) + ROUNDS] === rounds,
        'MG2',
        () => `${this.#cache.name}: the magazine at ${magazine} is not ${what}`,
      );
    }
  }
}

function capacityOf(size: number): number {
  return (magazineBytes[size] as number) / 4 - HEADER_WORDS;
}
