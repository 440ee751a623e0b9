// The guest's code on its way to the output: the run of unchanged instructions that was not yet copied, and its last two instructions.
//
//   file    ... | copied to the output | run: unchanged, copied when something else must follow | instruction being decoded ...
//                                      ^ copied                  ^ lastButOne   ^ last
//
// Because the run is not yet copied, its last instructions can still be taken back: in `local.get x; local.get y; i32.store` the two
// gets are dropped, and the store's code uses x and y where they are, not from the stack.

import { ByteReader, Op } from '../binary/index.ts';
import type { ByteWriter } from './byte-writer.ts';
import { ON_STACK, type StoredValue } from './codegen-access.ts';
import type { FunctionLocals } from './function-locals.ts';

/** Receives the correspondence of code positions: from `output` (relative to the function's code) on, bytes stem from `input` of the file. */
export type PositionRecorder = (output: number, input: number, span: 'copied' | 'generated') => void;

/** Copies code and takes operands back from it. */
export class CodeRun {
  readonly #bytes: Uint8Array;
  readonly #code: ByteWriter;
  readonly #record: PositionRecorder | undefined;
  readonly #reader: ByteReader;
  #copied = 0;
  #last = -1;
  #lastButOne = -1;

  /** @param bytes the file. @param code where code goes; generated code is written there by others. */
  constructor(bytes: Uint8Array, code: ByteWriter, record: PositionRecorder | undefined) {
    this.#bytes = bytes;
    this.#code = code;
    this.#record = record;
    this.#reader = new ByteReader(bytes, 0, bytes.length, 'code');
  }

  /** Begins a function whose first instruction is at `start` of the file. */
  reset(start: number): void {
    this.replaced(start);
  }

  /** Notes that the instruction at `at` has been decoded, and stays as it is unless `replaced` was called since. */
  decoded(at: number): void {
    if (this.#copied > at) return;
    this.#lastButOne = this.#last;
    this.#last = at;
  }

  /** Notes that everything up to `end` of the file is in the output, in one form or another. */
  replaced(end: number): void {
    this.#copied = end;
    this.#last = -1;
    this.#lastButOne = -1;
  }

  /** Copies the run up to `upTo`. */
  flush(upTo: number): void {
    if (upTo <= this.#copied) return;
    this.#record?.(this.#code.length, this.#copied, 'copied');
    this.#code.copy(this.#bytes, this.#copied, upTo);
    this.#copied = upTo;
  }

  /** Copies the run up to `upTo`; code generated for the instruction at `at` follows. */
  begin(upTo: number, at: number): void {
    this.flush(upTo);
    this.#record?.(this.#code.length, at, 'generated');
  }

  /** Start of the last instruction, or -1 where something generated came last. */
  get last(): number {
    return this.#last;
  }

  /** Start of the one before, or -1. */
  get lastButOne(): number {
    return this.#lastButOne;
  }

  /** Returns the exact address of an access whose base is the `i32.const` at `start` (-1: none), or -1 if that is something else. */
  constantAddress(start: number, offset: number): number {
    if (start < 0 || this.#bytes[start] !== Op.i32Const) return -1;
    this.#reader.position = start + 1;
    return (this.#reader.s32() >>> 0) + offset;
  }

  /**
   * Copies the code in front of an access and takes its base back. @param start where the base's instruction begins, or -1.
   * @param end where it ends. @param at the access. Returns the local that holds the base, or `ON_STACK`.
   */
  takeBase(start: number, end: number, at: number): number {
    const opcode = start < 0 ? -1 : this.#bytes[start];
    if (opcode !== Op.localGet && opcode !== Op.localTee) {
      this.begin(end, at);
      return ON_STACK;
    }
    this.begin(start, at);
    const local = this.#localAt(start);
    if (opcode === Op.localTee) this.#code.set(local);
    return local;
  }

  /**
   * Takes the value of the store at `at` back, of type `type`, into `value`. Returns the end of the code that is still to be copied:
   * `at` if the value had to be computed, which puts it in a local of `locals`.
   */
  takeValue(at: number, type: number, value: StoredValue, locals: FunctionLocals): number {
    const start = this.#last;
    const opcode = start < 0 ? -1 : (this.#bytes[start] as number);
    if (opcode === Op.localGet) {
      value.local = this.#localAt(start);
      return start;
    }
    if (opcode >= Op.i32Const && opcode <= Op.f64Const) {
      value.local = -1;
      value.start = start;
      value.end = at;
      return start;
    }
    this.begin(opcode === Op.localTee ? start : at, at);
    value.local = opcode === Op.localTee ? this.#localAt(start) : locals.ofValue(type);
    this.#code.set(value.local);
    this.replaced(at);
    return at;
  }

  #localAt(start: number): number {
    this.#reader.position = start + 1;
    return this.#reader.u32();
  }
}
