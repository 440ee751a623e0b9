// What a rewritten module is as a whole: bulk memory against the plain module on random operations, renumbering, what is exported,
// and that engine-reported positions lead back to the original file.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildModule, type ModuleSpec, signed, unsigned } from '../../../test/support/wasm/module-builder.ts';
import { ReferenceKernel, referenceLayout } from '../../../test/support/wasm/reference-kernel.ts';
import { UsageError } from '../../base/index.ts';
import { readModule, SegmentKind, ValueType } from '../binary/index.ts';
import { type RewrittenModule, rewriteModule, STACK_POINTER_EXPORT } from './index.ts';

const { i32 } = ValueType;
const MAXIMUM_PAGES = 4;
const get = (local: number): number[] => [0x20, local];
const call = (index: number): number[] => [0x10, ...unsigned(index)];

type Exports = Record<string, (...values: number[]) => unknown>;

interface Running {
  readonly exports: Exports;
  readonly kernel: ReferenceKernel;
  readonly rewritten: RewrittenModule;
}

function startRewritten(spec: ModuleSpec, imports: WebAssembly.Imports = {}): Running {
  const bytes = buildModule(spec);
  const rewritten = rewriteModule(bytes, { layout: referenceLayout, nullPage: 'mapped' });
  const kernel = new ReferenceKernel(spec.memory?.[0] ?? 0, spec.memory?.[1]);
  const { data } = rewritten.info;
  for (let i = 0; i < data.count; i++) {
    const start = data.fileOffset[i] as number;
    if (data.kind[i] === SegmentKind.activeAtConstant)
      kernel.write(data.offset[i] as number, bytes.subarray(start, start + (data.length[i] as number)));
  }
  const quire = kernel.imports(bytes, data);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(rewritten.bytes), { ...imports, quire });
  return { exports: instance.exports as Exports, kernel, rewritten };
}

const startPlain = (spec: ModuleSpec, imports: WebAssembly.Imports = {}): Exports =>
  new WebAssembly.Instance(new WebAssembly.Module(buildModule(spec)), imports).exports as Exports;

const text = (value: string): number[] => [...new TextEncoder().encode(value)];
const three = [i32, i32, i32];
const bulk: ModuleSpec = {
  memory: [2, MAXIMUM_PAGES],
  data: [
    { at: 100, bytes: text('active') },
    { bytes: text('a passive segment') },
    { at: 4090, bytes: text('over the edge') },
    { bytes: [] },
  ],
  functions: [
    { name: 'copy', parameters: three, code: [...get(0), ...get(1), ...get(2), 0xfc, 10, 0, 0] },
    { name: 'fill', parameters: three, code: [...get(0), ...get(1), ...get(2), 0xfc, 11, 0] },
    ...[0, 1, 2, 3].flatMap((segment) => [
      { name: `init${segment}`, parameters: three, code: [...get(0), ...get(1), ...get(2), 0xfc, 8, segment, 0] },
      { name: `drop${segment}`, code: [0xfc, 9, segment] },
    ]),
    { name: 'size', results: [i32], code: [0x3f, 0] },
    { name: 'grow', parameters: [i32], results: [i32], code: [...get(0), 0x40, 0] },
    { name: 'store', parameters: [i32, i32], code: [...get(0), ...get(1), 0x36, 2, 0] },
  ],
};

const outcome = (action: () => unknown): string => {
  try {
    return String(action());
  } catch (error) {
    return (error as Error).message;
  }
};

describe('bulk memory', () => {
  const place = fc.oneof(
    fc.integer({ min: 0, max: 9000 }),
    fc.constantFrom(4095, 4096, 4097, 131_071, 131_072, 131_073, -1, -4096, 0x4_0000 - 3),
    fc.integer({ min: 131_000, max: 131_100 }),
  );
  const length = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 4000, max: 9000 }), fc.constantFrom(0, 4096, 65_536, -1));
  const operation = fc.oneof(
    fc.record({ name: fc.constant('copy'), values: fc.tuple(place, place, length) }),
    fc.record({ name: fc.constant('fill'), values: fc.tuple(place, fc.integer(), length) }),
    fc.record({
      name: fc.constantFrom('init0', 'init1', 'init2', 'init3'),
      values: fc.tuple(place, fc.integer({ min: -1, max: 20 }), fc.integer({ min: 0, max: 20 })),
    }),
    fc.record({ name: fc.constant('store'), values: fc.tuple(place, fc.integer()) }),
    fc.record({ name: fc.constantFrom('drop1', 'drop2', 'size'), values: fc.constant([]) }),
    fc.record({ name: fc.constant('grow'), values: fc.tuple(fc.integer({ min: -1, max: 2 })) }),
  );

  it('does what the plain module does, for any sequence', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const plain = startPlain(bulk);
        const { exports, kernel } = startRewritten(bulk);
        for (const { name, values } of operations) {
          expect(outcome(() => exports[name]?.(...values))).toBe(outcome(() => plain[name]?.(...values)));
        }
        const memory = new Uint8Array((plain['memory'] as unknown as WebAssembly.Memory).buffer);
        expect(Buffer.from(kernel.read(0, memory.length)).equals(memory)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

// Imports 0, 1; own functions from 2. Calls, a table, a start function and references all name functions by index.
const referring: ModuleSpec = {
  imports: ['first', 'second'],
  memory: [1],
  globals: [66_560],
  elements: [2, 1, 3],
  start: 4,
  functions: [
    { name: 'seven', results: [i32], code: [0x41, 7] },
    { name: 'callBoth', results: [i32], code: [...call(0), ...call(1), ...call(2)] },
    { code: [...call(1)] },
    { name: 'indirect', parameters: [i32], results: [i32], code: [...get(0), 0x11, 1, 0] },
  ],
};

describe('a rewritten module', () => {
  const counting = (): { log: string[]; imports: WebAssembly.Imports } => {
    const log: string[] = [];
    return { log, imports: { env: { first: () => log.push('first'), second: () => log.push('second') } } };
  };

  it('calls the functions that the original calls', () => {
    const plain = counting();
    const rewritten = counting();
    const expected = startPlain(referring, plain.imports);
    const { exports } = startRewritten(referring, rewritten.imports);
    for (const [name, values] of [
      ['callBoth', []],
      ['seven', []],
      ['indirect', [0]],
      ['indirect', [2]],
      ['indirect', [1]],
      ['indirect', [9]],
    ] as const) {
      expect(outcome(() => exports[name]?.(...values))).toBe(outcome(() => expected[name]?.(...values)));
    }
    expect(rewritten.log).toEqual(plain.log);
  });

  it('exports the stack pointer and never its memory', () => {
    const { exports, rewritten } = startRewritten(referring, counting().imports);
    expect((exports[STACK_POINTER_EXPORT] as unknown as WebAssembly.Global).value).toBe(66_560);
    expect(WebAssembly.Module.exports(new WebAssembly.Module(rewritten.bytes)).filter((entry) => entry.kind === 'memory')).toEqual([]);
  });

  it('is refused by the engine where the memory is too small for the tables', () => {
    const { rewritten, kernel } = startRewritten(referring, counting().imports);
    const quire = { ...kernel.imports(rewritten.info.bytes, rewritten.info.data), ram: new WebAssembly.Memory({ initial: 1 }) };
    expect(() => new WebAssembly.Instance(new WebAssembly.Module(rewritten.bytes), { ...counting().imports, quire })).toThrow(
      WebAssembly.LinkError,
    );
  });

  it("carries the names of functions at their new indices, and the helpers' own", () => {
    const names = [1, 8, 1, 2, 5, ...text('seven')];
    const spec: ModuleSpec = {
      ...referring,
      customs: [
        { name: 'name', bytes: names },
        { name: 'branch_hints', bytes: [1, 2, 3] },
      ],
    };
    const { rewritten } = startRewritten(
      { ...spec, functions: [...spec.functions, { code: [0x41, 0, 0x28, 0, 0, 0x1a] }] },
      counting().imports,
    );
    const result = readModule(rewritten.bytes);
    expect(rewritten.info.functionName(2)).toBe('seven');
    expect(result.functionName(9)).toBe('seven');
    expect(result.functionName(2)).toBe('quire:trap');
    expect(result.functionName(result.functionTypes.length - 1)).toBe('quire:load-i32-32-bits');
    expect(result.sections.filter((section) => section.id === 0).map((section) => section.name)).toEqual([
      'metadata.code.branch_hint',
      'name',
    ]);
  });
});

describe('functions that tell of their first calls', () => {
  const loop = [0x03, 0x40, 0x0b];
  type Told = { readonly exports: Exports; readonly told: CallableFunction[] };
  const start = (spec: ModuleSpec, then: (code: CallableFunction) => void = () => undefined): Told => {
    const bytes = buildModule(spec);
    const { bytes: code, info } = rewriteModule(bytes, { layout: referenceLayout, nullPage: 'mapped', firstCalls: 'told' });
    const told: CallableFunction[] = [];
    const optimize = (function_: CallableFunction): void => {
      told.push(function_);
      then(function_);
    };
    const quire = { ...new ReferenceKernel(0, 0).imports(bytes, info.data), optimize };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { quire });
    return { exports: exports as Exports, told };
  };
  const toldOf = (functions: ModuleSpec['functions']): string[] => {
    const { exports, told } = start({ imports: [], functions: functions.map((each, i) => ({ ...each, name: `f${i}` })) });
    for (const name of Object.keys(exports)) (exports[name] as () => void)();
    return Object.keys(exports).filter((name) => told.includes(exports[name] as CallableFunction));
  };

  it('are those whose bodies have a loop', () => {
    expect(toldOf([{ code: [0x01] }, { code: loop }, { code: [0x02, 0x40, ...loop, 0x0b] }])).toEqual(['f1', 'f2']);
    expect(toldOf([{ code: [0x01] }])).toEqual([]);
  });

  it('are none with a body of over 4 KiB', () => {
    const long = [...loop, ...Array.from({ length: 4 * 1024 }, () => 0x01)];
    expect(toldOf([{ code: loop }, { code: long }])).toEqual(['f0']);
  });

  it('are in no module of over 256 KiB', () => {
    const filling = { code: Array.from({ length: 6_000 }, () => 0x01) };
    expect(toldOf([{ code: loop }, ...Array.from({ length: 44 }, () => filling)])).toEqual([]);
    expect(toldOf([{ code: loop }, ...Array.from({ length: 42 }, () => filling)])).toEqual(['f0']);
  });

  // f(a, b) counts its runs in global 0 and returns (b, a); with a > 0 it calls itself with a - 1 first.
  const { f64 } = ValueType;
  const again = [...get(0), 0x04, 0x40, ...get(0), 0x41, 1, 0x6b, ...get(1), ...call(0), 0x1a, 0x1a, 0x0b];
  const count = [0x23, 0, 0x41, 1, 0x6a, 0x24, 0];
  const swapping: ModuleSpec = {
    globals: [0],
    functions: [{ name: 'f', parameters: [i32, f64], results: [f64, i32], code: [...loop, ...count, ...again, ...get(1), ...get(0)] }],
  };

  const runsOf = (exports: Exports): number => (exports[STACK_POINTER_EXPORT] as unknown as WebAssembly.Global).value as number;

  it('do so before anything else is done, once, and run with the parameters that they were called with', () => {
    const runs: number[] = [];
    const { exports, told } = start(swapping, () => {
      runs.push(runsOf(exports));
    });
    expect((exports['f'] as Exports[string])(3, 0.5)).toEqual([0.5, 3]);
    expect(runs).toEqual([0]);
    expect(runsOf(exports)).toBe(4);
    expect((exports['f'] as Exports[string])(0, 7.5)).toEqual([7.5, 0]);
    expect(told).toEqual([exports['f']]);
  });

  it('do not tell again when telling failed', () => {
    const { exports, told } = start(swapping, () => {
      throw new Error('full');
    });
    expect(() => (exports['f'] as Exports[string])(3, 0.5)).toThrow('full');
    expect((exports['f'] as Exports[string])(3, 0.5)).toEqual([0.5, 3]);
    expect(told).toHaveLength(1);
  });

  it('may be called by the one who is told', () => {
    const { exports } = start(swapping, (code) => code(1, 2));
    expect((exports['f'] as Exports[string])(0, 0.5)).toEqual([0.5, 0]);
    expect(runsOf(exports)).toBe(3);
  });

  it('are none where it is not asked for', () => {
    const { rewritten } = startRewritten({ imports: [], functions: [{ code: loop }] });
    expect(readModule(rewritten.bytes).globals).toEqual([]);
  });
});

describe('the branch hints', () => {
  it('say of every inlined access, and of every helper, that its hit is likely', () => {
    const load = [...get(0), 0x28, 2, 0, 0x1a];
    const { rewritten } = startRewritten(
      {
        imports: [],
        memory: [1],
        functions: [
          { parameters: [i32], code: [...load, ...load] },
          { parameters: [i32], code: load },
        ],
      },
      {},
    );
    const { sections, bodies, importedFunctionCount } = readModule(rewritten.bytes);
    const section = sections.find((candidate) => candidate.name === 'metadata.code.branch_hint') as (typeof sections)[number];
    const contents = [...rewritten.bytes.subarray(section.contents, section.end)];
    const next = (): number => {
      const byte = contents.shift() as number;
      return byte < 0x80 ? byte : byte - 0x80 + 0x80 * next();
    };
    const counts: number[] = [];
    const hinted: number[] = [];
    for (let left = next(); left > 0; left--) {
      const own = next() - importedFunctionCount;
      counts[own] = next();
      for (let i = 0; i < (counts[own] as number); i++) {
        const position = (bodies.start[own] as number) + next();
        hinted.push(rewritten.bytes[position] as number, next(), next());
      }
    }
    const ifLikely = [0x04, 1, 1];
    expect(contents).toEqual([]);
    // The helper looks at the word of an aligned access, of one within a page, and of each page of one that straddles.
    expect(counts).toEqual([2, 1, 2]);
    expect(hinted).toEqual(Array.from({ length: 5 }, () => ifLikely).flat());
  });
});

describe('locate', () => {
  // The innermost guest frame of a trap, as V8 prints it.
  const frames = (action: () => unknown): (readonly [functionIndex: number, offset: number])[] => {
    try {
      action();
      return [];
    } catch (error) {
      return [...((error as Error).stack ?? '').matchAll(/wasm-function\[(\d+)\]:0x([0-9a-f]+)/g)].map((match) => [
        Number(match[1]),
        Number.parseInt(match[2] ?? '', 16),
      ]);
    }
  };

  const bad = [0x41, ...signed(0x7fff_0000)];
  const trapping: ModuleSpec = {
    imports: ['first'],
    memory: [1],
    functions: [
      { name: 'load', results: [i32], code: [0x41, 0, 0x28, 2, 0, 0x1a, 0x01, 0x01, ...bad, 0x28, 2, 8] },
      { name: 'store', parameters: [i32], code: [...get(0), ...get(0), 0x36, 2, 0, ...bad, ...get(0), 0x36, 2, 0, 0x01] },
      { name: 'nested', results: [i32], code: [0x41, 4, 0x41, 5, 0x36, 2, 0, ...call(1)] },
      { name: 'unreachable', code: [0x41, 4, 0x41, 5, 0x36, 2, 0, 0x01, 0x00] },
      { name: 'copy', code: [...bad, 0x41, 0, 0x41, 8, 0xfc, 10, 0, 0] },
      { name: 'import', code: [0x41, 4, 0x41, 5, 0x36, 2, 0, ...call(0)] },
    ],
  };
  const imports = {
    env: {
      first: () => {
        throw new Error('from the import');
      },
    },
  };

  it.each(['load', 'store', 'nested', 'unreachable', 'copy', 'import'])(
    '%s: leads to where the engine says that the plain module trapped',
    (name) => {
      Error.stackTraceLimit = 10;
      const plain = startPlain(trapping, imports);
      const { exports, rewritten } = startRewritten(trapping, imports);
      const expected = frames(() => plain[name]?.(0));
      const located = frames(() => exports[name]?.(0)).map(([functionIndex, offset]) => rewritten.locate(functionIndex, offset));
      const guest = located.filter((location) => location !== undefined).map(({ functionIndex, offset }) => [functionIndex, offset]);
      expect(expected.length).toBeGreaterThan(0);
      expect(guest).toEqual(expected);
    },
  );

  it('knows nothing of imports, helpers and places outside code', () => {
    const { rewritten } = startRewritten(trapping, imports);
    for (const functionIndex of [0, 1, 7, 14, 99]) expect(rewritten.locate(functionIndex, 100)).toBeUndefined();
    expect(rewritten.locate(8, 0)).toBeUndefined();
    expect(rewritten.locate(8, 1_000_000)).toBeUndefined();
  });
});

describe('code that only the rewriter can refuse', () => {
  // Each would be valid, or would reach what Quire added, if the engine alone checked the result.
  const cases: readonly (readonly [what: string, spec: ModuleSpec, message: RegExp])[] = [
    ["a local beyond the function's own", { memory: [1], functions: [{ code: [...get(0), 0x28, 2, 0, 0x1a] }] }, /no local 0/],
    ["a function beyond the module's own", { memory: [1], functions: [{ code: call(3) }] }, /no function 3/],
    ["a type beyond the module's own", { memory: [1], functions: [{ code: [0x41, 0, 0x02, 3, 0x0b, 0x1a] }] }, /no type 3/],
    ['a data segment that is not there', { memory: [1], data: [], functions: [{ code: [0xfc, 9, 0] }] }, /no data segment 0/],
    ['an alignment larger than the access', { memory: [1], functions: [{ code: [0x41, 0, 0x28, 3, 0, 0x1a] }] }, /alignment is larger/],
    ['a load without a memory', { functions: [{ code: [0x41, 0, 0x28, 2, 0, 0x1a] }] }, /has none/],
    ['a second memory', { memory: [1], functions: [{ code: [0x41, 0, 0x28, 0x42, 1, 0, 0x1a] }] }, /several memories/],
    [
      'a lane that is not there',
      { memory: [1], functions: [{ code: [0x41, 0, 0xfd, 12, ...new Array<number>(16).fill(0), 0xfd, 87, 1, 3, 2, 0x1a] }] },
      /no lane 2/,
    ],
    ['atomics', { memory: [1], functions: [{ code: [0x41, 0, 0xfe, 0x10, 2, 0, 0x1a] }] }, /threads and atomics/],
    ['exceptions', { memory: [1], functions: [{ code: [0x08, 0] }] }, /exception handling/],
    ['garbage collection', { memory: [1], functions: [{ code: [0xfb, 1, 0] }] }, /garbage collection/],
    ['relaxed SIMD', { memory: [1], functions: [{ code: [0xfd, 0x80, 2] }] }, /relaxed SIMD/],
    ['an unknown opcode', { memory: [1], functions: [{ code: [0xff] }] }, /unknown instruction/],
    ['code after the end', { memory: [1], functions: [{ code: [0x0b, 0x01] }] }, /code follows the end/],
    ['a body without an end', { memory: [1], functions: [{ code: [0x02, 0x40] }] }, /no end/],
  ];

  it.each(cases)('%s', (_, spec, message) => {
    const bytes = buildModule(spec);
    const rewrite = (): unknown => rewriteModule(bytes, { layout: referenceLayout, nullPage: 'mapped' });
    expect(rewrite).toThrow(UsageError);
    expect(rewrite).toThrow(message);
  });
});
