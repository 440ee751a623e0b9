// Guests among the allocators of `quire heap`: paths after --allocator.
//
// A guest is judged and timed on a thread of its own, since it may never return. What it does there it does again in this one, for nothing
// in it changes from run to run: so a guest that came through a trace can be looked at here (maps, pins, comparisons), and one that did not
// is judged up to the call that went wrong.

import { firstOperations, type HeapError, type HeapProfile, type ReplaySpeed } from '../src/lab/index.ts';
import type { HeapResult } from '../src/report/index.ts';
import type { GuestAnswer, GuestSetting, JudgeWork } from './guest-job.ts';
import { type GuestEnd, onGuestThread } from './guest-thread.ts';

/** A guest that makes no call for so long is ended, if it may not even take so long for all of them. */
const MOST_SILENCE_MILLISECONDS = 5000;

/** Judges a guest on a trace. Throws a UsageError if it is no allocator. */
export async function judgeGuest(guest: GuestSetting, work: JudgeWork): Promise<HeapResult> {
  const { end, profile, speed } = await onThread(guest, work);
  const allocator = guest.path;
  if (end.how === 'done' && profile !== undefined) return { allocator, profile, speed };
  const what = end.how === 'failed' ? end.what : 'it told nothing';
  if (profile !== undefined) return { allocator, profile: withError(profile, errorAt(work, profile.operations, what)), speed: undefined };
  const operation = end.how === 'failed' ? Math.min(work.trace.length, Math.max(0, end.operation - 1)) : 0;
  const error = errorAt(work, operation, what);
  if (operation === 0) return { allocator, profile: emptyProfile(error), speed: undefined };
  const before = await onThread(guest, { ...work, trace: firstOperations(work.trace, operation), milliseconds: 0 });
  return { allocator, profile: before.profile === undefined ? emptyProfile(error) : withError(before.profile, error), speed: undefined };
}

interface Heard {
  readonly end: GuestEnd;
  readonly profile: HeapProfile | undefined;
  readonly speed: ReplaySpeed | undefined;
}

async function onThread(guest: GuestSetting, work: JudgeWork): Promise<Heard> {
  let profile: HeapProfile | undefined;
  let speed: ReplaySpeed | undefined;
  const take = (answer: GuestAnswer): void => {
    if (answer.kind === 'profiled') profile = answer.profile;
    if (answer.kind === 'timed') speed = answer.speed;
  };
  const silence = Math.min(work.mostMilliseconds, MOST_SILENCE_MILLISECONDS);
  const end = await onGuestThread(guest, { kind: 'judge', ...work }, silence, take);
  return { end, profile, speed };
}

function errorAt({ trace }: JudgeWork, operation: number, what: string): HeapError {
  return { operation, line: trace.lines[operation] ?? 0, fault: 'failed', what };
}

function withError(profile: HeapProfile, error: HeapError): HeapProfile {
  return { ...profile, end: 'errors', errors: [...profile.errors, error] };
}

/** The profile of a guest that did nothing before it failed. */
function emptyProfile(error: HeapError): HeapProfile {
  return {
    errors: [error],
    operations: 0,
    end: 'errors',
    peakPayloadBytes: 0,
    peakHeapBytes: 0,
    utilization: 0,
    curve: [],
    use: undefined,
    payloadBytesAtPeak: 0,
    heapBytesAtPeak: 0,
    classes: [],
    pagesTouched: 0,
    pagesAtPeak: 0,
  };
}
