// Comma-separated columns of which one is the page's number, as libCacheSim's csv reader takes them (its `obj-id-col`). The column is
// counted from 1; a first line that has no number there is taken for the columns' names.

import { ReferenceKind, type ReferenceSink } from '../references.ts';
import { LineParser } from '../trace-parser.ts';
import { Ascii, NumberReader } from './ascii.ts';

/** Parses one column. */
export class CsvParser extends LineParser {
  readonly #reader = new NumberReader();
  readonly #column: number;

  /** @param column from 1 on. */
  constructor(name: string, sink: ReferenceSink, column: number) {
    super(name, sink);
    this.#column = column;
  }

  protected override parse(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    for (reader.position = start; reader.position < end; reader.nextLine(bytes), this.line++) {
      if (bytes[skipToContent(bytes, reader.position)] === Ascii.newline) continue;
      const page = this.#number(bytes);
      if (page >= 0 && page <= Number.MAX_SAFE_INTEGER) this.emit(page, 1, ReferenceKind.read);
      else if (this.line > 0) this.refuseLine(bytes, reader.position, `a number in column ${this.#column}`);
    }
  }

  /** Returns the number in the column, or -1. */
  #number(bytes: Uint8Array): number {
    const reader = this.#reader;
    let i = reader.position;
    for (let column = 1; column < this.#column; column++) {
      while (bytes[i] !== Ascii.comma && bytes[i] !== Ascii.newline) i++;
      if (bytes[i] === Ascii.newline) return -1;
      i++;
    }
    reader.position = i;
    reader.blanks(bytes);
    const value = reader.decimal(bytes);
    reader.blanks(bytes);
    const after = bytes[reader.position];
    return after === Ascii.comma || after === Ascii.newline ? value : -1;
  }
}

const skipToContent = (bytes: Uint8Array, at: number): number => (bytes[at] === Ascii.return ? at + 1 : at);
