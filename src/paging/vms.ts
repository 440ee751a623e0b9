// VAX/VMS: first in, first out, but a page that is taken from a process waits on the free list with its content, and a reference
// rescues it from there without a transfer.
//
//   resident list   first in, first out: three quarters of the frames
//   free list       pages taken from the resident list, in that order: the rest
//
//   hit(p):    on the free list (a soft fault): p to the tail of the resident list, whose head goes to the free list if it is too long
//   miss(p):   if full: the head of the free list goes (of the resident list if there is no free list)
//              p to the tail of the resident list, whose head goes to the free list if it is too long
//
// Soft faults are hits: nothing is transferred. One process; VMS has a resident list for each. Pages of the free list are not mapped, so
// hardware shows each reference to them, but as a fault, which a kernel here does not offer to policies. No ties.
// Source: Levy and Lipman, "Virtual Memory Management in the VAX/VMS Operating System", Computer 1982; Turner and Levy 1981 (segmented FIFO).

import { expectWithinFrames } from './frames-invariant.ts';
import { PageLists } from './page-list.ts';
import type { ReferencePolicyKind, ReferencePolicyOptions, Replayed } from './replacement-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

const RESIDENT = 0;
const FREE = 1;
/** Share of the frames in the resident list. Arbitrary: VMS's limits are set for each process and system. */
const RESIDENT_SHARE = 0.75;

/** The resident list and the free list. */
class VmsPolicy implements Replayed {
  readonly name = 'vms';
  readonly #lists: PageLists;
  readonly #frames: number;
  readonly #residentFrames: number;

  constructor({ pages, frames }: ReferencePolicyOptions) {
    this.#lists = new PageLists(pages, 2);
    this.#frames = frames;
    this.#residentFrames = Math.max(1, Math.trunc(RESIDENT_SHARE * frames));
  }

  get size(): number {
    return this.#lists.length(RESIDENT) + this.#lists.length(FREE);
  }

  has(page: number): boolean {
    return this.#lists.has(page);
  }

  replay(ids: Uint32Array, from: number, to: number, { misses }: SimulatedMemory): number {
    let missed = 0;
    for (let at = from; at < to; at++) if (!this.#refer(ids[at] as number)) misses[missed++] = at;
    return missed;
  }

  check(): void {
    this.#lists.check();
    expectWithinFrames(this.size, this.#frames);
    expectWithinFrames(this.#lists.length(RESIDENT), this.#residentFrames);
  }

  /** Refers to `page`; tells whether it was in memory. */
  #refer(page: number): boolean {
    const lists = this.#lists;
    const list = lists.listOf(page);
    if (list === RESIDENT) return true;
    if (list === FREE) lists.moveToTail(page, RESIDENT);
    else {
      if (this.size === this.#frames) lists.remove(lists.head(lists.length(FREE) > 0 ? FREE : RESIDENT));
      lists.append(page, RESIDENT);
    }
    if (lists.length(RESIDENT) > this.#residentFrames) lists.moveToTail(lists.head(RESIDENT), FREE);
    return list === FREE;
  }
}

/** Makes the `vms` policy. */
export const vms: ReferencePolicyKind = { name: 'vms', sees: 'references', make: (options) => new VmsPolicy(options) };
