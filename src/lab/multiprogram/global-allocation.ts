// Global allocation: all pages of all processes compete for all frames. How many frames a process gets is what comes out.
//
//   mayGrow    always
//   victim     the policy's, over all pages
//
// Ties: the policy's. Source: what Unix systems do; Denning 1968 calls it what leads to thrashing, since a process that waits for its
// pages ages while those that run take its frames.

import { livePolicies } from '../../paging/index.ts';
import type { Allocation, AllocationKind, AllocationOptions } from './allocation.ts';
import { PolicyReplacement, RecencyReplacement, type Replacement } from './replacement.ts';

class GlobalAllocation implements Allocation {
  readonly #replacement: Replacement;

  constructor(replacement: Replacement) {
    this.#replacement = replacement;
  }

  advance(process: number, from: number, to: number): number {
    return this.#replacement.advance(process, from, to);
  }

  faulted(): void {}

  mayGrow(): boolean {
    return true;
  }

  victim(process: number): number {
    return this.#replacement.victim(process);
  }

  forcedVictim(): number {
    return -1;
  }

  loaded(page: number, process: number): void {
    this.#replacement.loaded(page, process);
  }

  removed(page: number, process: number): void {
    this.#replacement.removed(page, process);
  }

  populationChanged(): void {}

  intervalEnded(): void {}

  check(): void {
    this.#replacement.check();
  }
}

/** `global:POLICY` for exact LRU and for each policy that a kernel can run. */
export const globalAllocations: readonly AllocationKind[] = [
  {
    name: 'global:lru',
    needs: 'unknown',
    make: ({ memory }: AllocationOptions) => new GlobalAllocation(new RecencyReplacement(memory, 'all')),
  },
  ...livePolicies.map(
    (policy): AllocationKind => ({
      name: `global:${policy.name}`,
      needs: 'unknown',
      make: ({ memory, seed }) => new GlobalAllocation(new PolicyReplacement(memory, policy, 'all', seed)),
    }),
  ),
];
