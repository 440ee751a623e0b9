// First in, first out.
//
//   queue: pages in order of arrival
//   loaded(p):   append p
//   victim():    take the head
//
// Reads no bits; no ties. Source: the baseline of every study; the one with Belady's anomaly.

import { expectKnown, expectUnknown } from './known-pages.ts';
import { PageLists } from './page-list.ts';
import type { PolicyKind, PolicyOptions, ReplacementPolicy } from './replacement-policy.ts';

const QUEUE = 0;

/** One queue in order of arrival. */
class FifoPolicy implements ReplacementPolicy {
  readonly name = 'fifo';
  readonly sees = 'bits';
  readonly reactivations = 0;
  readonly #capacity: number;
  readonly #lists: PageLists;

  constructor({ capacity }: PolicyOptions) {
    this.#capacity = capacity;
    this.#lists = new PageLists(capacity, 1);
  }

  get size(): number {
    return this.#lists.length(QUEUE);
  }

  loaded(page: number): void {
    expectUnknown(page, this.#lists.has(page), this.#capacity);
    this.#lists.append(page, QUEUE);
  }

  removed(page: number): void {
    expectKnown(page, this.#lists.has(page));
    this.#lists.remove(page);
  }

  victim(): number {
    const page = this.#lists.head(QUEUE);
    if (page !== -1) this.#lists.remove(page);
    return page;
  }

  has(page: number): boolean {
    return this.#lists.has(page);
  }

  check(): void {
    this.#lists.check();
  }
}

/** Makes the `fifo` policy. */
export const fifo: PolicyKind = { name: 'fifo', sees: 'bits', make: (options) => new FifoPolicy(options) };
