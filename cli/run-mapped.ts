// A run with the MMU: builds the machine, loads the program, runs it, gathers the report.

import { basename } from 'node:path';
import { programReport, type RunReport } from '../src/report/index.ts';
import type { Machine, MemorySystem } from '../src/system/index.ts';
import { buildMachine } from '../src/systems/index.ts';
import { Program, type ProgramExit, type ReferenceObserver } from '../src/wasm/index.ts';
import { functionOptimizer, tuneEngine, whileRewriting } from './engine-settings.ts';
import { ExitCode } from './exit-code.ts';
import { FolderCodeCache } from './folder-code-cache.ts';
import { guestWorld } from './guest-world.ts';
import type { RunHost, RunOptions } from './run-program.ts';
import { SwapFiles } from './swap-files.ts';

/** Traps between two looks at the progress line's clock. */
const PROGRESS_INTERVAL = 256;

/** Runs the program through Quire's memory manager. */
export function runMapped(options: RunOptions, host: RunHost): RunReport {
  tuneEngine(options.bytes.length);
  const loadStart = performance.now();
  const swap = SwapFiles.open(options);
  try {
    const { machine, system, program } = prepare(options, host, swap);
    return run(options, host, machine, system, program, (performance.now() - loadStart) / 1000);
  } finally {
    swap.close();
  }
}

/** Builds the machine and loads the program. What is refused leaves no swap file behind. */
function prepare(options: RunOptions, host: RunHost, swap: SwapFiles): { machine: Machine; system: MemorySystem; program: Program } {
  try {
    const { machine, system } = buildMachine({
      ramBytes: options.ramBytes,
      ...(options.memoryMap && { memoryMap: options.memoryMap }),
      frames: options.frames,
      pageTable: options.pageTable,
      largePages: options.largePages,
      ...(options.tlbDesigns && { tlbDesigns: options.tlbDesigns }),
      ranges: options.ranges,
      kernelHeap: options.kernelHeap,
      kernelMap: options.kernelMap,
      policy: options.policy,
      system: options.system,
      classLimits: options.classLimits,
      ...(options.swapReadAhead !== undefined && { swapReadAhead: options.swapReadAhead }),
      liveSpaces: 1,
      seed: options.seed,
      swapDevices: swap.devices,
    });
    machine.events.attach(host.events);
    const program = whileRewriting(options.bytes.length, () => load(options, host, machine, system));
    return { machine, system, program };
  } catch (error) {
    swap.discard();
    throw error;
  }
}

function load(options: RunOptions, host: RunHost, machine: Machine, system: MemorySystem): Program {
  const statistics = system.statistics();
  let traps = 0;
  const snapshot = () => ({
    residentPages: machine.frames.managed - machine.frames.freeCount,
    ramPages: machine.frames.managed,
    faults: statistics.faults,
    swapPagesIn: statistics.swapPagesIn,
    swapPagesOut: statistics.swapPagesOut,
  });
  const optimize = functionOptimizer();
  return Program.load({
    module: options.bytes,
    name: options.program,
    machine,
    system,
    liveSpace: 0,
    wasi: guestWorld(options, host),
    now: () => performance.now(),
    ...(options.codeCache !== undefined && { codeCache: new FolderCodeCache(options.codeCache) }),
    ...(optimize && { optimize }),
    ...recording(host, machine),
    ...(host.recordHeap && { recordHeap: host.recordHeap }),
    ...(host.heapCalls && { heapCalls: host.heapCalls }),
    observe: () => {
      if (++traps % PROGRESS_INTERVAL === 0) host.progress.update(snapshot);
    },
  });
}

/** Who is told of each reference: what the run was asked to record with, or the models of TLBs. */
function recording({ record }: RunHost, { liveTlbs }: Machine): { readonly record?: ReferenceObserver } {
  if (record !== undefined) return { record };
  if (liveTlbs === undefined) return {};
  // A length of 2 GiB and more arrives negative.
  return { record: (base, offset, size) => liveTlbs.refer((base >>> 0) + (offset >>> 0), size >>> 0) };
}

function run(options: RunOptions, host: RunHost, machine: Machine, system: MemorySystem, program: Program, loadSeconds: number): RunReport {
  let exit: ProgramExit | 'interrupt' = 'interrupt';
  const start = performance.now();
  host.interruptible(() => {
    exit = program.run();
  });
  const total = (performance.now() - start) / 1000;
  host.progress.hide();
  machine.events.flush();
  const facts = {
    program: basename(options.program),
    command: [options.argv0, ...options.args],
    frames: options.frames,
    classLimits: options.classLimits,
    ...(options.swapReadAhead !== undefined && { swapReadAhead: options.swapReadAhead }),
    seed: options.seed,
    seconds: { total, kernel: program.process.kernelMs / 1000, load: loadSeconds },
    exit,
    interruptCode: ExitCode.interrupted,
  };
  host.inspect?.(machine, program);
  return programReport(facts, machine, system, program);
}
