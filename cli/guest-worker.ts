// The thread on which a guest's allocator is judged. It may trap, end the thread, use up its memory or never return: guest-thread.ts
// watches from outside, over shared words that are written here before every call.

import { parentPort, workerData } from 'node:worker_threads';
import { UsageError } from '../src/base/index.ts';
import { type HeapSubject, measureSpeed, profileHeap } from '../src/lab/index.ts';
import {
  type GuestAnswer,
  type GuestSetting,
  type GuestWork,
  guestMaker,
  type JudgeWork,
  type MakeSubject,
  runChecks,
} from './guest-job.ts';
import { GuestCall, GuestWord } from './guest-watch.ts';

/** What the thread is started with. */
export interface GuestOrder {
  readonly setting: GuestSetting;
  readonly work: GuestWork;
  /** Shared; `GuestWord` tells what is where. */
  readonly words: Int32Array;
}

const { setting, work, words } = workerData as GuestOrder;
const answer = (message: GuestAnswer): void => parentPort?.postMessage(message);

function count(word: number): void {
  words[word] = (words[word] as number) + 1;
}

/** The subject, telling of each call before it is made. */
function watched(subject: HeapSubject): HeapSubject {
  words[GuestWord.operation] = 0;
  const call = (kind: number, first: number, second: number): void => {
    words[GuestWord.call] = kind;
    words[GuestWord.first] = first;
    words[GuestWord.second] = second;
    count(GuestWord.operation);
    count(GuestWord.calls);
  };
  return {
    ...subject,
    malloc: (bytes) => {
      call(GuestCall.malloc, bytes, 0);
      return subject.malloc(bytes);
    },
    calloc: (count, bytes) => {
      call(GuestCall.calloc, count, bytes);
      return subject.calloc(count, bytes);
    },
    realloc: (address, bytes) => {
      call(GuestCall.realloc, address, bytes);
      return subject.realloc(address, bytes);
    },
    memalign: (alignment, bytes) => {
      call(GuestCall.memalign, alignment, bytes);
      return subject.memalign(alignment, bytes);
    },
    free: (address) => {
      call(GuestCall.free, address, 0);
      return subject.free(address);
    },
  };
}

function judge({ trace, contents, points, milliseconds, mostMilliseconds }: JudgeWork, make: MakeSubject): void {
  const now = (): number => performance.now();
  const profile = profileHeap(trace, watched(make()), { contents, points, now, mostMilliseconds });
  answer({ kind: 'profiled', profile });
  if (milliseconds === 0 || profile.errors.length > 0) return;
  // Telling of each call would be timed as well: so the thread asks for its time beforehand.
  words[GuestWord.call] = GuestCall.timing;
  words[GuestWord.asked] = milliseconds + 2 * mostMilliseconds;
  const subject = make();
  const speed = measureSpeed(subject, trace, { now, milliseconds, mostMilliseconds });
  // One that never uses memory again is soon used up, and gives nothing very fast.
  if (subject.malloc(1) !== 0) answer({ kind: 'timed', speed });
}

words[GuestWord.asked] = 0;
count(GuestWord.calls);
try {
  const make = await guestMaker(setting);
  const started = (): HeapSubject => {
    words[GuestWord.call] = GuestCall.start;
    count(GuestWord.calls);
    return make();
  };
  if (work.kind === 'judge') judge(work, started);
  else runChecks(work, () => watched(started()), answer);
  answer({ kind: 'done' });
} catch (error) {
  if (error instanceof UsageError) answer({ kind: 'refused', reason: error.message });
  else throw error;
}
