// `quire record --heap`: a program that tells of its own calls, and CPython.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { detectMallocTraceFormat, type MallocTrace } from '../src/trace/index.ts';
import { quire, refusal } from '../test/support/quire-command.ts';
import { pythonPath } from '../test/support/run-program.ts';
import { buildModule } from '../test/support/wasm/module-builder.ts';
import { HeapRecorder } from './heap-recorder.ts';

const root = join(import.meta.dirname, '..');
const heapcalls = join(root, 'programs', 'heapcalls.wasm');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-record-heap-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const out = (): string => join(folder, 'out');

/** In a process of its own, since what the guest says is to be compared. */
function command(...parameters: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin', 'quire.mjs'), ...parameters], { encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

function readTrace(): MallocTrace {
  const bytes = readFileSync(out());
  const parser = detectMallocTraceFormat(bytes, 'out').make('out');
  parser.feed(bytes);
  return parser.end();
}

describe('quire record --heap', () => {
  it('writes down what the program says that it does, and the program says the same as ever', () => {
    const plain = command('run', '--mmu', 'off', heapcalls);
    const recorded = command('record', '--heap', '--to', 'rep', '-o', out(), heapcalls);
    expect(plain.out.split('\n').length).toBe(13);
    expect(recorded).toEqual({ code: 0, out: plain.out, err: `12 heap operations in ${out()}; 3 calls that gave nothing left out\n` });
    // The peak is when all of 5000 + 64 + 24 + 8192 + 200 bytes are alive.
    expect(readFileSync(out(), 'utf8')).toBe(`13480\n6\n12\n1\n${plain.out}`);
  });

  it("writes Quire's own format if it is not told otherwise", () => {
    expect(command('record', '--heap', '-o', out(), heapcalls).code).toBe(0);
    expect(readFileSync(out(), 'utf8')).toMatch(/^quire-malloc 1\n/);
    expect(readTrace()).toMatchObject({ length: 12, blocks: 6 });
  });

  it.skipIf(!existsSync(pythonPath))('records CPython, which has no names, by the indices of its functions', () => {
    const functions = 'malloc=11136,free=11138,calloc=11139,realloc=11140,memalign=11142';
    const script = ['-c', 'print(sorted({str(i): i for i in range(300)})[7])'];
    const recorded = command('record', '--heap', '--functions', functions, '--deterministic', '-o', out(), pythonPath, ...script);
    expect([recorded.code, recorded.out]).toEqual([0, '104\n']);
    const { length, blocks, skipped } = readTrace();
    expect(length).toBeGreaterThan(20_000);
    expect(blocks).toBeGreaterThan(10_000);
    expect(skipped).toBe(0);
  });

  it('refuses, in a sentence, and leaves no file', () => {
    const refused = (...flags: string[]): string => refusal(quire('record', '-o', out(), ...flags));
    const qsort = join(root, 'programs', 'qsort.wasm');
    expect(refused('--heap', qsort)).toMatch(
      /qsort.wasm has no malloc and no free that can be told: it has no name section, and exports none with the signature of C$/,
    );
    const nothing = join(folder, 'nothing.wasm');
    writeFileSync(nothing, buildModule({ functions: [{ name: '_start', code: [] }], customs: [{ name: 'name', bytes: [] }] }));
    expect(refused('--heap', nothing)).toMatch(/nothing.wasm has no malloc and no free that can be told: its name section has none/);
    expect(refused('--heap', '--functions', 'malloc=1', heapcalls)).toMatch(
      /heapcalls.wasm: malloc cannot be told: function 1 is imported; its own are \d+ to \d+$/,
    );
    expect(refused('--heap', '--functions', 'alloc=1', heapcalls)).toMatch(/^--functions: 'alloc=1' is not one of malloc, calloc,/);
    expect(refused('--heap', '--functions', 'malloc=9,free=9', heapcalls)).toBe('--functions: free=9 is there twice');
    expect(refused('--functions', 'malloc=9', heapcalls)).toBe('--functions: they are of the heap; give --heap');
    expect(refused('--heap', '--to', 'numbers', heapcalls)).toMatch(/^--to numbers: those are pages/);
    expect(refused('--to', 'rep', heapcalls)).toBe('--to rep: that is a malloc trace; give --heap');
    expect(refused('--heap', '--collapse', 'pages', heapcalls)).toMatch(/^--heap: a malloc trace has no pages/);
    expect(existsSync(out())).toBe(false);
  });
});

describe('a heap recorder', () => {
  const call = { malloc: 0, calloc: 1, realloc: 2, free: 3, aligned: 4 };

  function recorded(...calls: [keyof typeof call, number, number, number][]) {
    const recorder = new HeapRecorder();
    for (const [name, first, second, result] of calls) {
      recorder.observer.enter();
      recorder.observer.leave(call[name], first, second, result);
    }
    const { operations, sizes, ids, alignments } = recorder.trace('');
    const text = Array.from(operations, (operation, i) => `${'acmrf'[operation]} ${ids[i]} ${sizes[i]} ${alignments[i]}`);
    return { text, failed: recorder.failed, unseen: recorder.unseen };
  }

  it('takes the outermost call only', () => {
    const recorder = new HeapRecorder();
    const { enter, leave } = recorder.observer;
    enter();
    enter();
    leave(call.malloc, 12, 0, 64);
    leave(call.calloc, 3, 4, 64);
    expect(recorder.operations).toBe(1);
    expect([...recorder.trace('').operations]).toEqual([1]);
  });

  it('takes addresses and sizes as they are, 2 GiB and more too, and the null pointer for nothing', () => {
    expect(
      recorded(['malloc', -16, 0, -4096], ['realloc', 0, 8, 64], ['free', 0, 0, 0], ['aligned', 64, 9, 128], ['free', -4096, 0, 0]).text,
    ).toEqual(['a 0 4294967280 0', 'a 1 8 0', 'm 2 9 6', 'f 0 0 0']);
  });

  it('leaves out calls that gave nothing; a realloc to nothing that gave nothing has freed', () => {
    const { text, failed, unseen } = recorded(['malloc', 8, 0, 64], ['malloc', 9, 0, 0], ['realloc', 64, 99, 0], ['realloc', 64, 0, 0]);
    expect([text, failed, unseen]).toEqual([['a 0 8 0', 'f 0 0 0'], 2, 0]);
  });

  it('guesses what it has not seen', () => {
    const { text, unseen } = recorded(['malloc', 8, 0, 64], ['malloc', 16, 0, 64], ['free', 999, 0, 0], ['realloc', 500, 10, 512]);
    expect(text).toEqual(['a 0 8 0', 'f 0 0 0', 'a 1 16 0', 'a 2 10 0']);
    expect(unseen).toBe(3);
  });
});
