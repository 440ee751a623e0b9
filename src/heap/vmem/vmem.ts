// An arena of integer ranges: addresses, identifiers, anything that is numbered and given out in stretches (Bonwick and Adams 2001,
// "Magazines and Vmem", section 4). It knows the numbers, not what is behind them.
//
//   span      | span tag |  given  |   free   |  given  | given |      segments in order of address, each with a boundary tag in RAM
//   given     found by address in a hash table (busy-table.ts): freeing is one probe
//   free      on the list of its power of two (segment-lists.ts): instant fit is the first of a list whose segments all fit
//   spans     were added, or imported from a source when nothing fitted, and go back there when all of one is free again
//
//   small sizes    1 to 16 quanta: from slabs cut once (quantum-cache.ts), without touching the tags
//
//   VA1  the segments of a span cover it exactly, and no two free ones are neighbours
//   VA2  a free segment is on the list of its size and on no other; requests make sense
//   VA3  free takes back exactly what was given, once; else it panics and changes nothing
//   VA4  a given segment is in the hash table, and no other; bytes free + given = bytes of the spans
//   VA5  (quantum-cache.ts)
//
// A request reserves the tags that it may need before it begins (tag-pool.ts), so it is done whole or not at all, and freeing needs nothing.
// It finds a place if there is one: what the caches hold back is given up first, then the source is asked.
// Cost (Node 20): allocate and free together 0.2 us by instant fit, 0.06 us from a quantum cache; best fit looks at all of one list, next fit at all
// segments. 32 bytes for a segment.

import { invariant, KernelPanic } from '../../base/index.ts';
import { BusyTable } from './busy-table.ts';
import { type Placement, placeIn, placementOf, type VmemConstraints } from './constraints.ts';
import { QuantumCache } from './quantum-cache.ts';
import { listOf, SegmentLists } from './segment-lists.ts';
import { BACK_LINK, kindOf, LINK, NEXT, PREVIOUS, setKind, setSize, setStart, sizeOf, startOf, type TagPool } from './tag-pool.ts';

/** How a free segment is chosen: any that surely fits, the smallest that fits, or the first after the last one given. */
export type VmemFit = 'instant' | 'best' | 'next';

/** Where an arena gets ranges from. An arena is one itself. */
export interface VmemSource {
  /** Returns the start of a range of `size`, or -1. */
  allocate(size: number): number;
  /** Takes it back, whole. */
  free(start: number, size: number): void;
}

/** What an arena is made with. */
export interface VmemOptions {
  readonly name: string;
  /** Sizes are rounded up to a multiple of this power of two, and starts are multiples of it. */
  readonly quantum: number;
  readonly tags: TagPool;
  readonly source?: VmemSource;
  /** Least size of an import, a multiple of the quantum; default: as much as is asked for. */
  readonly importSize?: number;
  /** Sizes of 1 to so many quanta, at most 16, come from caches; default 0. */
  readonly cachedQuanta?: number;
}

/** What an arena has and did. Sizes are in the arena's own numbers. */
export interface VmemStatistics {
  readonly spans: number;
  readonly totalSize: number;
  readonly importedSize: number;
  /** Given, the slabs of the caches as a whole. */
  readonly givenSize: number;
  /** Of that, what the caches could give. */
  readonly cachedSize: number;
  readonly freeSegments: number;
  readonly givenSegments: number;
  readonly largestFree: number;
  /** Segments taken from the lists, and looked at for that. Requests that a cache met are not in it. */
  readonly allocations: number;
  readonly lookedAt: number;
  readonly failures: number;
}

/** Kinds of tags. */
const SPAN = 1;
const IMPORTED = 2;
const FREE = 3;
const GIVEN = 4;
const SLAB = 5;

/** Tags of a request: of a span and its free segment, and of what is left before and behind the segment. */
const MOST_TAGS = 4;
const MOST_CACHED_QUANTA = 16;
/** A span ends at or below this: sizes and addresses are exact, and fit in a tag. */
const LIMIT = 2 ** 53;

/** An arena. */
export class Vmem implements VmemSource {
  readonly name: string;
  readonly quantum: number;
  readonly #tags: TagPool;
  readonly #words: Uint32Array;
  readonly #source: VmemSource | undefined;
  readonly #importSize: number;
  readonly #lists: SegmentLists;
  readonly #busy: BusyTable;
  readonly #cache: QuantumCache | undefined;
  readonly #cachedSize: number;
  /** First and last tag. */
  #first = 0;
  #last = 0;
  /** Next fit goes on here: an address, and the tag of the segment that has it or of one before; 0 for the first. */
  #rotor = 0;
  #rotorTag = 0;
  #spans = 0;
  #totalSize = 0;
  #importedSize = 0;
  #givenSize = 0;
  #freeSegments = 0;
  #allocations = 0;
  #lookedAt = 0;
  #failures = 0;

  /** Makes an empty arena. Panics (VA2) if the quantum is no power of two, or the caches are for more than 16 quanta. */
  constructor({ name, quantum, tags, source, importSize = quantum, cachedQuanta = 0 }: VmemOptions) {
    const makesSense =
      quantum >= 1 &&
      Number.isInteger(Math.log2(quantum)) &&
      importSize >= quantum &&
      importSize % quantum === 0 &&
      cachedQuanta >= 0 &&
      cachedQuanta <= MOST_CACHED_QUANTA &&
      Number.isInteger(cachedQuanta);
    invariant(makesSense, 'VA2', () => `arena ${name}: quantum ${quantum}, imports of ${importSize}, caches of ${cachedQuanta} quanta`);
    this.name = name;
    this.quantum = quantum;
    this.#tags = tags;
    this.#words = tags.words;
    this.#source = source;
    this.#importSize = importSize;
    this.#lists = new SegmentLists(tags.words);
    this.#busy = new BusyTable(tags, quantum);
    this.#cachedSize = cachedQuanta * quantum;
    if (cachedQuanta > 0) {
      this.#cache = new QuantumCache(tags, quantum, cachedQuanta, {
        take: (size) => this.#takeSlab(size),
        give: (tag) => this.#release(tag),
      });
    }
  }

  /** Adds a range of numbers. Returns ENOMEM, with nothing changed, if there are no tags. Panics (VA2) for what no range can be, or that it has. */
  addSpan(start: number, size: number): 0 | 'ENOMEM' {
    const makesSense = start >= 0 && size > 0 && start % this.quantum === 0 && size % this.quantum === 0 && start + size <= LIMIT;
    invariant(makesSense && !this.#overlaps(start, size), 'VA2', () => `arena ${this.name} cannot have a span of ${size} at ${start}`);
    if (!this.#tags.reserve(2)) return 'ENOMEM';
    this.#addSpan(start, size, SPAN);
    return 0;
  }

  /** Gives a range of `size`, rounded up to whole quanta. Returns its start, or -1 if there is none, with nothing changed. Panics (VA2) for no size. */
  allocate(size: number, fit: VmemFit = 'instant'): number {
    const whole = this.#whole(size);
    if (whole <= this.#cachedSize && fit === 'instant') {
      const start = (this.#cache as QuantumCache).allocate(whole / this.quantum);
      if (start !== -1) return start;
    }
    const tag = this.#allocate(whole, fit, undefined);
    return tag === 0 ? -1 : startOf(this.#words, tag);
  }

  /**
   * Gives a range that meets the constraints. The caches are not asked, and the source only if the place does not matter (`from`, `below`).
   * Returns its start, or -1 if there is no such place, with nothing changed. Panics (VA2) if the constraints make no sense.
   */
  allocateWithin(size: number, constraints: VmemConstraints, fit: Exclude<VmemFit, 'next'> = 'instant'): number {
    const whole = this.#whole(size);
    const tag = this.#allocate(whole, fit, placementOf(constraints, this.quantum, whole));
    return tag === 0 ? -1 : startOf(this.#words, tag);
  }

  /** Takes a range back, with the size that it was asked with. Panics (VA3), changing nothing, if exactly that was not given. */
  free(start: number, size: number): void {
    const whole = this.#whole(size);
    if (whole <= this.#cachedSize) {
      const cache = this.#cache as QuantumCache;
      const slab = this.#busy.find(cache.slabStart(start));
      if (slab !== 0 && kindOf(this.#words, slab) === SLAB) {
        if (!cache.free(slab, start, whole / this.quantum)) this.#panicNotGiven(start, whole);
        return;
      }
    }
    const tag = this.#busy.find(start);
    if (tag === 0 || kindOf(this.#words, tag) !== GIVEN || sizeOf(this.#words, tag) !== whole) this.#panicNotGiven(start, whole);
    this.#release(tag);
  }

  /** Gives the empty slabs of the caches back, and to the source what it can have. Returns how many slabs. */
  reap(): number {
    return this.#cache?.reap() ?? 0;
  }

  /** Ends the arena; what was imported has gone back. Panics (VA3) while anything is given. */
  destroy(): void {
    this.reap();
    invariant(this.#busy.count === 0, 'VA3', () => `arena ${this.name} ends while ${this.#busy.count} segments are given`);
    for (let tag = this.#first; tag !== 0; ) {
      const next = this.#words[tag + NEXT] as number;
      this.#tags.give(tag);
      tag = next;
    }
    this.#busy.destroy();
    this.#first = 0;
    this.#last = 0;
  }

  /** Visits all segments, in the order of the spans and of addresses. */
  forEachSegment(visit: (start: number, size: number, state: 'free' | 'given' | 'slab') => void): void {
    for (let tag = this.#first; tag !== 0; tag = this.#words[tag + NEXT] as number) {
      const kind = kindOf(this.#words, tag);
      if (kind < FREE) continue;
      visit(startOf(this.#words, tag), sizeOf(this.#words, tag), kind === FREE ? 'free' : kind === SLAB ? 'slab' : 'given');
    }
  }

  /** Returns what the arena has and did. Walks the longest list. */
  statistics(): VmemStatistics {
    let largestFree = 0;
    this.forEachSegment((_, size, state) => {
      if (state === 'free') largestFree = Math.max(largestFree, size);
    });
    return {
      spans: this.#spans,
      totalSize: this.#totalSize,
      importedSize: this.#importedSize,
      givenSize: this.#givenSize,
      cachedSize: this.#cache?.freeSize ?? 0,
      freeSegments: this.#freeSegments,
      givenSegments: this.#busy.count,
      largestFree,
      allocations: this.#allocations,
      lookedAt: this.#lookedAt,
      failures: this.#failures,
    };
  }

  /** Walks everything; panics at the first broken invariant. */
  check(): void {
    const words = this.#words;
    let [previous, at, end, wasFree] = [0, 0, 0, false];
    let [total, given, free, busy, spans] = [0, 0, 0, 0, 0];
    for (let tag = this.#first; tag !== 0; tag = words[tag + NEXT] as number) {
      const [start, size, kind] = [startOf(words, tag), sizeOf(words, tag), kindOf(words, tag)];
      invariant(words[tag + PREVIOUS] === previous, 'VA1', () => `the segment at ${start} is not behind its neighbour`);
      if (kind === SPAN || kind === IMPORTED) {
        invariant(at === end, 'VA1', () => `the span before ${start} ends at ${end}, its segments at ${at}`);
        [at, end, wasFree] = [start, start + size, false];
        total += size;
        spans++;
      } else {
        const fits = start === at && size > 0 && start + size <= end && kind >= FREE && kind <= SLAB;
        invariant(fits, 'VA1', () => `a segment of ${size} and kind ${kind} at ${start} does not follow ${at} in its span`);
        invariant(kind !== FREE || !wasFree, 'VA1', () => `two free segments meet at ${start}`);
        invariant(kind === FREE || this.#busy.find(start) === tag, 'VA4', () => `the given segment at ${start} is not in the table`);
        invariant(kind !== FREE || this.#isListed(tag, size), 'VA2', () => `the free segment at ${start} is not on the list of its size`);
        at = start + size;
        wasFree = kind === FREE;
        if (kind === FREE) free++;
        else {
          given += size;
          busy++;
        }
      }
      previous = tag;
    }
    invariant(at === end && previous === this.#last, 'VA1', () => `the last span ends at ${end}, its segments at ${at}`);
    const counts = [total, given, free, busy, spans];
    const expected = [this.#totalSize, this.#givenSize, this.#freeSegments, this.#busy.count, this.#spans];
    invariant(counts.join() === expected.join(), 'VA4', () => `sizes and segments are ${counts.join()}, counted ${expected.join()}`);
    this.#cache?.check();
  }

  #isListed(tag: number, size: number): boolean {
    const n = listOf(size);
    if (!this.#lists.isMarked(n)) return false;
    let each = this.#lists.first(n);
    while (each !== 0 && each !== tag) each = this.#words[each + LINK] as number;
    return each === tag;
  }

  /** Rounds a size up to whole quanta. Panics (VA2) for what is no size. */
  #whole(size: number): number {
    if (!(size > 0 && size <= LIMIT)) throw new KernelPanic('VA2', `arena ${this.name} gives nothing of size ${size}`);
    const { quantum } = this;
    return size % quantum === 0 ? size : Math.ceil(size / quantum) * quantum;
  }

  /** Returns the tag of a segment that is given now, or 0. */
  #allocate(size: number, fit: VmemFit, placement: Placement | undefined): number {
    if (!this.#tags.reserve(MOST_TAGS)) {
      this.#failures++;
      return 0;
    }
    let tag = this.#find(size, fit, placement);
    if (tag === 0 && this.reap() > 0) tag = this.#tags.reserve(MOST_TAGS) ? this.#find(size, fit, placement) : 0;
    if (tag === 0) tag = this.#import(size, placement);
    if (tag === 0) {
      this.#failures++;
      return 0;
    }
    const start = startOf(this.#words, tag);
    if (fit === 'next') this.#carveAtRotor(tag, size);
    else this.#carve(tag, placement === undefined ? start : placeIn(start, sizeOf(this.#words, tag), size, placement), size);
    this.#allocations++;
    return tag;
  }

  /** Gives the segment's part from the rotor on, if the rotor is in it and that is enough; else its beginning. */
  #carveAtRotor(tag: number, size: number): void {
    const start = startOf(this.#words, tag);
    const isBehind = this.#rotor > start && this.#rotor + size <= start + sizeOf(this.#words, tag);
    const at = isBehind ? this.#rotor : start;
    this.#carve(tag, at, size);
    this.#rotor = at + size;
    this.#rotorTag = tag;
  }

  #find(size: number, fit: VmemFit, placement: Placement | undefined): number {
    if (fit === 'next') return this.#nextFit(size);
    if (fit === 'best') return this.#bestFit(size, placement);
    return this.#instantFit(size, placement);
  }

  /** Every segment of a list above the size's own fits if there are no constraints; the size's own list is searched last. */
  #instantFit(size: number, placement: Placement | undefined): number {
    const own = listOf(size);
    for (let n = this.#lists.nonEmpty(2 ** own === size ? own : own + 1); n !== -1; n = this.#lists.nonEmpty(n + 1)) {
      const tag = this.#firstOf(n, size, placement);
      if (tag !== 0) return tag;
    }
    return this.#firstOf(own, size, placement);
  }

  #firstOf(n: number, size: number, placement: Placement | undefined): number {
    for (let tag = this.#lists.first(n); tag !== 0; tag = this.#words[tag + LINK] as number)
      if (this.#fits(tag, size, placement)) return tag;
    return 0;
  }

  /** Segments of a higher list are larger: the first list that has one that fits has the smallest. */
  #bestFit(size: number, placement: Placement | undefined): number {
    for (let n = this.#lists.nonEmpty(listOf(size)); n !== -1; n = this.#lists.nonEmpty(n + 1)) {
      let [best, bestSize] = [0, Number.POSITIVE_INFINITY];
      for (let tag = this.#lists.first(n); tag !== 0; tag = this.#words[tag + LINK] as number) {
        const own = sizeOf(this.#words, tag);
        if (own < bestSize && this.#fits(tag, size, placement)) [best, bestSize] = [tag, own];
      }
      if (best !== 0) return best;
    }
    return 0;
  }

  /** The segments from the rotor on, then those before it. The one with the rotor comes first from there on, and last as a whole. */
  #nextFit(size: number): number {
    const begin = this.#rotorTag === 0 ? this.#first : this.#rotorTag;
    if (begin === 0) return 0;
    const words = this.#words;
    if (this.#isFreeFrom(begin, size)) return begin;
    let tag = begin;
    do {
      tag = (words[tag + NEXT] as number) || this.#first;
      if (kindOf(words, tag) === FREE && this.#fits(tag, size, undefined)) return tag;
    } while (tag !== begin);
    return 0;
  }

  /** Tells whether the segment with the rotor has so much free behind it. */
  #isFreeFrom(tag: number, size: number): boolean {
    if (kindOf(this.#words, tag) !== FREE) return false;
    return Math.max(startOf(this.#words, tag), this.#rotor) + size <= startOf(this.#words, tag) + sizeOf(this.#words, tag);
  }

  #fits(tag: number, size: number, placement: Placement | undefined): boolean {
    this.#lookedAt++;
    const own = sizeOf(this.#words, tag);
    return own >= size && (placement === undefined || placeIn(startOf(this.#words, tag), own, size, placement) !== -1);
  }

  /** Gets a span from the source in which the segment surely fits. Returns the tag of its free segment, or 0. */
  #import(size: number, placement: Placement | undefined): number {
    if (this.#source === undefined || (placement !== undefined && (placement.from > 0 || placement.below < LIMIT))) return 0;
    const slack = placement === undefined ? 0 : placement.alignment - this.quantum + (placement.boundary < LIMIT ? placement.boundary : 0);
    const asked = Math.max(size + slack, this.#importSize);
    const start = this.#source.allocate(asked);
    if (start === -1) return 0;
    // The source may have taken tags of the same pool.
    if (!this.#tags.reserve(MOST_TAGS + 1)) {
      this.#source.free(start, asked);
      return 0;
    }
    const tag = this.#addSpan(start, asked, IMPORTED);
    if (placement === undefined || this.#fits(tag, size, placement)) return tag;
    this.#dropSpan(tag);
    return 0;
  }

  /** Adds a span at the end, with one free segment, whose tag it returns. Both tags are reserved. */
  #addSpan(start: number, size: number, kind: typeof SPAN | typeof IMPORTED): number {
    const span = this.#newTag(start, size, kind, this.#last);
    this.#spans++;
    this.#totalSize += size;
    if (kind === IMPORTED) this.#importedSize += size;
    const tag = this.#newTag(start, size, FREE, span);
    this.#lists.insert(tag);
    this.#freeSegments++;
    return tag;
  }

  /** Gives a span whose only segment is free back to the source. */
  #dropSpan(tag: number): void {
    const span = this.#words[tag + PREVIOUS] as number;
    const [start, size] = [startOf(this.#words, tag), sizeOf(this.#words, tag)];
    this.#lists.remove(tag);
    this.#freeSegments--;
    this.#dropTag(tag);
    this.#dropTag(span);
    this.#spans--;
    this.#totalSize -= size;
    this.#importedSize -= size;
    (this.#source as VmemSource).free(start, size);
  }

  /** Gives [at, at + size) of a free segment, whose tag becomes that of the given one; what is left at either end stays free. */
  #carve(tag: number, at: number, size: number): void {
    const words = this.#words;
    const [start, end] = [startOf(words, tag), startOf(words, tag) + sizeOf(words, tag)];
    this.#lists.remove(tag);
    this.#freeSegments--;
    if (at > start) this.#addFree(start, at - start, words[tag + PREVIOUS] as number);
    if (at + size < end) this.#addFree(at + size, end - at - size, tag);
    setStart(words, tag, at, GIVEN);
    setSize(words, tag, size);
    this.#busy.insert(tag);
    this.#givenSize += size;
  }

  #addFree(start: number, size: number, before: number): void {
    this.#lists.insert(this.#newTag(start, size, FREE, before));
    this.#freeSegments++;
  }

  /** Makes a given segment free, and one with its free neighbours; a span that is all free goes back where it came from. */
  #release(tag: number): void {
    const words = this.#words;
    this.#busy.remove(tag);
    let [start, size] = [startOf(words, tag), sizeOf(words, tag)];
    this.#givenSize -= size;
    const next = words[tag + NEXT] as number;
    if (next !== 0 && kindOf(words, next) === FREE) {
      size += sizeOf(words, next);
      this.#absorb(next, tag);
    }
    const previous = words[tag + PREVIOUS] as number;
    if (kindOf(words, previous) === FREE) {
      start = startOf(words, previous);
      size += sizeOf(words, previous);
      this.#absorb(previous, tag);
    }
    setStart(words, tag, start, FREE);
    setSize(words, tag, size);
    this.#lists.insert(tag);
    this.#freeSegments++;
    const before = words[tag + PREVIOUS] as number;
    if (kindOf(words, before) === IMPORTED && sizeOf(words, before) === size) this.#dropSpan(tag);
  }

  /** Drops the tag of a free segment that has become a part of its neighbour `into`. */
  #absorb(tag: number, into: number): void {
    this.#lists.remove(tag);
    this.#freeSegments--;
    if (this.#rotorTag === tag) this.#rotorTag = into;
    this.#dropTag(tag);
  }

  #newTag(start: number, size: number, kind: number, before: number): number {
    const words = this.#words;
    const tag = this.#tags.take();
    setStart(words, tag, start, kind);
    setSize(words, tag, size);
    const next = before === 0 ? this.#first : (words[before + NEXT] as number);
    words[tag + PREVIOUS] = before;
    words[tag + NEXT] = next;
    if (before === 0) this.#first = tag;
    else words[before + NEXT] = tag;
    if (next === 0) this.#last = tag;
    else words[next + PREVIOUS] = tag;
    return tag;
  }

  #dropTag(tag: number): void {
    const words = this.#words;
    const [next, before] = [words[tag + NEXT] as number, words[tag + PREVIOUS] as number];
    if (before === 0) this.#first = next;
    else words[before + NEXT] = next;
    if (next === 0) this.#last = before;
    else words[next + PREVIOUS] = before;
    if (this.#rotorTag === tag) this.#rotorTag = 0;
    this.#tags.give(tag);
  }

  /** Gives the caches a slab: a segment aligned to its size. Returns its tag, or 0. */
  #takeSlab(size: number): number {
    // One tag more: the slab's own.
    if (!this.#tags.reserve(MOST_TAGS + 1)) return 0;
    const placement = placementOf({ alignment: size }, this.quantum, size);
    const found = this.#instantFit(size, placement);
    const tag = found === 0 ? this.#import(size, placement) : found;
    if (tag === 0) return 0;
    this.#carve(tag, placeIn(startOf(this.#words, tag), sizeOf(this.#words, tag), size, placement), size);
    setKind(this.#words, tag, SLAB);
    this.#words[tag + BACK_LINK] = 0;
    this.#allocations++;
    return tag;
  }

  #overlaps(start: number, size: number): boolean {
    for (let tag = this.#first; tag !== 0; tag = this.#words[tag + NEXT] as number) {
      const own = startOf(this.#words, tag);
      if (kindOf(this.#words, tag) < FREE && own < start + size && start < own + sizeOf(this.#words, tag)) return true;
    }
    return false;
  }

  /** Panics (VA3) with what is there instead. */
  #panicNotGiven(start: number, size: number): never {
    let found = 'no number of the arena';
    this.forEachSegment((from, own, state) => {
      if (start < from || start >= from + own) return;
      if (state === 'free') found = 'free: it was given back before, or never given';
      else if (state === 'slab') found = 'in a cache: it is not given, or with another size';
      else found = `in a segment of ${own} at ${from}: only all of it can be given back`;
    });
    throw new KernelPanic('VA3', `arena ${this.name} is given back ${size} at ${start}, which is ${found}`);
  }
}
