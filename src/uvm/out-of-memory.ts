// When memory and swap are full and nothing can be evicted: who goes?
//
//   the asker allocates lazily    it is refused: it took the promise that memory may not be there
//   another space does            the one with the most memory is the victim; whoever runs processes ends that one, and the asker goes on
//     ended at once                 its memory is free: the fault begins again
//     to be ended later             until then the asker lives on the kernel's reserve
//   nobody does                   the asker is refused
//
// Invariant OM1: a victim was made with `allocation: 'lazy'`, is not the asker, and of all such spaces has the most pages of its own; among
// equals the one with the lowest number.
// Cost: O(anonymous pages of the lazy spaces), once per victim. Source: the lazy-allocation flag of FMI/OS.

import type { VictimHandler } from '../system/index.ts';
import type { UvmCore } from './core.ts';
import type { VmMap } from './vm-map.ts';

/** Chooses victims. */
export class OutOfMemory {
  /** Ends the process of a victim; without one nobody is chosen. */
  handler: VictimHandler<VmMap> | undefined;
  readonly #core: UvmCore;
  /** Spaces chosen and not ended yet: each is told of once. */
  readonly #doomed = new Set<VmMap>();

  constructor(core: UvmCore) {
    this.#core = core;
  }

  /** Looks for a victim for `asker`. Returns what it did about it: its memory is free now, the reserve may be used, or nothing. */
  relieve(asker: VmMap): 'freed' | 'reserve' | 'nothing' {
    this.#forgetEnded();
    if (this.handler === undefined || asker.layout.allocation === 'lazy') return 'nothing';
    if (this.#doomed.size > 0) return 'reserve';
    const victim = this.#choose(asker);
    if (victim === undefined) return 'nothing';
    this.#core.statistics.victims++;
    if (this.handler(victim) === 'ended') return 'freed';
    this.#doomed.add(victim);
    return 'reserve';
  }

  #forgetEnded(): void {
    for (const space of this.#doomed) if (!this.#core.maps.has(space)) this.#doomed.delete(space);
  }

  #choose(asker: VmMap): VmMap | undefined {
    let victim: VmMap | undefined;
    let most = 0;
    for (const space of this.#core.maps) {
      if (space === asker || space.layout.allocation !== 'lazy') continue;
      const pages = ownPages(space);
      const isWorse = pages > most || (pages === most && victim !== undefined && space.pmap.id < victim.pmap.id);
      if (victim !== undefined && !isWorse) continue;
      victim = space;
      most = pages;
    }
    return victim;
  }
}

/** Anonymous pages that a space holds, in memory or on swap. */
function ownPages(space: VmMap): number {
  let pages = 0;
  for (const entry of space) {
    entry.amap?.forEach(entry.amapOffset, entry.amapEnd, () => {
      pages++;
    });
  }
  return pages;
}
