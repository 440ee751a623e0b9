// From bytes to a malloc trace, whatever the format: chunks of any size go in, the trace comes out at the end. Errors name file and line.

import { UsageError } from '../../base/index.ts';
import { Ascii, hexDigit, NumberReader } from '../formats/ascii.ts';
import { LineCutter, quotedLine } from '../line-cutter.ts';
import { type MallocTrace, MallocTraceBuilder } from './malloc-trace.ts';

const MINUS = 45;
/** Of a number of 48 bits, the weight of the highest hexadecimal digit. */
const HIGHEST_DIGIT = 2 ** 44;

/** A format of lines. A subclass parses one line after another. */
export abstract class MallocParser {
  protected readonly builder = new MallocTraceBuilder();
  protected readonly reader = new NumberReader();
  /** What a line should look like, for messages. */
  protected abstract readonly expected: string;
  readonly #name: string;
  readonly #cutter = new LineCutter(
    (bytes, start, end) => this.#parse(bytes, start, end),
    (problem) => {
      this.builder.line++;
      this.refuse(problem);
    },
  );

  /** @param name the file's, for messages. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Takes the next bytes of the file. Throws a UsageError at the first line that is not of the format or cannot be. */
  feed(chunk: Uint8Array): void {
    this.#cutter.feed(chunk);
  }

  /** The file has ended. Returns the trace, or throws a UsageError if the end is missing. */
  end(): MallocTrace {
    this.#cutter.end();
    this.complete?.();
    if (this.builder.length === 0) throw new UsageError(`${this.#name} has no operation: a malloc trace has at least one`);
    return this.builder.build(this.#name);
  }

  /** Parses one line; the reader stands at its first character that is no blank. It is neither empty nor a comment. */
  protected abstract parseLine(bytes: Uint8Array): void;

  /** Called at the end of the file: is it whole? */
  protected complete?(): void;

  /** Reads a decimal number after blanks. @param what it is, for messages */
  protected decimal(bytes: Uint8Array, what: string): number {
    const { reader } = this;
    reader.blanks(bytes);
    if (bytes[reader.position] === MINUS) this.refuse(`a ${what} below 0 in ${quotedLine(bytes, reader.position)}`);
    return this.#small(bytes, reader.decimal(bytes), what);
  }

  /** Reads a hexadecimal number after blanks. */
  protected hexadecimal(bytes: Uint8Array, what: string): number {
    this.reader.blanks(bytes);
    return this.#small(bytes, this.reader.hexadecimal(bytes), what);
  }

  /** Reads an address after blanks, with or without 0x: its low 48 bits, for Android's and others have tags above them. */
  protected address(bytes: Uint8Array): number {
    const { reader } = this;
    reader.blanks(bytes);
    let at = reader.position;
    if (bytes[at] === Ascii.zero && bytes[at + 1] === Ascii.x) at += 2;
    const first = at;
    let value = 0;
    for (let digit = hexDigit(bytes[at] as number); digit >= 0; digit = hexDigit(bytes[++at] as number))
      value = (value % HIGHEST_DIGIT) * 16 + digit;
    if (at === first) this.refuseLine(bytes);
    reader.position = at;
    return value;
  }

  /** Returns the letters, digits and _ after blanks. */
  protected word(bytes: Uint8Array): string {
    const { reader } = this;
    reader.blanks(bytes);
    let text = '';
    for (let byte = bytes[reader.position] as number; isWordByte(byte); byte = bytes[++reader.position] as number)
      text += String.fromCharCode(byte);
    return text;
  }

  /** Refuses the line if something follows. */
  protected endLine(bytes: Uint8Array): void {
    this.reader.blanks(bytes);
    if (bytes[this.reader.position] !== Ascii.newline) this.refuseLine(bytes);
  }

  /** Refuses the line if there is a problem with what it says. */
  protected take(problem: string | undefined): void {
    if (problem !== undefined) this.refuse(problem);
  }

  /** Refuses the line for its look. */
  protected refuseLine(bytes: Uint8Array): never {
    this.refuse(`expected ${this.expected}, found ${quotedLine(bytes, this.reader.position)}`);
  }

  /** Refuses the line. */
  protected refuse(problem: string): never {
    throw new UsageError(`${this.#name}, line ${this.builder.line}: ${problem}`);
  }

  #parse(bytes: Uint8Array, start: number, end: number): void {
    const { reader, builder } = this;
    for (reader.position = start; reader.position < end; reader.nextLine(bytes)) {
      builder.line++;
      reader.blanks(bytes);
      const first = bytes[reader.position] as number;
      if (first !== Ascii.newline && first !== Ascii.hash) this.parseLine(bytes);
    }
  }

  #small(bytes: Uint8Array, value: number, what: string): number {
    if (value < 0) this.refuseLine(bytes);
    if (value > Number.MAX_SAFE_INTEGER) this.refuse(`a ${what} of 2^53 or more in ${quotedLine(bytes, this.reader.position)}`);
    return value;
  }
}

function isWordByte(byte: number): boolean {
  const letter = byte | 0x20;
  return (letter >= 97 && letter <= 122) || (byte >= 48 && byte <= 57) || byte === 95;
}
