// The processes of a multiprogramming simulation: where each is in its program, what it waits for, and where its time went.
//
//            dispatched              faulted, a frame found           the read is done
//   ready ---------------> running -----------------------> reading -------------------> ready
//     ^                      |  \--- faulted, no frame ---> waiting ---- a frame found --^ (by way of reading)
//     |      quantum over    |
//     +----------------------+---- last reference ---> done              any of them but done <---> out  (swapped out whole)
//
// Times are whole nanoseconds of the model.

/** What a process does. */
export type ProcessState = 'ready' | 'running' | 'reading' | 'waiting' | 'out' | 'done';

/** One process. */
export class SharingProcess {
  readonly number: number;
  /** Position of the next reference. */
  position = 0;
  state: ProcessState = 'ready';
  /** Since when it is in that state. */
  sinceNs = 0;
  /** When its read will be done, while it is reading. */
  readyAtNs = 0;
  readonly timeNs: Record<ProcessState, number> = { ready: 0, running: 0, reading: 0, waiting: 0, out: 0, done: 0 };
  faults = 0;
  refaults = 0;
  swappedOut = 0;
  /** Frames times nanoseconds. */
  frameNs = 0;
  peakFrames = 0;
  /** Pages that the read in progress brought. */
  arriving: number[] = [];
  /** Pages that it had when it was swapped out. */
  saved: number[] = [];

  constructor(number: number) {
    this.number = number;
  }

  /** Goes to a state at a time that is not before the last change. */
  enter(state: ProcessState, nowNs: number): void {
    this.timeNs[this.state] += nowNs - this.sinceNs;
    this.state = state;
    this.sinceNs = nowNs;
  }
}
