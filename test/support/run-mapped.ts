// Runs one module on a machine made for it alone, and checks that machine afterwards, whatever the end was.

import { type EventReader, type FailurePlan, MIB, PAGE_SIZE } from '../../src/base/index.ts';
import { type BlockDevice, type DeviceCounters, MemoryDevice, type MemoryRange } from '../../src/machine/index.ts';
import type { LargePageCounts, LargePages } from '../../src/pmap/index.ts';
import type { MemoryStatistics, SwapReadAhead } from '../../src/system/index.ts';
import { buildMachine, frameAllocatorNames, policyNames } from '../../src/systems/index.ts';
import { Program, type ProgramCode, type ProgramExit, type prepareCode, type WasiOptions } from '../../src/wasm/index.ts';

/** The machine to run on. */
export interface MachineSettings {
  readonly ramBytes: number;
  /** Default: all of it usable. */
  readonly memoryMap?: readonly MemoryRange[];
  /** Default: 256 MiB in memory. */
  readonly swap?: BlockDevice | 'none';
  /** More swap devices, filled before `swap`. */
  readonly moreSwap?: readonly BlockDevice[];
  /** Default: the first that the catalog names. */
  readonly policy?: string;
  readonly frames?: string;
  readonly pageTable?: string;
  readonly largePages?: LargePages;
  readonly ranges?: string;
  readonly kernelHeap?: string;
  readonly kernelMap?: string;
  readonly system?: string;
  /** Default: the system's own. */
  readonly swapReadAhead?: SwapReadAhead;
  readonly seed?: number;
  readonly frameFailures?: FailurePlan;
  readonly events?: EventReader;
}

/** How a program ended, and what that took. */
export interface MappedRun {
  readonly exit: ProgramExit;
  readonly statistics: MemoryStatistics;
  readonly peakPages: number;
  readonly swap: DeviceCounters | undefined;
  readonly largePages: LargePageCounts | undefined;
}

/** A module, and what it gets from its world. */
export interface Job {
  readonly module: Uint8Array;
  readonly name: string;
  readonly wasi: Omit<WasiOptions, 'memory'>;
  /** Makes the code for the tables at these addresses; default: anew. */
  readonly prepare?: (tables: Parameters<typeof prepareCode>[2]) => ProgramCode;
}

/** Runs a program to its end. Throws what the host refuses. */
export function runMapped({ module, name, wasi, prepare }: Job, settings: MachineSettings): MappedRun {
  const { ramBytes, frameFailures, events } = settings;
  const swap = settings.swap === 'none' ? undefined : (settings.swap ?? new MemoryDevice((256 * MIB) / PAGE_SIZE));
  const { machine, system } = buildMachine({
    ramBytes,
    ...(settings.memoryMap !== undefined && { memoryMap: settings.memoryMap }),
    frames: settings.frames ?? (frameAllocatorNames[0] as string),
    policy: settings.policy ?? (policyNames[0] as string),
    system: settings.system ?? 'uvm',
    ...(settings.pageTable !== undefined && { pageTable: settings.pageTable }),
    ...(settings.largePages !== undefined && { largePages: settings.largePages }),
    ...(settings.ranges !== undefined && { ranges: settings.ranges }),
    ...(settings.kernelHeap !== undefined && { kernelHeap: settings.kernelHeap }),
    ...(settings.kernelMap !== undefined && { kernelMap: settings.kernelMap }),
    ...(settings.swapReadAhead !== undefined && { swapReadAhead: settings.swapReadAhead }),
    liveSpaces: 1,
    seed: settings.seed ?? 1,
    ...(swap !== undefined && { swap }),
    ...(frameFailures !== undefined && { frameFailures }),
  });
  for (const device of settings.moreSwap ?? []) system.swapOn(device, 1);
  machine.events.attach(events);
  try {
    const code = prepare?.(machine.tlbTables(0));
    const program = Program.load({ module, name, machine, system, liveSpace: 0, wasi, now: () => 0, ...(code !== undefined && { code }) });
    const exit = program.run();
    machine.events.flush();
    return {
      exit,
      statistics: system.statistics(),
      peakPages: program.process.peakResident,
      swap: swap?.counters,
      largePages: machine.pmaps.largePages,
    };
  } finally {
    system.check();
  }
}
