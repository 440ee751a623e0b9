// Sketches of random programs: plain data that every choice of numbers makes a valid module of (encode.ts), so that fast-check can shrink it
// freely and a case that failed can be kept as it was printed. Expressions have no type: they become one of the type that is wanted where
// they stand. Indices count modulo what there is.
//
// What is drawn more often than chance would: addresses within 8 bytes of a page's edge or of the memory's end, offsets around a page, places
// in and around the function's own stack frame, alignment hints below the access's size. Accesses that are likely to end the program
// are rare, since what follows them is never seen.
//
// Groups: several accesses off one of a function's pointers, which are locals of their own that hold addresses, at offsets that are near each other
// or just a page apart, most of them in the same few pages; with anything between.

import fc from 'fast-check';

/** Bytes in one page of `memory.size`. */
export const WASM_PAGE = 65_536;

/** Offsets of accesses, by index. */
export const OFFSETS = [0, 1, 4, 8, 12, 4088, 4094, 4095, 4096, 4097, 65_536, 2 ** 31, 2 ** 32 - 4096, 2 ** 32 - 16, 2 ** 32 - 1] as const;
/** Offsets from a pointer, by index. */
export const GROUP_OFFSETS = [0, 4, 8, 12, 16, 1, 2, 24, 28, 32, 40, 60, 64, 128, 4080, 4084, 4088, 4092, 4095, 4096, 4100, 8190] as const;
/** Lengths of bulk accesses, by index. */
export const LENGTHS = [0, 1, 7, 100, 4095, 4096, 4097, 9000] as const;

/** Where an access goes. */
export type Place =
  /** `delta` bytes from the edge before a page, less the offset if that is possible; of `memory.size` at start, the last edge is the end. */
  | { readonly in: 'edge'; readonly page: number; readonly delta: number }
  /** The same, plus the lowest bits of a local. */
  | { readonly in: 'near edge'; readonly page: number; readonly delta: number; readonly mask: number; readonly local: number }
  /** From a pointer: `added` to it, and an offset. */
  | { readonly in: 'group'; readonly pointer: number; readonly added: number; readonly offset: number }
  /** From the frame pointer; `split` of the distance, which may be negative, is added, the rest is in the offset. `own`: the distance modulo the frame's bytes; `top`: from its end down. */
  | { readonly in: 'frame'; readonly whose: 'own' | 'any' | 'top'; readonly distance: number; readonly split: number }
  /** From the stack pointer. */
  | { readonly in: 'stack'; readonly distance: number }
  /** From 2^32 down. */
  | { readonly in: 'top'; readonly below: number }
  /** Any, in the first 64 KiB, or in the whole space. */
  | { readonly in: 'low' | 'space'; readonly at: Expression };

/** One load or store but for its value. */
export interface Access {
  readonly kind: number;
  readonly place: Place;
  /** Index of `OFFSETS`. */
  readonly offset: number;
  /** How much less than its size the access says it is aligned to, as a logarithm. */
  readonly unaligned: number;
}

/** What makes a value. */
export type Expression =
  | { readonly op: 'constant'; readonly value: number }
  | { readonly op: 'local'; readonly at: number }
  | { readonly op: 'global'; readonly at: number }
  | { readonly op: 'size' | 'stack pointer' }
  | { readonly op: 'tee'; readonly at: number; readonly value: Expression }
  | { readonly op: 'binary'; readonly by: number; readonly left: Expression; readonly right: Expression }
  | { readonly op: 'convert'; readonly by: number; readonly value: Expression }
  | { readonly op: 'select' | 'if'; readonly condition: Expression; readonly left: Expression; readonly right: Expression }
  | { readonly op: 'load'; readonly access: Access }
  | { readonly op: 'block'; readonly body: readonly Statement[]; readonly value: Expression }
  | {
      readonly op: 'call';
      readonly how: 'direct' | 'indirect' | 'mistyped';
      readonly at: number;
      readonly operands: readonly Expression[];
    }
  | { readonly op: 'grow'; readonly pages: number };

/** What is done. */
export type Statement =
  | { readonly do: 'set' | 'set global'; readonly at: number; readonly value: Expression }
  | { readonly do: 'drop'; readonly value: Expression }
  | { readonly do: 'store'; readonly access: Access; readonly value: Expression }
  /** Sets a pointer. */
  | { readonly do: 'point'; readonly pointer: number; readonly to: Place }
  /** Sets it to itself and so much, or to another. */
  | { readonly do: 'bump'; readonly pointer: number; readonly by: number }
  | { readonly do: 'point too'; readonly pointer: number; readonly to: number }
  /** Adds what is loaded to a global, so that it is seen at the end. */
  | { readonly do: 'gather'; readonly access: Access }
  /** Loads from a place and stores there. */
  | { readonly do: 'update'; readonly access: Access; readonly value: Expression }
  /** What belongs together. */
  | { readonly do: 'group'; readonly body: readonly Statement[] }
  /**
   * Calls a function with a stack pointer that is set by hand: such that the callee's frame begins at address `delta`, or the margin below
   * it `delta` bytes above the edge that is so many pages below the stack's top.
   */
  | {
      readonly do: 'call from';
      readonly where: 'floor' | 'margin';
      readonly pages: number;
      readonly delta: number;
      readonly after: 'restored' | 'left';
      readonly at: number;
      readonly operands: readonly Expression[];
    }
  | { readonly do: 'copy'; readonly to: Place; readonly from: Place; readonly length: number }
  | { readonly do: 'fill'; readonly to: Place; readonly length: number; readonly value: Expression }
  | { readonly do: 'init'; readonly to: Place; readonly from: number; readonly length: number }
  | { readonly do: 'drop data' | 'steal' | 'unreachable' }
  | { readonly do: 'if'; readonly condition: Expression; readonly body: readonly Statement[]; readonly otherwise: readonly Statement[] }
  | { readonly do: 'block'; readonly body: readonly Statement[] }
  | { readonly do: 'loop'; readonly times: number; readonly body: readonly Statement[] }
  | { readonly do: 'branch'; readonly depth: number; readonly condition: Expression }
  | { readonly do: 'table'; readonly depths: readonly number[]; readonly index: Expression }
  /** `unwinding` leaves the stack pointer as it is, as longjmp does. */
  | { readonly do: 'return'; readonly how: 'restoring' | 'unwinding'; readonly value: Expression }
  /** Sets the stack pointer, or the frame pointer. */
  | { readonly do: 'move stack' | 'move frame'; readonly to: Place };

/** How a function sets its stack frame up: what stands behind `global.get 0` and makes the frame pointer, and whether it moves the stack pointer. */
export const frameShapes = ['sub tee', 'sub set', 'add tee', 'add set', 'leaf', 'leaf tee used'] as const;

/** A function's stack frame. */
export interface Frame {
  readonly bytes: number;
  readonly shape: (typeof frameShapes)[number];
}

/** One function. */
export interface FunctionSketch {
  /** Types by index in `encode.ts`. */
  readonly parameters: readonly number[];
  readonly result: number;
  readonly frame: Frame | null;
  readonly body: readonly Statement[];
  readonly value: Expression;
}

/** A program. */
export interface ProgramSketch {
  readonly order: 'stack first' | 'data first';
  readonly stackTop: number;
  /** Initial and greatest size of memory. */
  readonly pages: number;
  readonly mostPages: number;
  /** Calls and turns of loops before everything returns. */
  readonly fuel: number;
  readonly functions: readonly FunctionSketch[];
  /** What is called from the start. */
  readonly calls: readonly { readonly at: number; readonly operands: readonly number[] }[];
}

const small = fc.nat(40);
const offset = fc.oneof(
  { weight: 12, arbitrary: fc.nat(4) },
  { weight: 6, arbitrary: fc.integer({ min: 5, max: 10 }) },
  { weight: 1, arbitrary: fc.nat(14) },
);
const delta = fc.integer({ min: -9, max: 8 });
const numbers = fc.oneof(
  fc.integer({ min: -3, max: 20 }),
  fc.constantFrom(4095, 4096, 65_535, 65_536, -4096, 0x7fff_ffff, -0x8000_0000, 0x5a5a_1234),
  fc.integer(),
);

// Not an interface: fast-check wants it to have an index.
type Grammar = {
  readonly expression: Expression;
  readonly statement: Statement;
  readonly body: readonly Statement[];
  readonly place: Place;
  readonly access: Access;
  readonly inGroup: Access;
  readonly member: Statement;
  readonly members: readonly Statement[];
  readonly inner: readonly Statement[];
};

/** Values that take no access and no branch. */
const plainValue: fc.Arbitrary<Expression> = fc.oneof(
  fc.record({ op: fc.constant('constant' as const), value: numbers }),
  fc.record({ op: fc.constant('local' as const), at: small }),
);
const hotPage = fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 2, arbitrary: fc.nat(60) });
const pointer = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) });
const groupOffset = fc.oneof({ weight: 4, arbitrary: fc.nat(9) }, { weight: 1, arbitrary: fc.nat(GROUP_OFFSETS.length - 1) });
const inGroup = fc.record({
  in: fc.constant('group' as const),
  pointer,
  added: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -32, max: 32 }) }),
  offset: groupOffset,
});

const { expression, statement, members } = fc.letrec<Grammar>((tie) => {
  const value = tie('expression');
  const weighted = <T>(...entries: readonly (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> =>
    fc.oneof({ depthSize: 'small', withCrossShrink: true, maxDepth: 6 }, ...entries.map(([weight, arbitrary]) => ({ weight, arbitrary })));
  return {
    expression: weighted<Expression>(
      [4, fc.record({ op: fc.constant('constant' as const), value: numbers })],
      [6, fc.record({ op: fc.constant('local' as const), at: small })],
      [1, fc.record({ op: fc.constant('global' as const), at: small })],
      [1, fc.record({ op: fc.constantFrom('size' as const, 'stack pointer' as const) })],
      [8, fc.record({ op: fc.constant('load' as const), access: tie('access') })],
      [4, fc.record({ op: fc.constant('binary' as const), by: fc.nat(99), left: value, right: value })],
      [2, fc.record({ op: fc.constant('convert' as const), by: small, value })],
      [2, fc.record({ op: fc.constant('tee' as const), at: small, value })],
      [1, fc.record({ op: fc.constantFrom('select' as const, 'if' as const), condition: value, left: value, right: value })],
      [1, fc.record({ op: fc.constant('block' as const), body: tie('body'), value })],
      [
        2,
        fc.record({
          op: fc.constant('call' as const),
          how: fc.oneof(
            { weight: 40, arbitrary: fc.constantFrom('direct' as const, 'indirect' as const) },
            { weight: 1, arbitrary: fc.constant('mistyped' as const) },
          ),
          at: small,
          operands: fc.array(value, { maxLength: 3 }),
        }),
      ],
      [1, fc.record({ op: fc.constant('grow' as const), pages: fc.oneof(fc.nat(2), fc.constantFrom(65_535, -1)) })],
    ),
    place: weighted<Place>(
      [6, fc.record({ in: fc.constant('edge' as const), page: fc.nat(60), delta })],
      [
        6,
        fc.record({
          in: fc.constant('near edge' as const),
          page: fc.nat(60),
          delta,
          mask: fc.constantFrom(0, 3, 7, 15, 4095),
          local: small,
        }),
      ],
      [
        6,
        fc.record({
          in: fc.constant('frame' as const),
          whose: fc.constant('top' as const),
          distance: fc.oneof(fc.integer({ min: 1000, max: 1100 }), fc.integer({ min: 1, max: 2100 })),
          split: fc.oneof(fc.constant(0), fc.integer({ min: -64, max: 64 })),
        }),
      ],
      [
        20,
        fc.record({
          in: fc.constant('frame' as const),
          whose: fc.constantFrom('own' as const, 'own' as const, 'any' as const),
          distance: fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: -40, max: 1200 }), fc.integer({ min: 0, max: 5000 })),
          split: fc.oneof(fc.constant(0), fc.nat(64), fc.nat(5000), fc.integer({ min: -64, max: -1 })),
        }),
      ],
      [6, inGroup],
      [2, fc.record({ in: fc.constant('stack' as const), distance: fc.integer({ min: -64, max: 200 }) })],
      [2, fc.record({ in: fc.constant('low' as const), at: value })],
    ),
    access: fc.record({
      kind: fc.nat(99),
      place: fc.oneof(
        { weight: 300, arbitrary: tie('place') },
        { weight: 1, arbitrary: fc.record({ in: fc.constant('top' as const), below: fc.nat(20) }) },
        { weight: 1, arbitrary: fc.record({ in: fc.constant('space' as const), at: value }) },
      ),
      offset,
      unaligned: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(4) }),
    }),
    statement: weighted<Statement>(
      [14, fc.record({ do: fc.constant('store' as const), access: tie('access'), value })],
      [6, fc.record({ do: fc.constantFrom('set' as const, 'set' as const, 'set' as const, 'set global' as const), at: small, value })],
      [4, fc.record({ do: fc.constant('drop' as const), value })],
      [2, fc.record({ do: fc.constant('steal' as const) })],
      [4, fc.record({ do: fc.constant('group' as const), body: tie('members') })],
      // From its second turn on, a group finds its pages.
      [6, fc.record({ do: fc.constant('loop' as const), times: fc.integer({ min: 2, max: 4 }), body: tie('members') })],
      [2, fc.record({ do: fc.constant('gather' as const), access: tie('access') })],
      [2, fc.record({ do: fc.constant('update' as const), access: tie('access'), value })],
      [1, fc.record({ do: fc.constant('point' as const), pointer, to: tie('place') })],
      [
        3,
        fc.record({
          do: fc.constant('call from' as const),
          where: fc.constantFrom('floor' as const, 'margin' as const),
          pages: fc.nat(5),
          delta: fc.integer({ min: -9, max: 60 }),
          after: fc.constantFrom('restored' as const, 'restored' as const, 'left' as const),
          at: small,
          operands: fc.array(value, { maxLength: 3 }),
        }),
      ],
      [1, fc.record({ do: fc.constant('copy' as const), to: tie('place'), from: tie('place'), length: small })],
      [1, fc.record({ do: fc.constant('fill' as const), to: tie('place'), length: small, value })],
      [1, fc.record({ do: fc.constant('init' as const), to: tie('place'), from: fc.nat(3), length: small })],
      [2, fc.record({ do: fc.constant('if' as const), condition: value, body: tie('body'), otherwise: tie('body') })],
      [1, fc.record({ do: fc.constant('block' as const), body: tie('body') })],
      [2, fc.record({ do: fc.constant('loop' as const), times: fc.integer({ min: 1, max: 6 }), body: tie('body') })],
      [1, fc.record({ do: fc.constant('branch' as const), depth: small, condition: value })],
      [1, fc.record({ do: fc.constant('table' as const), depths: fc.array(small, { minLength: 1, maxLength: 4 }), index: value })],
      [1, fc.record({ do: fc.constant('return' as const), how: fc.constantFrom('restoring' as const, 'unwinding' as const), value })],
      [1, fc.record({ do: fc.constantFrom('move stack' as const, 'move frame' as const), to: tie('place') })],
      [1, fc.record({ do: fc.constantFrom('drop data' as const, 'drop data' as const, 'unreachable' as const) })],
    ),
    body: fc.array(tie('statement'), { maxLength: 6, depthIdentifier: 'body' }),
    inGroup: fc.record({
      // Most are of those that are inlined, the scalar ones.
      kind: fc.oneof({ weight: 8, arbitrary: fc.nat(8) }, { weight: 1, arbitrary: fc.nat(99) }),
      place: inGroup,
      offset: fc.constant(0),
      unaligned: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(4) }),
    }),
    member: weighted<Statement>(
      [16, fc.record({ do: fc.constant('store' as const), access: tie('inGroup'), value: plainValue })],
      [16, fc.record({ do: fc.constant('gather' as const), access: tie('inGroup') })],
      [10, fc.record({ do: fc.constant('update' as const), access: tie('inGroup'), value: plainValue })],
      [3, fc.record({ do: fc.constant('bump' as const), pointer, by: fc.constantFrom(1, 4, 4, 8, -8, 12, 64, 4096, -4096) })],
      [1, fc.record({ do: fc.constant('point too' as const), pointer, to: pointer })],
      [3, fc.record({ do: fc.constant('steal' as const) })],
      [
        3,
        fc.record({ do: fc.constant('if' as const), condition: fc.oneof(plainValue, value), body: tie('inner'), otherwise: tie('inner') }),
      ],
      [3, fc.record({ do: fc.constant('loop' as const), times: fc.integer({ min: 1, max: 4 }), body: tie('inner') })],
      [1, fc.record({ do: fc.constant('block' as const), body: tie('inner') })],
      [1, fc.record({ do: fc.constant('group' as const), body: tie('members') })],
      [1, fc.record({ do: fc.constant('branch' as const), depth: small, condition: value })],
      [1, tie('statement')],
    ),
    inner: fc.array(tie('member'), { minLength: 1, maxLength: 4, depthIdentifier: 'body' }),
    members: fc
      .tuple(
        fc.record({
          do: fc.constant('point' as const),
          pointer,
          to: fc.oneof(
            {
              weight: 6,
              arbitrary: fc.record({
                in: fc.constant('edge' as const),
                page: hotPage,
                delta: fc.oneof(fc.integer({ min: -70, max: 16 }), fc.integer({ min: -14, max: -1 }), fc.integer({ min: 0, max: 4000 })),
              }),
            },
            { weight: 1, arbitrary: tie('place') },
          ),
        }),
        fc.array(tie('member'), { minLength: 1, maxLength: 8, depthIdentifier: 'body' }),
      )
      .map(([first, rest]): readonly Statement[] => [first, ...rest]),
  };
});

const frame = fc.record({
  bytes: fc.oneof(
    fc.constantFrom(16, 32, 48, 64, 1024, 1025, 1040, 2064, 4096, 8000),
    fc.constantFrom(1000, 1016, 1024, 1032, 1088, 1200, 1600, 2000),
    fc.integer({ min: 1, max: 300 }),
    fc.integer({ min: 1, max: 300 }).map((n) => n * 16),
  ),
  shape: fc.constantFrom(...frameShapes),
});

const anyPrograms: fc.Arbitrary<ProgramSketch> = fc.record({
  order: fc.constantFrom('stack first', 'stack first', 'data first'),
  stackTop: fc.oneof(
    fc.constantFrom(8192, 12_304, 20_480, 65_536, 65_536),
    fc.integer({ min: 600, max: 4096 }).map((n) => n * 16),
    // The margin below it ends a little above a page's edge.
    fc.tuple(fc.integer({ min: 2, max: 14 }), fc.nat(60)).map(([page, more]) => page * 4096 + 1024 + more * 16),
  ),
  pages: fc.integer({ min: 2, max: 4 }),
  mostPages: fc.integer({ min: 4, max: 6 }),
  fuel: fc.constantFrom(30, 100, 400),
  functions: fc.array(
    fc.record({
      parameters: fc.array(fc.nat(3), { maxLength: 3 }),
      result: fc.nat(3),
      frame: fc.oneof({ weight: 9, arbitrary: frame }, { weight: 1, arbitrary: fc.constant(null) }),
      body: fc.array(statement, { minLength: 2, maxLength: 16, size: 'medium' }),
      value: expression,
    }),
    { minLength: 1, maxLength: 5 },
  ),
  calls: fc.array(fc.record({ at: small, operands: fc.array(numbers, { maxLength: 3 }) }), { minLength: 1, maxLength: 6 }),
});

/** A store in the function's frame or up to `below` bytes under it. */
const frameStore = (below: number): fc.Arbitrary<Statement> => {
  const place = { in: fc.constant('frame' as const), whose: fc.constant('any' as const), split: fc.constant(0) };
  return fc.record({
    do: fc.constant('store' as const),
    access: fc.record({
      kind: fc.nat(99),
      place: fc.oneof(
        fc.record({ ...place, distance: fc.oneof(fc.integer({ min: -below, max: 0 }), fc.integer({ min: 0, max: 64 })) }),
        fc.record({
          ...place,
          whose: fc.constant('top' as const),
          distance: fc.integer({ min: 1, max: 1040 }),
          split: fc.oneof(fc.integer({ min: -64, max: -1 }), fc.nat(64)),
        }),
      ),
      // With the first, which is 0, all of a place is added to the frame pointer.
      offset: fc.constantFrom(0, 5, 5),
      unaligned: fc.constant(0),
    }),
    value: expression,
  });
};

/**
 * The same, but that the first function is called where the margin below the stack pointer ends at the edge of a page, or where its frame begins at
 * address 0; and what it does first is to store around its frame.
 */
const edgePrograms: fc.Arbitrary<ProgramSketch> = fc
  .record({
    program: anyPrograms,
    bytes: fc.constantFrom(1008, 1024, 1024, 1040, 1200, 1600, 2048),
    pages: fc.integer({ min: 2, max: 6 }),
    delta: fc.nat(3),
    start: fc.oneof(
      fc.record({ where: fc.constant('margin' as const), stores: fc.array(frameStore(64), { minLength: 3, maxLength: 8 }) }),
      // What is below address 0 is outside.
      fc.record({ where: fc.constant('floor' as const), stores: fc.array(frameStore(0), { minLength: 3, maxLength: 8 }) }),
    ),
  })
  .map(({ program, bytes, pages, delta, start }) => {
    const [first, ...others] = program.functions as [FunctionSketch, ...FunctionSketch[]];
    const frame = { bytes, shape: first.frame?.shape ?? 'sub tee' } as const;
    const called = { ...first, frame, body: [...start.stores, ...first.body] };
    const caller: FunctionSketch = {
      ...{ parameters: [], result: 0, frame: null, value: { op: 'constant', value: 1 } },
      body: [{ do: 'call from', where: start.where, pages: 0, delta: 16 * delta, after: 'restored', at: 0, operands: [] }],
    };
    const functions = [called, caller, ...others];
    const stackTop = pages * 4096 + 1024 + 16 * delta;
    return { ...program, stackTop, functions, calls: [{ at: 1, operands: [] }, ...program.calls] };
  });

/** The same, but that the first function is groups in loops and little else, which find their pages from the second turn on. */
const groupPrograms: fc.Arbitrary<ProgramSketch> = fc
  .record({ program: anyPrograms, groups: fc.array(members, { minLength: 1, maxLength: 4 }) })
  .map(({ program, groups }) => {
    const [first, ...others] = program.functions as [FunctionSketch, ...FunctionSketch[]];
    const body = groups.map((group): Statement => ({ do: 'loop', times: 3, body: group }));
    const called = { ...first, body, value: { op: 'constant', value: 1 } } as const;
    return { ...program, fuel: 100, functions: [called, ...others], calls: [{ at: 0, operands: [3, 2, 1] }, ...program.calls] };
  });

/** Random programs. */
export const programs: fc.Arbitrary<ProgramSketch> = fc.oneof(anyPrograms, edgePrograms, groupPrograms);
