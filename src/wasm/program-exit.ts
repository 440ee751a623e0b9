// How a program ended, on any memory.

import { GuestFault } from '../process/index.ts';
import { ProcessExit, ProcessSignal } from './wasi/index.ts';

/** The end of a program. */
export type ProgramExit =
  /** It returned from `_start` (0) or called proc_exit. */
  | { readonly kind: 'exit'; readonly code: number }
  /** It raised a signal, such as SIGABRT. */
  | { readonly kind: 'signal'; readonly signal: string }
  /** It trapped, or ran out of stack; `reason` is the engine's word, `error` has the call stack. */
  | { readonly kind: 'trap'; readonly reason: string; readonly error: Error }
  /** An access could not be resolved: bad address, rights, memory or device. */
  | { readonly kind: 'fault'; readonly fault: GuestFault };

/** Returns how `error`, thrown out of a program, ended it; throws it on if it is a mistake of the host's. */
export function exitOf(error: unknown): ProgramExit {
  if (error instanceof ProcessExit) return { kind: 'exit', code: error.code };
  if (error instanceof ProcessSignal) return { kind: 'signal', signal: error.signal };
  if (error instanceof GuestFault) return { kind: 'fault', fault: error };
  if (error instanceof WebAssembly.RuntimeError) return { kind: 'trap', reason: error.message, error };
  if (isStackExhausted(error)) return { kind: 'trap', reason: 'call stack exhausted', error };
  throw error;
}

/** The names of the error that engines report an exhausted stack with: V8 and JavaScriptCore, SpiderMonkey. It is not a trap. */
const stackErrors: readonly string[] = ['RangeError', 'InternalError'];

/** Tells whether the engine ran out of stack. */
export function isStackExhausted(error: unknown): error is Error {
  return error instanceof Error && stackErrors.includes(error.name) && /stack|recursion/i.test(error.message);
}
