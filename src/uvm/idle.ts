// Giving memory back when idle: a long-lived process with mapped files (a database) that has nothing to do should not keep what it
// used last, while others need it.
//
//   each tick, for each page that could be evicted      referenced since the last tick?   age 0
//                                                       else                              age + 1
//   a page of a space without faults since the last tick, or that nobody maps, goes
//     clean and of a file or image                      at half the idle ticks
//     any other                                         at the idle ticks
//   down to a floor of pages per space, and so many in one tick
//
// What is given back is evicted as by the page daemon: content is never lost, the next access brings it in again.
// Cost: O(frames) per tick; one byte per frame. Settings: tuning.ts. Source: demand by database users for what Linux calls proactive reclaim.

import type { Pfn } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import type { UvmCore } from './core.ts';
import type { PageDaemon } from './page-daemon.ts';

const OLDEST = 255;

/** Ages pages tick by tick and gives the oldest of idle spaces back. */
export class IdleReclaim {
  readonly #core: UvmCore;
  readonly #daemon: PageDaemon;
  readonly #ages: Uint8Array;
  readonly #chosen: Int32Array;
  /** By space number: faults at the last tick, whether there were none since, and pages it may still give. */
  readonly #faultsBefore = new Map<number, number>();
  readonly #allowance = new Map<number, number>();

  constructor(core: UvmCore, daemon: PageDaemon) {
    this.#core = core;
    this.#daemon = daemon;
    this.#ages = new Uint8Array(core.machine.ram.frameCount);
    this.#chosen = new Int32Array(core.tuning.idlePagesPerTick);
  }

  /** Lets one tick pass. */
  tick(): void {
    this.#findIdleSpaces();
    const { table } = this.#core.machine.frames;
    let count = 0;
    for (let frame = 0 as Pfn; frame < table.count; frame++) {
      if (!this.#core.queue.policy.has(frame)) this.#ages[frame] = 0;
      else if (this.#age(frame) && count < this.#chosen.length && this.#mayGo(frame)) this.#chosen[count++] = frame;
    }
    if (count === 0) return;
    this.#core.statistics.idleFreed += this.#daemon.giveBack(this.#chosen, count);
  }

  /** Ages a page. Tells whether it is old enough to go. */
  #age(frame: Pfn): boolean {
    const { machine, tuning } = this.#core;
    const isReferenced = machine.pmaps.testAndClearReferenced(frame);
    const age = isReferenced ? 0 : Math.min(OLDEST, (this.#ages[frame] as number) + 1);
    this.#ages[frame] = age;
    if (age >= tuning.idleTicks) return true;
    return age >= tuning.idleTicks / 2 && this.#isCleanFilePage(frame);
  }

  #isCleanFilePage(frame: Pfn): boolean {
    const { machine, swapped } = this.#core;
    return machine.frames.table.kind(frame) === FrameKind.object && !swapped.owns(frame) && !machine.pmaps.isModified(frame);
  }

  /** Counts the page off what its space may give. */
  #mayGo(frame: Pfn): boolean {
    if (this.#core.queue.isHeld(frame)) return false;
    const space = this.#core.machine.frames.table.mapSpace(frame);
    if (space === 0) return true;
    const left = this.#allowance.get(space) ?? 0;
    if (left <= 0) return false;
    this.#allowance.set(space, left - 1);
    return true;
  }

  #findIdleSpaces(): void {
    const { maps, tuning } = this.#core;
    this.#allowance.clear();
    for (const { pmap, faults } of maps) {
      const isIdle = this.#faultsBefore.get(pmap.id) === faults;
      if (isIdle) this.#allowance.set(pmap.id, pmap.residentPages - tuning.idleFloorPages);
    }
    this.#faultsBefore.clear();
    for (const { pmap, faults } of maps) this.#faultsBefore.set(pmap.id, faults);
  }
}
