// What glibc's mtrace() writes to MALLOC_TRACE.
//
//   = Start
//   @ ./a.out:(main+0x1d)[0x4005f6] + 0x1b5a6a0 0x40     allocated, 0x40 bytes
//   @ ./a.out:[0x400612] - 0x1b5a6a0                     freed
//   @ ./a.out:[0x40062e] < 0x1b5a6a0                     realloc: was there before
//   @ ./a.out:[0x40062e] > 0x1b5a700 0x80                realloc: is there now; always the next line of the same call
//   @ ./a.out:[0x40064a] ! 0x1b5a700 0x10                realloc failed: nothing happened
//   = End
//
// Tracing begins in the middle of a program: what it does with blocks that are older is left out and counted. A block that the trace
// saw freed must not be freed again.

import { Ascii, skipBlanks } from '../formats/ascii.ts';
import { MallocParser } from './malloc-parser.ts';
import { MallocOperation } from './malloc-trace.ts';

const EQUALS = 61;
const MARKS = '+-<>!';

/** Parses mtrace's lines. */
export class MtraceParser extends MallocParser {
  protected readonly expected = "a call such as '@ ./a.out:[0x4005f6] + 0x1b5a6a0 0x40'";
  /** The block of a `<` whose `>` is to come. */
  #moving: number | undefined;

  protected override parseLine(bytes: Uint8Array): void {
    const { reader } = this;
    if (bytes[reader.position] === EQUALS) return;
    const mark = this.#findMark(bytes);
    const pointer = this.address(bytes);
    if (this.#moving !== undefined && mark !== '>') this.refuse("a line with '>' must follow one with '<'");
    if (mark === '-') this.#free(pointer);
    else if (mark === '<') this.#moving = pointer;
    else {
      const size = this.hexadecimal(bytes, 'size');
      if (mark === '+') this.take(this.builder.allocate(MallocOperation.malloc, pointer, size));
      else if (mark === '>') this.#move(pointer, size);
    }
    this.endLine(bytes);
  }

  protected override complete(): void {
    if (this.#moving === undefined) return;
    this.builder.line++;
    this.refuse("the file is cut short: a line with '>' must follow one with '<'");
  }

  /** Puts the reader behind the mark of the call: the last one in the line that stands alone. */
  #findMark(bytes: Uint8Array): string {
    const { reader } = this;
    const start = reader.position;
    for (let i = bytes.indexOf(Ascii.newline, start) - 1; i >= start; i--) {
      const mark = MARKS.indexOf(String.fromCharCode(bytes[i] as number));
      const stands = (i === start || bytes[i - 1] === Ascii.space) && bytes[i + 1] === Ascii.space;
      if (mark < 0 || !stands || bytes[skipBlanks(bytes, i + 1)] !== Ascii.zero) continue;
      reader.position = i + 1;
      return MARKS.charAt(mark);
    }
    this.refuseLine(bytes);
  }

  #free(pointer: number): void {
    if (this.builder.knows(pointer)) this.take(this.builder.free(pointer));
    else this.builder.skipped++;
  }

  #move(pointer: number, size: number): void {
    const old = this.#moving;
    if (old === undefined) this.refuse("a line with '>' must follow one with '<'");
    this.#moving = undefined;
    if (this.builder.knows(old)) this.take(this.builder.reallocate(old, pointer, size));
    else {
      this.builder.skipped++;
      this.take(this.builder.allocate(MallocOperation.malloc, pointer, size));
    }
  }
}
