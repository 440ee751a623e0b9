// Reservations: runs of free frames that are promised to the pages of a large-page-aligned stretch of a space, so that the stretch can
// later be mapped by one large entry. A page that is touched takes its own frame of the run; the rest stay free, and are the first to go
// when nothing else is free.
//
//   window of a space   | touched | .. | touched | touched | .. |  ..  |       `runFrames` pages, aligned
//   run of frames       |  given  | promised |  given |  given  | promised ... |       as many frames, aligned
//
//   record of run r, in RAM      space | window (2 words) | promised frames | next | previous | next of its bucket | head of bucket r
//
//   partial   some frames are promised: on the list, by the time one was last taken or given back, the oldest first
//   full      none is: off the list, but remembered, so that a frame that is freed goes back to its place
//   none      space 0. A reservation whose frames are all promised again, or that is broken, is forgotten: what is given stays given
//
// One is made only for a window that lies in one area, and serves all areas that are in its window later.
//
//   RS1  the frames of kind promised are those of the partial runs; the record counts them
//   RS2  the list has exactly the partial runs; a run is found by its space and window, and no two runs by the same
//
// A promise binds nobody: a space that ended, or a window that was unmapped, leaves at most promised frames behind, and these are free.
// Cost: O(1) each, but making and breaking one O(runFrames); 32 bytes of RAM for each run of frames.
// Source: Navarro, Iyer, Druschel and Cox, "Practical, transparent operating system support for superpages", OSDI 2002, sections 4 and
// 5; FreeBSD's vm_reserv. Elsewhere: giving and freeing (physical-memory.ts), the large entry (pmap/large-mappings.ts).

import { invariant, type Pfn } from '../base/index.ts';
import { FrameKind, type FrameTable } from './frame-table.ts';

/** The page that a frame is wanted for, and the area it lies in. Mutable: one object serves all faults. */
export interface PagePlace {
  /** Number of the space, from 1. */
  space: number;
  page: number;
  /** The area's first page, and the page after its last. */
  areaStart: number;
  areaEnd: number;
}

/** Counts since boot, but for `partial`. */
export interface ReservationCounts {
  readonly made: number;
  /** Given up because their frames were needed, or because a place had to have another frame. */
  readonly broken: number;
  /** Runs with promised frames now. */
  readonly partial: number;
}

/** Bytes of a record. */
const RECORD_BYTES = 32;
const RECORD_SHIFT = 3;
const SPACE = 0;
const WINDOW_LOW = 1;
const WINDOW_HIGH = 2;
const PROMISED = 3;
const NEXT = 4;
const PREVIOUS = 5;
const BUCKET_NEXT = 6;
const BUCKET_HEAD = 7;
const LOW_RANGE = 0x1_0000_0000;

/** Returns the bytes of RAM that the records of a machine of `frameCount` frames take. */
export function reservationBytes(frameCount: number, runFrames: number): number {
  return runFrames === 0 ? 0 : Math.floor(frameCount / runFrames) * RECORD_BYTES;
}

/** Which runs are promised to which windows. It decides nothing about frames: physical-memory.ts gives and frees them. */
export class Reservations {
  /** Frames of a run and pages of a window: a power of two. */
  readonly runFrames: number;
  made = 0;
  broken = 0;
  partial = 0;
  readonly #words: Uint32Array;
  readonly #runs: number;
  readonly #shift: number;
  /** Ends of the list, 0 for none: run 0 has frame 0, which is never given. */
  #oldest = 0;
  #newest = 0;

  /** @param words all zeros, `reservationBytes` of them. */
  constructor(words: Uint32Array, frameCount: number, runFrames: number) {
    this.runFrames = runFrames;
    this.#words = words;
    this.#shift = Math.log2(runFrames);
    this.#runs = Math.floor(frameCount / runFrames);
    invariant(Number.isInteger(this.#shift) && runFrames > 1, 'RS1', () => `runs of ${runFrames} frames`);
  }

  /** Returns the run promised to a window, or 0. */
  find(space: number, window: number): number {
    let run = this.#runs === 0 ? 0 : this.#word(this.#bucket(space, window), BUCKET_HEAD);
    while (run !== 0 && !this.#isOf(run, space, window)) run = this.#word(run, BUCKET_NEXT);
    return run;
  }

  /** Returns the run that `frame` belongs to, if it is reserved, or 0. */
  runOf(frame: number): number {
    const run = frame >>> this.#shift;
    return run < this.#runs && this.#word(run, SPACE) !== 0 ? run : 0;
  }

  /** Promises a run, all of whose frames are free, to a window that has none. */
  make(run: number, space: number, window: number): void {
    const bucket = this.#bucket(space, window);
    this.#set(run, SPACE, space);
    this.#set(run, WINDOW_LOW, window);
    this.#set(run, WINDOW_HIGH, Math.floor(window / LOW_RANGE));
    this.#set(run, PROMISED, this.runFrames);
    this.#set(run, BUCKET_NEXT, this.#word(bucket, BUCKET_HEAD));
    this.#set(bucket, BUCKET_HEAD, run);
    this.#append(run);
    this.made++;
  }

  /** Forgets a run. */
  remove(run: number): void {
    if (this.#word(run, PROMISED) > 0) this.#unlink(run);
    const bucket = this.#bucket(this.#word(run, SPACE), this.#window(run));
    const after = this.#word(run, BUCKET_NEXT);
    if (this.#word(bucket, BUCKET_HEAD) === run) this.#set(bucket, BUCKET_HEAD, after);
    else {
      let before = this.#word(bucket, BUCKET_HEAD);
      while (this.#word(before, BUCKET_NEXT) !== run) before = this.#word(before, BUCKET_NEXT);
      this.#set(before, BUCKET_NEXT, after);
    }
    for (let word = SPACE; word <= BUCKET_NEXT; word++) this.#set(run, word, 0);
  }

  /** One of the promised frames of a run was given. */
  take(run: number): void {
    this.#unlink(run);
    const left = this.#word(run, PROMISED) - 1;
    this.#set(run, PROMISED, left);
    if (left > 0) this.#append(run);
  }

  /** A given frame of a run is promised again. Returns how many are. */
  giveBack(run: number): number {
    const promised = this.#word(run, PROMISED);
    if (promised > 0) this.#unlink(run);
    this.#set(run, PROMISED, promised + 1);
    this.#append(run);
    return promised + 1;
  }

  /** The partial run from which nothing was taken for longest, 0 for none. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Panics at the first broken invariant. */
  check(table: FrameTable): void {
    let listed = 0;
    for (let run = this.#oldest; run !== 0; run = this.#word(run, NEXT)) {
      invariant(listed++ < this.#runs && this.#word(run, PROMISED) > 0, 'RS2', () => `run ${run} is listed, but not partial`);
    }
    invariant(listed === this.partial, 'RS2', () => `${listed} runs are listed, ${this.partial} counted`);
    let partial = 0;
    for (let run = 0; run < this.#runs; run++) {
      if (this.#checkRun(table, run) > 0) partial++;
    }
    invariant(listed === partial, 'RS2', () => `${listed} runs are listed, ${partial} are partial`);
    for (let frame = this.#runs * this.runFrames; frame < table.count; frame++) this.#expectNotPromised(table, frame);
  }

  #checkRun(table: FrameTable, run: number): number {
    let promised = 0;
    for (let frame = run * this.runFrames; frame < (run + 1) * this.runFrames; frame++) {
      if (this.runOf(frame) === 0) this.#expectNotPromised(table, frame);
      else if (table.kind(frame as Pfn) === FrameKind.promised) promised++;
    }
    const counted = this.#word(run, PROMISED);
    invariant(promised === counted, 'RS1', () => `run ${run} counts ${counted} promised frames and has ${promised}`);
    const isFound = this.#word(run, SPACE) === 0 || this.find(this.#word(run, SPACE), this.#window(run)) === run;
    invariant(isFound, 'RS2', () => `run ${run} is not found by its window`);
    return promised;
  }

  #expectNotPromised(table: FrameTable, frame: number): void {
    const isPromised = table.kind(frame as Pfn) === FrameKind.promised;
    invariant(!isPromised, 'RS1', () => `frame ${frame} is promised, but in no reservation`);
  }

  #append(run: number): void {
    this.#set(run, NEXT, 0);
    this.#set(run, PREVIOUS, this.#newest);
    if (this.#newest === 0) this.#oldest = run;
    else this.#set(this.#newest, NEXT, run);
    this.#newest = run;
    this.partial++;
  }

  #unlink(run: number): void {
    const next = this.#word(run, NEXT);
    const previous = this.#word(run, PREVIOUS);
    if (previous === 0) this.#oldest = next;
    else this.#set(previous, NEXT, next);
    if (next === 0) this.#newest = previous;
    else this.#set(next, PREVIOUS, previous);
    this.partial--;
  }

  #bucket(space: number, window: number): number {
    return ((Math.imul(space, 0x9e37_79b1) ^ Math.imul(window, 0x85eb_ca6b)) >>> 0) % this.#runs;
  }

  #isOf(run: number, space: number, window: number): boolean {
    return this.#word(run, SPACE) === space && this.#window(run) === window;
  }

  #window(run: number): number {
    return this.#word(run, WINDOW_HIGH) * LOW_RANGE + this.#word(run, WINDOW_LOW);
  }

  #word(run: number, word: number): number {
    return this.#words[(run << RECORD_SHIFT) + word]!;
  }

  #set(run: number, word: number, value: number): void {
    this.#words[(run << RECORD_SHIFT) + word] = value;
  }
}
