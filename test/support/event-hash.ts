// A fingerprint of an event stream: two runs did the same if and (as good as) only if their fingerprints are equal.

import { createHash } from 'node:crypto';
import { EVENT_WORDS, type EventReader } from '../../src/base/index.ts';

/** Hashes every word of every event. Attach `reader`, run, then read `hex`. */
export class EventHash {
  /** Events seen. */
  count = 0;
  readonly #hash = createHash('sha256');

  readonly reader: EventReader = (words) => {
    this.count += words.length / EVENT_WORDS;
    this.#hash.update(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  };

  /** Returns the fingerprint; no event may follow. */
  hex(): string {
    return this.#hash.digest('hex');
  }
}
