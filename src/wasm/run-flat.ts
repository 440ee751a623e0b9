// Runs a WASI program unrewritten on a flat memory: no MMU, no paging. The baseline that every other way to run it is compared with.
//
//   bytes -> compile -> check imports and exports -> instantiate -> _start -> exit
// Everything that can be refused is refused before the program's first instruction, with one sentence (`UsageError`).

import { readModule } from './binary/index.ts';
import { aboutModule, compileModule, requireCommand } from './command.ts';
import { FlatMemory } from './flat-memory.ts';
import { exitOf, type ProgramExit } from './program-exit.ts';
import { createWasi, type WasiCalls, type WasiOptions } from './wasi/index.ts';

/** What to run. */
export interface FlatProgram {
  /** The module's bytes. */
  readonly module: Uint8Array;
  /** What to call the module in messages, such as its file name. */
  readonly name: string;
  readonly wasi: Omit<WasiOptions, 'memory'>;
  /** Called once the program is read, compiled and checked, just before it starts: where a clock is read. */
  readonly loaded?: () => void;
}

/** A run that is over. */
export interface FlatRun {
  readonly exit: ProgramExit;
  /** Bytes of the program's memory at its end. */
  readonly memoryBytes: number;
}

/** Runs a program to its end. `UsageError` if it is not a WASI command; whatever is not the program's own doing is thrown on. */
export function runFlat(program: FlatProgram): FlatRun {
  const { module: bytes, name } = program;
  const info = aboutModule(name, () => readModule(bytes));
  const module = compileModule(bytes, name);
  const memory = new FlatMemory();
  const wasi = createWasi({ ...program.wasi, memory });
  try {
    requireCommand(info, name, wasi.modules);
    program.loaded?.();
    return { exit: run(module, memory, wasi.modules), memoryBytes: memory.sizeBytes };
  } finally {
    wasi.close();
  }
}

function run(module: WebAssembly.Module, memory: FlatMemory, modules: Readonly<Record<string, WasiCalls>>): ProgramExit {
  try {
    const { exports } = new WebAssembly.Instance(module, { ...modules });
    memory.attach(exports['memory'] as WebAssembly.Memory);
    (exports['_start'] as () => void)();
    return { kind: 'exit', code: 0 };
  } catch (error) {
    return exitOf(error);
  }
}
