// From chunks of any size to whole lines: a line that lies across two chunks is put together in the carry, all others stay where they are.
//
//   chunk | chunk ... -> [ carry | chunk ] -> parse(bytes, start, end), each time whole lines with their newlines
//
// The last line may lack its newline: it gets one.

const NEWLINE = 10;
/** No trace has longer lines: what has is none. */
const LONGEST_LINE_BYTES = 64 * 1024;
/** Bytes of a bad line that a message quotes. */
const QUOTED_BYTES = 40;

/** Takes whole lines: `bytes[start, end)`, the last byte a newline. */
export type LineTaker = (bytes: Uint8Array, start: number, end: number) => void;

/** Cuts a file into lines. */
export class LineCutter {
  readonly #parse: LineTaker;
  readonly #refuse: (problem: string) => never;
  readonly #carry = new Uint8Array(LONGEST_LINE_BYTES + 1);
  #carried = 0;

  /** @param refuse gets what is wrong with the line after the last one that was parsed. */
  constructor(parse: LineTaker, refuse: (problem: string) => never) {
    this.#parse = parse;
    this.#refuse = refuse;
  }

  /** Takes the next bytes of the file. */
  feed(piece: Uint8Array): void {
    // A plain Uint8Array like the carry, not a subclass such as Node's Buffer: the parser is to see one shape.
    const chunk = new Uint8Array(piece.buffer, piece.byteOffset, piece.length);
    let start = 0;
    if (this.#carried > 0) {
      const newline = chunk.indexOf(NEWLINE);
      const end = newline < 0 ? chunk.length : newline + 1;
      this.#append(chunk, 0, end);
      if (newline < 0) return;
      const carried = this.#carried;
      this.#carried = 0;
      this.#parse(this.#carry, 0, carried);
      start = end;
    }
    const last = chunk.lastIndexOf(NEWLINE) + 1;
    if (last > start) this.#parse(chunk, start, last);
    this.#append(chunk, Math.max(start, last), chunk.length);
  }

  /** The file has ended: what is left is a line. */
  end(): void {
    if (this.#carried === 0) return;
    this.#carry[this.#carried] = NEWLINE;
    this.#parse(this.#carry, 0, this.#carried + 1);
    this.#carried = 0;
  }

  #append(chunk: Uint8Array, start: number, end: number): void {
    if (this.#carried + end - start > LONGEST_LINE_BYTES) this.#refuse('a line of over 64 KiB: this is no trace');
    this.#carry.set(chunk.subarray(start, end), this.#carried);
    this.#carried += end - start;
  }
}

/** Returns the line that begins at or before `at`, cut to what a message can hold, with a dot for each byte that a terminal should not see. */
export function quotedLine(bytes: Uint8Array, at: number): string {
  const start = at === 0 ? 0 : bytes.lastIndexOf(NEWLINE, at - 1) + 1;
  const newline = bytes.indexOf(NEWLINE, start);
  const end = newline < 0 ? bytes.length : newline;
  const shown = bytes.subarray(start, Math.min(end, start + QUOTED_BYTES));
  const text = Array.from(shown, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
  return `'${text}${end - start > QUOTED_BYTES ? '...' : ''}'`;
}
