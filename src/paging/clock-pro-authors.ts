// CLOCK-Pro as its authors' own simulator has it, count for count. (The form that a kernel can run is clock-pro.ts: there memory grows and
// shrinks, a page's frame says nothing about its content, and loading sets the bit. In a live run the names mean that form, here this.)
//
// CLOCK-Pro is LIRS with reference bits instead of a stack, so that a hit costs a bit. One clock holds hot pages, resident cold pages,
// and cold pages that are gone but still in their test (ghosts); three hands go round it in the same direction.
//
//   newest [ h | c*| g | h | c | g*| h | h ] oldest           h = hot, c = resident cold, g = ghost, * = in its test
//            ^cold          ^test        ^hot                 hands move from older to newer pages, and from the newest to the oldest
//
//   hit(x):    bit(x) = 1, unless the reference before it was to x as well
//   miss(x):   while frames beyond the cold share are free: x is hot; while any are free: x is cold, in its test
//              ghost: the cold hand frees a frame; the hot hand finds a page to demote; x is hot (unless its test ended meanwhile)
//              else:  the cold hand frees a frame; x is cold, in its test
//              either way x is the newest page, its bit 0
//   cold hand: at a resident cold page. Bit 0, or test over: it goes; it stays on the clock as a ghost if it is in its test.
//              else: it becomes hot and the newest page, and the hot hand demotes another; on to the next cold page
//   hot hand:  a hot page with its bit set loses it and becomes the newest; without: it is demoted, becomes the newest, done
//              it never passes the test hand, but pushes it ahead
//   test hand: ends the test of the cold pages it passes; ghosts are forgotten. It also keeps the ghosts to the number of frames
//
// The cold share is 5 % of the frames (`clock-pro`) or between 1 and 95 % (`clock-pro-adaptive`): each ghost that is missed asks for
// one more cold frame, each that is forgotten for one less; the cold hand then demotes without promoting, or the reverse.
// (When it demotes without promoting it sets the bit of the page it reaches next, as the authors' program does; the counts depend on it.)
//
// A page's bit is 0 after its load. No ties. The counts are those of the authors' own program, which refuses fewer than 5 frames;
// here a cold share never takes all of several frames, and without hot pages nothing is promoted.
// Source: Jiang, Chen and Zhang, "CLOCK-Pro: An Effective Improvement of the CLOCK Replacement", USENIX 2005.

import { invariant } from '../base/index.ts';
import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const CLOCK = 0;
/** Flags of a page. */
const RESIDENT = 1;
const HOT = 2;
const IN_TEST = 4;
const REFERENCED = 8;
/** The cold share is never below this many frames. */
const COLD_LEAST = 2;

/** What a run of the hot hand came to: it stayed away from the candidate, or went over it without, or with, demoting a page. */
const APART = 0;
const PASSED = 1;
const PASSED_AND_DEMOTED = 2;
type Outcome = typeof APART | typeof PASSED | typeof PASSED_AND_DEMOTED;

/** Bounds of the cold share, as parts of the frames; equal = fixed. */
interface ColdShare {
  readonly least: number;
  readonly most: number;
}

/** A clock with three hands. */
class ClockProPolicy implements Replayed {
  readonly name: string;
  readonly #frames: number;
  /** Oldest page at the head. */
  readonly #clock: PageLists;
  readonly #flags: Uint8Array;
  readonly #leastCold: number;
  readonly #mostCold: number;
  readonly #isAdaptive: boolean;
  /** How many frames more (or less, if negative) the cold pages should have. */
  #credits = 0;
  #free: number;
  #hotCount = 0;
  #ghosts = 0;
  /** Hands: pages of the clock; -1 while there is none to rest at. */
  #hotHand = -1;
  #coldHand = -1;
  #testHand = -1;
  #last = -1;

  constructor({ pages, frames }: ReferencePolicyOptions, name: string, { least, most }: ColdShare) {
    this.name = name;
    this.#frames = frames;
    this.#free = frames;
    this.#clock = new PageLists(pages, 1);
    this.#flags = new Uint8Array(pages);
    const lowest = Math.max(1, Math.min(COLD_LEAST, frames - 1));
    this.#leastCold = Math.max(lowest, Math.trunc(least * frames));
    this.#mostCold = Math.max(lowest, Math.trunc(most * frames));
    this.#isAdaptive = least !== most;
  }

  get size(): number {
    return this.#frames - this.#free;
  }

  has(page: number): boolean {
    return ((this.#flags[page] ?? 0) & RESIDENT) !== 0;
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    const flags = this.#flags;
    let missed = 0;
    let last = this.#last;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (page === last) continue;
      last = page;
      const now = flags[page] as number;
      if ((now & RESIDENT) !== 0) flags[page] = now | REFERENCED;
      else {
        this.#load(page);
        misses[missed++] = at;
      }
    }
    this.#last = last;
    return missed;
  }

  check(): void {
    this.#clock.check();
    let resident = 0;
    let hot = 0;
    let ghosts = 0;
    this.#flags.forEach((flags, page) => {
      const onClock = this.#clock.has(page);
      invariant(onClock || flags === 0, 'RP1', () => `page ${page} with flags ${flags} is not on the clock`);
      if ((flags & RESIDENT) !== 0) resident++;
      if ((flags & HOT) !== 0) hot++;
      if (!onClock || (flags & RESIDENT) !== 0) return;
      ghosts++;
      invariant((flags & (HOT | IN_TEST)) === IN_TEST, 'RP1', () => `page ${page} is gone and not a ghost: flags ${flags}`);
    });
    invariant(resident === this.size, 'RP1', () => `${resident} resident pages, size ${this.size}`);
    invariant(hot === this.#hotCount, 'RP1', () => `${hot} hot pages, ${this.#hotCount} counted`);
    invariant(ghosts === this.#ghosts, 'RP1', () => `${ghosts} ghosts, ${this.#ghosts} counted`);
    expectWithinFrames(resident, this.#frames);
    expectWithinFrames(ghosts, this.#frames);
    for (const hand of [this.#hotHand, this.#coldHand, this.#testHand]) {
      invariant(hand === -1 || this.#clock.has(hand), 'RP1', () => `a hand is at ${hand}, which is not on the clock`);
    }
  }

  #load(page: number): void {
    if (this.#free > this.#leastCold) this.#insertHot(page);
    else if (this.#free > 0) this.#insertCold(page);
    else {
      this.#runColdHand();
      if (this.#clock.has(page)) this.#loadGhost(page);
      else this.#insertCold(page);
    }
  }

  #loadGhost(page: number): void {
    const outcome = this.#runHotHand(page);
    if (this.#clock.has(page)) this.#forget(page);
    if (outcome === PASSED) this.#insertCold(page);
    else {
      this.#ask(1);
      this.#insertHot(page);
    }
  }

  /** Frees one frame. */
  #runColdHand(): void {
    for (;;) {
      const page = this.#coldHand;
      const mustStay = IN_TEST | REFERENCED;
      if (((this.#flags[page] as number) & mustStay) !== mustStay) {
        this.#evict(page);
        return;
      }
      this.#promote(page);
      this.#seekCold();
    }
  }

  #evict(page: number): void {
    this.#free++;
    this.#coldHand = this.#clock.nextAround(page);
    this.#clear(page, RESIDENT);
    if (this.#is(page, IN_TEST)) this.#ghosts++;
    else this.#remove(page);
    this.#seekCold();
    this.#limitGhosts();
  }

  /** Moves the cold hand on to a resident cold page, if it is not at one. */
  #seekCold(): void {
    if (this.size === this.#hotCount) this.#coldHand = -1;
    else
      while (((this.#flags[this.#coldHand] as number) & (RESIDENT | HOT)) !== RESIDENT)
        this.#coldHand = this.#clock.nextAround(this.#coldHand);
  }

  /** Gives a cold page that was referenced in its test its reward, which depends on how many cold pages there should be. */
  #promote(page: number): void {
    this.#boundCredits();
    if (this.#credits < 0) {
      this.#renew(page);
      this.#makeHot(page);
      this.#credits++;
      return;
    }
    const wantsCold = this.#credits > 0;
    const outcome = this.#runHotHand(page);
    if (outcome === PASSED || (outcome !== APART && wantsCold)) {
      // The hot hand went over it, so its test is over and the reference does not count.
      this.#clear(page, REFERENCED);
      if (outcome !== PASSED) this.#credits--;
    } else if (wantsCold) {
      this.#renew(page);
      this.#set(this.#coldHand, REFERENCED);
      this.#set(page, IN_TEST);
      this.#credits--;
    } else {
      this.#renew(page);
      this.#makeHot(page);
    }
  }

  /** Demotes a hot page to make room for `candidate`. Tells whether the hand came over the candidate, and whether it demoted a page. */
  #runHotHand(candidate: number): Outcome {
    let isDone = this.#hotCount === 0;
    let hasPassed = isDone;
    let hasDemoted = false;
    while (!isDone || (this.#hotCount > 0 && !this.#is(this.#hotHand, HOT))) {
      const page = this.#hotHand;
      if (!this.#is(page, HOT)) {
        if (page === candidate) isDone = hasPassed = true;
        this.#hotHand = this.#clock.nextAround(page);
      } else {
        if (!this.#is(page, REFERENCED)) {
          this.#clear(page, HOT);
          this.#hotCount--;
          isDone = hasDemoted = true;
        }
        this.#renew(page);
        if (hasDemoted && this.#coldHand === -1) this.#coldHand = page;
      }
      if (this.#clock.previousAround(this.#hotHand) === this.#testHand) this.#stepTestHand();
    }
    if (!hasPassed) return APART;
    return hasDemoted ? PASSED_AND_DEMOTED : PASSED;
  }

  #stepTestHand(): void {
    const page = this.#testHand;
    if (this.#is(page, HOT | RESIDENT)) {
      this.#testHand = this.#clock.nextAround(page);
      if (!this.#is(page, HOT)) this.#clear(page, IN_TEST | REFERENCED);
    } else this.#forgetUntouched(page);
    this.#limitGhosts();
  }

  /** Forgets the ghost that the test hand finds next if there are more ghosts than frames. */
  #limitGhosts(): void {
    if (this.#ghosts <= this.#frames) return;
    for (; this.#is(this.#testHand, RESIDENT); this.#testHand = this.#clock.nextAround(this.#testHand)) {
      if (!this.#is(this.#testHand, HOT)) this.#clear(this.#testHand, IN_TEST | REFERENCED);
    }
    this.#forgetUntouched(this.#testHand);
  }

  /** Forgets a ghost whose page did not come back in time. */
  #forgetUntouched(page: number): void {
    this.#ask(-1);
    this.#forget(page);
  }

  #forget(ghost: number): void {
    this.#ghosts--;
    this.#remove(ghost);
  }

  #ask(coldFrames: 1 | -1): void {
    if (this.#isAdaptive) this.#credits += coldFrames;
  }

  #boundCredits(): void {
    const cold = this.#frames - this.#hotCount;
    if (this.#credits > 0 && cold >= this.#mostCold) this.#credits = 0;
    if (this.#credits < 0 && cold <= this.#leastCold) this.#credits = 0;
  }

  #insertHot(page: number): void {
    this.#insert(page, RESIDENT);
    this.#makeHot(page);
  }

  #insertCold(page: number): void {
    this.#insert(page, RESIDENT | IN_TEST);
    if (this.#coldHand === -1) this.#coldHand = page;
  }

  #insert(page: number, flags: number): void {
    this.#free--;
    this.#flags[page] = flags;
    this.#clock.append(page, CLOCK);
    if (this.#testHand === -1) this.#testHand = page;
  }

  #makeHot(page: number): void {
    this.#set(page, HOT);
    this.#hotCount++;
    if (this.#hotHand === -1) this.#hotHand = page;
  }

  /** Makes a page the newest, its test over and its bit 0. Hands at it go on. */
  #renew(page: number): void {
    this.#clear(page, IN_TEST | REFERENCED);
    if (this.#clock.length(CLOCK) === 1) return;
    this.#leave(page);
    this.#clock.moveToTail(page, CLOCK);
  }

  #remove(page: number): void {
    this.#leave(page);
    this.#clock.remove(page);
    this.#flags[page] = 0;
  }

  /** Moves the hands that rest at `page` on. */
  #leave(page: number): void {
    const around = this.#clock.nextAround(page);
    const next = around === page ? -1 : around;
    if (this.#hotHand === page) this.#hotHand = next;
    if (this.#coldHand === page) this.#coldHand = next;
    if (this.#testHand === page) this.#testHand = next;
  }

  /** Tells whether any of `flags` is set. */
  #is(page: number, flags: number): boolean {
    return ((this.#flags[page] as number) & flags) !== 0;
  }

  #set(page: number, flags: number): void {
    this.#flags[page] = (this.#flags[page] as number) | flags;
  }

  #clear(page: number, flags: number): void {
    this.#flags[page] = (this.#flags[page] as number) & ~flags;
  }
}

/** Makes the `clock-pro` policy: a fixed cold share. */
export const clockProAuthors: ReferencePolicyKind = {
  name: 'clock-pro',
  sees: 'references',
  make: (options) => new ClockProPolicy(options, 'clock-pro', { least: 0.05, most: 0.05 }),
};

/** Makes the `clock-pro-adaptive` policy: the cold share follows what is missed. */
export const clockProAuthorsAdaptive: ReferencePolicyKind = {
  name: 'clock-pro-adaptive',
  sees: 'references',
  make: (options) => new ClockProPolicy(options, 'clock-pro-adaptive', { least: 0.01, most: 0.95 }),
};
