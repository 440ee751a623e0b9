// Code whose heap calls are told: each call, from outside in, with its arguments and result; and it does what it did.

import { describe, expect, it } from 'vitest';
import { buildModule, signed } from '../../../test/support/wasm/module-builder.ts';
import { ReferenceKernel, referenceLayout } from '../../../test/support/wasm/reference-kernel.ts';
import { readModule, ValueType } from '../binary/index.ts';
import { heapCallNames, heapCallsOf, rewriteModule, whyNotHeapCall } from './index.ts';

const { i32 } = ValueType;
const get = (local: number): number[] => [0x20, local];
const constant = (value: number): number[] => [0x41, ...signed(value)];
const call = (index: number): number[] => [0x10, index];
const load = [0x28, 2, 0];
const store = [0x36, 2, 0];
/** Where the next block goes is the word at 64. */
const top = [...constant(64), ...load];
const advance = (size: number[]): number[] => [...constant(64), ...top, ...size, 0x6a, ...store];

// A heap that gives what lies at its top, and traps at sizes of 2^31 and more.
const functions = [
  {
    name: 'malloc',
    parameters: [i32],
    results: [i32],
    code: [...get(0), ...constant(0), 0x48, 0x04, 0x40, 0x00, 0x0b, ...top, ...advance(get(0))],
  },
  { name: 'free', parameters: [i32], code: [] },
  { name: 'calloc', parameters: [i32, i32], results: [i32], code: [...get(0), ...get(1), 0x6c, ...call(0)] },
  { name: 'realloc', parameters: [i32, i32], results: [i32], code: [...get(1), ...call(0), ...get(0), ...call(1)] },
  {
    name: 'posix_memalign',
    parameters: [i32, i32, i32],
    results: [i32],
    // 12 = ENOMEM if the size is 0.
    code: [...get(2), 0x45, 0x04, 0x40, ...constant(12), 0x0f, 0x0b, ...get(0), ...get(2), ...call(0), ...store, ...constant(0)],
  },
  // Another function of that name: its result is 64 bits wide.
  { name: 'memalign', parameters: [i32, i32], results: [ValueType.i64], code: [0x42, 0] },
  { name: 'twice', parameters: [i32], results: [i32], code: [...get(0), ...call(0), ...get(0), ...call(0), 0x6a] },
];

const bytes = buildModule({ memory: [1], functions });

function start(heap: 'told' | 'untold') {
  const info = readModule(bytes);
  const rewritten = rewriteModule(info, {
    layout: referenceLayout,
    nullPage: 'mapped',
    ...(heap === 'told' && { heapCalls: heapCallsOf(info) }),
  });
  const kernel = new ReferenceKernel(1, undefined);
  const module = new WebAssembly.Module(rewritten.bytes);
  const { exports } = new WebAssembly.Instance(module, { quire: kernel.imports(bytes, rewritten.info.data) });
  const run = (name: string, ...parameters: number[]): unknown => (exports[name] as (...each: number[]) => unknown)(...parameters);
  run('free', 0);
  kernel.write(64, Uint8Array.of(0, 1, 0, 0));
  kernel.heapCalls.length = 0;
  const imports = WebAssembly.Module.imports(module).map(({ name }) => name);
  return { kernel, run, imports, rewritten };
}

const number = (name: (typeof heapCallNames)[number]): number => heapCallNames.indexOf(name);

describe('heap calls', () => {
  it('are found by name and signature', () => {
    const names = heapCallsOf(readModule(bytes)).map(({ name, functionIndex }) => `${name} ${functionIndex}`);
    expect(names).toEqual(['malloc 0', 'calloc 2', 'realloc 3', 'free 1', 'posix_memalign 4']);
  });

  it('are found by the name inside of the library, if only that is left', () => {
    const inside = buildModule({
      functions: [
        { name: 'dlmalloc', parameters: [i32], results: [i32], code: constant(0) },
        { name: 'malloc', parameters: [i32], results: [i32], code: constant(0) },
        { name: 'dlfree', parameters: [i32], code: [] },
      ],
    });
    expect(heapCallsOf(readModule(inside))).toEqual([
      { name: 'malloc', functionIndex: 1 },
      { name: 'free', functionIndex: 2 },
    ]);
  });

  it('are refused by index if they cannot be that', () => {
    const info = readModule(bytes);
    const why = (functionIndex: number) => whyNotHeapCall(info, { name: 'malloc', functionIndex });
    expect([why(0), why(1), why(7)]).toEqual([
      undefined,
      'function 1 has not the signature of malloc',
      'there is no function 7; its own are 0 to 6',
    ]);
  });

  it('are told with what went in and what came out', () => {
    const { kernel, run } = start('told');
    expect(run('twice', 8)).toBe(256 + 264);
    expect(run('calloc', 3, 4)).toBe(272);
    run('free', 272);
    expect(run('realloc', 256, 20)).toBe(284);
    expect(kernel.heapCalls).toEqual([
      'enter',
      [number('malloc'), 8, 0, 256],
      'enter',
      [number('malloc'), 8, 0, 264],
      'enter',
      'enter',
      [number('malloc'), 12, 0, 272],
      [number('calloc'), 3, 4, 272],
      'enter',
      [number('free'), 272, 0, 0],
      'enter',
      'enter',
      [number('malloc'), 20, 0, 284],
      'enter',
      [number('free'), 256, 0, 0],
      [number('realloc'), 256, 20, 284],
    ]);
  });

  it('are told of posix_memalign with the address that it has stored', () => {
    const { kernel, run } = start('told');
    expect([run('posix_memalign', 128, 64, 100), run('posix_memalign', 128, 64, 0)]).toEqual([0, 12]);
    expect(kernel.heapCalls.filter((each) => each[0] === number('posix_memalign'))).toEqual([
      [number('posix_memalign'), 64, 100, 256],
      [number('posix_memalign'), 64, 0, 0],
    ]);
  });

  it('do what they do untold, where nothing is imported for them', () => {
    const [told, untold] = [start('told'), start('untold')];
    for (const { run } of [told, untold]) {
      expect([run('calloc', 10, 10), run('malloc', 5), run('realloc', 0, 7)]).toEqual([256, 356, 361]);
    }
    expect(told.kernel.read(0, 512)).toEqual(untold.kernel.read(0, 512));
    expect(told.imports.filter((name) => !untold.imports.includes(name))).toEqual(['heapEnter', 'heapLeave']);
    expect(untold.kernel.heapCalls).toEqual([]);
  });

  it('leave traps where they were: in malloc of the original', () => {
    for (const { run, rewritten } of [start('told'), start('untold')]) {
      let stack = '';
      try {
        run('twice', -1);
      } catch (error) {
        stack = (error as Error).stack ?? '';
      }
      const [, index, offset] = /wasm-function\[(\d+)\]:0x([0-9a-f]+)/.exec(stack) ?? [];
      const place = rewritten.locate(Number(index), Number.parseInt(offset as string, 16));
      expect(place?.functionIndex).toBe(0);
      expect(bytes[place?.offset as number]).toBe(0x00);
    }
  });
});
