// scripts: processes written in TypeScript, run side by side on one memory manager.
export { catExecutable, describeExecutable, type Executable, type ImageFile, odExecutable } from './executable.ts';
export { Kernel, type KernelOptions, type RunResult, type StartedProcess } from './kernel.ts';
export type { KernelObserver, StepOutcome, StepReport } from './observer.ts';
export type { ScriptProcess } from './process-table.ts';
export { type ExitStatus, must, type Request, type Script, type Signal } from './script.ts';
export type {
  AccessCalls,
  EndedChild,
  FaultHandler,
  FaultInfo,
  HeapCalls,
  MemoryCalls,
  MessageCalls,
  MmapRequest,
  PagerCalls,
  PagerRequest,
  ProcessCalls,
  ReceivedMessage,
  ScriptProgram,
  SentPages,
  SystemCalls,
} from './system-calls.ts';
