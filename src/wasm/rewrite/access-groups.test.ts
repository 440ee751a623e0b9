// Accesses that share a check: which they are, and that code with groups does what the original does, on the unkind reference kernel.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildModule, type FunctionSpec, signed, unsigned } from '../../../test/support/wasm/module-builder.ts';
import { type NullPage, ReferenceKernel, referenceLayout } from '../../../test/support/wasm/reference-kernel.ts';
import { ACCESS_READ, ACCESS_WRITE } from '../../machine/index.ts';
import { ValueType } from '../binary/index.ts';
import { type Inlining, rewriteModule } from './index.ts';

const { i32, i64 } = ValueType;
Error.stackTraceLimit = 0;

const PAGE = 4096;
const PAGES = 2;
const SIZE = PAGES * 65_536;

// Locals: two bases, a third one, a sum, how often loops may begin again.
const P = 0;
const Q = 1;
const R = 2;
const SUM = 3;
const FUEL = 4;

const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
const constant = (value: number): number[] => [0x41, ...signed(value)];
const plus = (value: number): number[] => [...constant(value), 0x6a];
/** Loads 2^shift bytes without sign. */
const load = (shift: number, offset: number, hint = shift): number[] => [
  [0x31, 0x33, 0x35, 0x29][shift] as number,
  hint,
  ...unsigned(offset),
];
const store = (shift: number, offset: number, hint = shift): number[] => [
  [0x3c, 0x3d, 0x3e, 0x37][shift] as number,
  hint,
  ...unsigned(offset),
];
/** sum = rotl(sum, 7) ^ what is on the stack. */
const mix = [...get(SUM), 0x42, 7, 0x89, 0x85, ...set(SUM)];
/** Lets the kernel in: memory.grow by nothing. */
const grow = [...constant(0), 0x40, 0, 0x1a];

const body = (code: readonly number[]): FunctionSpec => ({
  name: 'run',
  parameters: [i32, i32],
  results: [i64],
  locals: [i32, i64, i32],
  code: [...code, ...get(SUM)],
});

const moduleOf = (code: readonly number[]): Uint8Array => buildModule({ functions: [body(code)], memory: [PAGES, PAGES] });

const rewrite = (module: Uint8Array, nullPage: NullPage, inlining: Inlining): ReturnType<typeof rewriteModule> =>
  rewriteModule(module, { layout: referenceLayout, nullPage, inlining });

/** How many accesses of the code are in groups, and how many are alone. */
function counts(code: readonly number[], nullPage: NullPage = 'unmapped', inlining: Inlining = 'everywhere'): readonly [number, number] {
  const { grouped, inlined } = rewrite(moduleOf(code), nullPage, inlining).counts;
  return [grouped, inlined];
}

const field = (base: number, offset: number, shift = 2): number[] => [...get(base), ...load(shift, offset), ...mix];
const put = (base: number, offset: number, shift = 2): number[] => [...get(base), ...get(SUM), ...store(shift, offset)];
const onlyIf = (then: readonly number[], otherwise: readonly number[] = []): number[] => [
  ...get(FUEL),
  0x04,
  0x40,
  ...then,
  ...(otherwise.length > 0 ? [0x05, ...otherwise] : []),
  0x0b,
];
const block = (inside: readonly number[]): number[] => [0x02, 0x40, ...inside, 0x0b];
/** Does it once, and again while there is fuel. */
const again = (inside: readonly number[]): number[] => [
  ...[0x03, 0x40, ...inside],
  ...[...get(FUEL), ...plus(-1), ...tee(FUEL), ...constant(0), 0x4a, 0x0d, 0, 0x0b],
];

describe('accesses are in one group', () => {
  it.each([
    ['off one base', [...field(P, 0), ...field(P, 4), ...field(P, 8)], [3, 0]],
    [
      'off a base and the sum of it and a constant',
      [...field(P, 8), ...get(P), ...plus(-4), ...tee(R), ...load(2, 4), ...mix, ...field(R, 0)],
      [3, 0],
    ],
    [
      'off a base and the difference of it and a constant',
      [...field(P, 0), ...get(P), ...constant(8), 0x6b, ...load(2, 0), ...mix],
      [2, 0],
    ],
    ['off a copy', [...field(P, 0), ...get(P), ...set(R), ...field(R, 4)], [2, 0]],
    ['a load and a store to the same address', [...get(P), ...get(P), ...load(3, 2048), ...store(3, 2048)], [2, 0]],
    ['of two bases, side by side', [...field(P, 0), ...field(Q, 0), ...put(P, 4), ...put(Q, 4)], [4, 0]],
    [
      'in a block and its arms, and behind them',
      [...field(P, 0), ...block([...onlyIf(field(P, 0), field(P, 0)), 0x0c, 0]), ...field(P, 0)],
      [4, 0],
    ],
    ['in a loop that lets nobody in', [...field(P, 0), ...again(field(P, 0)), ...field(P, 0)], [3, 0]],
    ['in the arm that lets nobody in', [...field(P, 0), ...onlyIf(grow, field(P, 0))], [2, 0]],
    ['over 64 bytes, not more', [...field(P, 60), ...field(P, 0)], [2, 0]],
  ])('%s', (_, code, expected) => expect(counts(code)).toEqual(expected));

  it('with page 0 mapped, where they add nothing', () => {
    expect(counts([...field(P, 0), ...put(P, 0)], 'mapped')).toEqual([2, 0]);
    expect(counts([...field(P, 0), ...get(P), ...plus(8), ...load(2, 0), ...mix], 'mapped')).toEqual([2, 0]);
    expect(counts([...field(P, 4), ...put(P, 4)], 'mapped')).toEqual([0, 2]);
  });

  it('in loops only, where only loops are inlined', () => {
    expect(counts([...field(P, 0), ...again([...field(P, 0), ...field(P, 4)])], 'unmapped', 'loops')).toEqual([2, 0]);
  });
});

describe('accesses are not in one group', () => {
  it.each([
    ['off two bases', [...field(P, 0), ...field(Q, 0)], [0, 2]],
    ['when the base was set', [...field(P, 0), ...get(Q), ...set(P), ...field(P, 0)], [0, 2]],
    ['when one path set it', [...field(P, 0), ...onlyIf([...get(Q), ...set(P)]), ...field(P, 0)], [0, 2]],
    ['when a loop sets it', [...field(P, 0), ...again([...field(P, 0), ...get(P), ...plus(4), ...set(P)])], [0, 2]],
    ['when the kernel was let in', [...field(P, 0), ...grow, ...field(P, 0)], [0, 2]],
    ['when it was on one path', [...field(P, 0), ...onlyIf(grow), ...field(P, 0)], [0, 2]],
    ['when it is in the loop', [...field(P, 0), ...again([...field(P, 0), ...grow])], [0, 2]],
    [
      'when a helper did an access, since its hint was false',
      [...field(P, 0), ...get(Q), ...load(2, 0, 1), ...mix, ...field(P, 0)],
      [0, 2],
    ],
    ['of different arms', [...onlyIf(field(P, 0), field(P, 0))], [0, 2]],
    ['behind a block, of what is only in it', [...block(field(P, 0)), ...field(P, 0)], [0, 2]],
    ['over 65 bytes', [...field(P, 61), ...field(P, 0)], [0, 2]],
    ['a store that is not made each time, with loads', [...field(P, 0), ...onlyIf(put(P, 0))], [0, 2]],
    ['what is not accessed each time, beyond the others', [...field(P, 0), ...onlyIf(field(P, 4))], [0, 2]],
    ['beyond a page from the base', [...field(P, 4096), ...field(P, 4096)], [0, 2]],
    ['at constant addresses', [...constant(5000), ...load(2, 0), ...mix, ...constant(5000), ...load(2, 4), ...mix], [0, 2]],
  ])('%s', (_, code, expected) => expect(counts(code)).toEqual(expected));
});

/** What a call came to: its result or the engine's word, and all of memory. */
interface Outcome {
  readonly result: unknown;
  readonly memory: string;
}

const pattern = Uint8Array.from({ length: SIZE }, (_, i) => (i * 0x9e3779b1) >>> 23);

function outcome(run: () => unknown, memory: () => Uint8Array): Outcome {
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    result = (error as Error).message;
  }
  return { result, memory: createHash('sha1').update(memory()).digest('hex') };
}

const runOf = ({ exports }: WebAssembly.Instance): ((p: number, q: number) => unknown) =>
  exports['run'] as (p: number, q: number) => unknown;

/** A module as it is, with groups, and with every access by a helper. */
class Trio {
  readonly #plain: WebAssembly.Instance;
  readonly #nullPage: NullPage;
  readonly #kernels: readonly (readonly [WebAssembly.Instance, ReferenceKernel])[];

  constructor(code: readonly number[], nullPage: NullPage) {
    const module = moduleOf([...get(P), ...set(R), ...constant(5), ...set(FUEL), ...code]);
    this.#nullPage = nullPage;
    this.#plain = new WebAssembly.Instance(new WebAssembly.Module(module as Uint8Array<ArrayBuffer>));
    this.#kernels = (['everywhere', 'nowhere'] as const).map((inlining) => {
      const { bytes, info } = rewrite(module, nullPage, inlining);
      const kernel = new ReferenceKernel(PAGES, PAGES, nullPage);
      return [new WebAssembly.Instance(new WebAssembly.Module(bytes), { quire: kernel.imports(module, info.data) }), kernel];
    });
  }

  compare(p: number, q: number, warm: readonly number[], access: number): void {
    // A view of its own each time: memory.grow detaches the buffer.
    const memory = (): Uint8Array => new Uint8Array((this.#plain.exports['memory'] as WebAssembly.Memory).buffer);
    memory().set(pattern);
    const plain = outcome(() => runOf(this.#plain)(p, q), memory);
    const [grouped, called] = this.#kernels.map(([instance, kernel]) => {
      kernel.write(0, pattern);
      kernel.warm(warm, access);
      const before = kernel.traps;
      let traps = 0;
      const run = (): unknown => {
        try {
          return runOf(instance)(p, q);
        } finally {
          traps = kernel.traps - before;
        }
      };
      return { ...outcome(run, () => kernel.read(0, SIZE)), traps };
    });
    // The same events, whatever shares a check.
    expect(grouped).toEqual(called);
    // What the original finds in page 0, where there is one for it only, is its own.
    const isOutside = called?.result === 'memory access out of bounds';
    if (this.#nullPage === 'mapped' || !isOutside) expect(grouped).toEqual({ ...plain, traps: called?.traps });
  }
}

const offsets = fc.constantFrom(0, 0, 4, 8, 12, 16, 40, 56, 4088, 4096);
const bases = fc.constantFrom(P, P, Q, R);
const shifts = fc.nat(3);
const shiftAndHint = fc.tuple(shifts, fc.constantFrom(0, 0, 0, 1)).map(([shift, less]) => [shift, Math.max(0, shift - less)] as const);
const address = fc.tuple(bases, fc.constantFrom(0, 0, 4, -8, 64)).map(([base, more]) => [...get(base), ...(more === 0 ? [] : plus(more))]);

const { statements } = fc.letrec<{ statements: number[]; statement: number[] }>((tie) => ({
  statement: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(address, shiftAndHint, offsets).map(([base, [shift, hint], offset]) => [...base, ...load(shift, offset, hint), ...mix]),
    fc.tuple(address, shiftAndHint, offsets).map(([base, [shift, hint], offset]) => [...base, ...get(SUM), ...store(shift, offset, hint)]),
    fc.tuple(bases, shifts, offsets).map(([base, shift, offset]) => [...field(base, offset, shift), ...put(base, offset, shift)]),
    fc.tuple(address, bases).map(([value, base]) => [...value, ...set(base)]),
    fc
      .tuple(address, bases, shifts, offsets)
      .map(([value, base, shift, offset]) => [...value, ...tee(base), ...load(shift, offset), ...mix]),
    fc.constant(grow),
    tie('statements').map(block),
    tie('statements').map((inside) => block([...get(SUM), 0xa7, ...constant(4), 0x71, 0x0d, 0, ...inside])),
    fc.tuple(tie('statements'), tie('statements')).map(([then, otherwise]) => onlyIf(then, otherwise)),
    tie('statements').map(again),
  ),
  statements: fc.array(tie('statement'), { minLength: 1, maxLength: 6 }).map((each) => each.flat()),
}));

// Around the edges of pages, of memory and of the space.
const places = fc
  .tuple(fc.constantFrom(PAGE, 2 * PAGE, 65_536, SIZE, 0, 2 ** 32), fc.integer({ min: -72, max: 72 }))
  .map(([edge, delta]) => (edge + delta) | 0);
const aligned = places.map((place) => place & ~7);

describe.each(['mapped', 'unmapped'] as const)('with page 0 %s', (nullPage) => {
  it.each([
    ['a miss in the rest of a loop', [...field(P, 0), ...again([...field(P, 0), ...field(Q, 0)])]],
    ['a helper in the rest of a loop', [...field(P, 0), ...again([...field(P, 0), ...get(Q), ...load(2, 0, 1), ...mix])]],
    ['a helper in a block', [...field(P, 0), ...block([...get(Q), ...load(2, 0, 1), ...mix]), ...field(P, 0)]],
    ['a miss in an arm', [...field(P, 0), ...onlyIf(field(Q, 0)), ...field(P, 0)]],
  ])('a page is stolen between two accesses of a group, by %s', (_, code) => {
    new Trio(code, nullPage).compare(3 * PAGE, 5 * PAGE, [3], ACCESS_WRITE);
  });

  it('a group over the edge of a page by any part of it is no group', () => {
    for (const shift of [0, 1, 2, 3]) {
      for (const offset of nullPage === 'mapped' ? [0] : [0, 8, 40]) {
        const trio = new Trio(
          [...get(P), ...plus(8), ...load(shift, 0), ...mix, ...field(P, offset, shift), ...put(P, 0, shift)],
          nullPage,
        );
        for (let p = 2 * PAGE - 64; p < 2 * PAGE + 8; p++) trio.compare(p, p, [1, 2], ACCESS_WRITE);
      }
    }
  });

  it('code with groups does what the original does, and the kernel hears the same', () => {
    let grouped = 0;
    fc.assert(
      fc.property(
        statements,
        fc.array(fc.tuple(fc.oneof(aligned, places), fc.oneof(aligned, places)), { minLength: 3, maxLength: 5 }),
        (code, calls) => {
          grouped += counts(code, nullPage)[0];
          const trio = new Trio([...code, ...code], nullPage);
          for (const [p, q] of calls) {
            const around = (base: number): number[] => [-1, 0, 1].map((more) => ((base >>> 12) + more) & 0xf_ffff);
            const pages = [...around(p), ...around(q)];
            trio.compare(p, q, [], ACCESS_READ);
            trio.compare(p, q, pages, ACCESS_READ);
            trio.compare(p, q, pages, ACCESS_WRITE);
            trio.compare(p, q, around(p), ACCESS_WRITE);
          }
        },
      ),
      { numRuns: 80, seed: 11 },
    );
    expect(grouped).toBeGreaterThan(60);
  });
});
