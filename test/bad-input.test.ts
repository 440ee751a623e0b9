// Input that is not what it should be, through the command line: exit code 2, one sentence that says what is wrong and where, and nothing
// written. What is a valid module at all is the engine's word, not ours. (Wrong options by themselves: cli/main.test.ts.)

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KIB, UsageError } from '../src/base/index.ts';
import { prepareCode } from '../src/wasm/index.ts';
import { assemble } from './support/assemble.ts';
import { quire, refusal, type Said } from './support/quire-command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-input-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const kernel = fileURLToPath(new URL('../programs/qsort.wasm', import.meta.url));
const command = (name: string, bytes: Uint8Array | string): Said => {
  const path = join(folder, 'bad.wasm');
  writeFileSync(path, bytes);
  return quire(name, ...(name === 'run' ? ['--quiet'] : []), path);
};

/** A command with a section of every kind. */
const full = assemble(`(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (type $unary (func (param i32) (result i32)))
  (table 2 funcref)
  (memory (export "memory") 2 100)
  (global $stack (mut i32) (i32.const 65536))
  (global $constant i64 (i64.const 12345678901))
  (elem (i32.const 0) $twice $twice)
  (start $setUp)
  (func $setUp (i32.store offset=8 (i32.const 70000) (i32.const 21)))
  (func $twice (type $unary) (i32.shl (local.get 0) (i32.const 1)))
  (func (export "_start") (local i64 f64)
    (block $done
      (loop $again
        (local.set 0 (i64.add (local.get 0) (i64.const 1)))
        (br_if $done (i64.gt_u (local.get 0) (i64.const 3)))
        (br $again)))
    (memory.init $passive (i32.const 80000) (i32.const 0) (i32.const 4))
    (data.drop $passive)
    (memory.copy (i32.const 65540) (i32.const 65536) (i32.const 4))
    (f64.store (i32.const 8192) (f64.load (i32.const 65536)))
    (call $exit (call_indirect (type $unary) (i32.load (i32.const 70008)) (i32.const 1))))
  (data (i32.const 65536) "eight bytes of data")
  (data $passive "more"))`).bytes;

describe('a file that is not a module', () => {
  it.each([
    ['an empty file', '', 'not a WebAssembly file'],
    ['a text', 'hello, world', 'not a WebAssembly file'],
    ['a gzip file', Uint8Array.of(0x1f, 0x8b, 8, 0), 'not a WebAssembly file'],
    ['only the magic number', '\0asm', 'cut short in its preamble'],
    ['a component', Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0), 'component'],
    ['another version', Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0), 'version 2'],
  ])('%s', (_what, bytes, words) => {
    for (const name of ['run', 'info']) expect(refusal(command(name, bytes))).toContain(words);
  });
});

describe('a module that is damaged', () => {
  /** Accepted, or refused in one sentence; anything else is thrown. */
  const verdict = (bytes: Uint8Array): string | undefined => {
    try {
      prepareCode(bytes, 'bad.wasm', { readTable: 1 << 20, writeTable: 5 << 20 });
      return undefined;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      expect(error.message).toMatch(/^[^\n]+$/);
      return error.message;
    }
  };

  it('whole, it runs', () => {
    expect(command('run', full)).toEqual({ code: 42, out: '', err: '' });
    expect(command('info', full)).toMatchObject({ code: 0, err: '' });
  });

  it('is refused cut short at any byte, unless what is left is a module by itself', () => {
    for (let length = 0; length < full.length; length++) {
      const cut = full.slice(0, length);
      expect([length, verdict(cut) === undefined]).toEqual([length, WebAssembly.validate(cut)]);
    }
  });

  it('says in which section it was cut short, and where', () => {
    const sections = sectionsOf(full);
    expect(sections.map((section) => section.id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11, 0]);
    for (const { id, contents, end } of sections.filter((section) => section.id !== 0)) {
      const length = Math.floor((contents + end) / 2);
      const sentence = refusal(command('run', full.slice(0, length)));
      expect([id, sentence]).toEqual([id, expect.stringMatching(new RegExp(`cut short in .*at byte 0x${length.toString(16)}$`))]);
      expect(refusal(command('info', full.slice(0, length)))).toContain(`at byte 0x${length.toString(16)}`);
    }
  });

  // The engine finds out only when it instantiates a module that data lie beyond its memory; Quire says it before.
  const earlier = /beyond its initial memory/;
  it('with any one byte wrong is refused if the engine refuses it, and only then', () => {
    const disagreements: unknown[] = [];
    for (let at = 8; at < full.length; at++) {
      for (const wrong of [0, 0x7f, 0xff, (full[at] as number) ^ 1, (full[at] as number) ^ 0x40]) {
        const bytes = full.slice();
        bytes[at] = wrong;
        const why = verdict(bytes);
        if ((why === undefined) !== WebAssembly.validate(bytes) && !earlier.test(why ?? '')) disagreements.push({ at, wrong, why });
      }
    }
    expect(disagreements).toEqual([]);
  });
});

function sectionsOf(bytes: Uint8Array): { id: number; contents: number; end: number }[] {
  const sections = [];
  for (let at = 8; at < bytes.length; ) {
    // All sections of the test's module but none of its sizes are below 2^14: one or two bytes of LEB128.
    const long = (bytes[at + 1] as number) > 127;
    const size = long ? (bytes[at + 1] as number) - 128 + (bytes[at + 2] as number) * 128 : (bytes[at + 1] as number);
    const contents = at + (long ? 3 : 2);
    sections.push({ id: bytes[at] as number, contents, end: contents + size });
    at = contents + size;
  }
  return sections;
}

describe('a module that Quire cannot run', () => {
  const start = '(func (export "_start"))';
  const memory = '(memory (export "memory") 1)';
  it.each([
    ['memory64', `(memory (export "memory") i64 1) ${start}`, /64-bit memory \(memory64\)/],
    ['several memories', `${memory} (memory 1) ${start}`, /several memories|more than one memory/],
    ['a shared memory', `(memory (export "memory") 1 1 shared) ${start}`, /shared memory \(threads\)/],
    ['an atomic instruction', `${memory} (func (export "_start") (drop (i32.atomic.load (i32.const 0))))`, /threads|atomic/],
    ['one unknown import', `(import "env" "frobnicate" (func)) ${memory} ${start}`, /: env\.frobnicate \(function\)$/],
    [
      'several unknown imports',
      `(import "env" "a" (func)) (import "wasi_snapshot_preview1" "fd_frob" (func)) (import "env" "b" (global i32)) ${memory} ${start}`,
      /: env\.a \(function\), wasi_snapshot_preview1\.fd_frob \(function\), env\.b \(global\)$/,
    ],
    ['an imported memory', `(import "env" "memory" (memory 1)) (export "memory" (memory 0)) ${start}`, /: env\.memory \(memory\)$/],
    ['a reactor', `${memory} (func (export "_initialize"))`, /it is a reactor/],
    ['no _start', memory, /it has no _start function/],
    ['a _start with parameters', `${memory} (func (export "_start") (param i64))`, /its _start function takes or returns values/],
    ['no memory', start, /it does not export its memory/],
    ['too much memory', `(memory (export "memory") 65536) ${start}`, /asks for 65536 pages of memory at start; Quire can give it 61440/],
    [
      'data beyond its memory',
      `${memory} (data (i32.const 65530) "seven..") ${start}`,
      /reaches to address 65537, beyond its initial memory of 65536 bytes/,
    ],
  ])('%s', (_what, text, words) => {
    expect(refusal(command('run', assemble(`(module ${text})`).bytes))).toMatch(words);
  });

  it.each(['(param i64 i64) (result i64)', '(param f64) (result f32)', '', '(param i32 i32 i32 i32 i64 i32 i32) (result i32)'])(
    'imports a call of the system with the signature %j',
    (signature) => {
      const values = [...signature.matchAll(/[if]\d\d/g)].map(([type]) => type);
      const parameters = values.slice(0, values.length - (signature.includes('result') ? 1 : 0)).map((type) => `(${type}.const 1)`);
      const call = `(call $write ${parameters.join(' ')})`;
      const program = assemble(`(module (import "wasi_snapshot_preview1" "fd_write" (func $write ${signature})) ${memory}
        (func (export "_start") ${signature.includes('result') ? `(drop ${call})` : call}))`);
      expect(refusal(command('run', program.bytes))).toMatch(
        /fd_write \(function \(.*\) -> .*, which WASI has as \(i32, i32, i32, i32\) -> i32\)$/,
      );
    },
  );
});

describe('a machine that cannot be built', () => {
  const run = (...settings: string[]): Said => {
    const path = join(folder, 'good.wasm');
    writeFileSync(path, full);
    return quire('run', '--quiet', '--swap', '1MiB', ...settings, path);
  };

  it.each(['0', '1', '4095', '4KiB', '100KiB', '131071'])('with RAM of %s is refused, and the minimum told', (ram) => {
    expect(refusal(run('--ram', ram))).toMatch(/RAM of .* between 128 KiB and 2048 MiB|the minimum is/);
  });

  it.each(['2049MiB', '4GiB', '1T'])('with RAM of %s is refused, and the maximum told', (ram) => {
    expect(refusal(run('--ram', ram))).toMatch(/RAM of .*2048 MiB/);
  });

  it('runs the program in the minimum that it told', () => {
    const minimum = Number(/between (\d+) KiB/.exec(refusal(run('--ram', '4KiB')))?.[1]) * KIB;
    expect(refusal(run('--ram', String(minimum - 1)))).toContain('RAM of');
    expect(run('--ram', String(minimum)).code).toBe(42);
  });

  it.each([
    ['in a folder that does not exist', () => join(folder, 'no', 'swap'), /no such file or directory/],
    ['that is a folder', () => folder, /illegal operation on a directory|not a regular file/],
    ['that is a device', () => '/dev/null', /not a regular file/],
  ])('with a swap file %s', (_what, path, words) => {
    const sentence = refusal(run('--swap-file', path()));
    expect(sentence).toContain(path());
    expect(sentence).toMatch(words);
    expect(sentence).toMatch(/--swap none/);
  });

  it.each([['a named file'], ['a temporary file']])('with more swap than the disk has room for, in %s', (where) => {
    const path = join(folder, 'huge');
    const named = where === 'a named file' ? ['--swap-file', path] : [];
    expect(refusal(quire('run', '--swap', '1000TiB', ...named, kernel))).toMatch(/it needs [\d.]+ MiB and the disk has [\d.]+ MiB free/);
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['the same name', (path: string) => path, /given twice/],
    ['another name of its folder', (path: string) => `${folder}/./${basename(path)}`, /the same file as .*twice/],
    ['a relative path', (path: string) => relative(process.cwd(), path), /the same file as .*twice/],
  ])('with one swap file under %s', (_what, other, words) => {
    const path = join(folder, 'twice');
    expect(refusal(run('--swap-file', path, '--swap-file', other(path)))).toMatch(words);
    expect(existsSync(path)).toBe(false);
  });

  it('with a second swap file that is a link to the first', () => {
    const [path, link] = [join(folder, 'linked'), join(folder, 'link')];
    writeFileSync(path, '');
    symlinkSync(path, link);
    expect(refusal(run('--swap-file', path, '--swap-file', link))).toBe(
      `--swap-file ${link}: it is the same file as ${path}; each needs a file of its own`,
    );
  });

  it('leaves no swap file behind when the second cannot be made, or the machine not be built', () => {
    const path = join(folder, 'first');
    refusal(run('--swap-file', path, '--swap-file', join(folder, 'no', 'second')));
    refusal(run('--swap-file', path, '--ram', '4KiB'));
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, '');
    refusal(run('--swap-file', path, '--ram', '4KiB'));
    expect(existsSync(path)).toBe(true);
  });

  it('with class limits that the memory manager has not', () => {
    expect(refusal(run('--class-limits', 'netbsd', '--system', 'bsdvm'))).toMatch(/^memory system 'bsdvm' has no limits by class of page/);
    expect(run('--class-limits', 'none', '--system', 'bsdvm').code).toBe(42);
    expect(run('--class-limits', 'netbsd').code).toBe(42);
  });

  it('with a folder for the guest that does not exist', () => {
    expect(refusal(run('--dir', `/data=${join(folder, 'none')}`))).toContain(`${join(folder, 'none')} does not exist`);
  });

  it('writes no report and no events when it refuses', () => {
    const [report, events] = [join(folder, 'report'), join(folder, 'events')];
    refusal(quire('run', '--report-file', report, '--events', events, '--ram', '4KiB', kernel));
    expect([existsSync(report), existsSync(events)]).toEqual([false, false]);
  });

  it('refuses a swap file with other content, and leaves it as it was', () => {
    mkdirSync(join(folder, 'own'));
    const path = join(folder, 'own', 'swap');
    writeFileSync(path, 'as it was');
    expect(refusal(run('--swap-file', path, '--ram', '128KiB'))).toMatch(
      /other content, which swap would overwrite; remove it or give another path/,
    );
    expect(readFileSync(path).toString()).toBe('as it was');
  });

  it('makes a swap file, and uses it again', () => {
    const path = join(folder, 'again');
    for (let runs = 0; runs < 2; runs++) {
      expect(run('--swap-file', path, '--ram', '128KiB').code).toBe(42);
      expect(readFileSync(path).length).toBe(1024 * KIB);
    }
  });
});
