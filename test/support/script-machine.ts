// Scripts on a small machine, for tests that hold for every memory manager: each machine made here is walked by `checkScriptMachines`.
import { type FailurePlan, PAGE_SIZE } from '../../src/base/index.ts';
import { HeapUse } from '../../src/heap/index.ts';
import { type BlockDevice, MemoryDevice } from '../../src/machine/index.ts';
import { livePolicies } from '../../src/paging/index.ts';
import { type ExitStatus, Kernel, type KernelOptions, type ScriptProgram } from '../../src/process/index.ts';
import { Machine, type MemorySystem } from '../../src/system/index.ts';
import { findFrameAllocator, findPageTable, findPolicy, findSystem, pageTableNames } from '../../src/systems/index.ts';

export interface ScriptMachineOptions extends Pick<KernelOptions, 'schedule' | 'seed' | 'pagerPatience'> {
  readonly system?: string;
  readonly frames?: number;
  readonly swap?: BlockDevice;
  readonly frameFailures?: FailurePlan;
  readonly heapFailures?: FailurePlan;
}

const live: { readonly system: MemorySystem; readonly machine: Machine; readonly kernel: Kernel }[] = [];

/** Checks every machine made since the last call, before and after all its processes are gone: then the kernel's heap must be empty. */
export function checkScriptMachines(): void {
  for (const { system, machine, kernel } of live.splice(0)) {
    system.check();
    kernel.shutDown();
    system.check();
    if (machine.heap.bytesInUse(HeapUse.process) !== 0)
      throw new Error(`${machine.heap.bytesInUse(HeapUse.process)} bytes of processes are left`);
    if (machine.heap.bytesInUse(HeapUse.mapEntry) !== 0) throw new Error('map entries are left');
  }
}

export function scriptMachine(options: ScriptMachineOptions = {}) {
  const { system: name, frames, swap, frameFailures, heapFailures, ...kernelOptions } = options;
  const machine = new Machine({
    ramBytes: (frames ?? 256) * PAGE_SIZE,
    frameAllocator: findFrameAllocator('bitmap'),
    pageTableFormat: findPageTable(pageTableNames[0] as string),
    liveSpaces: 0,
    seed: 1,
    swap: swap ?? new MemoryDevice(512),
    ...(frameFailures !== undefined && { frameFailures }),
    ...(heapFailures !== undefined && { heapFailures }),
  });
  const system = findSystem(name ?? 'uvm').make(machine, findPolicy(livePolicies[0]?.name ?? ''));
  const kernel = new Kernel({ machine, system, spaceBytes: 16 * 1024 * 1024, ...kernelOptions });
  live.push({ system, machine, kernel });
  return { machine, system, kernel };
}

/** Runs one script to the end of everything and returns how it ended. */
export function runScript(program: ScriptProgram, options: ScriptMachineOptions = {}): ExitStatus | undefined {
  const { kernel } = scriptMachine(options);
  const process = kernel.start(program);
  if (typeof process === 'string') throw new Error(process);
  kernel.run(200_000);
  return process.status;
}
