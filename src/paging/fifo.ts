// First in, first out.
//
//   queue: pages in order of arrival
//   loaded(p):   append p
//   victim():    take the head
//
// Reads no bits; no ties. Source: the baseline of every study; the one with Belady's anomaly.

import { ListPolicy } from './list-policy.ts';
import type { PolicyKind } from './replacement-policy.ts';

const QUEUE = 0;

/** One queue in order of arrival. */
class FifoPolicy extends ListPolicy {
  readonly name = 'fifo';

  victim(): number {
    const page = this.lists.head(QUEUE);
    if (page !== -1) this.lists.remove(page);
    return page;
  }
}

/** Makes the `fifo` policy. */
export const fifo: PolicyKind = { name: 'fifo', sees: 'bits', make: (options) => new FifoPolicy(options) };
