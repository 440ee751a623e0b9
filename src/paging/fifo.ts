// First in, first out.
//
//   queue: pages in order of arrival
//   loaded(p):   append p
//   victim():    take the head
//
// Reads no bits; no ties. Source: the baseline of every study; the one with Belady's anomaly.

import type { PolicyKind, PolicyQueue } from './replacement-policy.ts';
import { RingPolicy } from './ring-policy.ts';
import type { SimulatedMemory } from './simulated-memory.ts';

/** One queue in order of arrival. */
class FifoPolicy extends RingPolicy {
  readonly name = 'fifo';

  victim(): number {
    return this.ring.shift();
  }

  replay(ids: Uint32Array, from: number, to: number, { frames, misses }: SimulatedMemory): number {
    const { ring } = this;
    const { states } = ring;
    let missed = 0;
    for (let at = from; at < to; at++) {
      const page = ids[at] as number;
      if (states[page] !== 0) continue;
      if (ring.length === frames) ring.shift();
      ring.push(page);
      misses[missed++] = at;
    }
    return missed;
  }

  describe(): PolicyQueue[] {
    return [{ name: 'queue', holds: 'pages', order: 'oldest first', pages: this.ring.pages() }];
  }
}

/** Makes the `fifo` policy. */
export const fifo: PolicyKind = { name: 'fifo', sees: 'bits', make: (options) => new FifoPolicy(options) };
