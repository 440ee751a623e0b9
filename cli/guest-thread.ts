// A guest's allocator from outside: its thread is started, watched, and ended if it makes no call for too long.

import { Worker } from 'node:worker_threads';
import { UsageError } from '../src/base/index.ts';
import type { GuestAnswer, GuestSetting, GuestWork } from './guest-job.ts';
import { GuestWord, lastCall } from './guest-watch.ts';
import type { GuestOrder } from './guest-worker.ts';

/** How a thread ended. */
export type GuestEnd =
  | { readonly how: 'done' }
  /** Not by itself, or not as it should. `operation` counts the calls since the heap was made, this one included. */
  | { readonly how: 'failed'; readonly what: string; readonly operation: number };

/** Between two looks at the words. */
const LOOK_MILLISECONDS = 50;
/** What a thread may take to start, on a machine that has much else to do. */
const START_MILLISECONDS = 20_000;
/** What a guest in JavaScript may fill; a WebAssembly memory is not part of it. */
const MOST_HEAP_MIB = 512;
const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY';

/**
 * Does the work on a thread of its own and passes its answers on.
 * @param patienceMilliseconds a thread that makes no call for so long is ended
 * Throws a UsageError if the guest is none.
 */
export function onGuestThread(
  setting: GuestSetting,
  work: GuestWork,
  patienceMilliseconds: number,
  take: (answer: GuestAnswer) => void,
): Promise<GuestEnd> {
  const words = new Int32Array(new SharedArrayBuffer(4 * GuestWord.COUNT));
  // Until the thread itself runs, and says so.
  words[GuestWord.asked] = START_MILLISECONDS;
  const order: GuestOrder = { setting, work, words };
  const worker = new Worker(new URL('./guest-worker.js', import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MIB },
    // What a guest prints is no part of what is said about it.
    stdout: true,
    stderr: true,
  });
  return new Promise((resolve, reject) => {
    const watch = setInterval(look, LOOK_MILLISECONDS);
    let [calls, since] = [-1, performance.now()];
    const end = (settle: () => void): void => {
      clearInterval(watch);
      worker.removeAllListeners();
      worker.on('error', () => undefined);
      void worker.terminate();
      settle();
    };
    const fail = (what: string): void => end(() => resolve({ how: 'failed', what, operation: words[GuestWord.operation] as number }));
    function look(): void {
      const now = performance.now();
      if (words[GuestWord.calls] !== calls) [calls, since] = [words[GuestWord.calls] as number, now];
      else if (now - since > patienceMilliseconds + (words[GuestWord.asked] as number))
        fail(`${lastCall(words)} did not return within ${patienceMilliseconds / 1000} s`);
    }
    worker.on('message', (answer: GuestAnswer) => {
      if (answer.kind === 'refused') end(() => reject(new UsageError(answer.reason)));
      else if (answer.kind === 'done') end(() => resolve({ how: 'done' }));
      else take(answer);
    });
    worker.on('error', (error: Error & { readonly code?: string }) => {
      fail(
        error.code === OUT_OF_MEMORY
          ? `${lastCall(words)} used up ${MOST_HEAP_MIB} MiB of JavaScript's memory`
          : `${lastCall(words)} failed: ${error.message}`,
      );
    });
    worker.on('exit', () => fail(`${lastCall(words)} ended the program`));
  });
}
