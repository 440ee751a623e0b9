// wasm/: real programs. The module reader (binary/), the rewriter (rewrite/), the system interface (wasi/), and the loader that
// puts a program into an address space.
export type { FunctionOptimizer, HeapObserver, ReferenceObserver } from './abi.ts';
export * from './address-layout.ts';
export * from './binary/index.ts';
export { aboutModule, compileModule, requireCommand, unknownImports, whyNotCommand } from './command.ts';
export { BadAddress, type GuestMemory } from './guest-memory.ts';
export { Program, type ProgramCode, type ProgramOptions, prepareCode } from './program.ts';
export { exitOf, type ProgramExit } from './program-exit.ts';
export { type CodeCache, type CodeKey, type CodeLocation, type HeapCall, type HeapCallName, heapCallNames } from './rewrite/index.ts';
export { type FlatProgram, type FlatRun, runFlat } from './run-flat.ts';
export * from './wasi/index.ts';
