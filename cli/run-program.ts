// What `quire run` asks for: the settings of a run, checked, and what the command line lends it.

import type { EventReader } from '../src/base/index.ts';
import type { MemoryRange, TlbDesign } from '../src/machine/index.ts';
import type { LargePages } from '../src/pmap/index.ts';
import type { RunReport } from '../src/report/index.ts';
import type { Machine, SwapReadAhead } from '../src/system/index.ts';
import type { HeapCall, HeapObserver, Program, ReferenceObserver } from '../src/wasm/index.ts';
import type { ProgressSnapshot } from './progress.ts';

/** The settings of one run. Sizes are bytes. */
export interface RunOptions {
  /** Path of the module, as it was given. */
  readonly program: string;
  readonly bytes: Uint8Array;
  /** The guest's argument vector after its name. */
  readonly args: readonly string[];
  /** The guest's own name: its first argument. */
  readonly argv0: string;
  /** The guest's environment, in the order given. */
  readonly env: Readonly<Record<string, string>>;
  readonly directories: readonly GrantedDirectory[];
  readonly mmu: 'on' | 'off';
  readonly system: string;
  readonly policy: string;
  readonly frames: string;
  readonly pageTable: string;
  readonly largePages: LargePages;
  /** TLBs to send the program's references through. */
  readonly tlbDesigns?: readonly TlbDesign[];
  readonly ranges: string;
  readonly kernelHeap: string;
  readonly kernelMap: string;
  readonly ramBytes: number;
  /** Which of it is usable; default: all. */
  readonly memoryMap?: readonly MemoryRange[];
  /** Size of the temporary swap file, for a run without `swapFiles`; 0 for no swap. */
  readonly swapBytes: number;
  /** Swap in files with names, in the order given. */
  readonly swapFiles: readonly SwapFileRequest[];
  readonly classLimits: string;
  /** Default: the memory manager's own. */
  readonly swapReadAhead?: SwapReadAhead;
  /** `seeded`: clocks and random numbers repeat with the seed. */
  readonly clocksAndRandom: 'real' | 'seeded';
  readonly seed: number;
  /** A folder of rewritten modules; default: each run rewrites its own. */
  readonly codeCache?: string;
}

/** A swap device that is to be a file. */
export interface SwapFileRequest {
  readonly path: string;
  /** At least a page. */
  readonly sizeBytes: number;
  /** The highest is filled first. */
  readonly priority: number;
}

/** A host directory that the guest may use, and the name it has there. */
export interface GrantedDirectory {
  readonly guest: string;
  readonly host: string;
}

/** What the command line lends to a run. */
export interface RunHost {
  /** Runs the guest so that Ctrl-C stops it; see interruptible.ts for what may be done after `interrupted`. */
  readonly interruptible: (work: () => void) => 'finished' | 'interrupted';
  /** Attached to the event ring before the guest starts. */
  readonly events?: EventReader;
  readonly progress: RunProgress;
  /** Called when the guest has ended, before its machine is gone. */
  readonly inspect?: (machine: Machine, program: Program) => void;
  /** Where the guest's standard output goes, if not to ours. */
  readonly guestOutput?: 'standard error';
  /** Called at every load and store of the guest. The guest is slower then. */
  readonly record?: ReferenceObserver;
  /** Hears of the guest's calls of malloc and its family. */
  readonly recordHeap?: HeapObserver;
  /** Which functions those are; found by their names if not given. */
  readonly heapCalls?: readonly HeapCall[];
}

/** The live line, as a run uses it. */
export interface RunProgress {
  readonly update: (snapshot: () => ProgressSnapshot) => void;
  readonly hide: () => void;
}

/** Runs the program to its end, whatever that is, and reports. Throws `UsageError` before the guest's first instruction, or never. */
export type RunProgram = (options: RunOptions, host: RunHost) => RunReport;
