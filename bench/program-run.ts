// One run of one program, measured from inside the process that does nothing else.
//
// `seconds` is from the guest's first instruction to its last; `loadSeconds` before that is reading, rewriting and compiling
// the module. A run that takes longer than its limit is stopped; its counters are then those of the part that ran.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Script } from 'node:vm';
import type { RunOptions } from '../cli/run-program.ts';
import { runProgram } from '../cli/runner.ts';
import type { CodeFacts, RunReport } from '../src/report/index.ts';
import {
  classLimitNames,
  frameAllocatorNames,
  kernelHeapNames,
  kernelMapChoices,
  pageTableNames,
  policyNames,
  rangeMapNames,
  systemNames,
} from '../src/systems/index.ts';
import { peakHostBytes } from './host.ts';

/** What to run. */
export interface RunRequest {
  /** Path of the module. */
  readonly program: string;
  readonly args: readonly string[];
  /** A host folder that the guest sees as /bench. */
  readonly directory?: string;
  readonly mmu: 'on' | 'off';
  readonly ramBytes: number;
  readonly swapBytes: number;
  /** A folder of rewritten modules; default: each run rewrites its own. */
  readonly codeCache?: string;
  /** The run is stopped after so long. */
  readonly limitSeconds: number;
}

/** What a run took. */
export interface RunMeasurement {
  readonly outcome: 'finished' | 'stopped' | 'failed';
  /** Why it failed. */
  readonly reason?: string;
  readonly seconds: number;
  readonly kernelSeconds: number;
  readonly loadSeconds: number;
  readonly faults: number;
  readonly swapPagesIn: number;
  readonly swapPagesOut: number;
  readonly peakPages: number;
  /** Bytes of RAM that grow with the program and not with RAM: page tables and kernel heap. */
  readonly kernelBytes: number;
  /** What the code became; absent for a plain run. */
  readonly code?: CodeFacts;
  /** Most memory of the host that the process had resident. */
  readonly hostBytes: number;
}

/** Runs the program in this process. Its output goes where this process's output goes. */
export function measureRun(request: RunRequest): RunMeasurement {
  const report = runProgram(runOptions(request), {
    interruptible: (work) => withinLimit(work, request.limitSeconds),
    progress: { update: () => undefined, hide: () => undefined },
  });
  return {
    ...outcome(report),
    seconds: report.seconds.total,
    kernelSeconds: report.seconds.kernel,
    loadSeconds: report.seconds.load ?? 0,
    faults: faultCount(report),
    swapPagesIn: report.swap.pagesIn,
    swapPagesOut: report.swap.pagesOut,
    peakPages: report.resident.peakPages,
    kernelBytes: report.kernelBytes.pageTables + report.kernelBytes.heap,
    ...(report.code && { code: report.code }),
    hostBytes: peakHostBytes(),
  };
}

function runOptions(request: RunRequest): RunOptions {
  const { program, args, directory, mmu, ramBytes, swapBytes, codeCache } = request;
  return {
    program,
    bytes: readFileSync(program),
    args,
    argv0: basename(program),
    env: {},
    directories: directory === undefined ? [] : [{ guest: '/bench', host: directory }],
    mmu,
    system: systemNames[0] as string,
    policy: policyNames[0] as string,
    frames: frameAllocatorNames[0] as string,
    pageTable: pageTableNames[0] as string,
    largePages: 'never',
    ranges: rangeMapNames[0] as string,
    kernelHeap: kernelHeapNames[0] as string,
    kernelMap: kernelMapChoices[0] as string,
    classLimits: classLimitNames[0] as string,
    ramBytes,
    swapBytes,
    swapFiles: [],
    clocksAndRandom: 'real',
    seed: 1,
    ...(codeCache !== undefined && { codeCache }),
  };
}

// A guest never returns to the event loop; node:vm has the one way to stop it from outside, as cli/interruptible.ts explains.
function withinLimit(work: () => void, limitSeconds: number): 'finished' | 'interrupted' {
  try {
    new Script('work()').runInNewContext({ work }, { timeout: Math.ceil(limitSeconds * 1000) });
    return 'finished';
  } catch (error) {
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return 'interrupted';
    throw error;
  }
}

function outcome({ ended, exitCode }: RunReport): Pick<RunMeasurement, 'outcome' | 'reason'> {
  if (ended?.how === 'interrupt') return { outcome: 'stopped' };
  if (ended?.how === 'exit' && exitCode === 0) return { outcome: 'finished' };
  return { outcome: 'failed', reason: ended?.fault?.why ?? ended?.reason ?? `exit code ${exitCode}` };
}

function faultCount({ faults }: RunReport): number {
  const { mappedAhead: _, ...kinds } = faults;
  return Object.values(kinds).reduce((sum, count) => sum + count, 0);
}
