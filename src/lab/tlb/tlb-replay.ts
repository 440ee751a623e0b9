// Processes that run traces on processors with TLBs: who hits, what walks cost, what a switch and an unmapping cost.
//
//   reference -> first level -> second level -> walk: one load for each table entry that no cache of upper entries has
//                  hit            hit             miss
//
//   time slices    process 0, 1, 2, ..., each on the next processor: one process on several is one whose threads share a space
//   ASIDs          none: a switch of spaces empties the TLB of all but global pages
//                  n: the n spaces that a processor ran last keep theirs; the next one takes the ASID of the one that ran longest ago
//   unmapping      after every so many references, the page that was referenced last is unmapped: its entry goes. Every other processor that
//                  ran the space since it last flushed it may hold the entry, whether or not it does: each gets an interrupt (a shootdown)
//
//   TLBR2  references = first + second + misses; a shootdown has at least one interrupt
//   TLBR3  on each processor every translation held is global or of a space that has an ASID there
// Cost: a repeat of the translation before it 1 ns, else 3 to 15 ns for a reference. Nothing is allocated while a stretch is replayed.
// Elsewhere: arrays of entries (machine/tlb-model/), numbers of translations (translations.ts).

import { invariant } from '../../base/index.ts';
import { makeTlbArray, type TlbArray, type TlbDesign, type TlbShape } from '../../machine/index.ts';
import { GLOBAL_SPACE, type Translations, type WalkPlan } from './translations.ts';

/** What is simulated. */
export interface TlbReplayOptions {
  readonly design: TlbDesign;
  readonly translations: Translations;
  /** Walks are counted without it, their loads are not. */
  readonly walks?: WalkPlan;
  /** Entries, per upper level, of a cache of upper table entries: fully associative, LRU. 0 for none. */
  readonly walkCache: number;
  /** Spaces that keep their entries when another runs. 0: none does. */
  readonly asids: number;
  readonly processors: number;
  /** References of a time slice. */
  readonly quantum: number;
  /** References from one unmapping to the next. 0: nothing is unmapped. */
  readonly unmapEvery: number;
  readonly seed: number;
}

/** What happened. */
export interface TlbCounts {
  references: number;
  /** References that found their translation in the first level, and in the second. */
  firstHits: number;
  secondHits: number;
  /** References that had to walk. */
  misses: number;
  /** Table entries that walks loaded. */
  walkLoads: number;
  /** Time slices that began with another space than the processor had before. */
  switches: number;
  /** Times that a TLB was emptied of a space, or of all that is not global. */
  flushes: number;
  /** Entries that flushes dropped. */
  flushed: number;
  unmappings: number;
  /** Unmappings of which other processors had to be told, and those processors in all. */
  shootdowns: number;
  interrupts: number;
}

/** Ids of a process's trace, in pieces: the next piece may use the same memory. */
export type IdPieces = Iterable<{ readonly ids: Uint32Array }>;

const ALWAYS = Number.MAX_SAFE_INTEGER;

/** Replays the traces of all processes, in turn, to their ends. @param traces one for each process of the translations */
export function replayTlb(options: TlbReplayOptions, traces: readonly IdPieces[]): TlbCounts {
  const replay = new TlbReplay(options);
  const cursors = traces.map((pieces) => new Cursor(pieces));
  let left = cursors.map((cursor, process) => ({ cursor, process }));
  let processor = 0;
  while (left.length > 0) {
    for (const { cursor, process } of left) {
      if (cursor.fetch() === 0) continue;
      replay.dispatch(process, processor);
      for (let quantum = options.quantum; quantum > 0 && cursor.fetch() > 0; ) {
        const count = Math.min(quantum, cursor.fetch());
        replay.run(cursor.ids, cursor.at, cursor.at + count);
        cursor.at += count;
        quantum -= count;
      }
      processor = (processor + 1) % options.processors;
    }
    left = left.filter(({ cursor }) => cursor.fetch() > 0);
  }
  replay.check();
  return replay.counts;
}

/** A place in a trace. */
class Cursor {
  ids = new Uint32Array(0);
  at = 0;
  readonly #pieces: Iterator<{ readonly ids: Uint32Array }>;

  constructor(pieces: IdPieces) {
    this.#pieces = pieces[Symbol.iterator]();
  }

  /** Returns how many references are at hand: 0 only at the end. */
  fetch(): number {
    while (this.at === this.ids.length) {
      const next = this.#pieces.next();
      if (next.done === true) return 0;
      this.ids = next.value.ids as Uint32Array<ArrayBuffer>;
      this.at = 0;
    }
    return this.ids.length - this.at;
  }
}

/** The TLBs of one processor. */
class ProcessorTlb {
  /** Arrays by whether a translation is of a large page. */
  readonly first: readonly [small: TlbArray, large: TlbArray];
  readonly second: TlbArray | undefined;
  readonly uppers: readonly TlbArray[];
  readonly #upperSpaces: readonly Int32Array[];
  readonly #spaces: Int32Array;
  /** Spaces that may have entries here, the one that runs now first. */
  residents: number[] = [];

  constructor({ design, translations, walks, walkCache, seed }: TlbReplayOptions, number: number) {
    const { pages, spaces } = translations;
    const arrayOf = (shape: TlbShape, level: number): TlbArray => makeTlbArray(shape, pages, seed + 3 * number + level);
    const small = arrayOf(design.first, 0);
    this.first = [small, design.large === undefined ? small : arrayOf(design.large, 1)];
    this.second = design.second && arrayOf(design.second, 2);
    const shape: TlbShape = { entries: walkCache, ways: walkCache, replacement: 'lru' };
    const counts = walkCache === 0 || walks === undefined ? [] : walks.upperCounts;
    this.uppers = counts.map((count) => makeTlbArray(shape, new Uint32Array(count)));
    this.#upperSpaces = this.uppers.map((_, level) => {
      const entries = walks?.uppers[level] as Uint32Array;
      const spacesOf = new Int32Array(counts[level] as number);
      entries.forEach((entry, translation) => {
        spacesOf[entry] = spaces[translation] as number;
      });
      return spacesOf;
    });
    this.#spaces = spaces;
  }

  get arrays(): TlbArray[] {
    const [small, large] = this.first;
    return [small, ...(large === small ? [] : [large]), ...(this.second ? [this.second] : [])];
  }

  /** Drops what a space has here, and returns how many translations that was. */
  flushSpace(space: number): number {
    this.uppers.forEach((array, level) => {
      array.dropSpace(this.#upperSpaces[level] as Int32Array, space);
    });
    return this.arrays.reduce((sum, array) => sum + array.dropSpace(this.#spaces, space), 0);
  }

  check(spaces: Int32Array): void {
    for (const array of [...this.arrays, ...this.uppers]) array.check();
    const strangers = [...spaces.keys()].filter((each) => {
      const space = spaces[each] as number;
      return space !== GLOBAL_SPACE && !this.residents.includes(space) && this.arrays.some((array) => array.holds(each));
    });
    invariant(strangers.length === 0, 'TLBR3', () => `translations ${strangers} are held for spaces without an ASID`);
  }
}

class TlbReplay {
  readonly counts: TlbCounts = {
    references: 0,
    firstHits: 0,
    secondHits: 0,
    misses: 0,
    walkLoads: 0,
    switches: 0,
    flushes: 0,
    flushed: 0,
    unmappings: 0,
    shootdowns: 0,
    interrupts: 0,
  };
  readonly #options: TlbReplayOptions;
  readonly #processors: readonly ProcessorTlb[];
  #current: ProcessorTlb;
  #process = -1;
  #untilUnmapping: number;

  constructor(options: TlbReplayOptions) {
    this.#options = options;
    this.#processors = Array.from({ length: options.processors }, (_, number) => new ProcessorTlb(options, number));
    this.#current = this.#processors[0] as ProcessorTlb;
    this.#untilUnmapping = options.unmapEvery || ALWAYS;
  }

  /** Gives a process the next time slice, on a processor. */
  dispatch(process: number, processor: number): void {
    const { counts } = this;
    const tlb = this.#processors[processor] as ProcessorTlb;
    this.#current = tlb;
    this.#process = process;
    const before = tlb.residents[0];
    if (before === process) return;
    if (before !== undefined) counts.switches++;
    tlb.residents = [process, ...tlb.residents.filter((space) => space !== process)];
    const room = Math.max(1, this.#options.asids);
    for (const space of tlb.residents.splice(room)) {
      counts.flushes++;
      counts.flushed += tlb.flushSpace(space);
    }
  }

  /** Replays references of the process that runs, from `from` to before `to`. */
  run(ids: Uint32Array, from: number, to: number): void {
    const unit = this.#options.translations.ofProcess[this.#process] as Uint32Array;
    for (let at = from; at < to; ) {
      const end = Math.min(to, at + this.#untilUnmapping);
      this.#stretch(ids, at, end, unit);
      this.#untilUnmapping -= end - at;
      at = end;
      if (this.#untilUnmapping > 0) continue;
      this.#unmap(unit[ids[at - 1] as number] as number);
      this.#untilUnmapping = this.#options.unmapEvery || ALWAYS;
    }
  }

  /** The inner loop. Repeats of a translation hit and change nothing: it is the one used last. */
  #stretch(ids: Uint32Array, from: number, to: number, unit: Uint32Array): void {
    const [small, large] = this.#current.first;
    const { isLarge } = this.#options.translations;
    let last = -1;
    let missed = 0;
    for (let at = from; at < to; at++) {
      const translation = unit[ids[at] as number] as number;
      if (translation === last) continue;
      last = translation;
      const array = isLarge[translation] === 0 ? small : large;
      if (array.lookup(translation)) continue;
      missed++;
      this.#missedFirst(translation);
      array.fill(translation);
    }
    this.counts.references += to - from;
    this.counts.firstHits += to - from - missed;
  }

  #missedFirst(translation: number): void {
    const { second } = this.#current;
    if (second?.lookup(translation)) {
      this.counts.secondHits++;
      return;
    }
    this.counts.misses++;
    second?.fill(translation);
    if (this.#options.walks !== undefined) this.counts.walkLoads += this.#walk(this.#options.walks, translation);
  }

  /** Returns the loads of a walk: it starts below the deepest upper entry that is cached. */
  #walk({ loads, uppers }: WalkPlan, translation: number): number {
    const whole = loads[translation] as number;
    const caches = this.#current.uppers;
    if (caches.length === 0) return whole;
    let level = whole - 2;
    while (level >= 0 && !(caches[level] as TlbArray).lookup((uppers[level] as Uint32Array)[translation] as number)) level--;
    for (let read = level + 1; read < whole - 1; read++)
      (caches[read] as TlbArray).fill((uppers[read] as Uint32Array)[translation] as number);
    return whole - 1 - level;
  }

  #unmap(translation: number): void {
    const { counts } = this;
    const space = this.#options.translations.spaces[translation] as number;
    counts.unmappings++;
    let told = 0;
    for (const tlb of this.#processors) {
      if (tlb !== this.#current) {
        if (space === GLOBAL_SPACE ? tlb.residents.length === 0 : !tlb.residents.includes(space)) continue;
        told++;
      }
      for (const array of tlb.arrays) array.drop(translation);
    }
    if (told > 0) counts.shootdowns++;
    counts.interrupts += told;
  }

  /** Walks everything; panics at the first broken invariant. */
  check(): void {
    const { references, firstHits, secondHits, misses, shootdowns, interrupts } = this.counts;
    const adds = references === firstHits + secondHits + misses && shootdowns <= interrupts;
    invariant(adds, 'TLBR2', () => `counts do not add up: ${JSON.stringify(this.counts)}`);
    for (const tlb of this.#processors) tlb.check(this.#options.translations.spaces);
  }
}
