// What a kernel tells those who watch it: each step, and each process before its memory goes.

import type { ScriptProcess } from './process-table.ts';
import type { ExitStatus, Request } from './script.ts';
import type { FaultInfo } from './system-calls.ts';

/** What one step did. */
export interface StepReport {
  readonly step: number;
  readonly tick: number;
  readonly pid: number;
  readonly thread: number;
  /** Name of the process. */
  readonly process: string;
  /** The request; none when a script ended. */
  readonly request: Request | undefined;
  readonly outcome: StepOutcome;
}

/** How a step ended: the call was answered, or waits, or faulted; or the script, and perhaps its process, has ended. */
export type StepOutcome =
  | { readonly kind: 'answered'; readonly value: unknown }
  | { readonly kind: 'blocked'; readonly reason: string }
  | { readonly kind: 'fault'; readonly fault: FaultInfo; readonly ends: 'in handler' | 'killed' }
  | { readonly kind: 'ended'; readonly status: ExitStatus | undefined };

/** Watches a kernel. It must change nothing. */
export interface KernelObserver {
  /** Called after each step. */
  step?(report: StepReport): void;
  /** Called when a process ends, before its memory goes. */
  ending?(process: ScriptProcess, status: ExitStatus): void;
}
