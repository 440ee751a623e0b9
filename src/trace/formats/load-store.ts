// `l 0x7ffe10 8` and `s 0x7ffe18 8`: loads and stores with address and a number of bytes, as the address traces of Caffeine's simulator have them.
// The number may be missing or 0: then the reference is one byte.

import { ReferenceKind } from '../references.ts';
import { LineParser } from '../trace-parser.ts';
import { Ascii, NumberReader } from './ascii.ts';

const EXPECTED = "a reference such as 'l 0x7ffe1038 8' or 's 0x7ffe1038 8'";
const LOAD = 108;
const STORE = 115;

/** Parses load and store lines. */
export class LoadStoreParser extends LineParser {
  readonly #reader = new NumberReader();

  protected override parse(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    for (reader.position = start; reader.position < end; reader.nextLine(bytes), this.line++) {
      reader.blanks(bytes);
      const letter = bytes[reader.position] as number;
      if (letter === Ascii.newline || letter === Ascii.hash) continue;
      reader.position++;
      reader.blanks(bytes);
      const address = reader.hexadecimal(bytes);
      const sound = (letter === LOAD || letter === STORE) && address >= 0 && address <= Number.MAX_SAFE_INTEGER;
      if (!sound) this.refuseLine(bytes, reader.position - 1, EXPECTED);
      reader.blanks(bytes);
      this.emit(address, Math.max(1, reader.decimal(bytes)), letter === STORE ? ReferenceKind.write : ReferenceKind.read);
    }
  }
}
