// Block traces of MSR Cambridge: `timestamp,host,disk,Read|Write,offset,size,response time`, offset and size in bytes. A first line with the
// columns' names is skipped.

import { ReferenceKind } from '../references.ts';
import { LineParser } from '../trace-parser.ts';
import { Ascii, NumberReader } from './ascii.ts';

const EXPECTED = "an MSR request such as '128166372003061629,usr,0,Read,7014609920,24576,41286'";
/** Commas before the kind of the request. */
const COLUMNS_BEFORE_KIND = 3;
const LOWER_R = 114;
const LOWER_W = 119;
const FIRST_DIGIT = 48;
const LAST_DIGIT = 57;

/** Parses block requests. */
export class MsrParser extends LineParser {
  readonly #reader = new NumberReader();

  protected override parse(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    for (reader.position = start; reader.position < end; reader.nextLine(bytes), this.line++) {
      const first = bytes[reader.position] as number;
      if (first === Ascii.newline || first === Ascii.return) continue;
      if (this.line === 0 && (first < FIRST_DIGIT || first > LAST_DIGIT)) continue;
      this.#request(bytes);
    }
  }

  #request(bytes: Uint8Array): void {
    const reader = this.#reader;
    for (let column = 0; column < COLUMNS_BEFORE_KIND; column++) this.#passColumn(bytes);
    const letter = (bytes[reader.position] as number) | 0x20;
    this.#passColumn(bytes);
    const offset = reader.decimal(bytes);
    reader.passes(bytes, Ascii.comma);
    const size = reader.decimal(bytes);
    const sound =
      (letter === LOWER_R || letter === LOWER_W) && offset >= 0 && offset <= Number.MAX_SAFE_INTEGER && size >= 0 && size <= 0xffff_ffff;
    if (!sound) this.refuseLine(bytes, reader.position - 1, EXPECTED);
    if (size > 0) this.emit(offset, size, letter === LOWER_W ? ReferenceKind.write : ReferenceKind.read);
  }

  /** Goes behind the next comma of the line. */
  #passColumn(bytes: Uint8Array): void {
    const reader = this.#reader;
    let i = reader.position;
    while (bytes[i] !== Ascii.comma && bytes[i] !== Ascii.newline) i++;
    if (bytes[i] === Ascii.newline) this.refuseLine(bytes, i, EXPECTED);
    reader.position = i + 1;
  }
}
