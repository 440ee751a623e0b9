// The helper functions: each performs one kind of access, exactly, wherever it lies. Inlined hit paths (codegen-access.ts) call them on
// a miss; cold code calls them for every access. (base[, value], offset):
//
//   aligned, not wrapped, and word valid (one test, as in codegen-access.ts)?  access, return
//   ea = base + offset, in 64 bits
//   loop
//     if ea + size > 2^32: trap, which throws
//     if the access lies in one page:  word valid? access at physical ea, return
//     else (it straddles):             both words valid? through the scratch bytes at physical 0, return
//     trap(base, offset, size, access)           GC2: after it, all words are valid
//   again
//
// H1  No byte is written before every word that the access needs was seen valid (a store that faults leaves memory untouched).
// H2  Nothing between the reads of the words and the access can change them (GC1: no call in between).
// memory.copy and memory.fill are done in place when each range lies in one valid page; the kernel does the others.

import { ACCESS_READ, ACCESS_WRITE } from '../../machine/index.ts';
import type { CodeLayout } from '../abi.ts';
import { Op, OpFC, ValueType } from '../binary/index.ts';
import { type AddedFunctions, HELPER_COPY, HELPER_FILL, HELPER_INIT, HELPER_NEAR, helperType, kindOfHelper } from './added-functions.ts';
import type { BranchHints } from './branch-hints.ts';
import { ByteWriter } from './byte-writer.ts';
import { emitNearIndex, emitWideIndex } from './codegen-access.ts';
import { isLoad, kindOpcode, kindShift } from './memory-access.ts';

const { empty, i32, i64 } = ValueType;
const PAGE = 4096;
const SPACE_BYTES = 2 ** 32;

/** Appends the body of `helper`, with its size field. */
export function emitHelper(out: ByteWriter, helper: number, layout: CodeLayout, functions: AddedFunctions, hints: BranchHints): void {
  const code = new ByteWriter(256);
  hints.begin();
  emitLocals(code, helper);
  if (functions.recording === 'on') emitReferences(code, helper, functions);
  if (helper < HELPER_COPY) emitAccessHelper(code, helper, layout, functions, hints);
  else if (helper === HELPER_COPY) emitCopyHelper(code, layout, functions);
  else if (helper === HELPER_FILL) emitFillHelper(code, layout, functions);
  else if (helper === HELPER_INIT) emitInitHelper(code, functions);
  code.u8(Op.end);
  // The locals are part of `code` here.
  hints.end(functions.helper(helper), 0);
  out.u32(code.length);
  out.append(code);
}

function emitLocals(code: ByteWriter, helper: number): void {
  if (helper < HELPER_COPY) code.ops(2, 1, i64, 3, i32);
  else if (helper === HELPER_COPY) code.ops(1, 2, i32);
  else if (helper === HELPER_FILL) code.ops(1, 1, i32);
  else code.u8(0);
}

// Tells the kernel what the helper is about to access: what is read before what is written.
function emitReferences(code: ByteWriter, helper: number, functions: AddedFunctions): void {
  const tell = (base: number, emitOffset: () => void, emitSize: () => void, access: number): void => {
    code.get(base);
    emitOffset();
    emitSize();
    code.i32(access);
    code.call(functions.host('reference'));
  };
  const zero = (): void => code.i32(0);
  const length = (): void => code.get(2);
  if (helper < HELPER_COPY) {
    const kind = kindOfHelper(helper);
    const offset = helperType(helper).parameters.length - 1;
    const size = 1 << (kindShift[kind] as number);
    tell(
      0,
      () => code.get(offset),
      () => code.i32(size),
      isLoad(kind) ? ACCESS_READ : ACCESS_WRITE,
    );
    return;
  }
  if (helper === HELPER_COPY) tell(1, zero, length, ACCESS_READ);
  tell(0, zero, length, ACCESS_WRITE);
}

// One i64 and three i32 locals follow the parameters; all have names.
interface AccessLocals {
  readonly offset: number;
  readonly ea: number;
  readonly address: number;
  readonly entry: number;
  readonly second: number;
  readonly value: number;
}

function emitAccessHelper(code: ByteWriter, helper: number, layout: CodeLayout, functions: AddedFunctions, hints: BranchHints): void {
  const kind = kindOfHelper(helper);
  const parameters = helperType(helper).parameters.length;
  const locals: AccessLocals = {
    value: 1,
    offset: parameters - 1,
    ea: parameters,
    address: parameters + 1,
    entry: parameters + 2,
    second: parameters + 3,
  };
  const size = 1 << (kindShift[kind] as number);
  const table = isLoad(kind) ? layout.readTable : layout.writeTable;
  if (helper >= HELPER_NEAR) emitNearShortcut(code, locals, kind, table, hints);
  emitEffectiveAddress(code, locals);
  if (helper < HELPER_NEAR) emitShortcut(code, locals, kind, table, hints);
  code.ops(Op.loop, empty);
  emitWrapCheck(code, locals, kind, functions);
  if (size > 1) emitStraddleTest(code, locals, size);
  emitWithinPage(code, locals, kind, table, hints);
  if (size > 1) {
    code.u8(Op.else);
    emitStraddling(code, locals, kind, table);
    code.u8(Op.end);
  }
  emitTrap(code, locals, kind, functions);
  code.ops(Op.br, 0, Op.end, Op.unreachable);
}

function emitEffectiveAddress(code: ByteWriter, locals: AccessLocals): void {
  code.get(0);
  code.u8(Op.i64ExtendI32U);
  code.get(locals.offset);
  code.ops(Op.i64ExtendI32U, Op.i64Add);
  code.tee(locals.ea);
  code.u8(Op.i32WrapI64);
  code.set(locals.address);
}

// The hit paths of codegen-access.ts, for cold code: one test settles that the access is aligned, does not wrap, and has a valid word.
function emitShortcut(code: ByteWriter, locals: AccessLocals, kind: number, table: number, hints: BranchHints): void {
  if ((kindShift[kind] as number) > 3) return;
  code.get(locals.ea);
  emitWideIndex(code, kindShift[kind] as number);
  emitHit(code, locals, kind, table, hints);
}

function emitNearShortcut(code: ByteWriter, locals: AccessLocals, kind: number, table: number, hints: BranchHints): void {
  code.get(0);
  code.get(locals.offset);
  code.u8(Op.i32Add);
  code.tee(locals.address);
  emitNearIndex(code, kindShift[kind] as number, locals.address);
  emitHit(code, locals, kind, table, hints);
}

function emitHit(code: ByteWriter, locals: AccessLocals, kind: number, table: number, hints: BranchHints): void {
  code.access(Op.i32Load, table);
  emitIfValid(code, locals, kind, hints);
}

// Takes the table word from the stack: if it is valid, accesses and returns.
function emitIfValid(code: ByteWriter, locals: AccessLocals, kind: number, hints: BranchHints): void {
  code.tee(locals.entry);
  hints.likely(code.length);
  code.ops(Op.if, empty);
  code.get(locals.address);
  code.get(locals.entry);
  code.u8(Op.i32Add);
  emitAccess(code, locals, kind, 1);
  code.ops(Op.return, Op.end);
}

function emitWrapCheck(code: ByteWriter, locals: AccessLocals, kind: number, functions: AddedFunctions): void {
  code.get(locals.ea);
  code.i64(SPACE_BYTES - (1 << (kindShift[kind] as number)));
  code.ops(Op.i64GtU, Op.if, empty);
  emitTrap(code, locals, kind, functions);
  code.ops(Op.unreachable, Op.end);
}

// Opens the `if` whose first arm has the access within one page.
function emitStraddleTest(code: ByteWriter, locals: AccessLocals, size: number): void {
  code.get(locals.address);
  code.i32(PAGE - 1);
  code.u8(Op.i32And);
  code.i32(PAGE - size);
  code.ops(Op.i32LeU, Op.if, empty);
}

function emitWithinPage(code: ByteWriter, locals: AccessLocals, kind: number, table: number, hints: BranchHints): void {
  emitWord(code, locals.address, 0, table);
  emitIfValid(code, locals, kind, hints);
}

// Leaves the table word of the page of `address + delta`.
function emitWord(code: ByteWriter, address: number, delta: number, table: number): void {
  code.get(address);
  if (delta !== 0) {
    code.i32(delta);
    code.u8(Op.i32Add);
  }
  code.i32(10);
  code.u8(Op.i32ShrU);
  code.i32(-4);
  code.u8(Op.i32And);
  code.access(Op.i32Load, table);
}

// The physical address is on the stack.
function emitAccess(code: ByteWriter, locals: AccessLocals, kind: number, offset: number): void {
  if (!isLoad(kind)) code.get(locals.value);
  code.ops(...kindOpcode(kind), 0, offset);
}

function emitStraddling(code: ByteWriter, locals: AccessLocals, kind: number, table: number): void {
  const size = 1 << (kindShift[kind] as number);
  emitWord(code, locals.address, 0, table);
  code.tee(locals.entry);
  code.ops(Op.if, empty);
  emitWord(code, locals.address, size - 1, table);
  code.tee(locals.second);
  code.ops(Op.if, empty);
  if (isLoad(kind)) {
    emitPieces(code, locals, size, 'gather');
    code.i32(0);
    emitAccess(code, locals, kind, 0);
  } else {
    code.i32(0);
    emitAccess(code, locals, kind, 0);
    emitPieces(code, locals, size, 'scatter');
  }
  code.ops(Op.return, Op.end, Op.end);
}

// Copies [0, n) and [n, size) between scratch and the two pages, n being the bytes before the page boundary.
// n = -address & 4095: the first page's share of an access that straddles.
function emitPieces(code: ByteWriter, locals: AccessLocals, size: number, direction: 'gather' | 'scatter'): void {
  const physical = (entry: number, emitShift: () => void): void => {
    code.get(locals.address);
    code.get(entry);
    code.u8(Op.i32Add);
    code.i32(1);
    code.u8(Op.i32Add);
    emitShift();
  };
  const share = (): void => {
    code.i32(0);
    code.get(locals.address);
    code.u8(Op.i32Sub);
    code.i32(PAGE - 1);
    code.u8(Op.i32And);
  };
  const first = (): void => physical(locals.entry, () => undefined);
  const second = (): void =>
    physical(locals.second, () => {
      share();
      code.u8(Op.i32Add);
    });
  const copy = (page: () => void, scratch: () => void, count: () => void): void => {
    if (direction === 'gather') {
      scratch();
      page();
    } else {
      page();
      scratch();
    }
    count();
    code.ops(Op.prefixFC, OpFC.memoryCopy, 0, 0);
  };
  copy(first, () => code.i32(0), share);
  copy(second, share, () => {
    code.i32(size);
    share();
    code.u8(Op.i32Sub);
  });
}

function emitTrap(code: ByteWriter, locals: AccessLocals, kind: number, functions: AddedFunctions): void {
  code.get(0);
  code.get(locals.offset);
  code.i32(1 << (kindShift[kind] as number));
  code.i32(isLoad(kind) ? ACCESS_READ : ACCESS_WRITE);
  code.call(functions.host('trap'));
}

// Leaves whether [address, address + length) lies in one page; whether length <= 4096 is on the stack already.
function emitInOnePage(code: ByteWriter, address: number, length: number): void {
  code.get(address);
  code.i32(PAGE - 1);
  code.u8(Op.i32And);
  code.get(length);
  code.u8(Op.i32Add);
  code.i32(PAGE);
  code.ops(Op.i32LeU, Op.i32And);
}

function emitShortLength(code: ByteWriter): void {
  code.get(2);
  code.i32(PAGE);
  code.u8(Op.i32LeU);
}

function emitPhysical(code: ByteWriter, address: number, entry: number): void {
  code.get(address);
  code.get(entry);
  code.u8(Op.i32Add);
  code.i32(1);
  code.u8(Op.i32Add);
}

// (destination, source, length); locals 3 and 4 hold the words.
function emitCopyHelper(code: ByteWriter, layout: CodeLayout, functions: AddedFunctions): void {
  emitShortLength(code);
  emitInOnePage(code, 0, 2);
  emitInOnePage(code, 1, 2);
  code.ops(Op.if, empty);
  emitWord(code, 0, 0, layout.writeTable);
  code.tee(3);
  code.ops(Op.if, empty);
  emitWord(code, 1, 0, layout.readTable);
  code.tee(4);
  code.ops(Op.if, empty);
  emitPhysical(code, 0, 3);
  emitPhysical(code, 1, 4);
  code.get(2);
  code.ops(Op.prefixFC, OpFC.memoryCopy, 0, 0, Op.return, Op.end, Op.end, Op.end);
  for (const parameter of [0, 1, 2]) code.get(parameter);
  code.call(functions.host('copy'));
}

// (destination, value, length); local 3 holds the word.
function emitFillHelper(code: ByteWriter, layout: CodeLayout, functions: AddedFunctions): void {
  emitShortLength(code);
  emitInOnePage(code, 0, 2);
  code.ops(Op.if, empty);
  emitWord(code, 0, 0, layout.writeTable);
  code.tee(3);
  code.ops(Op.if, empty);
  emitPhysical(code, 0, 3);
  code.get(1);
  code.get(2);
  code.ops(Op.prefixFC, OpFC.memoryFill, 0, Op.return, Op.end, Op.end);
  for (const parameter of [0, 1, 2]) code.get(parameter);
  code.call(functions.host('fill'));
}

// (destination, source, length, segment): the kernel wants the segment first.
function emitInitHelper(code: ByteWriter, functions: AddedFunctions): void {
  for (const parameter of [3, 0, 1, 2]) code.get(parameter);
  code.call(functions.host('init'));
}
