// CS:APP's malloclab traces (.rep), a superset of them, and Quire's own format, which is that superset with threads and an end.
//
//   20000      suggested heap, or in newer files the weight       a 0 512      malloc: id, bytes
//   2          ids                                                c 1 64       calloc: id, bytes              (superset)
//   4          operations                                         m 2 4096 64  memalign: id, alignment, bytes (superset)
//   1          weight, or in newer files the peak payload         r 0 1024     realloc: id, bytes
//                                                                 f 1          free: id; -1 is the null pointer
// Some copies have lost lines 1 and 4, or all four; lines may end in CRLF; blocks may be alive at the end. Quire's own:
//
//   quire-malloc 1      first line
//   t 3                 what follows is thread 3's; without such a line the trace tells nothing of threads
//   a 0 512  ...        as above
//   end 4               last line: the number of operations, so that a file that was cut is noticed
//
// Lines that begin with # are comments in both.

import { Ascii } from '../formats/ascii.ts';
import { MallocParser } from './malloc-parser.ts';
import { MallocOperation, type MallocTrace, peakPayload } from './malloc-trace.ts';

/** The first line of Quire's own format. */
export const QUIRE_MALLOC_HEAD = 'quire-malloc 1';
/** Lines of numbers before the operations at most. */
const HEADER_LINES = 4;
const LETTERS = 'acmrf';

/** Parses both. */
export class RepParser extends MallocParser {
  protected readonly expected = "an operation such as 'a 0 512', 'c 1 64', 'm 2 4096 64', 'r 0 1024' or 'f 1'";
  readonly #dialect: 'rep' | 'quire';
  readonly #header: number[] = [];
  /** Operations read, those on the null pointer included. */
  #operations = 0;
  /** What the last line of Quire's own format says; -1 before it. */
  #end = -1;

  constructor(name: string, dialect: 'rep' | 'quire') {
    super(name);
    this.#dialect = dialect;
  }

  protected override parseLine(bytes: Uint8Array): void {
    const { reader } = this;
    if (this.#end >= 0) this.refuse("something stands behind the line 'end'");
    const first = bytes[reader.position] as number;
    const isDigit = first >= Ascii.zero && first <= Ascii.zero + 9;
    if (isDigit && this.#dialect === 'rep' && this.#operations === 0 && this.#header.length < HEADER_LINES) {
      this.#header.push(this.decimal(bytes, 'number'));
      this.endLine(bytes);
      return;
    }
    const word = this.word(bytes);
    if (word.length === 1 && LETTERS.includes(word)) this.#operation(bytes, word);
    else if (this.#dialect === 'quire') this.#own(bytes, word);
    else this.refuseLine(bytes);
  }

  protected override complete(): void {
    const announced = this.#dialect === 'quire' ? this.#end : this.#counts()?.operations;
    if (announced === undefined || announced === this.#operations) return;
    this.builder.line++;
    if (announced < 0) this.refuse("the file is cut short: it ends without a line 'end'");
    this.refuse(`the file ends after ${this.#operations} operations, and says that it has ${announced}`);
  }

  #operation(bytes: Uint8Array, letter: string): void {
    const { builder } = this;
    if (letter === 'f' && this.#passesNull(bytes)) {
      this.#operations++;
      return;
    }
    const id = this.#id(bytes);
    const alignment = letter === 'm' ? this.decimal(bytes, 'alignment') : 1;
    const size = letter === 'f' ? 0 : this.decimal(bytes, 'size');
    this.endLine(bytes);
    this.#operations++;
    if (letter === 'a') this.take(builder.allocate(MallocOperation.malloc, id, size));
    else if (letter === 'c') this.take(builder.allocate(MallocOperation.calloc, id, size));
    else if (letter === 'm') this.take(builder.allocate(MallocOperation.memalign, id, size, alignment));
    else if (letter === 'r') this.take(builder.reallocate(id, id, size));
    else this.take(builder.free(id));
  }

  #passesNull(bytes: Uint8Array): boolean {
    const { reader } = this;
    reader.blanks(bytes);
    const at = reader.position;
    if (bytes[at] !== 45 || bytes[at + 1] !== 49) return false;
    reader.position = at + 2;
    this.endLine(bytes);
    return true;
  }

  #id(bytes: Uint8Array): number {
    const id = this.decimal(bytes, 'block number');
    const ids = this.#counts()?.ids;
    if (ids !== undefined && id >= ids) this.refuse(`block ${id} is not one of the ${ids} that the file says it has`);
    return id;
  }

  /** What the header says: in two or four lines, ids and operations come one after the other. */
  #counts(): { readonly ids: number; readonly operations: number } | undefined {
    const { length } = this.#header;
    if (length !== 2 && length !== HEADER_LINES) return undefined;
    const from = length === 2 ? 0 : 1;
    return { ids: this.#header[from] as number, operations: this.#header[from + 1] as number };
  }

  #own(bytes: Uint8Array, word: string): void {
    if (word === 't') this.builder.thread = this.decimal(bytes, 'thread');
    else if (word === 'end') this.#end = this.decimal(bytes, 'number of operations');
    else if (word === 'quire' && this.builder.line === 1) {
      this.#head(bytes);
      return;
    } else this.refuseLine(bytes);
    this.endLine(bytes);
  }

  #head(bytes: Uint8Array): void {
    const start = this.reader.position - 'quire'.length;
    const found = String.fromCharCode(...bytes.subarray(start, start + QUIRE_MALLOC_HEAD.length));
    if (found !== QUIRE_MALLOC_HEAD) this.refuse(`only version 1 of the format is known, which begins with '${QUIRE_MALLOC_HEAD}'`);
    this.reader.position = start + QUIRE_MALLOC_HEAD.length;
    this.endLine(bytes);
  }
}

/** Text of a trace is passed on in pieces of about so many operations. */
const PIECE_OPERATIONS = 4096;

/** Yields a trace as text, in Quire's own format, or as .rep with a header of four lines, which loses the threads. */
export function* mallocTraceText(trace: MallocTrace, format: 'rep' | 'quire'): Generator<string> {
  const { length, blocks, threads } = trace;
  yield format === 'quire' ? `${QUIRE_MALLOC_HEAD}\n` : `${peakPayload(trace).bytes}\n${blocks}\n${length}\n1\n`;
  let thread = -1;
  for (let from = 0; from < length; from += PIECE_OPERATIONS) {
    let piece = '';
    for (let i = from; i < Math.min(length, from + PIECE_OPERATIONS); i++) {
      if (format === 'quire' && threads !== undefined && threads[i] !== thread) {
        thread = threads[i] as number;
        piece += `t ${thread}\n`;
      }
      piece += `${lineOf(trace, i)}\n`;
    }
    yield piece;
  }
  if (format === 'quire') yield `end ${length}\n`;
}

function lineOf({ operations, ids, sizes, alignments }: MallocTrace, i: number): string {
  const operation = operations[i] as number;
  const head = `${LETTERS[operation]} ${ids[i]}`;
  if (operation === MallocOperation.free) return head;
  return operation === MallocOperation.memalign ? `${head} ${2 ** (alignments[i] as number)} ${sizes[i]}` : `${head} ${sizes[i]}`;
}
