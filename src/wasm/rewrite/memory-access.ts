// The kinds of access that generated code makes: every scalar load and store, and the two whole-vector ones. The other SIMD memory
// instructions are made of scalar ones (codegen-vector.ts).
//
// A kind's number is its opcode - 0x28 for the scalar ones, so that tables are indexed without a search.

import { Op, OpFD, ValueType } from '../binary/index.ts';

/** Number of `v128.load`. */
export const KIND_V128_LOAD = 23;
/** Number of `v128.store`. */
export const KIND_V128_STORE = 24;
/** How many kinds there are. */
export const KIND_COUNT = 25;

const LAST_LOAD = Op.i64Load32U - Op.i32Load;

/** log2 of the bytes accessed, by kind: i32 i64 f32 f64, narrow i32 loads, narrow i64 loads, stores the same way, v128. */
export const kindShift: Readonly<Uint8Array> = Uint8Array.of(2, 3, 2, 3, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 2, 3, 2, 3, 0, 1, 0, 1, 2, 4, 4);

const { i32, i64, f32, f64, v128 } = ValueType;

/** The type of the value loaded or stored, by kind. */
export const kindType: Readonly<Uint8Array> = Uint8Array.of(
  i32,
  i64,
  f32,
  f64,
  i32,
  i32,
  i32,
  i32,
  i64,
  i64,
  i64,
  i64,
  i64,
  i64,
  i32,
  i64,
  f32,
  f64,
  i32,
  i32,
  i64,
  i64,
  i64,
  v128,
  v128,
);

/** Returns the kind of a scalar access from its opcode. */
export const kindOf = (opcode: number): number => opcode - Op.i32Load;

/** Tells loads from stores. */
export const isLoad = (kind: number): boolean => kind <= LAST_LOAD || kind === KIND_V128_LOAD;

/** Whether guest page 0 can ever be valid; unmapped, it makes wrapped sums miss. */
export type NullPage = 'mapped' | 'unmapped';

/** Tells whether a sum of any base and this offset, taken in 32 bits, is valid only if it has not wrapped: else it is in page 0. */
export const isNear = (offset: number, nullPage: NullPage): boolean => offset === 0 || (offset < 4096 && nullPage === 'unmapped');

/** The opcode bytes of each kind's instruction, without its memarg. */
const kindOpcodes: readonly (readonly number[])[] = [
  ...Array.from({ length: KIND_V128_LOAD }, (_, kind) => [kind + Op.i32Load]),
  [Op.prefixFD, OpFD.load],
  [Op.prefixFD, OpFD.store],
];

/** Returns a kind's opcode bytes. */
export const kindOpcode = (kind: number): readonly number[] => kindOpcodes[kind] as readonly number[];

/** Names a kind as the helper function that performs it is named in stack traces. */
export function kindName(kind: number): string {
  const type = { [i32]: 'i32', [i64]: 'i64', [f32]: 'f32', [f64]: 'f64', [v128]: 'v128' }[kindType[kind] as number] ?? '';
  return `${isLoad(kind) ? 'load' : 'store'}-${type}-${8 << (kindShift[kind] as number)}-bits`;
}
