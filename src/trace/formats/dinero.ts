// Dinero's "din" format: `0|1|2 hexaddress` (read, write, instruction fetch), further columns ignored. No sizes: each reference is one byte.

import { ReferenceKind } from '../references.ts';
import { LineParser } from '../trace-parser.ts';
import { Ascii, NumberReader } from './ascii.ts';

const EXPECTED = "a din reference such as '0 7fff5a8c' (0 read, 1 write, 2 fetch)";
const kinds: readonly ReferenceKind[] = [ReferenceKind.read, ReferenceKind.write, ReferenceKind.fetch];

/** Parses din lines. */
export class DineroParser extends LineParser {
  readonly #reader = new NumberReader();

  protected override parse(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    for (reader.position = start; reader.position < end; reader.nextLine(bytes), this.line++) {
      reader.blanks(bytes);
      if (bytes[reader.position] === Ascii.newline) continue;
      const kind = kinds[reader.decimal(bytes)];
      reader.blanks(bytes);
      const address = reader.hexadecimal(bytes);
      if (kind === undefined || !(address >= 0 && address <= Number.MAX_SAFE_INTEGER)) this.refuseLine(bytes, reader.position, EXPECTED);
      this.emit(address, 1, kind);
    }
  }
}
