// process/: processes: the trap, and the kernel's access to a process's memory.
export { GuestFault, outcomeText } from './guest-fault.ts';
export { HEAT_CELL_BYTES, Process, type Stopwatch } from './process.ts';
