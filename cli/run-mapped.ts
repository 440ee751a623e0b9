// A run with the MMU: builds the machine, loads the program, runs it, gathers the report.

import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { PAGE_SIZE, UsageError } from '../src/base/index.ts';
import { programReport, type RunReport } from '../src/report/index.ts';
import type { Machine, MemorySystem } from '../src/system/index.ts';
import { buildMachine } from '../src/systems/index.ts';
import { Program, type ProgramExit } from '../src/wasm/index.ts';
import { tuneEngine } from './engine-settings.ts';
import { ExitCode } from './exit-code.ts';
import { FileDevice } from './file-device.ts';
import { guestWorld } from './guest-world.ts';
import type { RunHost, RunOptions } from './run-program.ts';

/** Traps between two looks at the progress line's clock. */
const PROGRESS_INTERVAL = 256;

/** Runs the program through Quire's memory manager. */
export function runMapped(options: RunOptions, host: RunHost): RunReport {
  tuneEngine(options.bytes.length);
  const loadStart = performance.now();
  const swap = openSwap(options);
  try {
    const { machine, system } = buildMachine({
      ramBytes: options.ramBytes,
      frames: options.frames,
      policy: options.policy,
      system: options.system,
      liveSpaces: 1,
      seed: options.seed,
      ...(swap !== undefined && { swap }),
    });
    machine.events.attach(host.events);
    const program = load(options, host, machine, system);
    return run(options, host, machine, system, program, (performance.now() - loadStart) / 1000);
  } finally {
    swap?.close();
  }
}

function openSwap({ swapBytes, swapFile }: RunOptions): FileDevice | undefined {
  const pages = Math.floor(swapBytes / PAGE_SIZE);
  if (pages === 0) return undefined;
  if (swapFile === undefined) return FileDevice.temporary(pages);
  refuseForeignFile(swapFile, pages * PAGE_SIZE);
  return FileDevice.open(swapFile, pages);
}

/** Swapping overwrites its file, so one with other content must not be taken for it: a swap file of an earlier run has the same size. */
function refuseForeignFile(path: string, swapBytes: number): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.size === 0 || found.size === swapBytes) return;
  throw new UsageError(`--swap-file ${path}: the file has other content, which swap would overwrite; remove it or give another path`);
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
  return Program.load({
    module: options.bytes,
    name: options.program,
    machine,
    system,
    liveSpace: 0,
    wasi: guestWorld(options, host),
    now: () => performance.now(),
    observe: () => {
      if (++traps % PROGRESS_INTERVAL === 0) host.progress.update(snapshot);
    },
  });
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
    seed: options.seed,
    seconds: { total, kernel: program.process.kernelMs / 1000, load: loadSeconds },
    exit,
    interruptCode: ExitCode.interrupted,
  };
  return programReport(facts, machine, system, program);
}
