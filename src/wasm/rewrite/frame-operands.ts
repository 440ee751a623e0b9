// Which values on the operand stack are addresses in the function's own stack frame, in a function whose frame pointer is set once:
//
//   local.get fp                  -> fp + 0
//   i32.const 24; i32.add         -> fp + 24
//   anything else                 -> not known
//
// It follows straight code and forgets everything at the edges of blocks. What it does not know is treated as any address, so forgetting costs
// speed only. Popping more than it knows of is right too: below is what it forgot.
//
// Cost: one table look-up per instruction, no object.

import { type ByteReader, type ModuleInfo, Op } from '../binary/index.ts';

/** What an instruction does to the stack. */
const Effect = {
  forgets: 0,
  none: 1,
  unary: 2,
  binary: 3,
  push: 4,
  pop: 5,
  select: 6,
  get: 7,
  set: 8,
  tee: 9,
  constant: 10,
  store: 11,
  call: 12,
  callIndirect: 13,
  add: 14,
} as const;

const OTHER = 0;
const FRAME = 1;
const CONSTANT = 2;
/** Deeper stacks are forgotten. */
const MAXIMUM_DEPTH = 256;

const effects: Readonly<Uint8Array> = makeEffects();

function makeEffects(): Uint8Array {
  const table = new Uint8Array(256).fill(Effect.forgets);
  const set = (from: number, to: number, effect: number): unknown => table.fill(effect, from, to + 1);
  set(Op.nop, Op.nop, Effect.none);
  set(Op.brIf, Op.brIf, Effect.pop);
  set(Op.call, Op.call, Effect.call);
  set(Op.callIndirect, Op.callIndirect, Effect.callIndirect);
  set(Op.drop, Op.drop, Effect.pop);
  set(Op.select, Op.select, Effect.select);
  set(Op.localGet, Op.localGet, Effect.get);
  set(Op.localSet, Op.localSet, Effect.set);
  set(Op.localTee, Op.localTee, Effect.tee);
  set(Op.globalGet, Op.globalGet, Effect.push);
  set(Op.globalSet, Op.globalSet, Effect.pop);
  set(Op.i32Load, Op.i64Load32U, Effect.unary);
  set(Op.i32Store, Op.i64Store32, Effect.store);
  set(Op.memorySize, Op.memorySize, Effect.push);
  set(Op.memoryGrow, Op.memoryGrow, Effect.unary);
  set(Op.i32Const, Op.i32Const, Effect.constant);
  set(Op.i64Const, Op.f64Const, Effect.push);
  // The numeric instructions: tests and conversions take one operand, comparisons and arithmetic two.
  set(Op.i32Eqz, 0xc4, Effect.binary);
  for (const [from, to] of [
    [Op.i32Eqz, Op.i32Eqz],
    [0x50, 0x50],
    [0x67, 0x69],
    [0x79, 0x7b],
    [0x8b, 0x91],
    [0x99, 0x9f],
    [Op.i32WrapI64, 0xc4],
  ] as const) {
    set(from, to, Effect.unary);
  }
  set(Op.i32Add, Op.i32Add, Effect.add);
  return table;
}

/** The operand stack of the code being decoded, as far as it matters. */
export class FrameOperands {
  readonly #module: ModuleInfo;
  readonly #reader: ByteReader;
  readonly #kinds = new Uint8Array(MAXIMUM_DEPTH);
  readonly #values = new Int32Array(MAXIMUM_DEPTH);
  #depth = 0;
  #pointer = -1;
  /** Whether the frame pointer was set again: then nothing that was said here holds. */
  isBroken = false;

  /** @param reader over the whole file; its position is changed at will. */
  constructor(module: ModuleInfo, reader: ByteReader) {
    this.#module = module;
    this.#reader = reader;
  }

  /** Begins a function behind its prologue, which leaves the frame pointer on the stack or not. */
  begin(pointer: number, left: 'on stack' | 'nothing'): void {
    this.#pointer = pointer;
    this.isBroken = false;
    this.#depth = 0;
    if (left === 'on stack') this.#push(FRAME, 0);
  }

  /** Returns the distance from the frame pointer of the address that lies `below` operands under the top, or -1 if that is not known, or negative. */
  distance(below: number): number {
    const at = this.#depth - 1 - below;
    return at >= 0 && this.#kinds[at] === FRAME ? (this.#values[at] as number) : -1;
  }

  /** Follows the instruction `opcode` at `at` of the file, whether or not it was replaced. */
  step(opcode: number, at: number): void {
    switch (effects[opcode]) {
      case Effect.none:
        return;
      case Effect.unary:
        this.#replace(1, OTHER, 0);
        return;
      case Effect.binary:
        this.#replace(2, OTHER, 0);
        return;
      case Effect.push:
        this.#push(OTHER, 0);
        return;
      case Effect.pop:
        this.#pop(1);
        return;
      case Effect.select:
        this.#replace(3, OTHER, 0);
        return;
      case Effect.get:
        this.#push(this.#immediate(at) === this.#pointer ? FRAME : OTHER, 0);
        return;
      case Effect.set:
        if (this.#immediate(at) === this.#pointer) this.isBroken = true;
        this.#pop(1);
        return;
      case Effect.tee:
        if (this.#immediate(at) === this.#pointer) this.isBroken = true;
        return;
      case Effect.constant:
        this.#reader.position = at + 1;
        this.#push(CONSTANT, this.#reader.s32());
        return;
      case Effect.store:
        this.#pop(2);
        return;
      case Effect.add:
        this.#add();
        return;
      case Effect.call:
        this.#call(this.#module.functionTypes[this.#immediate(at)] as number, 0);
        return;
      case Effect.callIndirect:
        this.#call(this.#immediate(at), 1);
        return;
      default:
        this.#depth = 0;
    }
  }

  #immediate(at: number): number {
    this.#reader.position = at + 1;
    return this.#reader.u32();
  }

  #push(kind: number, value: number): void {
    if (this.#depth === MAXIMUM_DEPTH) this.#depth = 0;
    this.#kinds[this.#depth] = kind;
    this.#values[this.#depth++] = value;
  }

  #pop(count: number): void {
    this.#depth = Math.max(0, this.#depth - count);
  }

  #replace(count: number, kind: number, value: number): void {
    this.#pop(count);
    this.#push(kind, value);
  }

  /** fp + a constant, in either order, as long as it does not lead below the frame pointer. */
  #add(): void {
    const [under, top] = [this.#depth - 2, this.#depth - 1];
    const kinds = under >= 0 ? (this.#kinds[under] as number) + (this.#kinds[top] as number) : 0;
    const sum =
      kinds === FRAME + CONSTANT && this.#kinds[under] !== OTHER ? (this.#values[under] as number) + (this.#values[top] as number) : -1;
    this.#replace(2, sum >= 0 ? FRAME : OTHER, sum);
  }

  #call(typeIndex: number, more: number): void {
    const type = this.#module.types[typeIndex];
    if (type === undefined) {
      this.#depth = 0;
      return;
    }
    this.#pop(type.parameters.length + more);
    for (let i = 0; i < type.results.length; i++) this.#push(OTHER, 0);
  }
}
