// process/: processes: the trap, and the kernel's access to a process's memory; processes that are scripts.
export { GuestFault, outcomeText } from './guest-fault.ts';
export { memchr, memcmp, memcpy, memmove, memset, strlen } from './memory-functions.ts';
export { HEAT_CELL_BYTES, Process, type Stopwatch } from './process.ts';
export * from './scripts/index.ts';
export { type GuardPlacement, type GuardSettings, SpaceHeap, type SpaceHeapSettings, type SpaceHeapUsage } from './space-heap/index.ts';
export { StackWindow } from './stack-window.ts';
