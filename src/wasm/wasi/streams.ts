// Byte streams: what standard input and output are to the guest. No positions. `cli/stdio.ts` has those over real descriptors.

/** Where a stream descriptor reads. */
export interface ByteSource {
  readonly isTerminal: boolean;
  /** Reads 1 to `length` bytes into the start of `into`, waiting for the first; 0 means the end. Throws `WasiError`. */
  read(into: Uint8Array, length: number): number;
}

/** Where a stream descriptor writes. */
export interface ByteSink {
  readonly isTerminal: boolean;
  /** Writes from the first `length` bytes of `from`; returns how many. Throws `WasiError` (EPIPE when nobody reads). */
  write(from: Uint8Array, length: number): number;
}

/** Returns a source that gives `bytes`, then the end. Without bytes: the end at once. */
export function bytesSource(bytes: Uint8Array = new Uint8Array(0)): ByteSource {
  let position = 0;
  return {
    isTerminal: false,
    read(into, length) {
      const part = bytes.subarray(position, position + length);
      into.set(part);
      position += part.length;
      return part.length;
    },
  };
}

/** Returns a sink that forgets everything. */
export function discardingSink(): ByteSink {
  return { isTerminal: false, write: (_from, length) => length };
}

/** A sink that keeps everything. */
export class CollectingSink implements ByteSink {
  readonly isTerminal = false;
  readonly #parts: Uint8Array[] = [];

  write(from: Uint8Array, length: number): number {
    this.#parts.push(from.slice(0, length));
    return length;
  }

  /** Returns all bytes written so far. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** Returns all bytes written so far, as UTF-8. */
  text(): string {
    return new TextDecoder().decode(this.bytes());
  }
}
