// The spaces of one manager: how they are made, forked and destroyed, which is alike for every manager with an ordered map.

import { type Errno, Random } from '../base/index.ts';
import type { KernelHeap } from '../heap/index.ts';
import type { Tlb } from '../machine/index.ts';
import type { Range } from '../ranges/index.ts';
import type { AddressMap, AddressMapParts } from './address-map.ts';
import type { Machine } from './machine.ts';
import type { SpaceLayout } from './requests.ts';

/** What a manager does in its own way. */
export interface SpaceSteps<E extends Range, M extends AddressMap<E>> {
  /** Wakes the page daemon if frames are few: before every request. */
  wakeIfLow(): void;
  /** Makes room for a request that lacked memory. Returns false when that did nothing. */
  makeRoom(freeFrames: number): boolean;
  /** Makes an empty map, or returns undefined when out of kernel memory. */
  makeMap(parts: AddressMapParts, heap: KernelHeap): M | undefined;
  /** Ends an entry and what it holds. */
  removeEntry(map: M, entry: E): void;
  /** Tells whether what a child would get is within the limits, which it inherits. */
  mayFork(parent: M): boolean;
  /** Gives an empty child what it inherits. After a failure the child holds a part of it. */
  forkInto(parent: M, child: M): 0 | Errno;
}

/** The living spaces of one manager. */
export class Spaces<E extends Range, M extends AddressMap<E> & { destroy(): void }> {
  readonly #maps: Set<M>;
  readonly #machine: Machine;
  readonly #steps: SpaceSteps<E, M>;

  /** @param maps holds the living spaces from now on: the manager's own to read. */
  constructor(machine: Machine, maps: Set<M>, steps: SpaceSteps<E, M>) {
    this.#machine = machine;
    this.#maps = maps;
    this.#steps = steps;
  }

  /** Makes an empty space, or returns ENOMEM. */
  create(layout: SpaceLayout, tlb: Tlb): M | Errno {
    const { pmaps, seed, heap, rangeMap } = this.#machine;
    this.#steps.wakeIfLow();
    const pmap = pmaps.create(tlb);
    if (pmap === undefined) return 'ENOMEM';
    // Each space has random places of its own.
    const random = new Random(seed + pmap.id);
    const map = this.#steps.makeMap({ pmap, layout, rangeMap, random }, heap);
    if (map === undefined) {
      pmaps.destroy(pmap);
      return 'ENOMEM';
    }
    this.#maps.add(map);
    return map;
  }

  /** Ends a space with all that is mapped in it. */
  destroy(space: M): void {
    for (const entry of [...space]) this.#steps.removeEntry(space, entry);
    this.#machine.pmaps.destroy(space.pmap);
    space.destroy();
    this.#maps.delete(space);
  }

  /** Makes a child that has what it inherits of `space`, or returns the errno with nothing changed. */
  fork(space: M, tlb: Tlb): M | Errno {
    if (!this.#steps.mayFork(space)) return 'ENOMEM';
    const { frames } = this.#machine;
    // Many entries can need more frames than the reserve has: then the daemon makes room for twice as many each time.
    for (let wanted = 1; ; wanted *= 2) {
      const child = this.#tryFork(space, tlb);
      if (child !== 'ENOMEM' || !this.#steps.makeRoom(frames.freeCount + wanted)) return child;
    }
  }

  #tryFork(space: M, tlb: Tlb): M | Errno {
    const child = this.create(space.layout, tlb);
    if (typeof child === 'string') return child;
    child.limits = space.limits;
    child.breakEndPage = space.breakEndPage;
    const result = this.#steps.forkInto(space, child);
    if (result === 0) return child;
    this.destroy(child);
    return result;
  }
}
