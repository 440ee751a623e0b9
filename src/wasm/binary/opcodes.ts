// The instruction set, as far as a reader that does not validate has to know it: which immediates follow an opcode, and
// which proposal an opcode came from. Source: WebAssembly specification, 5.4 and appendix "Index of Instructions"; the
// proposals' own overviews for what Quire refuses.

/** Opcodes that the reader or the rewriter name. */
export const Op = {
  unreachable: 0x00,
  nop: 0x01,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  drop: 0x1a,
  select: 0x1b,
  selectTyped: 0x1c,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  tableGet: 0x25,
  tableSet: 0x26,
  i32Load: 0x28,
  i64Load: 0x29,
  f32Load: 0x2a,
  f64Load: 0x2b,
  i32Load8S: 0x2c,
  i32Load8U: 0x2d,
  i32Load16S: 0x2e,
  i32Load16U: 0x2f,
  i64Load8S: 0x30,
  i64Load8U: 0x31,
  i64Load16S: 0x32,
  i64Load16U: 0x33,
  i64Load32S: 0x34,
  i64Load32U: 0x35,
  i32Store: 0x36,
  i64Store: 0x37,
  f32Store: 0x38,
  f64Store: 0x39,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
  i64Store8: 0x3c,
  i64Store16: 0x3d,
  i64Store32: 0x3e,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Eqz: 0x45,
  i32LtU: 0x49,
  i32GtU: 0x4b,
  i32LeU: 0x4d,
  i32GeU: 0x4f,
  i64GtU: 0x56,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrU: 0x76,
  i64Add: 0x7c,
  i64Mul: 0x7e,
  i64And: 0x83,
  i64ShrU: 0x88,
  i32WrapI64: 0xa7,
  i64ExtendI32U: 0xad,
  refNull: 0xd0,
  refIsNull: 0xd1,
  refFunc: 0xd2,
  /** Saturating conversions and bulk memory. */
  prefixFC: 0xfc,
  /** SIMD. */
  prefixFD: 0xfd,
  /** Threads. */
  prefixFE: 0xfe,
} as const;

/** Second opcodes after 0xFC. */
export const OpFC = {
  memoryInit: 8,
  dataDrop: 9,
  memoryCopy: 10,
  memoryFill: 11,
  tableInit: 12,
  elemDrop: 13,
  tableCopy: 14,
  tableGrow: 15,
  tableSize: 16,
  tableFill: 17,
} as const;

/** Second opcodes after 0xFD. */
export const OpFD = {
  load: 0,
  load8x8S: 1,
  load32x2U: 6,
  load8Splat: 7,
  load64Splat: 10,
  store: 11,
  const: 12,
  shuffle: 13,
  i8x16Splat: 15,
  i16x8Splat: 16,
  i32x4Splat: 17,
  i64x2Splat: 18,
  i8x16ExtractLaneS: 21,
  i8x16ExtractLaneU: 22,
  i8x16ReplaceLane: 23,
  i16x8ExtractLaneU: 25,
  i16x8ReplaceLane: 26,
  i32x4ExtractLane: 27,
  i32x4ReplaceLane: 28,
  i64x2ExtractLane: 29,
  i64x2ReplaceLane: 30,
  f64x2ReplaceLane: 34,
  load8Lane: 84,
  load64Lane: 87,
  store8Lane: 88,
  store64Lane: 91,
  load32Zero: 92,
  load64Zero: 93,
  i16x8ExtendLowI8x16S: 135,
  i16x8ExtendLowI8x16U: 137,
  i32x4ExtendLowI16x8S: 167,
  i32x4ExtendLowI16x8U: 169,
  i64x2ExtendLowI32x4S: 199,
  i64x2ExtendLowI32x4U: 201,
  /** The last instruction of the SIMD proposal; relaxed SIMD begins above it. */
  last: 255,
} as const;

/** Value types (and the empty block type). */
export const ValueType = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b, funcref: 0x70, externref: 0x6f, empty: 0x40 } as const;

/** Section ids. */
export const SectionId = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** The shape of an instruction's immediates. */
export const Shape = {
  none: 0,
  index: 1,
  twoIndices: 2,
  memarg: 3,
  block: 4,
  i32: 5,
  i64: 6,
  f32: 7,
  f64: 8,
  brTable: 9,
  selectTypes: 10,
  zeroByte: 11,
  heapType: 12,
  prefix: 13,
  lane: 14,
  sixteenBytes: 15,
  memargLane: 16,
  zeroByteTwice: 17,
  indexZeroByte: 18,
  unknown: 255,
} as const;

function shapesOfOneByte(): Uint8Array {
  const shapes = new Uint8Array(256).fill(Shape.unknown);
  const set = (from: number, to: number, shape: number): unknown => shapes.fill(shape, from, to + 1);
  set(Op.unreachable, Op.nop, Shape.none);
  set(Op.block, Op.if, Shape.block);
  set(Op.else, Op.else, Shape.none);
  set(Op.end, Op.end, Shape.none);
  set(Op.br, Op.brIf, Shape.index);
  set(Op.brTable, Op.brTable, Shape.brTable);
  set(Op.return, Op.return, Shape.none);
  set(Op.call, Op.call, Shape.index);
  set(Op.callIndirect, Op.callIndirect, Shape.twoIndices);
  set(Op.returnCall, Op.returnCall, Shape.index);
  set(Op.returnCallIndirect, Op.returnCallIndirect, Shape.twoIndices);
  set(Op.drop, Op.select, Shape.none);
  set(Op.selectTyped, Op.selectTyped, Shape.selectTypes);
  set(Op.localGet, Op.tableSet, Shape.index);
  set(Op.i32Load, Op.i64Store32, Shape.memarg);
  set(Op.memorySize, Op.memoryGrow, Shape.zeroByte);
  set(Op.i32Const, Op.i32Const, Shape.i32);
  set(Op.i64Const, Op.i64Const, Shape.i64);
  set(Op.f32Const, Op.f32Const, Shape.f32);
  set(Op.f64Const, Op.f64Const, Shape.f64);
  set(Op.i32Eqz, 0xc4, Shape.none);
  set(Op.refNull, Op.refNull, Shape.heapType);
  set(Op.refIsNull, Op.refIsNull, Shape.none);
  set(Op.refFunc, Op.refFunc, Shape.index);
  set(Op.prefixFC, Op.prefixFD, Shape.prefix);
  return shapes;
}

function shapesOfFC(): Uint8Array {
  const shapes = new Uint8Array(18).fill(Shape.none);
  shapes[OpFC.memoryInit] = Shape.indexZeroByte;
  shapes[OpFC.dataDrop] = Shape.index;
  shapes[OpFC.memoryCopy] = Shape.zeroByteTwice;
  shapes[OpFC.memoryFill] = Shape.zeroByte;
  shapes[OpFC.tableInit] = Shape.twoIndices;
  shapes[OpFC.elemDrop] = Shape.index;
  shapes[OpFC.tableCopy] = Shape.twoIndices;
  return shapes.fill(Shape.index, OpFC.tableGrow);
}

function shapesOfFD(): Uint8Array {
  const shapes = new Uint8Array(OpFD.last + 1).fill(Shape.none);
  const set = (from: number, to: number, shape: number): unknown => shapes.fill(shape, from, to + 1);
  set(OpFD.load, OpFD.store, Shape.memarg);
  set(OpFD.const, OpFD.shuffle, Shape.sixteenBytes);
  set(OpFD.i8x16ExtractLaneS, OpFD.f64x2ReplaceLane, Shape.lane);
  set(OpFD.load8Lane, OpFD.store64Lane, Shape.memargLane);
  set(OpFD.load32Zero, OpFD.load64Zero, Shape.memarg);
  // Holes in the proposal's numbering.
  for (const hole of [
    0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2, 0xee,
  ]) {
    shapes[hole] = Shape.unknown;
  }
  return shapes;
}

/** Shape by opcode. */
export const opShapes: Readonly<Uint8Array> = shapesOfOneByte();
/** Shape by second opcode after 0xFC. */
export const fcShapes: Readonly<Uint8Array> = shapesOfFC();
/** Shape by second opcode after 0xFD. */
export const fdShapes: Readonly<Uint8Array> = shapesOfFD();

/** Names the proposal that an unsupported opcode belongs to, for messages. */
export function describeUnknownOpcode(opcode: number, second?: number): string {
  const code = `opcode 0x${opcode.toString(16).padStart(2, '0')}${second === undefined ? '' : ` 0x${second.toString(16)}`}`;
  if (opcode === Op.prefixFE) return `threads and atomics (${code})`;
  if (opcode === 0xfb) return `garbage collection (${code})`;
  if (opcode === Op.prefixFD && second !== undefined && second > OpFD.last) return `relaxed SIMD (${code})`;
  if ((opcode >= 0x06 && opcode <= 0x0a) || opcode === 0x18 || opcode === 0x19 || opcode === 0x1f) return `exception handling (${code})`;
  if (opcode === 0x14 || opcode === 0x15 || (opcode >= 0xd3 && opcode <= 0xd6)) return `typed function references (${code})`;
  return `an unknown instruction (${code})`;
}
