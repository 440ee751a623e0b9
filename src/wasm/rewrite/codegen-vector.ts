// SIMD memory instructions other than v128.load and v128.store, as a scalar access and a register instruction. The scalar access
// brings exactness with it: same bytes, same trap, nothing written on a trap.
//
//   load_lane   load n bits, replace_lane            store_lane  extract_lane, store n bits
//   load_splat  load n bits, splat                   load_zero   load n bits, replace_lane 0 of a zero vector
//   loadNxM     load 64 bits, splat, extend_low

import { Op, OpFD } from '../binary/index.ts';
import type { ByteWriter } from './byte-writer.ts';
import { kindOf } from './memory-access.ts';

const { prefixFD } = Op;

/** How a SIMD memory instruction is lowered. */
export interface VectorLowering {
  /** The scalar access's kind. */
  readonly kind: number;
  readonly form: 'splat' | 'extend' | 'zero' | 'load-lane' | 'store-lane';
  /** The register instruction (second opcode after 0xFD). */
  readonly operation: number;
}

const loads = [Op.i32Load8U, Op.i32Load16U, Op.i32Load, Op.i64Load] as const;
const stores = [Op.i32Store8, Op.i32Store16, Op.i32Store, Op.i64Store] as const;
const splats = [OpFD.i8x16Splat, OpFD.i16x8Splat, OpFD.i32x4Splat, OpFD.i64x2Splat] as const;
const replaces = [OpFD.i8x16ReplaceLane, OpFD.i16x8ReplaceLane, OpFD.i32x4ReplaceLane, OpFD.i64x2ReplaceLane] as const;
const extracts = [OpFD.i8x16ExtractLaneU, OpFD.i16x8ExtractLaneU, OpFD.i32x4ExtractLane, OpFD.i64x2ExtractLane] as const;
const extensions = [
  OpFD.i16x8ExtendLowI8x16S,
  OpFD.i16x8ExtendLowI8x16U,
  OpFD.i32x4ExtendLowI16x8S,
  OpFD.i32x4ExtendLowI16x8U,
  OpFD.i64x2ExtendLowI32x4S,
  OpFD.i64x2ExtendLowI32x4U,
] as const;

/** Lowerings by second opcode after 0xFD. */
export const vectorLowerings: ReadonlyMap<number, VectorLowering> = makeLowerings();

function makeLowerings(): Map<number, VectorLowering> {
  const map = new Map<number, VectorLowering>();
  const add = (first: number, form: VectorLowering['form'], scalars: readonly number[], operations: readonly number[]): void => {
    operations.forEach((operation, i) => {
      map.set(first + i, { kind: kindOf(scalars[i % scalars.length] as number), form, operation });
    });
  };
  add(OpFD.load8x8S, 'extend', [Op.i64Load], extensions);
  add(OpFD.load8Splat, 'splat', loads, splats);
  add(OpFD.load8Lane, 'load-lane', loads, replaces);
  add(OpFD.store8Lane, 'store-lane', stores, extracts);
  add(OpFD.load32Zero, 'zero', loads.slice(2), replaces.slice(2));
  return map;
}

/** Appends a SIMD instruction with at most one lane immediate. */
function emitVectorOperation(out: ByteWriter, operation: number, lane?: number): void {
  out.u8(prefixFD);
  out.u32(operation);
  if (lane !== undefined) out.u8(lane);
}

/**
 * Appends what follows the scalar load, whose value is on the stack. Locals: `scalar` has its type, `vector` holds the vector operand
 * of a load_lane.
 */
export function emitAfterLoad(out: ByteWriter, lowering: VectorLowering, lane: number, scalar: () => number, vector: number): void {
  switch (lowering.form) {
    case 'extend':
      emitVectorOperation(out, OpFD.i64x2Splat);
      emitVectorOperation(out, lowering.operation);
      return;
    case 'splat':
      emitVectorOperation(out, lowering.operation);
      return;
    default: {
      const held = scalar();
      out.set(held);
      if (lowering.form === 'zero') emitZeroVector(out);
      else out.get(vector);
      out.get(held);
      emitVectorOperation(out, lowering.operation, lane);
    }
  }
}

/** Appends the extraction of the lane to be stored; the vector is on the stack. */
export function emitExtractLane(out: ByteWriter, lowering: VectorLowering, lane: number): void {
  emitVectorOperation(out, lowering.operation, lane);
}

function emitZeroVector(out: ByteWriter): void {
  emitVectorOperation(out, OpFD.const);
  for (let i = 0; i < 16; i++) out.u8(0);
}
