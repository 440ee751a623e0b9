// Memory references as a trace has them, in batches: columns of typed arrays, filled by a parser, read by a consumer, filled again.
//
//   addresses  | 0x401a000 | 0x1fff0008 | ...     Float64Array: byte addresses, page numbers or block numbers below 2^53
//   sizes      |         3 |          8 | ...     bytes (1 where the trace counts pages)
//   kinds      |     fetch |       read | ...
//
// A consumer must be done with a batch when it returns: the next batch uses the same arrays.

/** What a reference does. */
export const ReferenceKind = { read: 0, write: 1, fetch: 2 } as const;

export type ReferenceKind = (typeof ReferenceKind)[keyof typeof ReferenceKind];

/** What a trace's addresses count. */
export type AddressUnit = 'bytes' | 'pages';

/** References in a batch: 32 Ki keep the three columns (416 KiB) inside a second-level cache. */
const BATCH_CAPACITY = 32 * 1024;

/** Some references in the order in which they happened. */
export class ReferenceBatch {
  readonly capacity: number;
  readonly addresses: Float64Array;
  readonly sizes: Uint32Array;
  readonly kinds: Uint8Array;
  count = 0;

  /** An empty batch; sizes are 1 and kinds are reads until a parser writes others. */
  constructor(capacity = BATCH_CAPACITY) {
    this.capacity = capacity;
    this.addresses = new Float64Array(capacity);
    this.sizes = new Uint32Array(capacity).fill(1);
    this.kinds = new Uint8Array(capacity);
  }
}

/** Takes a batch. */
export type ReferenceSink = (batch: ReferenceBatch) => void;
