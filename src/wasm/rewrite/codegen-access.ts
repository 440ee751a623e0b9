// The code generated at one load or store: the hit path inlined, or a call of the helper of its kind.
//
//   index = table index of the page of base + offset      (3 to 9 instructions, below)
//   if (entry = i32.load TABLE + index)                   TABLE is the memarg's offset
//     access at physical address base + entry, memarg offset k + 1      (abi.ts: a valid word is physical - guest - 1)
//   else
//     call the helper, which does it exactly              (codegen-helpers.ts)
//
// The index of an access of 2^l bytes must be 4 * page for an aligned address below 2^32, and in the void (which reads 0, so that
// the helper decides) for all others. s is the 32-bit sum base + offset, t the exact one:
//
//   offset 0, or page 0 never valid and offset < 4096:   (s >>> 10 | s << 22) & mask, mask keeping bits 2..21 and 22..21+l.
//     A misaligned s has one of bits 22.. set. A sum that wrapped lies in page 0, which has no valid word: a miss.
//     (The optimizing tier makes one rotation of it; for i32.rotr itself the baseline tier makes a call of a C function.)
//   any other offset:    ((t & (~0xfff | 2^l - 1)) * (2^22 + 2^54)) >>> 32 in 64 bits = page * 4 + (t mod 2^l) * 2^22.
//     page has 21 bits: wrapped or misaligned addresses come out at 4 MiB or above, and below TLB_TABLE_SPAN.
//   single bytes are always aligned:                     t >>> 10 & ~3
//
// Accesses of one group (access-groups.ts) share a check. The first leaves `physical` in a local of the group, 0 if it misses, and the others test only
// that. If the group reaches further than its first access, its first byte S and its last L must be in one page; they are in two when bit
// 12 of S and L differs, since they are less than a page apart:
//
//   (S >>> 10 & 0x3ffffc) | ((L ^ S) & 4096) << 10       the word's index, or one in the void
//
// Behind every miss the locals of all groups that live are set to 0 (AG2).
//
// Why an `if` with both arms, hit first: V8's baseline compiler lets the first arm that reaches the end decide where values live,
// so the hit path keeps them in registers and only the miss path moves them.

import type { CodeLayout } from '../abi.ts';
import { Op, ValueType } from '../binary/index.ts';
import type { AccessGroup } from './access-groups.ts';
import { type AddedFunctions, HELPER_NEAR } from './added-functions.ts';
import type { BranchHints } from './branch-hints.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { WindowCode } from './codegen-window.ts';
import { type FunctionLocals, LocalRole } from './function-locals.ts';
import type { Inlining } from './inlining.ts';
import { isLoad, isNear, kindOpcode, kindShift, kindType, type NullPage } from './memory-access.ts';

const PAGE = 4096;
const SPACE_BYTES = 2 ** 32;
// i64.const (2^22 + 2^54), which no JS number short of a bigint spells: signed LEB128, 7 bits a byte, bits 22 and 54 set.
const SPREAD_CONSTANT = [Op.i64Const, 0x80, 0x80, 0x80, 0x82, 0x80, 0x80, 0x80, 0x20] as const;
const SPREAD = [...SPREAD_CONSTANT, Op.i64Mul, Op.i64Const, 32, Op.i64ShrU, Op.i32WrapI64] as const;
const BYTE_INDEX = [Op.i32Const, 10, Op.i32ShrU, Op.i32Const, 0x7c, Op.i32And] as const;
const SHIFT_RIGHT = [Op.i32Const, 10, Op.i32ShrU] as const;
const ROTATE = [Op.i32Const, 22, Op.i32Shl, Op.i32Or] as const;
const PAGE_INDEX_MASK = 0x3f_fffc;
const CROSSING = [Op.i32Const, 10, Op.i32Shl, Op.i32Or] as const;

/** Says that an operand is on the stack rather than in a local. */
export const ON_STACK = -1;

/** What the generated code depends on, for a whole module. */
export interface CodegenContext {
  readonly layout: CodeLayout;
  readonly nullPage: NullPage;
  readonly inlining: Inlining;
  readonly functions: AddedFunctions;
  /** Undefined for code without a window. */
  readonly window: WindowCode | undefined;
}

/** A value to be stored: in a local, or (local < 0) made by a constant instruction, `bytes[start, end)` of the original. One object, reused. */
export interface StoredValue {
  local: number;
  start: number;
  end: number;
  readonly bytes: Uint8Array;
}

/** Replaces the exact 64-bit address on the stack by the table index for an access of 2^`shift` bytes. */
export function emitWideIndex(out: ByteWriter, shift: number): void {
  if (shift === 0) {
    out.ops(Op.i64Const, 10, Op.i64ShrU, Op.i32WrapI64, Op.i32Const, 0x7c, Op.i32And);
    return;
  }
  out.i64(-PAGE + (1 << shift) - 1);
  out.u8(Op.i64And);
  out.sequence(SPREAD);
}

/** Replaces the 32-bit address on the stack, which is in local `address` too, by the table index for an access of 2^`shift` bytes. */
export function emitNearIndex(out: ByteWriter, shift: number, address: number): void {
  if (shift === 0) {
    out.sequence(BYTE_INDEX);
    return;
  }
  out.sequence(SHIFT_RIGHT);
  out.get(address);
  out.sequence(ROTATE);
  out.i32((1 << (22 + shift)) - 4);
  out.u8(Op.i32And);
}

/** Emits accesses into one function body after another. */
export class AccessCode {
  readonly #out: ByteWriter;
  readonly #context: CodegenContext;
  readonly #locals: FunctionLocals;
  readonly #hints: BranchHints;
  // The access under way: #address is the local that holds base + #added, where #added is 0 or the offset.
  #base = 0;
  #offset = 0;
  #address = 0;
  #added = 0;
  // The access's group, if it is in one, and its part in that.
  #group: AccessGroup | undefined;
  #part: 'alone' | 'first' | 'later' = 'alone';
  #distance = 0;
  // Groups whose `physical` may be needed again.
  readonly #live: AccessGroup[] = [];

  constructor(out: ByteWriter, context: CodegenContext, locals: FunctionLocals, hints: BranchHints) {
    this.#hints = hints;
    this.#out = out;
    this.#context = context;
    this.#locals = locals;
  }

  /** Begins a function. */
  begin(): void {
    this.#live.length = 0;
  }

  /** Says that the next access, at `at` of the file, is in no group. */
  alone(at: number): void {
    const live = this.#live;
    for (let i = live.length - 1; i >= 0; i--) if ((live[i] as AccessGroup).end <= at) live.splice(i, 1);
    this.#group = undefined;
    this.#part = 'alone';
  }

  /** Says that the next access, at `at` of the file, is in `group`. @param distance how far its first byte is from the group's base. */
  inGroup(at: number, group: AccessGroup, part: 'first' | 'later', distance: number): void {
    this.alone(at);
    this.#group = group;
    this.#distance = distance;
    this.#part = part;
    if (part === 'first') this.#live.push(group);
  }

  /** Whether the access is in a group. */
  get isGrouped(): boolean {
    return this.#group !== undefined;
  }

  /** Emits a load with its hit path. `base` is a local, or `ON_STACK`. Leaves the value. */
  inlineLoad(kind: number, base: number, offset: number): void {
    const type = kindType[kind] as number;
    this.#emitHitTest(kind, base, offset);
    this.#emitHitIf(type);
    this.#emitPhysical();
    this.#emitAccess(kind);
    this.#emitElse();
    this.#emitGuestBase();
    this.#emitCall(kind, offset);
    this.#out.u8(Op.end);
  }

  /** Emits a store with its hit path. `base` is a local, or `ON_STACK`. */
  inlineStore(kind: number, base: number, offset: number, value: StoredValue): void {
    this.#emitHitTest(kind, base, offset);
    this.#emitHitIf(ValueType.empty);
    this.#emitPhysical();
    this.#emitValue(value);
    this.#emitAccess(kind);
    this.#emitElse();
    this.#emitGuestBase();
    this.#emitValue(value);
    this.#emitCall(kind, offset);
    this.#out.u8(Op.end);
  }

  /** Emits an access by its helper; its operands are on the stack. */
  called(kind: number, offset: number): void {
    this.#emitCall(kind, offset);
  }

  /** Emits an access in the function's own stack frame; its operands are on the stack. */
  inWindow(kind: number, offset: number, { layout }: WindowCode): void {
    this.#out.sequence(kindOpcode(kind));
    this.#out.u8(0);
    this.#out.u32(layout.delta + offset);
  }

  /** Emits a load at a constant address: its page's word is at a known place. The address and size must lie within one page. */
  constantLoad(kind: number, address: number): void {
    this.#emitConstantHitTest(kind, address);
    this.#emitHitIf(kindType[kind] as number);
    this.#emitConstantPhysical(address);
    this.#emitAccess(kind);
    this.#emitElse();
    this.#out.i32(address);
    this.#emitCall(kind, 0);
    this.#out.u8(Op.end);
  }

  /** Emits a store at a constant address; like `constantLoad`. */
  constantStore(kind: number, address: number, value: StoredValue): void {
    this.#emitConstantHitTest(kind, address);
    this.#emitHitIf(ValueType.empty);
    this.#emitConstantPhysical(address);
    this.#emitValue(value);
    this.#emitAccess(kind);
    this.#emitElse();
    this.#out.i32(address);
    this.#emitValue(value);
    this.#emitCall(kind, 0);
    this.#out.u8(Op.end);
  }

  /** Tells whether an access at `address` (base + offset, exact) can be emitted as a constant one. */
  fitsConstant(kind: number, address: number): boolean {
    return (address % PAGE) + (1 << (kindShift[kind] as number)) <= PAGE && address < SPACE_BYTES;
  }

  // Opens the arm of a hit, which the engine is told to expect.
  #emitHitIf(type: number): void {
    this.#hints.likely(this.#out.length);
    this.#out.u8(Op.if);
    this.#out.u8(type);
  }

  // Begins the arm of a miss. What it calls lets the kernel in.
  #emitElse(): void {
    this.#out.u8(Op.else);
    for (const group of this.#live) {
      this.#out.i32(0);
      this.#out.set(this.#physicalOf(group));
    }
  }

  #physicalOf({ slot }: AccessGroup): number {
    return this.#locals.of(LocalRole.group + slot);
  }

  #emitConstantHitTest(kind: number, address: number): void {
    this.#offset = 0;
    this.#added = 0;
    this.#out.i32(0);
    this.#emitWord(isLoad(kind) ? 'read' : 'write', Math.floor(address / PAGE) * 4);
  }

  #emitConstantPhysical(address: number): void {
    this.#out.i32(address);
    this.#out.get(this.#locals.of(LocalRole.entry));
    this.#out.u8(Op.i32Add);
  }

  // Leaves the table word, also kept in the entry local, or where the group is; 0 for a miss.
  #emitHitTest(kind: number, base: number, offset: number): void {
    const shift = kindShift[kind] as number;
    const group = this.#group;
    this.#base = base;
    this.#offset = offset;
    this.#added = 0;
    if (group !== undefined && this.#part === 'later') {
      this.#emitGroupTest(group);
      return;
    }
    if (group !== undefined && group.high - group.low > 1 << shift) {
      this.#emitSpanIndex(group);
    } else if (isNear(offset, this.#context.nullPage)) {
      if (shift === 0) this.#emitByteIndex();
      else this.#emitRotatedIndex(shift);
    } else {
      this.#emitWideIndex(shift);
    }
    this.#emitWord(group?.table ?? (isLoad(kind) ? 'read' : 'write'), 0);
  }

  #emitWord(table: 'read' | 'write', index: number): void {
    const { readTable, writeTable } = this.#context.layout;
    this.#out.access(Op.i32Load, (table === 'read' ? readTable : writeTable) + index);
    this.#out.tee(this.#locals.of(LocalRole.entry));
  }

  #emitGroupTest(group: AccessGroup): void {
    if (this.#base === ON_STACK) {
      this.#address = this.#locals.of(LocalRole.base);
      this.#out.set(this.#address);
    }
    this.#out.get(this.#physicalOf(group));
  }

  // The index for all bytes of the group; #address holds its first.
  #emitSpanIndex(group: AccessGroup): void {
    const out = this.#out;
    this.#emitBaseAnd(this.#offset + group.low - this.#distance);
    out.sequence(SHIFT_RIGHT);
    out.i32(PAGE_INDEX_MASK);
    out.u8(Op.i32And);
    out.get(this.#address);
    out.i32(group.high - group.low - 1);
    out.u8(Op.i32Add);
    out.get(this.#address);
    out.u8(Op.i32Xor);
    out.i32(PAGE);
    out.u8(Op.i32And);
    out.sequence(CROSSING);
  }

  // Leaves the base, and makes #address the local that holds it.
  #emitBase(): void {
    if (this.#base !== ON_STACK) {
      this.#address = this.#base;
      this.#out.get(this.#base);
    } else {
      this.#address = this.#locals.of(LocalRole.base);
      this.#out.tee(this.#address);
    }
  }

  #emitByteIndex(): void {
    const out = this.#out;
    this.#emitBase();
    if (this.#offset !== 0) {
      out.i32(this.#offset);
      out.u8(Op.i32Add);
    }
    out.sequence(BYTE_INDEX);
  }

  #emitRotatedIndex(shift: number): void {
    this.#emitBaseAnd(this.#offset);
    emitNearIndex(this.#out, shift, this.#address);
  }

  // Leaves the base + `added`, and makes #address the local that holds it.
  #emitBaseAnd(added: number): void {
    const out = this.#out;
    if (added === 0) {
      this.#emitBase();
      return;
    }
    if (this.#base !== ON_STACK) out.get(this.#base);
    out.i32(added);
    out.u8(Op.i32Add);
    this.#address = this.#locals.of(LocalRole.base);
    out.tee(this.#address);
    this.#added = added;
  }

  #emitWideIndex(shift: number): void {
    const out = this.#out;
    this.#emitBase();
    out.u8(Op.i64ExtendI32U);
    out.i64(this.#offset);
    out.u8(Op.i64Add);
    emitWideIndex(out, shift);
  }

  // Leaves base + entry, with as much of the offset added as the memarg cannot take: it takes less than a page, because
  // physical - k - 1 must not be negative and physical is at least 4096 (GC3).
  #emitPhysical(): void {
    const out = this.#out;
    const group = this.#group;
    if (group !== undefined && this.#part === 'later') {
      out.get(this.#physicalOf(group));
      return;
    }
    out.get(this.#address);
    const rest = this.#offset - this.#added;
    if (rest >= PAGE) {
      out.i32(rest);
      out.u8(Op.i32Add);
    }
    out.get(this.#locals.of(LocalRole.entry));
    out.u8(Op.i32Add);
    if (group === undefined) return;
    // A group's offsets are near, so nothing of the rest was added here.
    group.anchor = this.#distance - rest;
    out.tee(this.#physicalOf(group));
  }

  #emitAccess(kind: number): void {
    const rest = this.#part === 'later' ? this.#distance - (this.#group as AccessGroup).anchor : this.#offset - this.#added;
    this.#out.sequence(kindOpcode(kind));
    this.#out.u8(0);
    this.#out.u32(rest < PAGE ? rest + 1 : 1);
  }

  // Leaves the base as the guest gave it.
  #emitGuestBase(): void {
    const out = this.#out;
    if (this.#base !== ON_STACK) {
      out.get(this.#base);
      return;
    }
    out.get(this.#address);
    if (this.#added !== 0) {
      out.i32(this.#added);
      out.u8(Op.i32Sub);
    }
  }

  // Vectors have one helper only: they are never inlined, and their index would need a mask of its own.
  #emitCall(kind: number, offset: number): void {
    const near = isNear(offset, this.#context.nullPage) && (kindShift[kind] as number) <= 3;
    this.#out.i32(offset);
    this.#out.call(this.#context.functions.helper(near ? HELPER_NEAR + kind : kind));
  }

  #emitValue(value: StoredValue): void {
    if (value.local >= 0) this.#out.get(value.local);
    else this.#out.copy(value.bytes, value.start, value.end);
  }
}
