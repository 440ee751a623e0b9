// The ARC authors' `.lis`: `start count ignored request`: `count` pages from page `start` on are referenced, in order.

import { ReferenceKind } from '../references.ts';
import { LineParser } from '../trace-parser.ts';
import { Ascii, NumberReader } from './ascii.ts';

const EXPECTED = "four numbers such as '2318 8 0 17' (first page, pages, ignored, request)";
/** Pages of one request: more is a damaged file. */
const MOST_PAGES = 1 << 24;

/** Parses requests for page runs. */
export class ArcParser extends LineParser {
  readonly #reader = new NumberReader();

  protected override parse(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    for (reader.position = start; reader.position < end; reader.nextLine(bytes), this.line++) {
      reader.blanks(bytes);
      if (bytes[reader.position] === Ascii.newline) continue;
      const first = reader.decimal(bytes);
      reader.blanks(bytes);
      const count = reader.decimal(bytes);
      reader.blanks(bytes);
      const ignored = reader.decimal(bytes);
      reader.blanks(bytes);
      const request = reader.decimal(bytes);
      const sound =
        first >= 0 && first + count <= Number.MAX_SAFE_INTEGER && count >= 0 && count <= MOST_PAGES && ignored >= 0 && request >= 0;
      if (!sound) this.refuseLine(bytes, reader.position, EXPECTED);
      for (let page = first; page < first + count; page++) this.emit(page, 1, ReferenceKind.read);
    }
  }
}
