// What is known of the values on the operand stack and in locals: each is a base and an offset to it.
//
//   local.get fp                  -> POINTER + 0          fp is the frame pointer, which is set once
//   i32.const 24; i32.add         -> POINTER + 24
//   i32.const 24                  -> CONSTANT + 24
//   local.get p                   -> base 17 + 0          17 is what the local holds from here on, until it is set again
//   i32.const 8; i32.add          -> base 17 + 8          i32.sub likewise
//   local.tee q                   -> base 17 + 8          and so q holds it too
//   anything else                 -> UNKNOWN
//
// Two values of the same base differ by the difference of their offsets, modulo 2^32. The stack is followed through straight code and
// forgotten at the edges of blocks. What is not known is treated as any address, so forgetting costs speed only. Popping more than is known of is right
// too: below is what was forgotten. What locals hold is followed only where somebody says what becomes of it where paths meet (access-groups.ts).
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
  sub: 15,
} as const;

// Bases: of a value of which nothing is known.
const UNKNOWN = 0;
// The frame pointer.
const POINTER = 1;
// Numbers that are their own offset.
const CONSTANT = 2;
/** From here on, bases are values that some local held. */
export const FIRST_BASE = 3;
/** Deeper stacks are forgotten. */
const MAXIMUM_DEPTH = 256;
/** Offsets beyond are not followed, so that sums of them stay small. */
const MAXIMUM_OFFSET = 2 ** 29;

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
  set(Op.i32Sub, Op.i32Sub, Effect.sub);
  return table;
}

/** The values of the code being decoded, as far as they matter. */
export class OperandValues {
  readonly #module: ModuleInfo;
  readonly #reader: ByteReader;
  readonly #bases = new Int32Array(MAXIMUM_DEPTH);
  readonly #offsets = new Int32Array(MAXIMUM_DEPTH);
  #depth = 0;
  #pointer = -1;
  // Of locals; none if they are not followed.
  #localBases = new Int32Array(64);
  #localOffsets = new Int32Array(64);
  #localCount = 0;
  #nextBase = FIRST_BASE;
  /** Whether the frame pointer was set again: then nothing that was said of it holds. */
  isBroken = false;

  /** @param reader over the whole file; its position is changed at will. */
  constructor(module: ModuleInfo, reader: ByteReader) {
    this.#module = module;
    this.#reader = reader;
  }

  /**
   * Begins a function, or the part of it behind its prologue, which leaves the frame pointer on the stack or not.
   * @param pointer the local that holds the frame pointer, -1 for none
   * @param localCount how many locals to follow
   */
  begin(pointer: number, left: 'on stack' | 'nothing', localCount: number): void {
    this.#pointer = pointer;
    this.isBroken = false;
    this.#depth = 0;
    this.#nextBase = FIRST_BASE;
    this.#localCount = localCount;
    if (localCount > this.#localBases.length) {
      this.#localBases = new Int32Array(2 * localCount);
      this.#localOffsets = new Int32Array(2 * localCount);
    }
    this.#localBases.fill(UNKNOWN, 0, localCount);
    if (left === 'on stack') this.#push(POINTER, 0);
  }

  /** Returns the base of the value that lies `below` operands under the top, below `FIRST_BASE` if it has no base that matters. */
  base(below: number): number {
    const at = this.#depth - 1 - below;
    return at >= 0 ? (this.#bases[at] as number) : UNKNOWN;
  }

  /** Returns its offset, if its base is known. */
  offset(below: number): number {
    return this.#offsets[this.#depth - 1 - below] as number;
  }

  /** Returns its distance from the frame pointer, or -1 if that is not known, or negative. */
  distance(below: number): number {
    return this.base(below) === POINTER ? this.offset(below) : -1;
  }

  /** Forgets what `local` holds: here paths meet, and some of them set it. */
  forget(local: number): void {
    if (local < this.#localCount) this.#localBases[local] = UNKNOWN;
  }

  /** Follows the instruction `opcode` at `at` of the file, whether or not it was replaced. */
  step(opcode: number, at: number): void {
    switch (effects[opcode]) {
      case Effect.none:
        return;
      case Effect.unary:
        this.#replace(1, UNKNOWN, 0);
        return;
      case Effect.binary:
        this.#replace(2, UNKNOWN, 0);
        return;
      case Effect.push:
        this.#push(UNKNOWN, 0);
        return;
      case Effect.pop:
        this.#pop(1);
        return;
      case Effect.select:
        this.#replace(3, UNKNOWN, 0);
        return;
      case Effect.get:
        this.#get(this.#immediate(at));
        return;
      case Effect.set:
        this.#set(this.#immediate(at));
        this.#pop(1);
        return;
      case Effect.tee:
        this.#set(this.#immediate(at));
        return;
      case Effect.constant:
        this.#reader.position = at + 1;
        this.#push(CONSTANT, this.#reader.s32());
        return;
      case Effect.store:
        this.#pop(2);
        return;
      case Effect.add:
        if (this.base(0) === CONSTANT) this.#addTo(1, this.offset(0));
        else if (this.base(1) === CONSTANT) this.#addTo(0, this.offset(1));
        else this.#replace(2, UNKNOWN, 0);
        return;
      case Effect.sub:
        if (this.base(0) === CONSTANT) this.#addTo(1, -this.offset(0));
        else this.#replace(2, UNKNOWN, 0);
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

  #get(local: number): void {
    if (local === this.#pointer) this.#push(POINTER, 0);
    else if (local >= this.#localCount) this.#push(UNKNOWN, 0);
    else {
      if (this.#localBases[local] === UNKNOWN) {
        this.#localBases[local] = this.#nextBase++;
        this.#localOffsets[local] = 0;
      }
      this.#push(this.#localBases[local] as number, this.#localOffsets[local] as number);
    }
  }

  /** The local gets the value on top, which from now on has a base. */
  #set(local: number): void {
    if (local === this.#pointer) this.isBroken = true;
    if (local >= this.#localCount) return;
    const top = this.#depth - 1;
    if (top >= 0 && this.#bases[top] === UNKNOWN) {
      this.#bases[top] = this.#nextBase++;
      this.#offsets[top] = 0;
    }
    this.#localBases[local] = top >= 0 ? (this.#bases[top] as number) : UNKNOWN;
    this.#localOffsets[local] = top >= 0 ? (this.#offsets[top] as number) : 0;
  }

  #push(base: number, offset: number): void {
    if (this.#depth === MAXIMUM_DEPTH) this.#depth = 0;
    this.#bases[this.#depth] = base;
    this.#offsets[this.#depth++] = offset;
  }

  #pop(count: number): void {
    this.#depth = Math.max(0, this.#depth - count);
  }

  #replace(count: number, base: number, offset: number): void {
    this.#pop(count);
    this.#push(base, offset);
  }

  /** Puts the sum of the operand that lies `below` and `constant` in place of the upper two, as long as it does not lead below the frame pointer. */
  #addTo(below: number, constant: number): void {
    const base = this.base(below);
    const sum = base === UNKNOWN ? 0 : this.offset(below) + constant;
    const isFollowed = Math.abs(sum) <= MAXIMUM_OFFSET && (base !== POINTER || sum >= 0);
    this.#replace(2, isFollowed ? base : UNKNOWN, sum);
  }

  #call(typeIndex: number, more: number): void {
    const type = this.#module.types[typeIndex];
    if (type === undefined) {
      this.#depth = 0;
      return;
    }
    this.#pop(type.parameters.length + more);
    for (let i = 0; i < type.results.length; i++) this.#push(UNKNOWN, 0);
  }
}
