// The event stream: everything the memory manager does, as numbers in a ring. CLI, page and tests read the same stream.
//
//   record   [ type | process | a | b | c ]      five Int32 words; sequence numbers are implied by position
//
// With no reader attached `emit` is one compare. A reader is called each time the ring fills and at `flush`,
// so it sees every record in order; the ring never drops one.

/** What happened. `a`, `b`, `c` are listed beside each; pages and frames are numbers, not addresses. */
export const EventType = {
  /** A TLB miss that a page-table walk resolved: vpn, pfn, access. */
  tlbRefill: 0,
  /** A page fault begins: vpn, access, present (1: the page is mapped without the right). */
  fault: 1,
  /** A fault ended: vpn, pfn (-1 if it was not resolved), kind (an index of `faultKinds` in system/). */
  faultDone: 2,
  /** A page was promoted by zero fill: vpn, pfn. */
  zeroFill: 3,
  /** A page was promoted by copy: vpn, source pfn, new pfn. */
  copy: 4,
  /** An object's page was brought in by its pager: object id, page index, pfn. */
  objectIn: 5,
  /** An object's page was written back: object id, page index, pfn. */
  objectOut: 6,
  /** A page was read from swap: slot, pfn. */
  swapIn: 7,
  /** A run of pages was written to swap: first slot, pages. */
  swapOut: 8,
  /** A frame was taken from its owner: pfn, dirty (0 or 1). */
  evict: 9,
  /** The policy gave a referenced or held page another round: pfn. */
  reactivate: 10,
  /** A resident neighbour was mapped ahead: vpn, pfn. */
  mapAhead: 11,
  /** An area was mapped: first vpn, pages. */
  map: 12,
  /** An area was unmapped: first vpn, pages. */
  unmap: 13,
  /** An area's protection changed: first vpn, pages, protection. */
  protect: 14,
  /** The brk area grew: first new vpn, pages. */
  grow: 15,
  /** The page daemon woke: free frames, target. */
  daemon: 16,
  /** A process was killed: reason (see `KillReason` in system/). */
  kill: 17,
  /** A process began. */
  start: 18,
  /** A process exited: exit code. */
  exit: 19,
  /** A dirty page was lost: its object ended and the pager could not write it: object id, page index. */
  pageLost: 20,
} as const;

export type EventType = (typeof EventType)[keyof typeof EventType];

/** Names by number, for readers that print. */
export const eventNames: readonly string[] = Object.keys(EventType);

/** Words in one record. */
export const EVENT_WORDS = 5;

/** Receives whole records, `EVENT_WORDS` words each; `words` is reused after the call. */
export type EventReader = (words: Int32Array, firstSequence: number) => void;

/** A ring of numeric event records with at most one reader. */
export class EventRing {
  readonly #words: Int32Array;
  #used = 0;
  #sequence = 0;
  #reader: EventReader | undefined;

  /** @param capacity records kept before the reader is called. */
  constructor(capacity = 4096) {
    this.#words = new Int32Array(capacity * EVENT_WORDS);
  }

  /** Attaches the reader; records from now on reach it. Passing undefined detaches. */
  attach(reader: EventReader | undefined): void {
    this.flush();
    this.#reader = reader;
  }

  /** Whether anybody reads: where it costs something to say what happened, that is spared if nobody does. */
  get isRead(): boolean {
    return this.#reader !== undefined;
  }

  /** Records one event. Costs one compare when nobody reads. */
  emit(type: EventType, process: number, a = 0, b = 0, c = 0): void {
    if (this.#reader !== undefined) this.#record(type, process, a, b, c);
  }

  /** Apart, so that `emit` is short enough to be inlined wherever something may happen. */
  #record(type: EventType, process: number, a: number, b: number, c: number): void {
    if (this.#used === this.#words.length) this.flush();
    const at = this.#used;
    this.#words[at] = type;
    this.#words[at + 1] = process;
    this.#words[at + 2] = a;
    this.#words[at + 3] = b;
    this.#words[at + 4] = c;
    this.#used = at + EVENT_WORDS;
  }

  /** Hands the records gathered so far to the reader. */
  flush(): void {
    if (this.#reader === undefined || this.#used === 0) return;
    const count = this.#used / EVENT_WORDS;
    this.#reader(this.#words.subarray(0, this.#used), this.#sequence);
    this.#sequence += count;
    this.#used = 0;
  }
}
