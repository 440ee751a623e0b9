import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quire, quireLater, refusal } from '../test/support/quire-command.ts';
import { buildModule, signed } from '../test/support/wasm/module-builder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-record-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const constant = (value: number): number[] => [0x41, ...signed(value)];
const load = (address: number): number[] => [...constant(address), 0x28, 2, 0, 0x1a];
const store = (address: number): number[] => [...constant(address), ...constant(1), 0x36, 2, 0];
const fill = (address: number, length: number): number[] => [...constant(address), ...constant(7), ...constant(length), 0xfc, 11, 0];

/** Pages 16 to 31 are the second 64 KiB. */
const code = [...load(0x1_0000), ...load(0x1_0004), ...store(0x1_0008), ...store(0x1_2ffe), ...fill(0x1_4ff0, 0x2000), ...load(0x1_0000)];
const pages = [16, 16, 16, 18, 19, 20, 21, 22, 16];

const program = (instructions: number[]): string => {
  const path = join(folder, 'made.wasm');
  writeFileSync(path, buildModule({ memory: [2], functions: [{ name: '_start', code: instructions }] }));
  return path;
};
const out = (): string => join(folder, 'out');
const numbers = (): number[] => readFileSync(out(), 'utf8').trim().split('\n').map(Number);

describe('quire record', () => {
  it('writes every page that a program refers to, in order', () => {
    const said = quire('record', '-o', out(), '--to', 'numbers', program(code));
    expect(said).toEqual({ code: 0, out: '', err: `6 loads and stores, 9 page references in ${out()}\n` });
    expect(numbers()).toEqual(pages);
  });

  it('drops repeats and takes other pages if it is told so', () => {
    quire('record', '-o', out(), '--to', 'numbers', '--collapse', 'pages', program(code));
    expect(numbers()).toEqual([16, 18, 19, 20, 21, 22, 16]);
    quire('record', '-o', out(), '--to', 'numbers', '--page-size', '64KiB', program(code));
    expect(numbers()).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('writes a trace that can be simulated, with its writes', async () => {
    quire('record', '-o', out(), program(code));
    const { results } = JSON.parse((await quireLater('sim', out(), '--policy', 'lru', '--frames', '1', '--json')).out);
    // Pages 16, 18, 19, 20, 21, 22, 16 take turns; all but the last leave, and all of those have been written.
    expect(results[0]).toMatchObject({ references: 9, misses: 7, compulsory: 6, evictions: { clean: 0, dirty: 6 } });
  });

  it('is the same in any memory', () => {
    const qsort = join(import.meta.dirname, '../programs/gups.wasm');
    const traces = ['256MiB', '1MiB'].map((ram) => {
      const said = quire('record', '-o', out(), '--ram', ram, '--deterministic', '--collapse', 'pages', qsort, '12', '2000');
      expect(said.code).toBe(0);
      return readFileSync(out());
    });
    expect(traces[0]?.length).toBeGreaterThan(1000);
    expect(traces[0]?.equals(traces[1] as Buffer)).toBe(true);
  });

  it('keeps the references up to where a program is stopped', () => {
    const { code: exitCode, err } = quire('record', '-o', out(), '--to', 'numbers', program([...load(0x1_0000), 0x00]));
    expect(exitCode).toBe(1);
    expect(err).toMatch(
      /^1 load or store, 1 page reference in .*; the program was stopped: unreachable in function 0 at byte 0x[0-9a-f]+ of the module\n$/,
    );
    expect(numbers()).toEqual([16]);
  });

  it('refuses, in a sentence, and leaves no file', () => {
    expect(refusal(quire('record', '-o', out(), join(folder, 'none.wasm')))).toMatch(/none.wasm: cannot be read: no such file/);
    writeFileSync(join(folder, 'text'), 'text');
    expect(refusal(quire('record', '-o', out(), join(folder, 'text')))).toMatch(/WebAssembly/);
    expect(refusal(quire('record', '-o', out(), '--page-size', '5', program(code)))).toBe(
      '--page-size 5: not a power of two of up to 1 GiB',
    );
    expect(refusal(quire('record', program(code)))).toMatch(/required option '-o, --output <path>'/);
    expect(existsSync(out())).toBe(false);
  });

  it.skipIf(!existsSync('/dev/full'))('says that its output is full', () => {
    expect(refusal(quire('record', '-o', '/dev/full', program(code)))).toMatch(/^--output \/dev\/full: cannot be written: no space left/);
  });
});
