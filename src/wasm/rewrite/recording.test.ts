// Code that tells of its references: all of them, once each, in order, and it does what it did.

import { expect, it } from 'vitest';
import { buildModule, signed } from '../../../test/support/wasm/module-builder.ts';
import { ReferenceKernel, referenceLayout } from '../../../test/support/wasm/reference-kernel.ts';
import { ValueType } from '../binary/index.ts';
import { rewriteModule } from './index.ts';

const { i32 } = ValueType;
const READ = 0;
const WRITE = 1;
const get0 = [0x20, 0];
const constant = (value: number): number[] => [0x41, ...signed(value)];

const instructions = [
  // In a loop, which is inlined where nothing is recorded.
  [0x03, 0x40, ...get0, 0x28, 2, 8, 0x1a, 0x0b],
  [...get0, 0x42, 7, 0x37, 3, 0],
  [...get0, ...constant(1), 0x3a, 0, 5],
  [...get0, 0xfd, 0, 4, 0, 0x1a],
  [...constant(100), ...get0, ...constant(16), 0xfc, 10, 0, 0],
  [...constant(200), ...constant(9), ...constant(3), 0xfc, 11, 0],
  [...constant(300), ...constant(1), ...constant(2), 0xfc, 8, 0, 0],
  [...constant(64), 0x2d, 0, 0, 0x1a],
];

const bytes = buildModule({
  memory: [1],
  data: [{ bytes: [1, 2, 3] }],
  functions: [{ name: 'all', parameters: [i32], code: instructions.flat() }],
});

function start(recording: 'on' | 'off') {
  const rewritten = rewriteModule(bytes, { layout: referenceLayout, nullPage: 'mapped', recording });
  const kernel = new ReferenceKernel(1, undefined);
  const module = new WebAssembly.Module(rewritten.bytes);
  const instance = new WebAssembly.Instance(module, { quire: kernel.imports(bytes, rewritten.info.data) });
  const imports = WebAssembly.Module.imports(module).map(({ name }) => name);
  return { kernel, imports, all: instance.exports['all'] as (base: number) => void };
}

it('tells of each access before it is done, and of both ranges of a copy', () => {
  const { kernel, all } = start('on');
  all(4090);
  expect(kernel.references).toEqual([
    [4098, 4, READ],
    [4090, 8, WRITE],
    [4095, 1, WRITE],
    [4090, 16, READ],
    [4090, 16, READ],
    [100, 16, WRITE],
    [200, 3, WRITE],
    [300, 2, WRITE],
    [64, 1, READ],
  ]);
  expect(() => all(65_530)).toThrow(/out of bounds/);
  expect(kernel.references.slice(9)).toEqual([[65_538, 4, READ]]);
});

it('does to memory what code without recording does', () => {
  const [recorded, plain] = [start('on'), start('off')];
  recorded.all(4090);
  plain.all(4090);
  expect(recorded.kernel.read(0, 8192)).toEqual(plain.kernel.read(0, 8192));
  expect(plain.kernel.references).toEqual([]);
  expect([recorded.imports.includes('reference'), plain.imports.includes('reference')]).toEqual([true, false]);
});
