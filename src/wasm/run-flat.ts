// Runs a WASI program unrewritten on a flat memory: no MMU, no paging. The baseline that every other way to run it is compared with.
//
//   bytes -> compile -> check imports and exports -> instantiate -> _start -> exit
// Everything that can be refused is refused before the program's first instruction, with one sentence (`UsageError`).

import { UsageError } from '../base/index.ts';
import { FlatMemory } from './flat-memory.ts';
import { createWasi, ProcessExit, ProcessSignal, type WasiCalls, type WasiOptions } from './wasi/index.ts';

/** How a program ended. */
export type FlatExit =
  /** It returned from `_start` (0) or called proc_exit. */
  | { readonly kind: 'exit'; readonly code: number }
  /** It raised a signal, such as SIGABRT. */
  | { readonly kind: 'signal'; readonly signal: string }
  /** It trapped, or ran out of stack; `reason` is the engine's word. */
  | { readonly kind: 'trap'; readonly reason: string };

/** What to run. */
export interface FlatProgram {
  /** The module's bytes. */
  readonly module: Uint8Array;
  /** What to call the module in messages, such as its file name. */
  readonly name: string;
  readonly wasi: Omit<WasiOptions, 'memory'>;
}

/** A run that is over. */
export interface FlatRun {
  readonly exit: FlatExit;
  /** Bytes of the program's memory at its end. */
  readonly memoryBytes: number;
}

/** Runs a program to its end. `UsageError` if it is not a WASI command; whatever is not the program's own doing is thrown on. */
export function runFlat(program: FlatProgram): FlatRun {
  const module = compile(program);
  const memory = new FlatMemory();
  const wasi = createWasi({ ...program.wasi, memory });
  try {
    requireKnownImports(module, program.name, wasi.modules);
    requireCommand(module, program.name);
    return { exit: run(module, memory, wasi.modules), memoryBytes: memory.sizeBytes };
  } finally {
    wasi.close();
  }
}

function compile({ module, name }: FlatProgram): WebAssembly.Module {
  try {
    return new WebAssembly.Module(module);
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    throw new UsageError(`${name} is not a WebAssembly module that this engine can compile: ${error.message}`);
  }
}

function requireKnownImports(module: WebAssembly.Module, name: string, known: Readonly<Record<string, WasiCalls>>): void {
  const unknown = WebAssembly.Module.imports(module)
    .filter((entry) => entry.kind !== 'function' || !Object.hasOwn(known, entry.module) || known[entry.module]?.[entry.name] === undefined)
    .map((entry) => `${entry.module}.${entry.name} (${entry.kind})`);
  if (unknown.length > 0) throw new UsageError(`${name} imports what WASI preview1 does not have: ${unknown.join(', ')}`);
}

function requireCommand(module: WebAssembly.Module, name: string): void {
  const exports = new Map(WebAssembly.Module.exports(module).map((entry) => [entry.name, entry.kind]));
  if (exports.get('_start') !== 'function') {
    const why = exports.has('_initialize') ? 'it is a reactor: a library that only a host program can call' : 'it has no _start function';
    throw new UsageError(`${name} is not a command, ${why}; build it as a command, with a main function`);
  }
  if (exports.get('memory') !== 'memory') throw new UsageError(`${name} does not export its memory as "memory", which WASI asks of a program`);
}

function run(module: WebAssembly.Module, memory: FlatMemory, modules: Readonly<Record<string, WasiCalls>>): FlatExit {
  try {
    const { exports } = new WebAssembly.Instance(module, { ...modules });
    memory.attach(exports['memory'] as WebAssembly.Memory);
    (exports['_start'] as () => void)();
    return { kind: 'exit', code: 0 };
  } catch (error) {
    return exitOf(error);
  }
}

/** Returns how `error` ended the program, or throws it on. */
function exitOf(error: unknown): FlatExit {
  if (error instanceof ProcessExit) return { kind: 'exit', code: error.code };
  if (error instanceof ProcessSignal) return { kind: 'signal', signal: error.signal };
  if (error instanceof WebAssembly.RuntimeError) return { kind: 'trap', reason: error.message };
  // Engines report an exhausted stack as a RangeError (V8, JavaScriptCore) or InternalError (SpiderMonkey), not as a trap.
  if (error instanceof RangeError && /stack/i.test(error.message)) return { kind: 'trap', reason: 'call stack exhausted' };
  throw error;
}
