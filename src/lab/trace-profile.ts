// What a trace is like: how much memory it needs, when, and which pages. One pass over dense ids.
//
//   s(T), f(T)  working-set size and faults for windows of 1, 2, 4, ... references (working-set.ts)
//   distances   stack distances: distinct pages since the last reference to the same page, itself included
//   phases      the trace is cut into 100 windows (fewer if they had less than 1,000 references); a phase ends before a window of which less
//               than half of the references go to pages of the window two before it, or of the one before where the phase is younger.
//               Two before, since a window in which the pages change has those of both sides
//
// Invariants of a profile, quoted by its tests:
//   TP1  distances + compulsory = references; reads + writes + fetches = references
//   TP2  s(1) = 1; s never falls and is at most T and at most the pages; f(T) never rises and ends at the compulsory misses
//   TP3  phases follow each other without a gap from 0 to the end
//
// Cost: O(log(pages)) for each reference, from the stack distances. Memory: 40 bytes for each page.
// Source of the phases: Denning 1980, "Working Sets Past and Present". Their windows are our own choice.
// The `as number` on array reads: ids are below the pages.

import { StackDistances } from './stack-distance.ts';
import { WorkingSets } from './working-set.ts';

/** Pieces of the trace that are compared for phases: so many at most, and of so many references at least. Window numbers fit in a byte. */
const MAX_WINDOWS = 100;
const MIN_WINDOW = 1000;
/** Points at which the footprint is noted. */
const TENTHS = 10;
const HOT_PAGES = 10;
/** A kind in the trace: see `ReferenceKind`. */
const KINDS = 3;
const WRITE = 1;

/** The working set with a window of so many references. */
export interface WorkingSetPoint {
  readonly window: number;
  /** Mean pages. */
  readonly pages: number;
  /** Faults of the working-set policy. */
  readonly faults: number;
}

/** References with a stack distance in [from, to]. */
export interface DistanceClass {
  readonly from: number;
  readonly to: number;
  readonly references: number;
}

/** A page by its dense id. */
export interface HotPage {
  readonly id: number;
  readonly references: number;
  readonly writes: number;
}

/** A stretch of the trace whose pages stay much the same. */
export interface Phase {
  /** Its first reference, from 0. */
  readonly start: number;
  readonly references: number;
  readonly pages: number;
}

/** Everything that was found. */
export interface TraceProfile {
  readonly references: number;
  readonly reads: number;
  readonly writes: number;
  readonly fetches: number;
  readonly pages: number;
  /** Pages that are written at least once. */
  readonly writtenPages: number;
  /** Distinct pages after each tenth of the trace. */
  readonly footprint: readonly number[];
  /** For windows of 1, 2, 4, ... references, up to the whole trace. */
  readonly workingSet: readonly WorkingSetPoint[];
  readonly distances: readonly DistanceClass[];
  /** The most referenced pages, the first of equals before the later ones. */
  readonly hotPages: readonly HotPage[];
  readonly phases: readonly Phase[];
}

/** What a profile is made of. */
export interface ProfileOptions {
  /** Ids are integers in [0, pages), in the order in which they first appear. */
  readonly pages: number;
  /** References that will be fed in all: tenths and windows are parts of it. */
  readonly references: number;
}

/** Profiles a dense trace that is fed piece by piece. */
export class TraceProfiler {
  readonly #pages: number;
  readonly #references: number;
  readonly #distances: StackDistances;
  readonly #workingSets: WorkingSets;
  readonly #counts: Float64Array;
  readonly #writes: Float64Array;
  readonly #kinds = new Float64Array(KINDS);
  readonly #footprint: number[] = [];
  readonly #phases: PhaseFinder;
  #now = 0;
  #seen = 0;

  constructor({ pages, references }: ProfileOptions) {
    this.#pages = pages;
    this.#references = references;
    this.#distances = new StackDistances(pages);
    this.#workingSets = new WorkingSets(pages, powersUpTo(references));
    this.#counts = new Float64Array(pages);
    this.#writes = new Float64Array(pages);
    this.#phases = new PhaseFinder(pages, references);
  }

  /** Refers to the pages `ids` in order. @param kinds a `ReferenceKind` for each */
  feed(ids: Uint32Array, kinds: Uint8Array): void {
    this.#distances.feed(ids);
    this.#workingSets.feed(ids);
    this.#phases.feed(ids);
    for (let at = 0; at < ids.length; at++) this.#refer(ids[at] as number, kinds[at] as number);
  }

  /** Returns what was found. To be called when all references have been fed. */
  profile(): TraceProfile {
    const [reads, writes, fetches] = this.#kinds as unknown as [number, number, number];
    return {
      references: this.#references,
      reads,
      writes,
      fetches,
      pages: this.#pages,
      writtenPages: this.#writes.reduce((count, times) => count + (times > 0 ? 1 : 0), 0),
      footprint: this.#footprint,
      workingSet: this.#workingSets.points().map(({ window, meanPages, faults }) => ({ window, pages: meanPages, faults })),
      distances: classesOf(this.#distances.curve().hits),
      hotPages: this.#hotPages(),
      phases: this.#phases.end(),
    };
  }

  #refer(page: number, kind: number): void {
    const now = ++this.#now;
    const count = this.#counts[page] as number;
    if (count === 0) this.#seen++;
    this.#counts[page] = count + 1;
    this.#kinds[kind] = (this.#kinds[kind] as number) + 1;
    if (kind === WRITE) this.#writes[page] = (this.#writes[page] as number) + 1;
    while (this.#footprint.length < TENTHS && now >= Math.round(((this.#footprint.length + 1) * this.#references) / TENTHS)) {
      this.#footprint.push(this.#seen);
    }
  }

  #hotPages(): HotPage[] {
    const hot: number[] = [];
    this.#counts.forEach((count, id) => {
      if (hot.length === HOT_PAGES && count <= (this.#counts[hot.at(-1) as number] as number)) return;
      const place = hot.findIndex((other) => (this.#counts[other] as number) < count);
      hot.splice(place < 0 ? hot.length : place, 0, id);
      hot.length = Math.min(hot.length, HOT_PAGES);
    });
    return hot.map((id) => ({ id, references: this.#counts[id] as number, writes: this.#writes[id] as number }));
  }
}

/** Finds the phases of a trace by comparing each window with the one two before it, or with the one before where the phase is younger. */
class PhaseFinder {
  /** Number of the last window in which each page was referenced, from 1; 0 = none. */
  readonly #lastWindow: Uint8Array;
  /** In which windows it was: bit 0 that window, bit 1 the one before, bit 2 the one before that. */
  readonly #history: Uint8Array;
  readonly #references: number;
  readonly #windows: number;
  readonly #phases: Phase[] = [];
  #now = 0;
  #window = 0;
  #windowStart = 0;
  #windowEnd = 0;
  /** How many windows before this one is the one to compare with. */
  #lag = 0;
  #familiar = 0;
  #pages = 0;
  #newToPhase = 0;
  #phaseStart = 0;
  #phaseFirstWindow = 1;
  #phasePages = 0;

  constructor(pages: number, references: number) {
    this.#lastWindow = new Uint8Array(pages);
    this.#history = new Uint8Array(pages);
    this.#references = references;
    this.#windows = Math.max(1, Math.min(MAX_WINDOWS, Math.floor(references / MIN_WINDOW)));
    this.#beginWindow();
  }

  feed(ids: Uint32Array): void {
    for (let from = 0; from < ids.length; ) {
      if (this.#now === this.#windowEnd) this.#endWindow();
      const to = Math.min(ids.length, from + this.#windowEnd - this.#now);
      this.#feedStretch(ids, from, to);
      this.#now += to - from;
      from = to;
    }
  }

  end(): Phase[] {
    this.#endWindow();
    return [...this.#phases, { start: this.#phaseStart, references: this.#now - this.#phaseStart, pages: this.#phasePages }];
  }

  #feedStretch(ids: Uint32Array, from: number, to: number): void {
    const window = this.#window;
    const history = this.#history;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      const last = this.#lastWindow[page] as number;
      if (last !== window) {
        this.#lastWindow[page] = window;
        history[page] = ((history[page] as number) << Math.min(window - last, 3)) | 1;
        this.#pages++;
        if (last < this.#phaseFirstWindow) this.#newToPhase++;
      }
      this.#familiar += ((history[page] as number) >> this.#lag) & 1;
    }
  }

  #endWindow(): void {
    const references = this.#now - this.#windowStart;
    if (2 * this.#familiar < references) {
      this.#phases.push({ start: this.#phaseStart, references: this.#windowStart - this.#phaseStart, pages: this.#phasePages });
      this.#phaseStart = this.#windowStart;
      this.#phaseFirstWindow = this.#window;
      this.#phasePages = this.#pages;
    } else this.#phasePages += this.#newToPhase;
    this.#beginWindow();
  }

  #beginWindow(): void {
    this.#window++;
    this.#windowStart = this.#now;
    this.#windowEnd = Math.round((this.#window * this.#references) / this.#windows);
    this.#lag = Math.min(2, this.#window - this.#phaseFirstWindow);
    this.#familiar = this.#pages = this.#newToPhase = 0;
  }
}

/** Returns 1, 2, 4, ... up to the first that is at least `references`. */
function powersUpTo(references: number): number[] {
  const powers = [1];
  while ((powers.at(-1) as number) < references) powers.push(2 * (powers.at(-1) as number));
  return powers;
}

/** Sums distances in classes [1, 1], [2, 2], [3, 4], [5, 8], ... up to the largest that occurs. */
function classesOf(hits: Float64Array): DistanceClass[] {
  const classes: DistanceClass[] = [];
  for (let from = 1, to = 1; from < hits.length; from = to + 1, to *= 2) {
    let references = 0;
    for (let distance = from; distance <= to && distance < hits.length; distance++) references += hits[distance] as number;
    classes.push({ from, to, references });
  }
  while (classes.at(-1)?.references === 0) classes.pop();
  return classes;
}
