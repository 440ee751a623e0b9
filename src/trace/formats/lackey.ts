// valgrind's lackey (`valgrind --tool=lackey --trace-mem=yes`), and the same lines as CS:APP's cachelab uses them.
//
//   I  0401ab70,3        an instruction of 3 bytes was fetched
//    L 1fff000350,8      a load        S 1fff000348,8   a store        M 04226c40,4   a load and a store of the same bytes
//
// A modify counts as one reference, a write. Lines of valgrind itself (==pid==) and of the program's own output in between that begin with
// `--` are skipped. cachelab's traces have the same lines and ignore instructions.

import { ReferenceKind, type ReferenceSink } from '../references.ts';
import { LineParser } from '../trace-parser.ts';
import { Ascii, hexDigit, skipBlanks } from './ascii.ts';

const EXPECTED = "a reference such as ' L 1fff000350,8' or 'I  0401ab70,3'";
const EQUALS = 61;
const MINUS = 45;
const LETTERS = { I: 73, L: 76, S: 83, M: 77 };
const NO_KIND = 255;
/** Kind by letter. */
const kinds = new Uint8Array(256).fill(NO_KIND);
kinds[LETTERS.I] = ReferenceKind.fetch;
kinds[LETTERS.L] = ReferenceKind.read;
kinds[LETTERS.S] = ReferenceKind.write;
kinds[LETTERS.M] = ReferenceKind.write;

/** Parses lackey's lines. */
export class LackeyParser extends LineParser {
  readonly #fetches: 'kept' | 'ignored';

  constructor(name: string, sink: ReferenceSink, fetches: 'kept' | 'ignored') {
    super(name, sink);
    this.#fetches = fetches;
  }

  protected override parse(bytes: Uint8Array, start: number, end: number): void {
    const ignoreFetches = this.#fetches === 'ignored';
    let i = start;
    while (i < end) {
      if (bytes[i] === Ascii.space) i++;
      const kind = kinds[bytes[i] as number] as number;
      if (kind === NO_KIND) i = this.#skipLine(bytes, i);
      else {
        i++;
        while (bytes[i] === Ascii.space) i++;
        const addressStart = i;
        let address = 0;
        for (let digit = hexDigit(bytes[i] as number); digit >= 0; digit = hexDigit(bytes[++i] as number)) address = address * 16 + digit;
        if (i === addressStart || bytes[i] !== Ascii.comma || address > Number.MAX_SAFE_INTEGER) this.refuseLine(bytes, i, EXPECTED);
        let size = (bytes[++i] as number) - Ascii.zero;
        if (!(size >= 0 && size <= 9)) this.refuseLine(bytes, i, EXPECTED);
        for (let digit = (bytes[++i] as number) - Ascii.zero; digit >= 0 && digit <= 9; digit = (bytes[++i] as number) - Ascii.zero)
          size = size * 10 + digit;
        if (bytes[i] !== Ascii.newline) i = skipBlanks(bytes, i);
        if (bytes[i] !== Ascii.newline || size === 0) this.refuseLine(bytes, i, EXPECTED);
        if (!(ignoreFetches && kind === ReferenceKind.fetch)) this.emit(address, size, kind as ReferenceKind);
        i++;
      }
      this.line++;
    }
  }

  /** Returns the start of the line after one that holds no reference. */
  #skipLine(bytes: Uint8Array, i: number): number {
    const at = skipBlanks(bytes, i);
    const banner = (bytes[at] === EQUALS && bytes[at + 1] === EQUALS) || (bytes[at] === MINUS && bytes[at + 1] === MINUS);
    if (!banner && bytes[at] !== Ascii.newline) this.refuseLine(bytes, i, EXPECTED);
    return bytes.indexOf(Ascii.newline, at) + 1;
  }
}
