// Least frequently used: the page with the fewest references since it became resident goes.
//
//   levels: one for each count that some page has, in ascending order; each a queue of pages
//   hit(p):    p to the tail of the level with a count one higher
//   miss(p):   if full: take the head of the lowest level
//              p to the tail of the level with count 1
//
//      level   count 1        count 2    count 7
//              [ a b c ]  ->  [ d ]  ->  [ e f ]          a goes first
//
// Tie: of the pages with the lowest count, the one that reached it first. A count is forgotten when its page goes. Must see every
// reference. Cost: O(1) for each reference; a level is born between its neighbours and dies when it is empty.
// Source: the textbooks' LFU; levels: Ketan Shah, Mitra, Matani 2010, "An O(1) algorithm for implementing the LFU cache eviction scheme".

import { invariant } from '../base/index.ts';
import { expectWithinFrames } from './frames-invariant.ts';
import type { PolicyQueue, ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** The circle of levels begins and ends here; its count, 0, is lower than any. */
const ROOT = 0;

/** Levels of pages by count. Entries of the page links: levels first, then pages, so that a level closes its own circle. */
class LfuPolicy implements Replayed {
  readonly name = 'lfu';
  readonly #frames: number;
  /** Levels there can be, with the root. */
  readonly #levels: number;
  /** Pairs next, previous; of pages within a level. */
  readonly #links: Int32Array;
  /** Pairs next, previous; of levels. Unused levels are chained by their next. */
  readonly #order: Int32Array;
  readonly #counts: Float64Array;
  /** Level of each page; 0 = not resident. */
  readonly #level: Int32Array;
  #unused: number;
  #size = 0;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#frames = frames;
    // One more than pages can be resident: a page's new level is made before its old one dies.
    this.#levels = Math.min(frames, pages) + 2;
    this.#links = new Int32Array(2 * (this.#levels + pages));
    this.#order = new Int32Array(2 * this.#levels);
    this.#counts = new Float64Array(this.#levels);
    this.#level = new Int32Array(pages);
    for (let level = 0; level < this.#levels; level++) {
      this.#links[2 * level] = this.#links[2 * level + 1] = level;
      this.#order[2 * level] = level + 1;
    }
    this.#order[2 * ROOT] = ROOT;
    this.#unused = ROOT + 1;
  }

  get size(): number {
    return this.#size;
  }

  has(page: number): boolean {
    return (this.#level[page] ?? ROOT) !== ROOT;
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  describe(): PolicyQueue[] {
    const pages: number[] = [];
    const values: number[] = [];
    for (let level = this.#order[2 * ROOT] as number; level !== ROOT; level = this.#order[2 * level] as number) {
      for (let entry = this.#links[2 * level] as number; entry !== level; entry = this.#links[2 * entry] as number) {
        pages.push(entry - this.#levels);
        values.push(this.#counts[level] as number);
      }
    }
    return [{ name: 'levels', holds: 'pages', order: 'lowest count first', pages, marks: { name: 'count', values } }];
  }

  check(): void {
    expectWithinFrames(this.#size, this.#frames);
    let found = 0;
    let last = 0;
    for (let level = this.#order[0] as number; level !== ROOT; level = this.#order[2 * level] as number) {
      const count = this.#counts[level] as number;
      invariant(count > last, 'RP1', () => `level ${level} with count ${count} comes after ${last}`);
      last = count;
      invariant(this.#links[2 * level] !== level, 'RP1', () => `level ${level} is empty`);
      for (let entry = this.#links[2 * level] as number; entry !== level; entry = this.#links[2 * entry] as number) {
        const page = entry - this.#levels;
        invariant(this.#level[page] === level, 'RP1', () => `page ${page} is on level ${level} and says ${this.#level[page]}`);
        found++;
      }
    }
    invariant(found === this.#size, 'RP1', () => `size ${this.#size}, found ${found}`);
  }

  /** Refers to `page`; tells whether it was resident. */
  #refer(page: number): boolean {
    const level = this.#level[page] as number;
    if (level === ROOT && this.#size === this.#frames) this.#evict();
    const target = this.#levelAbove(level);
    if (level === ROOT) this.#size++;
    else this.#take(page, level);
    this.#put(page, target);
    return level !== ROOT;
  }

  #evict(): void {
    const lowest = this.#order[2 * ROOT] as number;
    const page = (this.#links[2 * lowest] as number) - this.#levels;
    this.#take(page, lowest);
    this.#level[page] = ROOT;
    this.#size--;
  }

  /** Returns the level with a count one higher than that of `level`, made if there is none. */
  #levelAbove(level: number): number {
    const count = (this.#counts[level] as number) + 1;
    const above = this.#order[2 * level] as number;
    if (above !== ROOT && this.#counts[above] === count) return above;
    const made = this.#unused;
    this.#unused = this.#order[2 * made] as number;
    this.#counts[made] = count;
    this.#order[2 * made] = above;
    this.#order[2 * made + 1] = level;
    this.#order[2 * level] = made;
    this.#order[2 * above + 1] = made;
    return made;
  }

  #put(page: number, level: number): void {
    const entry = page + this.#levels;
    const tail = this.#links[2 * level + 1] as number;
    this.#links[2 * entry] = level;
    this.#links[2 * entry + 1] = tail;
    this.#links[2 * tail] = entry;
    this.#links[2 * level + 1] = entry;
    this.#level[page] = level;
  }

  /** Takes a page off its level, which dies if it was the last. */
  #take(page: number, level: number): void {
    const entry = page + this.#levels;
    const next = this.#links[2 * entry] as number;
    const previous = this.#links[2 * entry + 1] as number;
    this.#links[2 * previous] = next;
    this.#links[2 * next + 1] = previous;
    if (next === previous && next === level) this.#bury(level);
  }

  #bury(level: number): void {
    const above = this.#order[2 * level] as number;
    const below = this.#order[2 * level + 1] as number;
    this.#order[2 * below] = above;
    this.#order[2 * above + 1] = below;
    this.#order[2 * level] = this.#unused;
    this.#unused = level;
  }
}

/** Makes the `lfu` policy. */
export const lfu: ReferencePolicyKind = { name: 'lfu', sees: 'references', make: (options) => new LfuPolicy(options) };
