// Which way a program runs: through Quire's memory manager, or on plain memory to compare with.

import { runMapped } from './run-mapped.ts';
import type { RunProgram } from './run-program.ts';
import { runUnmapped } from './run-unmapped.ts';

/** Runs a program with the MMU on or off, as its options say. */
export const runProgram: RunProgram = (options, host) => (options.mmu === 'off' ? runUnmapped(options, host) : runMapped(options, host));
