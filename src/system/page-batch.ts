// A batch of dirty pages on their way to swap, put in order of address before they are given slots: a policy names its victims in the order
// of their use, which mixes several sequences, and what lies beside a page in its space is what is read next with it.
//
//   victims     a1 b1 a2 b2 a3 b3        slots, in order     a1 a2 a3 b1 b2 b3
//
// A frame that nobody maps is put behind the others, in order of arrival. Cost: an insertion sort of frames that come in runs already;
// nothing allocated.

import type { Pfn } from '../base/index.ts';
import type { FrameTable } from '../frames/index.ts';
import { CLUSTER_PAGES } from './swap-space.ts';

/** Four clusters: enough for the sequences of most programs to be told apart, and less than is free between two runs of the daemon. */
const BATCH_PAGES = 4 * CLUSTER_PAGES;
/** Page numbers are below it. */
const VPN_RANGE = 2 ** 36;
const UNMAPPED = Number.MAX_SAFE_INTEGER;

/** Frames waiting to be written. */
export class PageBatch {
  readonly frames = new Int32Array(BATCH_PAGES);
  readonly #keys = new Float64Array(BATCH_PAGES);
  readonly #table: FrameTable;
  #size = 0;

  constructor(table: FrameTable) {
    this.#table = table;
  }

  /** Frames in it. */
  get size(): number {
    return this.#size;
  }

  /** Tells whether it takes no more. */
  get isFull(): boolean {
    return this.#size === BATCH_PAGES;
  }

  /** Returns what orders `frame`: where it is mapped first. To be asked for before it is unmapped. */
  keyOf(frame: Pfn): number {
    const space = this.#table.mapSpace(frame);
    return space === 0 ? UNMAPPED : space * VPN_RANGE + this.#table.mapVpn(frame);
  }

  /** Puts a frame in its place. The batch is not full. */
  add(frame: Pfn, key: number): void {
    let at = this.#size++;
    for (; at > 0 && (this.#keys[at - 1] as number) > key; at--) {
      this.#keys[at] = this.#keys[at - 1] as number;
      this.frames[at] = this.frames[at - 1] as number;
    }
    this.#keys[at] = key;
    this.frames[at] = frame;
  }

  /** Empties it. */
  clear(): void {
    this.#size = 0;
  }
}
