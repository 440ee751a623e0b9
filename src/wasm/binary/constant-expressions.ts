// Constant expressions (specification, 3.3.7 and 5.4.9): initial values of globals, offsets of segments, items of element segments.

import type { ByteReader } from './byte-reader.ts';
import { describeUnknownOpcode, Op, OpFD } from './opcodes.ts';

/**
 * What an expression is worth before the program runs: a known i32 (unsigned), the value of an imported global, `other` (a constant
 * of another type), or `extended` (arithmetic on constants, the extended-const proposal).
 */
export type Constant =
  | { readonly kind: 'i32'; readonly value: number }
  | { readonly kind: 'global'; readonly index: number }
  | { readonly kind: 'other' }
  | { readonly kind: 'extended' };

/** Told where a function index lies in the file: `[start, end)` and its value. */
export type FunctionIndexVisitor = (start: number, end: number, functionIndex: number) => void;

/** Reads one expression with its `end`; `visit` sees the function indices in it (`ref.func`). */
export function readConstant(reader: ByteReader, visit: FunctionIndexVisitor): Constant {
  let result: Constant = { kind: 'other' };
  for (let operators = 0; ; operators++) {
    const opcode = reader.u8();
    if (opcode === Op.end) return operators > 1 ? { kind: 'extended' } : result;
    result = readOperator(reader, opcode, visit);
  }
}

function readOperator(reader: ByteReader, opcode: number, visit: FunctionIndexVisitor): Constant {
  switch (opcode) {
    case Op.i32Const:
      return { kind: 'i32', value: reader.s32() >>> 0 };
    case Op.globalGet:
      return { kind: 'global', index: reader.u32() };
    case Op.i64Const:
      reader.skipLeb(10);
      break;
    case Op.f32Const:
      reader.skip(4);
      break;
    case Op.f64Const:
      reader.skip(8);
      break;
    case Op.refNull:
      reader.u8();
      break;
    case Op.refFunc:
      visitFunctionIndex(reader, visit);
      break;
    case Op.prefixFD:
      readVectorConstant(reader);
      break;
    case Op.i32Add:
    case Op.i32Sub:
    case 0x6c:
    case Op.i64Add:
    case 0x7d:
    case Op.i64Mul:
      break;
    default:
      reader.fail(`a constant expression uses ${describeUnknownOpcode(opcode)}`, reader.position - 1);
  }
  return { kind: 'other' };
}

/** Reads a function index and shows it to `visit`. */
export function visitFunctionIndex(reader: ByteReader, visit: FunctionIndexVisitor): void {
  const start = reader.position;
  const index = reader.u32();
  visit(start, reader.position, index);
}

function readVectorConstant(reader: ByteReader): void {
  const at = reader.position;
  if (reader.u32() !== OpFD.const) reader.fail('a constant expression uses a SIMD instruction that is not v128.const', at);
  reader.skip(16);
}
