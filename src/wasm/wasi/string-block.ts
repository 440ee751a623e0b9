// Argument and environment strings, encoded once, in the form that args_get and environ_get hand out:
//
//   pointers  | p0 | p1 | ...          strings  | a r g 0 \0 a r g 1 \0 ... |

import { UsageError } from '../../base/index.ts';
import type { GuestMemory } from '../guest-memory.ts';

/** A list of strings as C wants it. */
export class StringBlock {
  readonly #bytes: Uint8Array;
  readonly #offsets: readonly number[];

  /** @param strings without NUL; `UsageError` otherwise. */
  constructor(strings: readonly string[]) {
    const encoder = new TextEncoder();
    const encoded = strings.map((text) => {
      if (text.includes('\0')) throw new UsageError(`argument or environment string ${JSON.stringify(text)} holds a NUL character`);
      return encoder.encode(`${text}\0`);
    });
    const offsets: number[] = [];
    let size = 0;
    for (const part of encoded) {
      offsets.push(size);
      size += part.length;
    }
    this.#offsets = offsets;
    this.#bytes = new Uint8Array(size);
    for (const [i, part] of encoded.entries()) this.#bytes.set(part, offsets[i]);
  }

  /** How many strings. */
  get count(): number {
    return this.#offsets.length;
  }

  /** Bytes of all strings with their NULs. */
  get sizeBytes(): number {
    return this.#bytes.length;
  }

  /** Writes the pointers at `pointers` and the strings at `strings`, which both must be writable. */
  copyOut(memory: GuestMemory, pointers: number, strings: number): void {
    memory.copyOut(strings, this.#bytes);
    for (const [i, offset] of this.#offsets.entries()) memory.writeU32(pointers + 4 * i, strings + offset);
  }
}
