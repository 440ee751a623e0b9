// Traces of the LIRS authors' programs: one page number per line; a line with `*` (where their programs print their state) is skipped.

import { ReferenceKind } from '../references.ts';
import { LineParser } from '../trace-parser.ts';
import { Ascii, NumberReader } from './ascii.ts';

const EXPECTED = "a page number or '*'";

/** Parses page numbers and stars. */
export class LirsParser extends LineParser {
  readonly #reader = new NumberReader();

  protected override parse(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    for (reader.position = start; reader.position < end; reader.nextLine(bytes), this.line++) {
      reader.blanks(bytes);
      if (bytes[reader.position] === Ascii.newline || bytes[reader.position] === Ascii.star) continue;
      const page = reader.decimal(bytes);
      reader.blanks(bytes);
      const sound = page >= 0 && page <= Number.MAX_SAFE_INTEGER && bytes[reader.position] === Ascii.newline;
      if (!sound) this.refuseLine(bytes, reader.position, EXPECTED);
      this.emit(page, 1, ReferenceKind.read);
    }
  }
}
