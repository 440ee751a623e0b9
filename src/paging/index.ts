// paging/: which page should go, and which swap slot is free. Page ids and bits, no kernel types.

import { aging, nfu } from './aging.ts';
import { arc } from './arc.ts';
import { belady } from './belady.ts';
import { car } from './car.ts';
import { clock, clockR1 } from './clock.ts';
import { clockPro, clockProAdaptive } from './clock-pro.ts';
import { clockProAuthors, clockProAuthorsAdaptive } from './clock-pro-authors.ts';
import { clock2 } from './clock2.ts';
import { fifo } from './fifo.ts';
import { lfu } from './lfu.ts';
import { linux } from './linux.ts';
import { lirs } from './lirs.ts';
import { lirsLcs } from './lirs-lcs.ts';
import { lru } from './lru.ts';
import { lruK } from './lru-k.ts';
import { mglru } from './mglru.ts';
import { mru } from './mru.ts';
import { nru } from './nru.ts';
import { random } from './random.ts';
import type { AnyPolicyKind, PolicyKind } from './replacement-policy.ts';
import { s3fifo } from './s3fifo.ts';
import { secondChance } from './second-chance.ts';
import { sieve } from './sieve.ts';
import { slru } from './slru.ts';
import { tinylfu } from './tinylfu.ts';
import { twoQueue } from './two-queue.ts';
import { uvm } from './uvm.ts';
import { vms } from './vms.ts';
import { wsclock } from './wsclock.ts';

export type { PageBits } from './page-bits.ts';
export { PageLists } from './page-list.ts';
export type { AnyPolicyKind, Future, PolicyKind, PolicyOptions, PolicyQueue, ReplacementPolicy, Replayed } from './replacement-policy.ts';
export { SimulatedMemory } from './simulated-memory.ts';
export { SwapDrum } from './swap-drum.ts';
export { UvmPolicy } from './uvm.ts';

/** The policies that a kernel can run: they need only the bits that hardware gives. The first is the default. */
export const livePolicies: readonly PolicyKind[] = [
  uvm,
  clock,
  clockPro,
  clockProAdaptive,
  secondChance,
  fifo,
  nru,
  random,
  aging,
  nfu,
  wsclock,
  mglru,
];

/** The policies that a trace can be replayed with, each name once: CLOCK-Pro is here as its authors have it. */
export const replayPolicies: readonly AnyPolicyKind[] = [
  random,
  fifo,
  secondChance,
  clock,
  clockR1,
  clock2,
  nru,
  lru,
  mru,
  lfu,
  nfu,
  aging,
  wsclock,
  twoQueue,
  slru,
  lruK,
  arc,
  car,
  lirs,
  lirsLcs,
  clockProAuthors,
  clockProAuthorsAdaptive,
  sieve,
  s3fifo,
  tinylfu,
  mglru,
  uvm,
  linux,
  vms,
  belady,
];
