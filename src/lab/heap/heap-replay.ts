// A trace replayed on a subject, each answer held against a shadow map: correctness and the room that the heap takes, not speed
// (replay-speed.ts). It goes forward as far as asked, so that the heap can be looked at on the way.
//
//   payload     bytes that live blocks' owners asked for
//   heapBytes   highest end of a block so far, less the heap's base: how far the heap has ever reached
//
// A subject that has broken a rule is trusted with nothing more about that block: its later operations are left out. After several
// findings, or one call that threw, the replay stops.

import { MallocOperation, type MallocTrace } from '../../trace/index.ts';
import { type ContentCheck, type Finding, type HeapFault, ShadowMap } from './shadow-map.ts';
import type { HeapSubject } from './subject.ts';

/** What a subject did wrong, and where. */
export interface HeapError {
  /** Index in the trace, from 0. `length` of the trace: at its end. */
  readonly operation: number;
  /** Line of the trace's file. */
  readonly line: number;
  readonly fault: HeapFault;
  readonly what: string;
}

/** How a trace is replayed. */
export interface ReplayOptions {
  /** Default `tags`. */
  readonly contents?: ContentCheck;
  /** Findings after which the replay stops. Default 10. */
  readonly mostErrors?: number;
  /** Hears of each block as it is given or resized. */
  readonly onBlock?: (address: number, bytes: number) => void;
}

const MOST_ERRORS = 10;

/** A replay that goes forward. */
export class HeapReplay {
  readonly trace: MallocTrace;
  readonly subject: HeapSubject;
  readonly shadow: ShadowMap;
  readonly errors: HeapError[] = [];
  readonly #mostErrors: number;
  readonly #onBlock: ((address: number, bytes: number) => void) | undefined;
  #position = 0;
  #payload = 0;
  #peakPayload = 0;
  #highestEnd: number;
  #state: 'going' | 'stopped' = 'going';

  constructor(trace: MallocTrace, subject: HeapSubject, { contents = 'tags', mostErrors = MOST_ERRORS, onBlock }: ReplayOptions = {}) {
    this.trace = trace;
    this.subject = subject;
    const { base, lowest = base, alignment } = subject;
    this.shadow = new ShadowMap(trace.blocks, { base: lowest, alignment, contents });
    this.#mostErrors = mostErrors;
    this.#onBlock = onBlock;
    this.#highestEnd = base;
  }

  /** Operations replayed so far. */
  get position(): number {
    return this.#position;
  }

  /** Whether it was given up: see `errors`. */
  get isStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Bytes that the live blocks' owners asked for. */
  get payload(): number {
    return this.#payload;
  }

  /** The most bytes that they asked for at one time so far. */
  get peakPayload(): number {
    return this.#peakPayload;
  }

  /** How far the heap has ever reached above its base, in bytes. */
  get heapBytes(): number {
    return this.#highestEnd - this.subject.base;
  }

  /** Goes on until `operations` are done, or it stops. */
  runTo(operations: number): void {
    const end = Math.min(operations, this.trace.length);
    while (this.#position < end && this.#state === 'going') {
      this.#guarded(() => {
        // A function for each operation would double the time.
        while (this.#position < end && this.#state === 'going') {
          this.#step(this.#position);
          this.#position++;
        }
      });
    }
  }

  /** Goes to the end, then looks at every block that still lives, and lets the subject check itself. */
  finish(): void {
    const { length, blocks } = this.trace;
    this.runTo(length);
    if (this.#state === 'stopped') return;
    const bytes = this.subject.bytes();
    for (let id = 0; id < blocks && this.#state === 'going'; id++) if (this.shadow.isLive(id)) this.#note(this.shadow.compare(id, bytes));
    try {
      this.subject.check?.();
    } catch (error) {
      this.#note({ fault: 'damage', what: messageOf(error) });
    }
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#note({ fault: 'failed', what: `${this.#callText()} did not return: ${messageOf(error)}` });
      this.#state = 'stopped';
    }
  }

  #step(at: number): void {
    const { operations, ids, sizes, alignments } = this.trace;
    const id = ids[at] as number;
    const size = sizes[at] as number;
    const operation = operations[at] as MallocOperation;
    if (operation === MallocOperation.free) this.#free(id);
    else if (operation === MallocOperation.realloc) this.#resize(id, size);
    else this.#allocate(operation, id, size, 2 ** (alignments[at] as number));
  }

  #allocate(operation: MallocOperation, id: number, size: number, alignment: number): void {
    const { subject, shadow } = this;
    let address: number;
    if (operation === MallocOperation.malloc) address = subject.malloc(size);
    else if (operation === MallocOperation.calloc) address = subject.calloc(1, size);
    else address = subject.memalign(alignment, size);
    if (address === 0) {
      // Of no bytes there may be no block: C leaves the choice.
      if (size > 0) this.#note({ fault: 'no-room', what: `${this.#callText()} gave nothing` });
      return;
    }
    const bytes = subject.bytes();
    const finding =
      operation === MallocOperation.calloc
        ? shadow.givenZeroed(id, address, size, bytes)
        : shadow.given(id, address, size, alignment, bytes);
    this.#note(finding);
    if (finding === undefined) this.#lives(address, size, size);
  }

  #resize(id: number, size: number): void {
    const { subject, shadow } = this;
    if (!shadow.isLive(id)) return;
    const old = shadow.sizeOf(id);
    const address = subject.realloc(shadow.addressOf(id), size);
    if (address === 0) {
      // Of no bytes: freed, which C allows, or kept. Otherwise the old block stays.
      if (size > 0) this.#note({ fault: 'no-room', what: `${this.#callText()} gave nothing` });
      else this.#dies(id);
      return;
    }
    const finding = shadow.resized(id, address, size, subject.bytes());
    this.#note(finding);
    if (finding === undefined) this.#lives(address, size, size - old);
    else this.#payload -= old;
  }

  #free(id: number): void {
    const { subject, shadow } = this;
    if (!shadow.isLive(id)) return;
    this.#note(shadow.compare(id, subject.bytes()));
    const address = shadow.addressOf(id);
    this.#dies(id);
    if (subject.free(address) === false)
      this.#note({ fault: 'refused', what: `the free of block ${id} at 0x${address.toString(16)} is refused` });
  }

  #lives(address: number, size: number, payload: number): void {
    this.#payload += payload;
    this.#peakPayload = Math.max(this.#peakPayload, this.#payload);
    this.#highestEnd = Math.max(this.#highestEnd, address + size);
    this.#onBlock?.(address, size);
  }

  #dies(id: number): void {
    this.#payload -= this.shadow.sizeOf(id);
    this.shadow.freed(id);
  }

  #note(finding: Finding | undefined): void {
    if (finding === undefined) return;
    const operation = this.#position;
    this.errors.push({ operation, line: this.trace.lines[operation] ?? this.trace.lines.at(-1) ?? 0, ...finding });
    if (this.errors.length >= this.#mostErrors) this.#state = 'stopped';
  }

  /** The call that is being replayed, as a C programmer would write it. */
  #callText(): string {
    const { operations, ids, sizes, alignments } = this.trace;
    const at = this.#position;
    const [id, size] = [ids[at], sizes[at]];
    switch (operations[at] as MallocOperation) {
      case MallocOperation.malloc:
        return `malloc(${size})`;
      case MallocOperation.calloc:
        return `calloc(1, ${size})`;
      case MallocOperation.memalign:
        return `memalign(${2 ** (alignments[at] as number)}, ${size})`;
      case MallocOperation.realloc:
        return `realloc(block ${id}, ${size})`;
      case MallocOperation.free:
        return `free(block ${id})`;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
