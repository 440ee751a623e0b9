// Plain numbers: one page per line, decimal or 0x hexadecimal. Empty lines and lines that begin with # are skipped.
//
//   17
//   18
//   0x2f
//
// Simulators' own text traces and lists of block numbers look like this; `quire trace convert` can write it.

import { LineParser } from '../trace-parser.ts';
import { Ascii, hexDigit, skipBlanks } from './ascii.ts';

const EXPECTED = 'a page number below 2^53';

/** Digits that an int32 surely holds. */
const SHORT_DIGITS = 9;
/** Neither a digit nor a newline. */
const OTHER = -1;

/** Parses one number per line. */
export class NumbersParser extends LineParser {
  // Most lines are a few digits and a newline. The loop keeps all that these need in locals and in int32 arithmetic (characters too: a
  // module's constants are loaded each time), which makes it twice as fast as one that calls `emit`. Other lines are for `#line`.
  protected override parse(bytes: Uint8Array, start: number, end: number): void {
    const { batch } = this;
    const { addresses, capacity } = batch;
    const { zero, newline } = Ascii;
    let count = batch.count;
    let counted = count;
    let i = start;
    while (i < end) {
      const first = i;
      let value = ((bytes[i] as number) - zero) | 0;
      // A line ends in a newline, so after a first digit the digits end before the bytes do.
      let digit = value >>> 0 <= 9 ? ((bytes[++i] as number) - zero) | 0 : OTHER;
      while (digit >>> 0 <= 9) {
        value = (value * 10 + digit) | 0;
        digit = ((bytes[++i] as number) - zero) | 0;
      }
      if (digit === newline - zero && i - first <= SHORT_DIGITS) {
        addresses[count++] = value;
        i++;
      } else {
        this.line += count - counted;
        batch.count = count;
        i = this.#line(bytes, first);
        count = batch.count;
        counted = count;
      }
      if (count === capacity) {
        this.line += count - counted;
        batch.count = count;
        this.flush();
        count = 0;
        counted = 0;
      }
    }
    batch.count = count;
    this.line += count - counted;
  }

  /** Parses the line that begins at `start`, whatever it is. Returns the start of the next. */
  #line(bytes: Uint8Array, start: number): number {
    let i = skipBlanks(bytes, start);
    if (bytes[i] === Ascii.newline || bytes[i] === Ascii.hash) {
      this.line++;
      return bytes.indexOf(Ascii.newline, i) + 1;
    }
    const radix = bytes[i] === Ascii.zero && bytes[i + 1] === Ascii.x ? 16 : 10;
    if (radix === 16) i += 2;
    const first = i;
    let value = 0;
    for (let digit = hexDigit(bytes[i] as number); digit >= 0 && digit < radix; digit = hexDigit(bytes[++i] as number))
      value = value * radix + digit;
    if (i === first || value > Number.MAX_SAFE_INTEGER || bytes[skipBlanks(bytes, i)] !== Ascii.newline)
      this.refuseLine(bytes, start, EXPECTED);
    this.batch.addresses[this.batch.count++] = value;
    this.line++;
    return bytes.indexOf(Ascii.newline, i) + 1;
  }
}
