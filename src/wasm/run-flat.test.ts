import { describe, expect, test } from 'vitest';
import { UsageError } from '../base/index.ts';
import { type FlatRun, runFlat } from './run-flat.ts';
import { CollectingSink, deterministicClock, deterministicRandom, type WasiOptions } from './wasi/index.ts';

// Modules small enough to write down: one type per signature, one imported function or none, one function `start`.

interface Sketch {
  /** Imported functions: module, name, type (0: () -> (), 1: (i32) -> (), 2: (i32 i32 i32 i32) -> i32, 3: (i32) -> i32). */
  readonly imports?: readonly (readonly [module: string, name: string, type: number])[];
  /** Instructions of the one function, without the end. */
  readonly body?: readonly number[];
  /** The name under which the function is exported. */
  readonly start?: string;
  /** The name under which the memory of one page is exported; undefined for none. */
  readonly memory?: string | undefined;
  readonly data?: readonly number[];
}

function moduleOf(sketch: Sketch): Uint8Array {
  const { imports = [], body = [], start = '_start', data = [] } = sketch;
  const memory = 'memory' in sketch ? sketch.memory : 'memory';
  const text = (value: string): number[] => [value.length, ...new TextEncoder().encode(value)];
  const section = (id: number, ...content: number[]): number[] => [id, ...unsigned(content.length), ...content];
  const exports = [[...text(start), 0, imports.length], ...(memory === undefined ? [] : [[...text(memory), 2, 0]])];
  const code = [0, ...body, 0x0b];
  return new Uint8Array([
    0x00,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, 4, 0x60, 0, 0, 0x60, 1, 0x7f, 0, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 1, 0x7f, 1, 0x7f),
    ...section(2, imports.length, ...imports.flatMap(([module, name, type]) => [...text(module), ...text(name), 0, type])),
    ...section(3, 1, 0),
    ...section(5, 1, 0, 1),
    ...section(7, exports.length, ...exports.flat()),
    ...section(10, 1, ...unsigned(code.length), ...code),
    ...section(11, 1, 0, 0x41, 0, 0x0b, ...unsigned(data.length), ...data),
  ]);
}

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

const WASI = 'wasi_snapshot_preview1';
const CALL_IMPORT = [0x10, 0];
const CALL_SELF = (imports: number): number[] => [0x10, imports];
const UNREACHABLE = 0x00;
const I32 = 0x41;

function run(sketch: Sketch, options: Partial<WasiOptions> = {}): FlatRun {
  return runFlat({
    module: moduleOf(sketch),
    name: 'test.wasm',
    wasi: { clock: deterministicClock(), random: deterministicRandom(1), ...options },
  });
}

describe('a program', () => {
  test('that returns has exit code 0, one that exits has its own', () => {
    expect(run({})).toEqual({ exit: { kind: 'exit', code: 0 }, memoryBytes: 65_536 });
    expect(run({ imports: [[WASI, 'proc_exit', 1]], body: [I32, 33, ...CALL_IMPORT] }).exit).toEqual({ kind: 'exit', code: 33 });
    expect(run({ imports: [['wasi_unstable', 'proc_exit', 1]], body: [I32, 0x7f, ...CALL_IMPORT] }).exit).toEqual({
      kind: 'exit',
      code: 0xffff_ffff,
    });
  });

  test('writes what is in its memory', () => {
    const stdout = new CollectingSink();
    const data = [8, 0, 0, 0, 3, 0, 0, 0, ...new TextEncoder().encode('hi\n')];
    const body = [I32, 1, I32, 0, I32, 1, I32, 32, ...CALL_IMPORT, 0x1a];
    expect(run({ imports: [[WASI, 'fd_write', 2]], body, data }, { stdout }).exit).toEqual({ kind: 'exit', code: 0 });
    expect(stdout.text()).toBe('hi\n');
  });

  test('that traps, or recurses without end, is reported as such', () => {
    expect(run({ body: [UNREACHABLE] }).exit).toMatchObject({ kind: 'trap', reason: expect.stringMatching(/unreachable/) });
    expect(run({ body: [I32, 0x7f, 0x28, 0, 0, 0x1a] }).exit).toMatchObject({
      kind: 'trap',
      reason: expect.stringMatching(/out of bounds/),
    });
    expect(run({ body: CALL_SELF(0) }).exit).toMatchObject({ kind: 'trap', reason: 'call stack exhausted' });
  });

  test('that raises a signal is reported as such', () => {
    expect(run({ imports: [[WASI, 'proc_raise', 3]], body: [I32, 6, ...CALL_IMPORT, 0x1a] }).exit).toEqual({
      kind: 'signal',
      signal: 'SIGABRT',
    });
  });

  test('cannot hide a failure of the host: it is thrown on', () => {
    const stdout = {
      isTerminal: false,
      write: () => {
        throw new TypeError('a bug of ours');
      },
    };
    const data = [8, 0, 0, 0, 3, 0, 0, 0, 65, 66, 67];
    const body = [I32, 1, I32, 0, I32, 1, I32, 32, ...CALL_IMPORT, 0x1a];
    expect(() => run({ imports: [[WASI, 'fd_write', 2]], body, data }, { stdout })).toThrow('a bug of ours');
  });
});

describe('what cannot run is refused in one sentence, before anything runs', () => {
  const refused = (sketch: Sketch, sentence: RegExp): void => {
    const stdout = new CollectingSink();
    expect(() => run(sketch, { stdout })).toThrow(UsageError);
    expect(() => run(sketch, { stdout })).toThrow(sentence);
    expect(stdout.text()).toBe('');
  };

  test('unknown imports, all of them named', () => {
    refused(
      {
        imports: [
          ['env', 'a', 0],
          [WASI, 'fd_write', 2],
          [WASI, 'sock_open', 0],
          ['__proto__', 'x', 0],
        ],
      },
      /^test\.wasm imports what WASI preview1 does not have: env\.a \(function\), wasi_snapshot_preview1\.sock_open \(function\), __proto__\.x \(function\)$/,
    );
    refused({ imports: [[WASI, 'toString', 0]] }, /toString/);
    refused({ imports: [['wasi_unstable', 'sock_accept', 0]] }, /sock_accept/);
  });

  test('reactors, and modules without _start or memory', () => {
    refused({ start: '_initialize' }, /is not a command, it is a reactor/);
    refused({ start: 'main' }, /it has no _start function/);
    refused({ memory: undefined }, /does not export its memory/);
    refused({ memory: 'mem' }, /does not export its memory/);
  });

  test('what is no module', () => {
    const wasi = { clock: deterministicClock(), random: deterministicRandom(1) };
    const bytes = moduleOf({});
    for (const module of [
      new Uint8Array(0),
      new TextEncoder().encode('not wasm'),
      bytes.slice(0, bytes.length - 1),
      new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]),
    ]) {
      expect(() => runFlat({ module, name: 'x.wasm', wasi })).toThrow(UsageError);
    }
  });
});
