// Allocators of others, in processes of their own: whatever they do, they are named and judged, and the command lives on.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ValueType } from '../src/wasm/binary/index.ts';
import { buildModule, type FunctionSpec, signed } from '../test/support/wasm/module-builder.ts';

const root = join(import.meta.dirname, '..');
const bump = join(root, 'programs', 'allocator-bump.wasm');
const wrong = join(root, 'programs', 'allocator-wrong.wasm');
const { i32 } = ValueType;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-guests-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function quire(...parameters: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin', 'quire.mjs'), ...parameters], {
    encoding: 'utf8',
    cwd: folder,
    timeout: 60_000,
  });
  return { code: status, out: stdout, err: stderr };
}

const put = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return name;
};

const constant = (value: number): number[] => [0x41, ...signed(value)];
const loop = [0x03, 0x40, 0x0c, 0, 0x0b];
const unreachable = [0x00];
/** The old value of global 0, which goes up by the size. */
const goingUp = [0x23, 0, 0x23, 0, 0x20, 0, 0x6a, ...constant(23), 0x6a, ...constant(-16), 0x71, 0x24, 0];
const free: FunctionSpec = { name: 'free', parameters: [i32], code: [] };
const mallocOf = (code: number[]): FunctionSpec => ({ name: 'malloc', parameters: [i32], results: [i32], code });
const module = (...functions: FunctionSpec[]): string => put('made.wasm', buildModule({ memory: [1], functions }));

interface Results {
  readonly results: readonly {
    readonly errors: number;
    readonly operations: number;
    readonly problems: readonly { readonly what: string }[];
  }[];
}

function judged(guest: string): { code: number | null; what: string; operations: number } {
  const { code, out, err } = quire('heap', 'random:operations=300', '--allocator', guest, '--json', '--time', '0.01', '--patience', '0.8');
  expect(err).toBe('');
  const [result] = (JSON.parse(out) as Results).results;
  return { code, what: result?.problems.at(-1)?.what ?? '', operations: result?.operations ?? -1 };
}

describe("an allocator of one's own", () => {
  it('is judged beside others on the same trace', () => {
    const { code, out } = quire('heap', 'random:operations=2000', '--allocator', `segregated,${bump}`, '--json', '--time', '0.01');
    const { results } = JSON.parse(out) as { results: { allocator: string; errors: number; utilization: number }[] };
    expect(code).toBe(0);
    expect(results.map(({ allocator, errors }) => [allocator, errors])).toEqual([
      ['segregated', 0],
      [bump, 0],
    ]);
    expect(results[1]?.utilization).toBeLessThan(results[0]?.utilization as number);
  });

  it('in JavaScript as well', () => {
    const path = put(
      'mine.mjs',
      `export default ({ limitBytes }) => {
         const buffer = new ArrayBuffer(Math.min(limitBytes, 2 ** 24));
         let top = 16;
         const malloc = (bytes) => {
           const address = top;
           if (bytes > buffer.byteLength - top - 16) return 0;
           top += (bytes + 16) & -16;
           return address;
         };
         return { buffer, malloc, free() {} };
       };`,
    );
    expect(judged(path)).toEqual({ code: 0, what: '', operations: 300 });
    const { code, out } = quire('heap', 'test', path, '--scripts', '3', '--json');
    expect([code, JSON.parse(out).verdict, JSON.parse(out).emulated]).toEqual([0, 'correct', ['calloc', 'realloc', 'memalign']]);
  });

  it.each<[string, () => string, RegExp]>([
    ['traps', () => module(mallocOf(unreachable), free), /unreachable/],
    ['never returns', () => module(mallocOf(loop.concat(constant(0))), free), /did not return within 0.8 s/],
    [
      'never returns from free',
      () => put('made.wasm', buildModule({ memory: [64], globals: [64], functions: [mallocOf(goingUp), { ...free, code: loop }] })),
      /free\(block at 0x[0-9a-f]+\) did not return within 0.8 s/,
    ],
    ['answers with addresses that are not in its memory', () => module(mallocOf(constant(0x7fff_0000)), free), /are not inside the heap/],
    ['answers with the same address always', () => module(mallocOf(constant(64)), free), /are given twice|overlap block/],
    ['gives nothing', () => module(mallocOf(constant(0)), free), /gave nothing/],
    [
      'never ends its init',
      () => module(mallocOf(constant(0)), free, { name: 'init', code: loop }),
      /its start did not return within 0.8 s/,
    ],
    [
      'ends the program',
      () =>
        put(
          'exit.mjs',
          'export const buffer = new ArrayBuffer(64); export const malloc = () => process.exit(5); export const free = malloc;',
        ),
      /ended the program/,
    ],
    ['never ends its loading', () => put('spin.mjs', 'for (;;);'), /its start did not return within 0.8 s/],
    [
      'throws',
      () =>
        put(
          'throw.mjs',
          "export const buffer = new ArrayBuffer(64); export const malloc = () => { throw new Error('no'); }; export const free = malloc;",
        ),
      /no$/,
    ],
  ])('that %s is named and judged', (_, make, what) => {
    const verdict = judged(make());
    expect(verdict.code).toBe(1);
    expect(verdict.what).toMatch(what);
  });

  it('that is none is refused in a sentence', () => {
    const refused = (path: string): string => {
      const { code, out, err } = quire('heap', 'test', path, '--patience', '0.8');
      expect([code, out]).toEqual([2, '']);
      return err;
    };
    expect(refused(module(free))).toBe('quire: made.wasm exports no malloc: an allocator exports malloc and free\n');
    expect(refused(module(mallocOf(constant(0))))).toMatch(/exports no free/);
    expect(refused(module({ ...mallocOf([]), results: [] }, free))).toMatch(/exports a malloc with another signature than C's/);
    expect(refused(put('none.wasm', buildModule({ functions: [mallocOf(constant(0)), free] })))).toMatch(/has no memory to give blocks of/);
    expect(refused(put('wants.wasm', buildModule({ memory: [1], imports: ['draw'], functions: [mallocOf(constant(0)), free] })))).toBe(
      'quire: wants.wasm imports the function env.draw: an allocator gets a memory and WASI, nothing else\n',
    );
    expect(refused(put('text.wasm', 'text'))).toMatch(/^quire: text.wasm is no WebAssembly module\n$/);
    expect(refused(put('none.mjs', 'export const a = 1;'))).toMatch(/none.mjs exports no malloc and free/);
    expect(refused(put('bad.mjs', 'what is this'))).toMatch(/bad.mjs cannot be loaded: SyntaxError/);
    expect(refused('missing.wasm')).toMatch(/missing.wasm: cannot be read: no such file/);
    expect(refused('tlsfx')).toMatch(/there is no allocator 'tlsfx': choose from .*, or all, or give a path to your own/);
  });
});

describe('quire heap test', () => {
  it('shows what is broken with a small script, which can be stored and run again', () => {
    const { code, out, err } = quire('heap', 'test', wrong, '--scripts', '40', '--save', 'fails.rep');
    expect(code).toBe(1);
    expect(out).toMatch(/allocator-wrong.wasm: \d of 17 checks broken\n/);
    expect(out).toMatch(/BROKEN {2}realloc .*\n.*\n( {10,}(b\d = (malloc|realloc)\(.*\)|free\(b\d\))\n){1,5}/);
    expect(out).toMatch(/holds {3}malloc, free/);
    expect(err).toBe("the script of 'realloc' is in fails.rep\n");
    expect(readFileSync(join(folder, 'fails.rep'), 'utf8').split('\n').length).toBeLessThan(12);
    const again = quire('heap', 'test', wrong, '--script', 'fails.rep');
    expect(again.code).toBe(1);
    expect(again.out).toMatch(/: operation \d of fails.rep: .*\n {2}b0 = /);
    expect(quire('heap', 'test', 'segregated', '--script', 'fails.rep')).toMatchObject({
      code: 0,
      out: 'segregated: fails.rep finds nothing\n',
    });
  });

  it('loses only the check in which a call did not return', () => {
    // malloc goes up, and calloc never returns.
    const guest = put(
      'half.wasm',
      buildModule({
        memory: [1024],
        globals: [64],
        functions: [
          mallocOf([
            0x20,
            0,
            ...constant(1 << 24),
            0x4b,
            0x04,
            0x40,
            ...constant(0),
            0x0f,
            0x0b,
            0x23,
            0,
            ...constant(50_000_000),
            0x4b,
            0x04,
            0x40,
            ...constant(0),
            0x0f,
            0x0b,
            ...goingUp,
          ]),
          free,
          { name: 'calloc', parameters: [i32, i32], results: [i32], code: [...loop, ...constant(0)] },
        ],
      }),
    );
    const { code, out } = quire('heap', 'test', guest, '--scripts', '3', '--patience', '0.8', '--json');
    const { checks } = JSON.parse(out) as { checks: { name: string; result: string; what: string }[] };
    expect(code).toBe(1);
    const broken = checks.filter(({ result }) => result === 'broken');
    expect(broken.map(({ name }) => name)).toEqual(['zero bytes', 'calloc', 'all together', 'calloc overflow']);
    for (const { what } of broken) expect(what).toMatch(/^calloc\(\d+, \d+\) did not return within 0.8 s$/);
    expect(checks.find(({ name }) => name === 'malloc, free')?.result).toBe('holds');
  });

  it('finds nothing in an allocator of Quire', () => {
    expect(quire('heap', 'test', 'segregated', '--scripts', '5')).toMatchObject({ code: 0 });
  });

  it('refuses wrong options in a sentence', () => {
    const refused = (...flags: string[]): string => quire('heap', 'test', 'segregated', ...flags).err;
    expect(refused('--scripts', '-1')).toMatch(/--scripts -1: not a whole number of at least 0/);
    expect(refused('--patience', '0')).toMatch(/--patience 0: not a number of seconds up to 600/);
    expect(refused('--limit', '1KiB')).toMatch(/--limit 1KiB: not 64 KiB to 1 GiB/);
    expect(refused('--script', 'none.rep')).toMatch(/none.rep: there is no such file/);
    expect(refused('--script', 'a', '--save', 'b')).toMatch(/the script is there already/);
  });
});
