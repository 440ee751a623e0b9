// The working set: a process holds the pages that it referred to during its last tau references, no more and no fewer.
//
//   before each reference at t (in the process's own references): pages with t - last use > tau leave
//   so a reference faults exactly if it is the page's first, or more than tau after the one before
//   mayGrow      always
//   victim       none: no page in memory is outside its process's working set. What to do then is load control's affair
//   forced       the page whose process has not used it for the most references of its own
//
// Ties: the lower process number. Source: P. J. Denning, "The Working Set Model for Program Behavior", CACM 11(5), 1968: W(t, tau).
// It needs the time of every reference, which no hardware keeps: `wsclock` approximates it. A forced victim looks at each process.

import type { Allocation, AllocationKind, AllocationOptions } from './allocation.ts';
import { RecencyReplacement } from './replacement.ts';
import type { SharedMemory } from './shared-memory.ts';

class WorkingSetAllocation implements Allocation {
  readonly #memory: SharedMemory;
  readonly #window: number;
  readonly #pages: RecencyReplacement;

  constructor({ memory, window }: AllocationOptions) {
    this.#memory = memory;
    this.#window = window;
    this.#pages = new RecencyReplacement(memory, 'by process');
  }

  advance(process: number, from: number, to: number): number {
    return this.#pages.advanceWithWindow(process, from, to, this.#window);
  }

  faulted(): void {}

  mayGrow(): boolean {
    return true;
  }

  victim(): number {
    return -1;
  }

  forcedVictim(): number {
    return takeOldest(this.#memory, this.#pages);
  }

  loaded(page: number, process: number): void {
    this.#pages.loaded(page, process);
  }

  removed(page: number): void {
    this.#pages.removed(page);
  }

  populationChanged(): void {}

  intervalEnded(): void {}

  check(): void {
    this.#pages.check();
  }
}

/** Forgets and returns the page of any process that has been unused for the most references of its process, or -1. */
function takeOldest(memory: SharedMemory, pages: RecencyReplacement): number {
  let found = -1;
  memory.programs.forEach((_, process) => {
    const page = pages.oldest(process);
    if (page !== -1 && (found === -1 || pages.ageOf(page) > pages.ageOf(found))) found = page;
  });
  if (found !== -1) pages.removed(found);
  return found;
}

/** Makes the `ws` design. */
export const workingSetAllocation: AllocationKind = {
  name: 'ws',
  needs: 'known',
  make: (options) => new WorkingSetAllocation(options),
};
