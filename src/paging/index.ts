// paging/: which page should go, and which swap slot is free. Page ids and bits, no kernel types.
import { clock } from './clock.ts';
import { clockPro, clockProAdaptive } from './clock-pro.ts';
import { fifo } from './fifo.ts';
import { nru } from './nru.ts';
import { random } from './random.ts';
import type { PolicyKind } from './replacement-policy.ts';
import { secondChance } from './second-chance.ts';
import { uvm } from './uvm.ts';

export type { PageBits, PolicyKind, PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';
export { SwapDrum } from './swap-drum.ts';
export { UvmPolicy } from './uvm.ts';

/** The policies that a kernel can run: they need only the bits that hardware gives. The first is the default. */
export const livePolicies: readonly PolicyKind[] = [uvm, clock, clockPro, clockProAdaptive, secondChance, fifo, nru, random];
