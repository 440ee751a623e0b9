// Failure injection as a part of the product: the k-th request of a kind fails, for k = 0, 1, 2, ... until a run succeeds.

/** Decides which requests fail. Counts every request, so a first run tells how many there are. */
export class FailurePlan {
  #failAt: number;
  #requests = 0;
  #failures = 0;

  /** @param failAt index of the request that fails, from 0; -1 for none. */
  constructor(failAt = -1) {
    this.#failAt = failAt;
  }

  /** Requests seen so far. */
  get requests(): number {
    return this.#requests;
  }

  /** Failures injected so far: 0 or 1. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts one request and tells whether it must fail. */
  next(): boolean {
    if (this.#requests++ !== this.#failAt) return false;
    this.#failures++;
    return true;
  }
}
