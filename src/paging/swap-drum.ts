// One drum of swap slots over several areas, one area for each device: the numbers that anons keep need not say which device.
//
//   drum      | area A: base 0 ............ | area C: base 100 .. |  gap of an area removed  | area B: base 400 ... |
//   filling   priority 5: C    priority 0: A, B in turn
//
// The areas of the highest priority are filled first; those of one priority take turns, so that their devices share the work. A
// run of slots lies in one area. An area is closed before it is removed: it gives no slots, and takes back those it gave.
//
// Invariants (quoted by `check`):
//   SD1  areas do not overlap; they stand in order of falling priority
//   SD2  each area's slots keep SS1 to SS4 (swap-slots.ts)
// Cost: as SwapSlots, times the areas that are full; a slot's area is found by a walk of the areas, of which there are few.
// Source: swap devices and priorities of NetBSD's uvm_swap.c.

import { invariant, KernelPanic } from '../base/index.ts';
import { SwapSlots } from './swap-slots.ts';

/** Slot numbers are kept plus one in 32-bit words. */
const DRUM_END = 0xffff_fffe;
/** Failed writes after which an area is left alone until `forgive`. */
const STRIKES = 3;

/** A stretch of the drum. */
interface SwapArea {
  readonly base: number;
  readonly priority: number;
  readonly slots: SwapSlots;
  state: 'open' | 'closed';
  strikes: number;
}

/** The swap slots of all devices. */
export class SwapDrum {
  /** In the order in which they are filled. */
  readonly #areas: SwapArea[] = [];
  #runLength = 0;

  /** Slots of the areas that are open. */
  get total(): number {
    return this.#sum((area) => (area.state === 'open' ? area.slots.total : 0));
  }

  /** Slots given and not freed yet, in all areas. */
  get used(): number {
    return this.#sum((area) => area.slots.used);
  }

  /** Slots out of service, in all areas. */
  get bad(): number {
    return this.#sum((area) => area.slots.bad);
  }

  /** Slots that could be given now. */
  get available(): number {
    return this.#sum((area) => (area.state === 'open' ? area.slots.available : 0));
  }

  /** Length of the run that the last successful allocation gave. */
  get runLength(): number {
    return this.#runLength;
  }

  /** Adds an area of `slots` slots, at least 0, behind those of its priority. Returns its first slot, which names it, or -1 when the drum has no room for it. */
  add(slots: number, priority: number): number {
    const base = this.#findGap(slots);
    if (base < 0) return -1;
    const after = this.#areas.findIndex((area) => area.priority < priority);
    const area: SwapArea = { base, priority, slots: new SwapSlots(slots), state: 'open', strikes: 0 };
    this.#areas.splice(after < 0 ? this.#areas.length : after, 0, area);
    return base;
  }

  /** Stops giving slots of the area at `base`; `open` begins again. */
  close(base: number): void {
    this.#areaAt(base).state = 'closed';
  }

  /** Gives slots of a closed area again. */
  open(base: number): void {
    this.#areaAt(base).state = 'open';
  }

  /** Takes an area out. Panics (SD2) while any of its slots is used. */
  remove(base: number): void {
    const area = this.#areaAt(base);
    invariant(area.slots.used === 0, 'SD2', () => `the area at ${base} is removed with ${area.slots.used} slots used`);
    this.#areas.splice(this.#areas.indexOf(area), 1);
  }

  /** Returns the area that holds `slot`, by its first slot. Panics (SD1) if none does. */
  baseOf(slot: number): number {
    return this.#areaOf(slot).base;
  }

  /** Returns the slot after the last of the area that holds `slot`. Panics (SD1) if none does. */
  endOf(slot: number): number {
    const { base, slots } = this.#areaOf(slot);
    return base + slots.total;
  }

  /** Returns the slots of the area at `base`, to look at. */
  slotsAt(base: number): Pick<SwapSlots, 'total' | 'used' | 'bad'> {
    return this.#areaAt(base).slots;
  }

  /** The bases of the areas, in the order in which they are filled. */
  bases(): number[] {
    return this.#areas.map((area) => area.base);
  }

  /**
   * Takes a run of `count` slots, or the longest that an area of the highest priority with any free slot has.
   * @returns its first slot, its length in `runLength`; -1 when no area gives any.
   */
  allocateUpTo(count: number): number {
    for (let first = 0; first < this.#areas.length; ) {
      const end = this.#groupEnd(first);
      const slot = this.#allocateIn(first, end, count, 'piece');
      if (slot >= 0) return slot;
      first = end;
    }
    return -1;
  }

  /** Takes exactly `count` slots in a row, in the area that would be filled next. Returns the first, or -1 if none has such a run. */
  allocateRun(count: number): number {
    for (let first = 0; first < this.#areas.length; ) {
      const end = this.#groupEnd(first);
      const slot = this.#allocateIn(first, end, count, 'whole');
      if (slot >= 0) return slot;
      first = end;
    }
    return -1;
  }

  /** Gives back the slots [first, first + count), which one run held. Panics (SS3) unless all are used. */
  free(first: number, count: number): void {
    const area = this.#areaOf(first);
    area.slots.free(first - area.base, count);
  }

  /** Takes a slot out of service after a failed write. An area with three such failures gives no slots until `forgive`. */
  markBad(slot: number): void {
    const area = this.#areaOf(slot);
    area.slots.markBad(slot - area.base);
    area.strikes++;
  }

  /** Tells whether the area of `slot` has failed so often that it gives nothing now. */
  isAvoided(slot: number): boolean {
    return this.#areaOf(slot).strikes >= STRIKES;
  }

  /** Lets areas that had failed be tried again. */
  forgive(): void {
    for (const area of this.#areas) area.strikes = 0;
  }

  /** Panics at the first broken invariant. */
  check(): void {
    this.#areas.forEach((area, i) => {
      const next = this.#areas[i + 1];
      invariant(next === undefined || next.priority <= area.priority, 'SD1', () => `area ${i} stands before one of higher priority`);
      area.slots.check();
    });
    const byBase = this.#byBase();
    byBase.forEach((area, i) => {
      const next = byBase[i + 1];
      invariant(next === undefined || area.base + area.slots.total <= next.base, 'SD1', () => `the areas at ${area.base} overlap`);
    });
  }

  #sum(value: (area: SwapArea) => number): number {
    let sum = 0;
    for (const area of this.#areas) sum += value(area);
    return sum;
  }

  #byBase(): SwapArea[] {
    return [...this.#areas].sort((a, b) => a.base - b.base);
  }

  #findGap(slots: number): number {
    let base = 0;
    for (const area of this.#byBase()) {
      // An area without slots still needs a name of its own.
      if (base + Math.max(1, slots) <= area.base) return base;
      base = area.base + Math.max(1, area.slots.total);
    }
    return base + slots <= DRUM_END ? base : -1;
  }

  #groupEnd(first: number): number {
    const { priority } = this.#areas[first] as SwapArea;
    let end = first + 1;
    while (end < this.#areas.length && this.#areas[end]?.priority === priority) end++;
    return end;
  }

  /** Allocates in the areas [first, end), which are of one priority: a whole run of any of them before a piece, if that will do. */
  #allocateIn(first: number, end: number, count: number, enough: 'whole' | 'piece'): number {
    for (const least of count > 1 && enough === 'piece' ? ['whole', 'piece'] : ['whole']) {
      for (let i = first; i < end; i++) {
        const area = this.#areas[i] as SwapArea;
        if (area.state === 'closed' || area.strikes >= STRIKES) continue;
        const slot = least === 'whole' ? area.slots.allocateRun(count) : area.slots.allocateUpTo(count);
        if (slot < 0) continue;
        this.#runLength = area.slots.runLength;
        this.#moveBehind(i, end);
        return area.base + slot;
      }
    }
    return -1;
  }

  /** The area has had its turn: it goes behind the others of its priority, which end before `end`. */
  #moveBehind(index: number, end: number): void {
    const area = this.#areas[index] as SwapArea;
    for (let i = index; i + 1 < end; i++) this.#areas[i] = this.#areas[i + 1] as SwapArea;
    this.#areas[end - 1] = area;
  }

  #areaAt(base: number): SwapArea {
    const found = this.#areas.find((area) => area.base === base);
    invariant(found !== undefined, 'SD1', () => `no area begins at ${base}`);
    return found;
  }

  #areaOf(slot: number): SwapArea {
    for (const area of this.#areas) if (slot >= area.base && slot < area.base + area.slots.total) return area;
    throw new KernelPanic('SD1', `slot ${slot} lies in no area`);
  }
}
