// Independent expectations: the linker's conventions (wasm-ld puts data at 1024 and 64 KiB of stack above it unless told otherwise),
// the engine's own list of imports, and modules made here byte by byte.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main } from './main.ts';

const programs = fileURLToPath(new URL('../programs/', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-info-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const say = (...parameters: string[]): { code: number; out: string; err: string } => {
  const said = { code: 0, out: '', err: '' };
  const output = (key: 'out' | 'err') => ({
    write: (text: string): void => {
      said[key] += text;
    },
    columns: undefined,
    color: 'none' as const,
  });
  said.code = main(['info', ...parameters], { out: output('out'), err: output('err'), environment: {} }) as number;
  return said;
};

/** A module of the given sections: id, then contents. */
const moduleFile = (...sections: [number, number[]][]): string => {
  const path = join(folder, 'made.wasm');
  const body = sections.flatMap(([id, contents]) => [id, contents.length, ...contents]);
  writeFileSync(path, Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...body]));
  return path;
};

const name = (text: string): number[] => [text.length, ...Buffer.from(text)];

const verdict = (path: string): unknown => JSON.parse(say('--json', path).out).verdict;

describe('quire info', () => {
  it('tells about a program of clang 14, which puts its data first', () => {
    const { code, out, err } = say(join(programs, 'qsort.wasm'));
    expect([code, err]).toEqual([0, '']);
    expect(out.split('\n')).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^qsort\.wasm, \d/),
        '  runs here     yes',
        '  features      none beyond the first version of WebAssembly',
        '  imports       8 from wasi_snapshot_preview1',
        '  memory        128 KiB at the start, may grow to 4 GiB',
        '  layout        data first: data 0x0000_0400-0x0000_0f72, then stack down from 0x0001_15b0',
        '  page 0        mapped, as data begins at address 1,024: null accesses are not caught',
      ]),
    );
  });

  it('gives the same facts as JSON', () => {
    const facts = JSON.parse(say('--json', join(programs, 'qsort.wasm')).out);
    expect(facts).toMatchObject({
      verdict: { runs: 'yes', reasons: [] },
      memory: { initialBytes: 131_072, maximumBytes: null },
      layout: { order: 'data-first', stackTop: 71_088, dataStart: 1024, pageZero: 'mapped' },
      exports: ['memory', '_start'],
      data: { segments: 22 },
    });
    const imported = WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(join(programs, 'qsort.wasm'))));
    expect(facts.imports).toEqual({ wasi_snapshot_preview1: imported.map((entry) => entry.name) });
  });

  it('knows a stack-first module, and one whose layout cannot be told', () => {
    const memory: [number, number[]] = [5, [1, 1, 1, 4]];
    // (global (mut i32) (i32.const 4096)), (data (i32.const 4096) "x")
    const stackAt4096: [number, number[]] = [6, [1, 0x7f, 1, 0x41, 0x80, 0x20, 0x0b]];
    const dataAt4096: [number, number[]] = [11, [1, 0, 0x41, 0x80, 0x20, 0x0b, 1, 0x78]];
    const layoutOf = (path: string): unknown => JSON.parse(say('--json', path).out).layout;
    expect(layoutOf(moduleFile(memory, stackAt4096, dataAt4096))).toEqual({
      order: 'stack-first',
      stackTop: 4096,
      dataStart: 4096,
      dataEnd: 4097,
      pageZero: 'unmapped',
    });
    expect(layoutOf(moduleFile(memory))).toMatchObject({ order: 'unknown', stackTop: null, pageZero: 'mapped' });
    expect(say(moduleFile(memory)).out).toContain('64 KiB at the start, may grow to 256 KiB');
  });

  it('names every reason why a module does not run', () => {
    // (import "env" "f" (func)) (import "env" "m" (memory 1)) (import "wasi_snapshot_preview1" "fd_frob" (func))
    const types: [number, number[]] = [1, [1, 0x60, 0, 0]];
    const f = [...name('env'), ...name('f'), 0, 0];
    const m = [...name('env'), ...name('m'), 2, 0, 1];
    const frob = [...name('wasi_snapshot_preview1'), ...name('fd_frob'), 0, 0];
    const path = moduleFile(types, [2, [3, ...f, ...m, ...frob]]);
    expect(verdict(path)).toEqual({
      runs: 'no',
      reasons: [
        'it imports what Quire does not have: env.f (function), env.m (memory), wasi_snapshot_preview1.fd_frob (function)',
        'it has no _start function',
      ],
    });
    expect(say(path).code).toBe(2);
  });

  it('knows a library from a program', () => {
    const library: [number, number[]][] = [
      [1, [1, 0x60, 0, 0]],
      [3, [1, 0]],
      [5, [1, 0, 1]],
      [7, [2, ...name('memory'), 2, 0, ...name('_initialize'), 0, 0]],
      [10, [1, 2, 0, 0x0b]],
    ];
    expect(verdict(moduleFile(...library))).toEqual({
      runs: 'no',
      reasons: ['it is a reactor: a library that only a host program can call'],
    });
  });

  it('says so when the engine refuses the code', () => {
    // The body leaves an i32 on the stack that the type does not have.
    const wrong: [number, number[]][] = [
      [1, [1, 0x60, 0, 0]],
      [3, [1, 0]],
      [5, [1, 0, 1]],
      [7, [2, ...name('memory'), 2, 0, ...name('_start'), 0, 0]],
      [10, [1, 4, 0, 0x41, 0, 0x0b]],
    ];
    expect(verdict(moduleFile(...wrong))).toEqual({ runs: 'no', reasons: ['the engine of this Node does not accept its code'] });
  });

  it.each([
    ['an empty file', []],
    ['text', [...Buffer.from('#!/bin/sh\n')]],
    ['a cut preamble', [0, 0x61, 0x73, 0x6d, 1]],
    ['a component', [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]],
    ['a cut section', [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 9, 1]],
  ])('answers %s with one sentence that names the file, and exit code 2', (_case, bytes) => {
    const path = join(folder, 'bad.wasm');
    writeFileSync(path, Uint8Array.from(bytes));
    const { code, out, err } = say(path);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^quire: .*bad\.wasm: [^\n]*WebAssembly[^\n]*\n$/);
  });
});
