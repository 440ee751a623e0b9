// Every kind of access, in every form that the code generator tells apart, at every kind of address: the rewritten module on the
// unkind reference kernel must do what the plain one does on the engine, to memory as well.

import { describe, expect, it } from 'vitest';
import { buildModule, type FunctionSpec, signed, unsigned } from '../../../test/support/wasm/module-builder.ts';
import { type NullPage, ReferenceKernel, referenceLayout } from '../../../test/support/wasm/reference-kernel.ts';
import { ValueType } from '../binary/index.ts';
import { type Inlining, rewriteModule } from './index.ts';

const { i32, i64, f32, f64, v128 } = ValueType;
// Most calls trap, and only the message counts.
Error.stackTraceLimit = 0;

const PAGES = 3;
const SIZE = PAGES * 65_536;
const SPACE_PAGES = 2 ** 20;

/** Whether an access finds valid TLB words. */
type Words = 'warm' | 'cold';

type Call = (...values: unknown[]) => unknown;

/** A plain and a rewritten instance of one module, over equal memories. */
class Pair {
  readonly #plain: WebAssembly.Exports;
  readonly #rewritten: WebAssembly.Exports;
  readonly #kernel: ReferenceKernel;
  readonly #nullPage: NullPage;

  constructor(functions: readonly FunctionSpec[], nullPage: NullPage, inlining: Inlining) {
    const bytes = buildModule({ functions, memory: [PAGES] });
    this.#nullPage = nullPage;
    this.#plain = new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports;
    const rewritten = rewriteModule(bytes, { layout: referenceLayout, nullPage, inlining });
    this.#kernel = new ReferenceKernel(PAGES, undefined, nullPage);
    const quire = this.#kernel.imports(bytes, rewritten.info.data);
    this.#rewritten = new WebAssembly.Instance(new WebAssembly.Module(rewritten.bytes), { quire }).exports;
    const pattern = Uint8Array.from({ length: SIZE }, (_, i) => (i * 0x9e3779b1) >>> 23);
    this.#memory().set(pattern);
    this.#kernel.write(0, pattern);
  }

  #memory(): Uint8Array {
    return new Uint8Array((this.#plain['memory'] as WebAssembly.Memory).buffer);
  }

  /**
   * Calls a function of both and returns what each came to. `ea` and `size` say what it accesses; `words` whether the TLB knows the pages
   * there, and those that a sum cut to 32 bits would name, or no page at all.
   */
  call(name: string, values: readonly unknown[], ea: number, size: number, words: Words): readonly [plain: unknown, rewritten: unknown] {
    const page = Math.floor(ea / 4096);
    this.#kernel.warm(
      words === 'warm' ? [page - 1, page, page + 1, 0, 1, (page - 1) % SPACE_PAGES, page % SPACE_PAGES, (page + 1) % SPACE_PAGES] : [],
    );
    const trapsBefore = this.#kernel.traps;
    const null_ = this.#nullPage === 'unmapped' && ea < 4096;
    const outcome = (exports: WebAssembly.Exports): unknown => {
      try {
        return (exports[name] as Call)(...values);
      } catch (error) {
        return (error as Error).message;
      }
    };
    const plain = null_ ? 'memory access out of bounds' : outcome(this.#plain);
    const rewritten = outcome(this.#rewritten);
    // Only a word that is missing, or an address that is bad, is the kernel's business.
    const expectedTraps = words === 'cold' || plain === 'memory access out of bounds' ? 1 : 0;
    return [
      [plain, expectedTraps, this.#around(ea, size, 'plain')],
      [rewritten, this.#kernel.traps - trapsBefore, this.#around(ea, size, 'rewritten')],
    ];
  }

  // The bytes accessed and some on either side.
  #around(ea: number, size: number, which: 'plain' | 'rewritten'): string {
    const from = Math.max(0, Math.min(ea - 24, SIZE - 64));
    const bytes =
      which === 'plain' ? this.#memory().slice(from, from + size + 48) : this.#kernel.read(from, Math.min(size + 48, SIZE - from));
    return Buffer.from(bytes).toString('hex');
  }

  /** Returns both memories, whole. */
  memories(): readonly [Uint8Array, Uint8Array] {
    return [this.#memory(), this.#kernel.read(0, SIZE)];
  }
}

const get = (local: number): number[] => [0x20, local];
const memarg = (hint: number, offset: number): number[] => [...unsigned(hint), ...unsigned(offset)];

/** How the base gets onto the stack; parameter 0 is the base. */
const baseForms: Readonly<Record<string, readonly number[]>> = {
  local: get(0),
  stack: [...get(0), 0x41, 0, 0x6a],
  tee: [...get(0), 0x22, 0],
};
// Locals 0 base, 1 value.
const valueForms: Readonly<Record<string, readonly number[]>> = {
  local: get(1),
  stack: [...get(1), 0x02, 0x40, 0x0b],
  tee: [...get(1), 0x22, 1],
};

const OFFSETS = [0, 4, 4096, 1, 4088, 4095, 4100, 2 ** 31, 2 ** 32 - 8, 2 ** 32 - 1];

// Effective addresses worth trying: page edges with every straddle, the end of memory, both ends of the 32-bit space.
function bases(offset: number, size: number): number[] {
  const addresses = new Set<number>();
  for (const edge of [0, 4096, 65_536, SIZE, 2 ** 32, 2 ** 32 + 4096]) {
    for (let delta = -size - 1; delta <= size + 1; delta++) addresses.add(edge + delta - offset);
  }
  for (const base of [0, 1, 2, 4, 8, 2 ** 32 - 1, 2 ** 32 - 2, 2 ** 32 - 4, 2 ** 32 - 8, 2 ** 32 - 4096]) addresses.add(base);
  return [...addresses].filter((base) => base >= 0 && base < 2 ** 32);
}

interface Access {
  readonly opcode: readonly number[];
  readonly size: number;
  readonly type: number;
  readonly name: string;
}

const access = (name: string, opcode: number | readonly number[], size: number, type: number): Access => ({
  name,
  opcode: typeof opcode === 'number' ? [opcode] : opcode,
  size,
  type,
});

const loads: readonly Access[] = [
  access('i32.load', 0x28, 4, i32),
  access('i64.load', 0x29, 8, i64),
  access('f32.load', 0x2a, 4, f32),
  access('f64.load', 0x2b, 8, f64),
  access('i32.load8_s', 0x2c, 1, i32),
  access('i32.load8_u', 0x2d, 1, i32),
  access('i32.load16_s', 0x2e, 2, i32),
  access('i32.load16_u', 0x2f, 2, i32),
  access('i64.load8_s', 0x30, 1, i64),
  access('i64.load8_u', 0x31, 1, i64),
  access('i64.load16_s', 0x32, 2, i64),
  access('i64.load16_u', 0x33, 2, i64),
  access('i64.load32_s', 0x34, 4, i64),
  access('i64.load32_u', 0x35, 4, i64),
];
const stores: readonly Access[] = [
  access('i32.store', 0x36, 4, i32),
  access('i64.store', 0x37, 8, i64),
  access('f32.store', 0x38, 4, f32),
  access('f64.store', 0x39, 8, f64),
  access('i32.store8', 0x3a, 1, i32),
  access('i32.store16', 0x3b, 2, i32),
  access('i64.store8', 0x3c, 1, i64),
  access('i64.store16', 0x3d, 2, i64),
  access('i64.store32', 0x3e, 4, i64),
];
const simd = (second: number): number[] => [0xfd, ...unsigned(second)];
const vectorLoads: readonly Access[] = [
  access('v128.load', simd(0), 16, v128),
  ...[1, 2, 3, 4, 5, 6].map((op) => access(`v128.load extend ${op}`, simd(op), 8, v128)),
  access('v128.load8_splat', simd(7), 1, v128),
  access('v128.load16_splat', simd(8), 2, v128),
  access('v128.load32_splat', simd(9), 4, v128),
  access('v128.load64_splat', simd(10), 8, v128),
  access('v128.load32_zero', simd(92), 4, v128),
  access('v128.load64_zero', simd(93), 8, v128),
];

/** A function, its access, and what it is called with. */
interface Case {
  readonly spec: FunctionSpec;
  readonly offset: number;
  readonly size: number;
  readonly values: readonly unknown[];
}

/** The natural alignment at every offset; lesser hints, which only lead to the helper, at one. */
function hintedOffsets(size: number, offsets: readonly number[]): (readonly [hint: number, offset: number])[] {
  const natural = Math.log2(size);
  const lesser = Array.from({ length: natural }, (_, hint) => [hint, 4] as const);
  return [...lesser, ...offsets.map((offset) => [natural, offset] as const)];
}

function loadCases({ name, opcode, size, type }: Access, offsets: readonly number[]): Case[] {
  const cases: Case[] = [];
  for (const [form, base] of Object.entries(baseForms)) {
    for (const [hint, offset] of hintedOffsets(size, offsets)) {
      const code = [...base, ...opcode, ...memarg(hint, offset)];
      const label = `${name} ${form} hint ${hint} offset ${offset}`;
      if (type === v128) {
        for (const lane of [0, 1])
          cases.push({
            spec: { name: `${label} lane ${lane}`, parameters: [i32], results: [i64], code: [...code, ...simd(29), lane] },
            offset,
            size,
            values: [],
          });
      } else {
        cases.push({ spec: { name: label, parameters: [i32], results: [type], code }, offset, size, values: [] });
      }
    }
  }
  return cases;
}

const sampleValue = (type: number): unknown =>
  ({ [i32]: -0x5432_10ff, [i64]: -0x0123_4567_89ab_cdefn, [f32]: 1.5, [f64]: -12.75e-3 })[type];

function constantOf(type: number): number[] {
  if (type === i32) return [0x41, ...signed(-0x5432_10ff)];
  if (type === i64) return [0x42, ...signed(-0x0123_4567_89ab_cdefn)];
  return type === f32 ? [0x43, 1, 2, 3, 0x40] : [0x44, 1, 2, 3, 4, 5, 6, 7, 0x40];
}

function storeCases({ name, opcode, size, type }: Access, offsets: readonly number[]): Case[] {
  const cases: Case[] = [];
  for (const [form, base] of Object.entries(baseForms)) {
    for (const [valueForm, value] of Object.entries({ ...valueForms, constant: constantOf(type) })) {
      // All offsets with one form of base and value, and all forms with a few offsets.
      for (const [hint, offset] of hintedOffsets(size, form === valueForm ? offsets : offsets.slice(0, 3))) {
        const code = [...base, ...value, ...opcode, ...memarg(hint, offset)];
        const label = `${name} ${form} ${valueForm} hint ${hint} offset ${offset}`;
        cases.push({ spec: { name: label, parameters: [i32, type], code }, offset, size, values: [sampleValue(type)] });
      }
    }
  }
  return cases;
}

// The base of an access at a constant address is in the code, so one function per address.
function constantCases({ name, opcode, size, type }: Access, direction: 'load' | 'store'): Case[] {
  const cases: Case[] = [];
  for (const offset of [0, 8, 4095]) {
    for (const base of bases(offset, size)) {
      const value = direction === 'store' ? get(1) : [];
      const code = [0x41, ...signed(base | 0), ...value, ...opcode, ...memarg(Math.log2(size), offset)];
      const label = `${name} at ${base} + ${offset}`;
      const results = direction === 'load' ? [type] : [];
      cases.push({
        spec: { name: label, parameters: [i32, type], results, code },
        offset: base + offset,
        size,
        values: [sampleValue(type)],
      });
    }
  }
  return cases;
}

function compare(cases: readonly Case[], nullPage: NullPage, addressesOf: (test: Case) => readonly number[]): void {
  for (const inlining of ['everywhere', 'nowhere'] as const) compareInlined(cases, nullPage, inlining, addressesOf);
}

function compareInlined(
  cases: readonly Case[],
  nullPage: NullPage,
  inlining: Inlining,
  addressesOf: (test: Case) => readonly number[],
): void {
  const pair = new Pair(
    cases.map((test) => test.spec),
    nullPage,
    inlining,
  );
  for (const test of cases) {
    for (const base of addressesOf(test)) {
      for (const words of ['cold', 'warm'] as const) {
        const [plain, rewritten] = pair.call(test.spec.name ?? '', [base | 0, ...test.values], base + test.offset, test.size, words);
        // A message is made only for a difference: there are hundreds of thousands of comparisons.
        if (JSON.stringify(plain, stringify) !== JSON.stringify(rewritten, stringify)) {
          expect(rewritten, `${test.spec.name ?? ''} from ${base}, page 0 ${nullPage}, inlined ${inlining}, ${words}`).toEqual(plain);
        }
      }
    }
  }
  const [plain, rewritten] = pair.memories();
  expect(Buffer.from(rewritten).equals(Buffer.from(plain))).toBe(true);
}

const stringify = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : Number.isNaN(value) ? 'NaN' : value);
const everywhere = (test: Case): number[] => bases(test.offset, test.size);

describe.each(['mapped', 'unmapped'] as const)('accesses behave as without rewriting, page 0 %s', (nullPage) => {
  it.each(loads)('$name', (load) => compare(loadCases(load, OFFSETS), nullPage, everywhere));
  it.each(stores)('$name', (store) => compare(storeCases(store, OFFSETS), nullPage, everywhere));
  it.each(vectorLoads)('$name', (load) => compare(loadCases(load, [0, 4, 4096, 2 ** 32 - 16]), nullPage, everywhere));
  it.each(loads)('$name at constant addresses', (load) => compare(constantCases(load, 'load'), nullPage, () => [0]));
  it.each(stores)('$name at constant addresses', (store) => compare(constantCases(store, 'store'), nullPage, () => [0]));
});

// Parameters base, low and high half; the vector under the lane instruction is made of both.
const makeVector = [...get(1), ...simd(18), ...get(2), ...simd(30), 1];
const LOW = 0x1122_3344_5566_7788n;
const HIGH = -0x0807_0605_0403_0201n;

describe('vector stores and lanes behave as without rewriting', () => {
  const sizes = [1, 2, 4, 8];
  it('v128.store', () => {
    const cases = [0, 1, 2, 3, 4].flatMap((hint) =>
      [0, 12, 4096].map(
        (offset): Case => ({
          spec: {
            name: `hint ${hint} offset ${offset}`,
            parameters: [i32, i64, i64],
            code: [...get(0), ...makeVector, ...simd(11), ...memarg(hint, offset)],
          },
          offset,
          size: 16,
          values: [LOW, HIGH],
        }),
      ),
    );
    compare(cases, 'mapped', everywhere);
  });

  it.each(sizes)('store_lane of %i bytes', (size) => {
    const cases = [0, 12, 4096].flatMap((offset) =>
      [0, 16 / size - 1].map(
        (lane): Case => ({
          spec: {
            name: `offset ${offset} lane ${lane}`,
            parameters: [i32, i64, i64],
            code: [...get(0), ...makeVector, ...simd(88 + Math.log2(size)), ...memarg(Math.log2(size), offset), lane],
          },
          offset,
          size,
          values: [LOW, HIGH],
        }),
      ),
    );
    compare(cases, 'mapped', everywhere);
  });

  it.each(sizes)('load_lane of %i bytes', (size) => {
    const cases = [0, 12, 4096].flatMap((offset) =>
      [0, 16 / size - 1].flatMap((lane) =>
        [0, 1].map(
          (half): Case => ({
            spec: {
              name: `offset ${offset} lane ${lane} half ${half}`,
              parameters: [i32, i64, i64],
              results: [i64],
              code: [...get(0), ...makeVector, ...simd(84 + Math.log2(size)), ...memarg(Math.log2(size), offset), lane, ...simd(29), half],
            },
            offset,
            size,
            values: [LOW, HIGH],
          }),
        ),
      ),
    );
    compare(cases, 'mapped', everywhere);
  });
});
