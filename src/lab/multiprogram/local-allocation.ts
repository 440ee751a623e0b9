// Local allocation in partitions: each process has a share of the frames and replaces its own pages within it.
//
//   shares     of the processes in memory, anew whenever one ends, is swapped out or comes back:
//              equal: frames / processes;  proportional: frames x its pages / all their pages, at least 1
//              frames left over by rounding go one each to the first processes in order
//   mayGrow    below its share
//   victim     its own, by its policy; if it is below its share and no frame is free, that of the process that is most above its share
//
// Ties: the lower process number; then the policy's. Source: the textbook's fixed partitions (Silberschatz, Galvin, Gagne, "Allocation of Frames").

import { livePolicies } from '../../paging/index.ts';
import type { Allocation, AllocationKind, AllocationOptions } from './allocation.ts';
import { PolicyReplacement, RecencyReplacement, type Replacement } from './replacement.ts';
import type { SharedMemory } from './shared-memory.ts';

class LocalAllocation implements Allocation {
  readonly #memory: SharedMemory;
  readonly #replacement: Replacement;
  readonly #partitions: AllocationOptions['partitions'];
  #shares: readonly number[] = [];

  constructor({ memory, partitions }: AllocationOptions, replacement: Replacement) {
    this.#memory = memory;
    this.#partitions = partitions;
    this.#replacement = replacement;
  }

  advance(process: number, from: number, to: number): number {
    return this.#replacement.advance(process, from, to);
  }

  faulted(): void {}

  mayGrow(process: number): boolean {
    return this.#excessOf(process) < 0;
  }

  victim(process: number): number {
    if (!this.mayGrow(process)) return this.#replacement.victim(process);
    let most = -1;
    for (let other = 0; other < this.#shares.length; other++) {
      if (this.#excessOf(other) > (most === -1 ? 0 : this.#excessOf(most))) most = other;
    }
    const page = most === -1 ? -1 : this.#replacement.victim(most);
    return page === -1 ? this.#replacement.victim(process) : page;
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

  populationChanged(inMemory: Uint8Array): void {
    const { programs, frames } = this.#memory;
    const weights = programs.map(({ pages }, process) => (inMemory[process] === 1 ? (this.#partitions === 'equal' ? 1 : pages) : 0));
    this.#shares = sharesOf(frames, weights);
  }

  intervalEnded(): void {}

  check(): void {
    this.#replacement.check();
  }

  /** Frames that a process holds beyond its share. */
  #excessOf(process: number): number {
    return (this.#memory.held[process] as number) - (this.#shares[process] as number);
  }
}

/** Divides frames by weights: 0 for a weight of 0, else at least 1. There are as many frames as weights above 0. */
function sharesOf(frames: number, weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = weights.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.floor((frames * weight) / total))));
  let left = frames - shares.reduce((sum, share) => sum + share, 0);
  for (let process = 0; left > 0 && process < shares.length; process++) {
    if (weights[process] === 0) continue;
    shares[process] = (shares[process] as number) + 1;
    left--;
  }
  // Shares were raised to 1: the largest gives.
  for (; left < 0; left++) {
    const largest = shares.indexOf(Math.max(...shares));
    shares[largest] = (shares[largest] as number) - 1;
  }
  return shares;
}

/** `local:POLICY` for exact LRU and for each policy that a kernel can run. */
export const localAllocations: readonly AllocationKind[] = [
  {
    name: 'local:lru',
    needs: 'unknown',
    make: (options: AllocationOptions) => new LocalAllocation(options, new RecencyReplacement(options.memory, 'by process')),
  },
  ...livePolicies.map(
    (policy): AllocationKind => ({
      name: `local:${policy.name}`,
      needs: 'unknown',
      make: (options) => new LocalAllocation(options, new PolicyReplacement(options.memory, policy, 'by process', options.seed)),
    }),
  ),
];
