import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assemble } from '../test/support/assemble.ts';
import { functionOptimizer } from './engine-settings.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

describe('what has a function optimized', () => {
  it('has done so when it returns, though the function never ran', () => {
    const { bytes } = assemble('(module (func (export "f") (param i32) (result i32) (loop (result i32) local.get 0)))');
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as { f: (value: number) => number };
    const optimize = functionOptimizer();
    const isOptimized = new Function('code', 'return %IsTurboFanFunction(code)') as (code: CallableFunction) => boolean;
    expect(isOptimized(f)).toBe(false);
    optimize?.(f);
    expect([isOptimized(f), f(7)]).toEqual([true, 7]);
  });

  it('is not there on an engine that nobody has tried', () => {
    expect([10, 11, 14, 15].map((version) => functionOptimizer(version) !== undefined)).toEqual([false, true, true, false]);
  });
});

describe('a program that runs', () => {
  const optimized = (mmu: string): number => {
    const run = [pathOf('bin/quire.mjs'), 'run', '--quiet', '--code-cache', 'off', '--mmu', mmu, pathOf('programs/fib.wasm'), '3'];
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--trace-wasm-compilation-times', ...run], { encoding: 'utf8' });
    expect([status, stdout.includes('fib 2\n'), /unrecognized|Fatal/.test(stderr)]).toEqual([0, true, false]);
    return stdout.split('\n').filter((line) => /function .* using TurboFan/.test(line)).length;
  };

  it('has its functions with loops optimized, though it is over before any of them is hot', () => {
    expect(optimized('on')).toBeGreaterThan(2);
    expect(optimized('off')).toBe(0);
  });
});
