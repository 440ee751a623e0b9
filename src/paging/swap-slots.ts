// Which page-sized slots of the swap device are free?
//
//   taken  one bit per slot, 1 = given or bad     [ 1110 0001 0000 ... ]
//   bad    one bit per slot, 1 = never give again [ 0000 0001 0000 ... ]
//   rover  where the next search begins: after the last slot given, so that page-outs run on along the device
//   freed  the run that the last calls of free made, one behind the other: it is given again before anything is searched. Changed pages that
//          go out in the order in which they came in go to where they were, which the host's cache still has, and a device's used part stays small
//
// A page-out writes a cluster of pages at once and so wants contiguous slots; when the free space is in pieces it takes
// the longest piece (`allocateUpTo`) rather than none.
//
// Invariants (quoted by `check`):
//   SS1  a slot is free, used or bad: used + bad = set bits of taken, bad = set bits of bad
//   SS2  a bad slot is taken; bits past the last slot are set, so that no search gives them
//   SS3  freeing a slot that is not used panics, as does a run below one slot, and changes nothing
//   SS4  no free run is longer than `longest`, a bound that a search which failed has found and a free may raise
//
// Cost: O(count) when there is room at the rover; a search of the whole device only after the longest run was taken or
// broken, since SS4 says beforehand what can be found; 2 bits per slot; nothing allocated.
// Sources: next fit, Knuth vol. 1, 2.5; the swap map of NetBSD's uvm_swap.c does the same job with a vmem arena.

import { invariant, KernelPanic } from '../base/index.ts';

const ALL = 0xffff_ffff;

/** A set of swap slots, some given. */
export class SwapSlots {
  /** Slots there are, free, used or bad. */
  readonly total: number;
  readonly #taken: Uint32Array;
  readonly #bad: Uint32Array;
  #rover = 0;
  #freedFirst = 0;
  #freedEnd = 0;
  #used = 0;
  #badCount = 0;
  #runLength = 0;
  /** At least the length of the longest free run (SS4). */
  #longest: number;

  /** @param slots slots on the device, at least 0. */
  constructor(slots: number) {
    this.total = slots;
    this.#longest = slots;
    this.#taken = new Uint32Array(Math.ceil(slots / 32));
    this.#bad = new Uint32Array(this.#taken.length);
    if (slots % 32 !== 0) this.#taken[this.#taken.length - 1] = ALL << (slots % 32);
  }

  /** Slots given and not freed yet. */
  get used(): number {
    return this.#used;
  }

  /** Slots that `markBad` took out of service. */
  get bad(): number {
    return this.#badCount;
  }

  /** Slots that could be given now. */
  get available(): number {
    return this.total - this.#used - this.#badCount;
  }

  /** Length of the run that the last successful allocation gave. */
  get runLength(): number {
    return this.#runLength;
  }

  /** Takes `count` (at least 1) contiguous slots. Returns the first, or -1 if no run is long enough. */
  allocateRun(count: number): number {
    return this.#allocate(count, count);
  }

  /** Takes the first run of `count` slots, or the longest there is below that. Returns its first slot, its length in `runLength`; -1 when none is free. */
  allocateUpTo(count: number): number {
    return this.#allocate(count, 1);
  }

  /** Gives back the slots [first, first + count), at least one. Panics (SS3) unless all are used. */
  free(first: number, count: number): void {
    if (count < 1) throw new KernelPanic('SS3', `a run of ${count} slots`);
    for (let slot = first; slot < first + count; slot++) {
      if (!this.#isUsed(slot)) throw new KernelPanic('SS3', `slot ${slot} of the run ${first}+${count} is not used`);
    }
    this.#assign(first, count, 'free');
    if (first !== this.#freedEnd) this.#freedFirst = first;
    this.#freedEnd = first + count;
    this.#used -= count;
    if (this.#longest < this.total) this.#longest = Math.max(this.#longest, this.#freeLengthAround(first));
  }

  /** Takes a free or used slot out of service, after an I/O error. Panics (SS3) if it is bad already or does not exist. */
  markBad(slot: number): void {
    const isUsed = this.#isUsed(slot);
    invariant(isUsed || this.isFree(slot), 'SS3', () => `slot ${slot} is bad already or does not exist`);
    if (isUsed) this.#used--;
    this.#assign(slot, 1, 'taken');
    this.#bad[slot >>> 5] = (this.#bad[slot >>> 5] as number) | (1 << (slot & 31));
    this.#badCount++;
  }

  /** Tells whether `slot` could be given; false outside the device. */
  isFree(slot: number): boolean {
    return this.#exists(slot) && !this.#isTaken(slot);
  }

  /** Counts everything; panics at the first broken invariant. */
  check(): void {
    let used = 0;
    let bad = 0;
    let run = 0;
    for (let slot = 0; slot < this.total; slot++) {
      const isTaken = this.#isTaken(slot);
      const isBad = this.#isBad(slot);
      invariant(isTaken || !isBad, 'SS2', () => `bad slot ${slot} is free`);
      if (isBad) bad++;
      else if (isTaken) used++;
      run = isTaken ? 0 : run + 1;
      invariant(run <= this.#longest, 'SS4', () => `${run} slots up to ${slot} are free, and ${this.#longest} should be the most`);
    }
    const isCounted = used === this.#used && bad === this.#badCount;
    invariant(isCounted, 'SS1', () => `${this.#used} used and ${this.#badCount} bad, found ${used} and ${bad}`);
    for (let slot = this.total; slot < this.#taken.length * 32; slot++) {
      invariant(this.#isTaken(slot), 'SS2', () => `slot ${slot}, past the end, is free`);
    }
  }

  #allocate(count: number, least: number): number {
    if (count < 1) throw new KernelPanic('SS3', `a run of ${count} slots`);
    const wanted = Math.min(count, this.#longest);
    if (wanted < least) return -1;
    if (this.#freedEnd - this.#freedFirst >= count && this.#freeLength(this.#freedFirst, count) === count) return this.#giveFreed(count);
    let best = -1;
    let bestLength = 0;
    // A run never wraps round the device's end: from the rover to the end, then from the start to the rover.
    // The second search may read on past the rover, into a run that the first began inside.
    for (let pass = 0; pass < 2 && bestLength < wanted; pass++) {
      const stop = pass === 0 ? this.total : this.#rover;
      let slot = this.#findFree(pass === 0 ? this.#rover : 0, stop);
      while (slot < stop && bestLength < wanted) {
        const length = this.#freeLength(slot, wanted);
        if (length > bestLength) {
          best = slot;
          bestLength = length;
        }
        slot = this.#findFree(slot + length, stop);
      }
    }
    if (bestLength < wanted) this.#longest = bestLength;
    return bestLength < least ? -1 : this.#give(best, bestLength);
  }

  #give(first: number, count: number): number {
    this.#assign(first, count, 'taken');
    this.#used += count;
    this.#rover = first + count === this.total ? 0 : first + count;
    this.#runLength = count;
    return first;
  }

  /** The search goes on where it was. */
  #giveFreed(count: number): number {
    const rover = this.#rover;
    const first = this.#give(this.#freedFirst, count);
    this.#rover = rover;
    this.#freedFirst += count;
    return first;
  }

  /** Returns the first free slot in [from, stop), or `stop` or a slot after it. */
  #findFree(from: number, stop: number): number {
    let slot = from;
    while (slot < stop) {
      const free = ~(this.#taken[slot >>> 5] as number) >>> (slot & 31);
      if (free !== 0) return slot + trailingZeros(free);
      slot = (slot | 31) + 1;
    }
    return slot;
  }

  /** Returns the length of the free run that begins at `slot`, at most `limit`. */
  #freeLength(slot: number, limit: number): number {
    let length = 0;
    while (length < limit) {
      const at = slot + length;
      if (at >= this.total) break;
      const taken = (this.#taken[at >>> 5] as number) >>> (at & 31);
      if (taken !== 0) {
        length += trailingZeros(taken);
        break;
      }
      length += 32 - (at & 31);
    }
    return Math.min(length, limit);
  }

  /** Returns the length of the free run that `slot`, which is free, lies in. */
  #freeLengthAround(slot: number): number {
    let before = 0;
    while (before < slot) {
      const at = slot - 1 - before;
      const taken = (this.#taken[at >>> 5] as number) << (31 - (at & 31));
      if (taken !== 0) {
        before += Math.clz32(taken);
        break;
      }
      before += (at & 31) + 1;
    }
    return before + this.#freeLength(slot, this.total);
  }

  #assign(first: number, count: number, state: 'taken' | 'free'): void {
    for (let slot = first; slot < first + count; slot++) {
      const bit = 1 << (slot & 31);
      if (state === 'taken') this.#taken[slot >>> 5] = (this.#taken[slot >>> 5] as number) | bit;
      else this.#taken[slot >>> 5] = (this.#taken[slot >>> 5] as number) & ~bit;
    }
  }

  #exists(slot: number): boolean {
    return slot >= 0 && slot < this.total;
  }

  #isTaken(slot: number): boolean {
    return (((this.#taken[slot >>> 5] as number) >>> (slot & 31)) & 1) === 1;
  }

  #isBad(slot: number): boolean {
    return (((this.#bad[slot >>> 5] as number) >>> (slot & 31)) & 1) === 1;
  }

  #isUsed(slot: number): boolean {
    return this.#exists(slot) && this.#isTaken(slot) && !this.#isBad(slot);
  }
}

/** Returns the number of zero bits below the lowest set bit of `word`, which is not 0. */
function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}
