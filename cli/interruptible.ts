// Ctrl-C for a guest that never returns to the event loop.
//
// A guest runs synchronously on the main thread, so a listener for SIGINT would never be called. `node:vm` has the one way to stop it
// from outside: with `breakOnSigint` a thread of Node's own waits for the signal and makes V8 abandon the code that runs, be it
// JavaScript, an endless WebAssembly loop or a blocking read. No `catch` or `finally` inside `work` sees that; all objects keep the
// state they had, which may be half a step: counters can still be read, but the kernel must not be entered again.

import { Script } from 'node:vm';

const call = new Script('work()');

/** Runs `work` so that Ctrl-C stops it, and tells which happened. What `work` throws is passed on. */
export function interruptible(work: () => void): 'finished' | 'interrupted' {
  try {
    call.runInNewContext({ work }, { breakOnSigint: true });
    return 'finished';
  } catch (error) {
    // No `instanceof`: the error belongs to the script's own context.
    if ((error as { code?: string } | undefined)?.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED') return 'interrupted';
    throw error;
  }
}
