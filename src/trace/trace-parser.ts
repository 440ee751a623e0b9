// From bytes to references, whatever the format: chunks of any size go in, batches come out, in constant memory.
//
//   file -> chunks -> [ carry | chunk ] -> whole lines or records -> parse -> batch -> sink
//
// A line (line-cutter.ts) or record that lies across two chunks is put together in the carry; all others are parsed where they are.
// A format is a subclass whose `parse` is one loop over bytes: no strings are made. Errors name the line, or the byte of a binary file.

import { UsageError } from '../base/index.ts';
import { LineCutter, quotedLine } from './line-cutter.ts';
import { ReferenceBatch, type ReferenceKind, type ReferenceSink } from './references.ts';

/** Turns a trace's bytes into references. */
export abstract class TraceParser {
  protected readonly batch = new ReferenceBatch();
  readonly #name: string;
  readonly #sink: ReferenceSink;

  /** @param name the file's, for messages. */
  constructor(name: string, sink: ReferenceSink) {
    this.#name = name;
    this.#sink = sink;
  }

  /** Takes the next bytes of the file. Throws a UsageError at the first that is not of the format; the batches before it were passed on. */
  abstract feed(chunk: Uint8Array): void;

  /** The file has ended. Throws a UsageError if it ends inside a line or record that cannot end there. */
  abstract end(): void;

  /** The file can be read no further, and may have been cut anywhere: passes on the references that were whole. */
  stop(): void {
    this.flush();
  }

  /** Adds a reference to the batch. */
  protected emit(address: number, size: number, kind: ReferenceKind): void {
    const { batch } = this;
    const at = batch.count;
    batch.addresses[at] = address;
    batch.sizes[at] = size;
    batch.kinds[at] = kind;
    batch.count = at + 1;
    if (batch.count === batch.capacity) this.flush();
  }

  /** Passes the batch on, if it has something in it. */
  protected flush(): void {
    const { batch } = this;
    if (batch.count === 0) return;
    try {
      this.#sink(batch);
    } finally {
      batch.count = 0;
    }
  }

  /** Passes on what came before, then refuses the file. */
  protected refuse(where: string, problem: string): never {
    this.flush();
    throw new UsageError(`${this.#name}, ${where}: ${problem}`);
  }
}

/** A format of lines that end in a newline (the last may lack it; carriage returns before it are ignored). */
export abstract class LineParser extends TraceParser {
  /** Lines parsed so far: `parse` counts them. */
  protected line = 0;
  readonly #cutter = new LineCutter(
    (bytes, start, end) => this.parse(bytes, start, end),
    (problem) => this.refuse(`line ${this.line + 1}`, problem),
  );

  feed(piece: Uint8Array): void {
    this.#cutter.feed(piece);
  }

  end(): void {
    this.#cutter.end();
    this.flush();
  }

  /** Parses whole lines, each with its newline: `bytes[start, end)`. */
  protected abstract parse(bytes: Uint8Array, start: number, end: number): void;

  /** Refuses the line that begins at or before `at`: the one after the `line` lines parsed. @param expected what should have been there. */
  protected refuseLine(bytes: Uint8Array, at: number, expected: string): never {
    this.refuse(`line ${this.line + 1}`, `expected ${expected}, found ${quotedLine(bytes, at)}`);
  }
}

/** A format of records of one size, perhaps after a header. */
export abstract class RecordParser extends TraceParser {
  readonly #recordBytes: number;
  readonly #carry: Uint8Array;
  #carried = 0;
  #done = 0;

  constructor(name: string, sink: ReferenceSink, recordBytes: number) {
    super(name, sink);
    this.#recordBytes = recordBytes;
    this.#carry = new Uint8Array(recordBytes);
  }

  feed(chunk: Uint8Array): void {
    const size = this.#recordBytes;
    let start = 0;
    if (this.#carried > 0) {
      start = Math.min(size - this.#carried, chunk.length);
      this.#carry.set(chunk.subarray(0, start), this.#carried);
      this.#carried += start;
      if (this.#carried < size) return;
      this.#carried = 0;
      this.#parse(this.#carry);
    }
    const whole = Math.floor((chunk.length - start) / size) * size;
    if (whole > 0) this.#parse(chunk.subarray(start, start + whole));
    this.#carry.set(chunk.subarray(start + whole));
    this.#carried = chunk.length - start - whole;
  }

  end(): void {
    if (this.#carried > 0) {
      this.refuse(`byte ${this.#done}`, `the file is cut short: ${this.#carried} bytes of a record of ${this.#recordBytes}`);
    }
    this.flush();
  }

  /** Parses whole records. */
  protected abstract parse(records: DataView): void;

  #parse(bytes: Uint8Array): void {
    this.parse(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
    this.#done += bytes.length;
  }
}
