// wasi/: the system interface that guest programs call: WASI preview1 and snapshot 0, on any guest memory and any file system.
export * from './clock.ts';
export type { WasiCall, WasiCalls } from './context.ts';
export * from './errno.ts';
export * from './file-system.ts';
export * from './memory-file-system.ts';
export type { MemoryFileSystemOptions } from './memory-node.ts';
export { ProcessExit, ProcessSignal } from './process-calls.ts';
export { wasiTypeText } from './signatures.ts';
export * from './streams.ts';
export * from './wasi.ts';
