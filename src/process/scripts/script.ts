// A script: the program of a process, written in TypeScript as a generator function. It runs until it yields a request, which the
// kernel carries out; so many scripts run side by side on one machine, in an order that a seed decides.
//
//   function* child(sys: SystemCalls): Script {
//     const at = must(yield* sys.mmap({ size: 4096, protection: PROT_READ | PROT_WRITE, sharing: 'private' }));
//     yield* sys.store(at, 42);
//     return 0;                                      // the exit code
//   }
//
// A system call is a small generator itself (`call`): `yield*` hands its one request up to the kernel and gives the typed result back.

import type { Errno } from '../../base/index.ts';

/** A script that ends with a `T`; a program ends with its exit code. */
export type Script<T = number> = Generator<Request, T, unknown>;

/** What a script asks for. */
export interface Request {
  readonly name: string;
  readonly parameters: readonly unknown[];
  /**
   * Carries the request out for the thread that runs. Called again after each `Blocked`, and after a fault that was mended: what it has
   * done so far must then be kept in its own variables or be harmless to repeat.
   */
  readonly run: () => unknown;
}

/** A request's answer that there is none yet: it is carried out again once `isReady`. */
export class Blocked {
  /** What is waited for, in words. */
  readonly reason: string;
  readonly isReady: () => boolean;
  /** The tick at which waiting ends by itself, if it does. */
  readonly until: number | undefined;

  constructor(reason: string, isReady: () => boolean, until?: number) {
    this.reason = reason;
    this.isReady = isReady;
    this.until = until;
  }
}

/** Makes the script of one system call: it yields one request and returns what it answered. */
export function* call<T>(name: string, parameters: readonly unknown[], run: () => T | Blocked): Script<T> {
  return (yield { name, parameters, run }) as T;
}

/** A script that could not go on; its process ends with SIGABRT. */
export class ScriptAborted extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ScriptAborted';
  }
}

/** Returns the result of a call that the script relies on; if it is an error, the process ends with SIGABRT. */
export function must<T>(result: T): Exclude<T, Errno> {
  if (typeof result === 'string') throw new ScriptAborted(result);
  return result as Exclude<T, Errno>;
}

/** How a process ended. */
export type ExitStatus =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: Signal; readonly reason: string };

/** What ended a process that did not end by itself. */
export type Signal = 'SIGABRT' | 'SIGBUS' | 'SIGKILL' | 'SIGSEGV';
