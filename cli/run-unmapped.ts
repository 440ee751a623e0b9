// A run without the MMU: the same module, unrewritten, on a flat memory with the same system interface. The baseline of every comparison.

import { basename } from 'node:path';
import type { Ending, RunReport } from '../src/report/index.ts';
import { type FlatRun, type ProgramExit, runFlat } from '../src/wasm/index.ts';
import { ExitCode } from './exit-code.ts';
import { guestWorld } from './guest-world.ts';
import type { RunHost, RunOptions } from './run-program.ts';

/** Runs the program as the engine alone would; every counter of the report is 0. */
export function runUnmapped(options: RunOptions, host: RunHost): RunReport {
  let run: FlatRun | undefined;
  const loadStart = performance.now();
  let start = loadStart;
  const loaded = () => {
    start = performance.now();
  };
  host.interruptible(() => {
    run = runFlat({ module: options.bytes, name: options.program, wasi: guestWorld(options, host), loaded });
  });
  const seconds = { total: (performance.now() - start) / 1000, kernel: 0, load: (start - loadStart) / 1000 };
  return {
    program: basename(options.program),
    command: [options.argv0, ...options.args],
    system: 'none',
    policy: 'none',
    mmu: 'off',
    ramBytes: run?.memoryBytes ?? 0,
    swapBytes: 0,
    exitCode: exitCode(run?.exit),
    ended: ending(run?.exit),
    seconds,
    tlbMisses: 0,
    faults: { zeroFill: 0, image: 0, file: 0, copyOnWrite: 0, swapIn: 0, protection: 0, resident: 0, failed: 0, mappedAhead: 0 },
    swap: { pagesIn: 0, pagesOut: 0, readOperations: 0, writeOperations: 0, bytesWritten: 0 },
    evictions: { clean: 0, dirty: 0, reactivated: 0 },
    resident: { peakPages: 0, finalPages: 0 },
    kernelBytes: { pageTables: 0, frameTable: 0, heap: 0 },
    map: [],
  };
}

function exitCode(exit: ProgramExit | undefined): number {
  if (exit === undefined) return ExitCode.interrupted;
  return exit.kind === 'exit' ? exit.code : ExitCode.guestFailed;
}

function ending(exit: ProgramExit | undefined): Ending {
  if (exit === undefined) return { how: 'interrupt', reason: 'stopped by Ctrl-C' };
  if (exit.kind === 'exit') return { how: 'exit' };
  if (exit.kind === 'signal') return { how: 'trap', reason: `the program raised ${exit.signal}` };
  return { how: 'trap', reason: exit.kind === 'trap' ? exit.reason : exit.fault.message };
}
