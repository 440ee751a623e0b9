// When a policy that wants a clock interrupt looks at all pages: NRU, aging and NFU. One rule for the three.
//
//   in a replay    time is references: a tick after every N of them. N is the number of frames unless it is told (`tickReferences`): a
//                  tick looks at every resident page, so it costs a step for each reference, and of the pages used at all since
//                  the last tick all fit. Simulators of textbook policies have it the same way, with N as their parameter.
//   live           nobody tells a policy of time or references, and a machine without a timer must repeat its runs: time is victims. A
//                  tick comes before the next victim once max(1, size / 4) have gone: a quarter of memory, so bits are four times as
//                  old as memory's contents at most.
//
// A tick comes before the reference or victim that it is due at.

/** A victim's share of the known pages after which a tick is due, live. Arbitrary. */
const VICTIMS_DIVISOR = 4;

/** Counts towards the next tick. */
export class Ticks {
  readonly #references: number | undefined;
  #sinceTick = 0;
  #victims = 0;

  /** @param tickReferences references from one tick to the next, at least 1. Default: the frames */
  constructor(tickReferences: number | undefined) {
    this.#references = tickReferences;
  }

  /** Another victim of `size` pages is wanted, live. Returns whether a tick is due first. */
  isDueAtVictim(size: number): boolean {
    const isDue = this.#victims >= Math.max(1, Math.floor(size / VICTIMS_DIVISOR));
    this.#victims = isDue ? 1 : this.#victims + 1;
    return isDue;
  }

  /** Another reference comes, in a replay with so many frames. Returns whether a tick is due first. */
  isDueAtReference(frames: number): boolean {
    const isDue = this.#sinceTick === (this.#references ?? frames);
    this.#sinceTick = isDue ? 1 : this.#sinceTick + 1;
    return isDue;
  }
}
