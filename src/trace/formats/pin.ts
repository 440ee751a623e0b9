// Pin's pinatrace: `0x401a: R 0x7ffe10` (instruction pointer, read or write, address); `#eof` and other # lines are skipped. The instruction
// pointers are not references of their own: pinatrace lists data accesses.

import { ReferenceKind } from '../references.ts';
import { LineParser } from '../trace-parser.ts';
import { Ascii, NumberReader } from './ascii.ts';

const EXPECTED = "a pinatrace reference such as '0x401a2b: R 0x7ffe1038'";
const READ = 82;
const WRITE = 87;

/** Parses pinatrace's lines. */
export class PinParser extends LineParser {
  readonly #reader = new NumberReader();

  protected override parse(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    for (reader.position = start; reader.position < end; reader.nextLine(bytes), this.line++) {
      reader.blanks(bytes);
      const first = bytes[reader.position];
      if (first === Ascii.newline || first === Ascii.hash) continue;
      const pointer = reader.hexadecimal(bytes);
      if (pointer < 0 || !reader.passes(bytes, Ascii.colon)) this.refuseLine(bytes, reader.position, EXPECTED);
      reader.blanks(bytes);
      const letter = bytes[reader.position++];
      reader.blanks(bytes);
      const address = reader.hexadecimal(bytes);
      const sound = (letter === READ || letter === WRITE) && address >= 0 && address <= Number.MAX_SAFE_INTEGER;
      if (!sound) this.refuseLine(bytes, reader.position - 1, EXPECTED);
      this.emit(address, 1, letter === WRITE ? ReferenceKind.write : ReferenceKind.read);
    }
  }
}
