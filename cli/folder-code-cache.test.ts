// The folder of rewritten modules: whatever is done to it, and however many use it, a program runs the same.

import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assemble } from '../test/support/assemble.ts';
import { quire, readReport, refusal } from '../test/support/quire-command.ts';
import { codeCacheFolder, FolderCodeCache } from './folder-code-cache.ts';
import { main } from './main.ts';

const root = join(import.meta.dirname, '..');
const qsort = join(root, 'programs', 'qsort.wasm');

let folder: string;
let cached: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-code-cache-'));
  cached = join(folder, 'deep', 'cache');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const version = new Uint8Array(32).fill(1);
const key = { module: [Uint8Array.of(0, 97, 115), Uint8Array.of(109)], settings: '{"a":1}' };
const entry = Uint8Array.from({ length: 300 }, (_, i) => i);
const cache = (limitBytes?: number): FolderCodeCache => new FolderCodeCache(cached, { version, ...(limitBytes && { limitBytes }) });
const names = (): string[] => readdirSync(cached).sort();
const onlyFile = (): string => join(cached, names()[0] as string);

describe('the folder', () => {
  it('gives back what was kept, to another process too, and nothing for any other key', () => {
    expect(cache().find(key)).toBeUndefined();
    expect(existsSync(cached)).toBe(false);
    cache().keep(key, entry);
    expect(cache().find({ module: key.module.map((piece) => piece.slice()), settings: key.settings })).toEqual(entry);
    expect(cache().find({ ...key, settings: '{"a":2}' })).toBeUndefined();
    expect(cache().find({ ...key, module: [Uint8Array.of(0, 97, 115), Uint8Array.of(110)] })).toBeUndefined();
    const other = new FolderCodeCache(cached, { version: new Uint8Array(32).fill(2) });
    expect(other.find(key)).toBeUndefined();
    other.keep(key, Uint8Array.of(1));
    expect([cache().find(key), other.find(key)]).toEqual([entry, Uint8Array.of(1)]);
    // Two entries, and nothing that was under way.
    expect(names()).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/)]);
  });

  it('is for its user alone', () => {
    cache().keep(key, entry);
    expect([cached, join(folder, 'deep'), onlyFile()].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700, 0o600]);
  });

  it('takes an entry for none wherever a bit of it is flipped or it is cut short or continued, and replaces it', () => {
    cache().keep(key, entry);
    const path = onlyFile();
    const whole = readFileSync(path);
    const expectReplaced = (): void => {
      expect(cache().find(key)).toBeUndefined();
      cache().keep(key, entry);
      expect(cache().find(key)).toEqual(entry);
      expect(names()).toHaveLength(1);
    };
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      writeFileSync(path, damaged);
      expect(cache().find(key), `byte ${at}`).toBeUndefined();
    }
    expectReplaced();
    for (const length of [0, 1, 7, 8, 39, 40, 71, 72, 73, whole.length - 1]) {
      truncateSync(path, length);
      expectReplaced();
    }
    writeFileSync(path, Buffer.concat([whole, Buffer.of(0)]));
    expectReplaced();
    writeFileSync(path, Buffer.alloc(whole.length));
    expectReplaced();
  });

  it('takes the whole entry of another key for none', () => {
    cache().keep(key, entry);
    const path = onlyFile();
    cache().keep({ ...key, settings: 'others' }, Uint8Array.of(1, 2, 3));
    const other = names().find((name) => !path.endsWith(name)) as string;
    copyFileSync(join(cached, other), path);
    expect(cache().find(key)).toBeUndefined();
  });

  it('follows no link, waits for no pipe, and is not stopped by a folder in the place of an entry', () => {
    cache().keep(key, entry);
    const path = onlyFile();
    const aside = join(folder, 'aside');
    renameSync(path, aside);
    symlinkSync(aside, path);
    expect(cache().find(key)).toBeUndefined();
    cache().keep(key, entry);
    expect(cache().find(key)).toEqual(entry);
    rmSync(path);
    mkdirSync(join(path, 'full'), { recursive: true });
    expect(cache().find(key)).toBeUndefined();
    cache().keep(key, entry);
    expect([cache().find(key), names()]).toEqual([undefined, [path.slice(cached.length + 1)]]);
  });

  it('does nothing where it cannot be made or written', () => {
    writeFileSync(join(folder, 'file'), '');
    const [below, device] = [join(folder, 'file', 'cache'), '/dev/null'].map((path) => new FolderCodeCache(path, { version }));
    for (const each of [below, device]) {
      each?.keep(key, entry);
      expect(each?.find(key)).toBeUndefined();
    }
  });

  it.skipIf(process.getuid?.() === 0)('is read where it can only be read', () => {
    cache().keep(key, entry);
    chmodSync(cached, 0o500);
    cache().keep({ ...key, settings: 'more' }, entry);
    expect([cache().find(key), names().length]).toEqual([entry, 1]);
    chmodSync(cached, 0o700);
  });

  it('keeps within its limit: what was used least recently goes first, and nothing that it did not make', () => {
    const settings = ['a', 'b', 'c', 'd'];
    const keyOf = (name: string) => ({ ...key, settings: name });
    // Each takes 372 bytes: three fit, with a byte of an unfinished file.
    const limit = 3 * 372 + 1;
    const small = cache(limit);
    const pathOf = new Map<string, string>();
    for (const [age, name] of settings.slice(0, 3).entries()) {
      small.keep(keyOf(name), entry);
      const path = names().find((each) => ![...pathOf.values()].includes(each)) as string;
      pathOf.set(name, path);
      utimesSync(join(cached, path), 1000 + age, 1000 + age);
    }
    writeFileSync(join(cached, 'notes.txt'), 'x'.repeat(5000));
    const unfinished = `${'0'.repeat(64)}.${'0'.repeat(16)}`;
    writeFileSync(join(cached, unfinished), 'x');
    writeFileSync(join(cached, unfinished.replace(/0$/, '1')), 'x');
    utimesSync(join(cached, unfinished), 1000, 1000);
    // The oldest is used, so it is the youngest now.
    expect(small.find(keyOf('a'))).toEqual(entry);
    small.keep(keyOf('d'), entry);
    expect(settings.map((name) => small.find(keyOf(name)) !== undefined)).toEqual([true, false, true, true]);
    // The young unfinished file may have a writer.
    expect([existsSync(join(cached, 'notes.txt')), existsSync(join(cached, unfinished))]).toEqual([true, false]);
    expect(names()).toHaveLength(5);
    small.keep(keyOf('too large'), new Uint8Array(limit));
    expect(names()).toHaveLength(5);
  });
});

describe('where it is', () => {
  it.each([
    [undefined, {}, undefined],
    [undefined, { HOME: '/home/me' }, '/home/me/.cache/quire/code'],
    [undefined, { HOME: '/home/me', XDG_CACHE_HOME: '/caches' }, '/caches/quire/code'],
    [undefined, { HOME: '/home/me', XDG_CACHE_HOME: 'relative' }, '/home/me/.cache/quire/code'],
    [undefined, { HOME: '/home/me', QUIRE_CODE_CACHE: '/mine' }, '/mine'],
    [undefined, { HOME: '/home/me', QUIRE_CODE_CACHE: '' }, '/home/me/.cache/quire/code'],
    [undefined, { HOME: '/home/me', QUIRE_CODE_CACHE: 'off' }, undefined],
    ['/asked', { HOME: '/home/me', QUIRE_CODE_CACHE: 'off' }, '/asked'],
    ['off', { HOME: '/home/me' }, undefined],
  ])('asked for %s with %j it is %s', (asked, environment, expected) => {
    expect(codeCacheFolder(asked, environment)).toBe(expected);
  });

  it('is refused without a name', () => {
    expect(refusal(quire('run', '--code-cache', '', qsort))).toBe('--code-cache: write a folder, or off');
  });
});

/** Runs a program in this process, and returns its report without times. */
function report(...parameters: string[]) {
  const path = join(folder, 'report.json');
  const { code } = quire('run', '--quiet', '--report-file', path, '--deterministic', ...parameters);
  const { seconds: _, code: facts, ...rest } = readReport(path);
  const { origin, ...codeFacts } = facts ?? { origin: undefined };
  return { origin, facts: { exit: code, codeFacts, ...rest } };
}

describe('quire run --code-cache', () => {
  it.each([
    ['a fault', 'used', '(i32.store (i32.const 4) (i32.const 1))'],
    ['a trap', 'used', '(drop (i32.div_s (i32.const 1) (i32.const 0)))'],
    ['a trap after a frame outside of the window', 'outgrown', '(global.set $sp (i32.const 70000)) (call $touch) (unreachable)'],
  ])('tells the same of %s as without: counters, and the place', (_, stackWindow, code) => {
    const path = join(folder, 'test.wasm');
    const { bytes } = assemble(`(module (memory (export "memory") 4) (global $sp (mut i32) (i32.const 65536))
      (data (i32.const 65536) "x")
      (func $touch (local $fp i32)
        (global.set $sp (local.tee $fp (i32.sub (global.get $sp) (i32.const 32))))
        (i32.store (local.get $fp) (i32.const 7)) (i32.store offset=4 (local.get $fp) (i32.load (local.get $fp)))
        (i32.store offset=8 (local.get $fp) (i32.load offset=4 (local.get $fp)))
        (global.set $sp (i32.add (local.get $fp) (i32.const 32))))
      (func $wrong ${code})
      (func (export "_start") (call $touch) (call $wrong)))`);
    writeFileSync(path, bytes);
    const off = report('--code-cache', 'off', path);
    expect([off.origin, off.facts.ended?.how]).toEqual(['rewritten', expect.stringMatching(/^(fault|trap)$/)]);
    expect(off.facts.codeFacts).toMatchObject({ stackWindow });
    expect(JSON.stringify(off.facts.ended)).toContain('wrong');
    const [cold, warm] = [report('--code-cache', cached, path), report('--code-cache', cached, path)];
    expect([cold.origin, warm.origin]).toEqual(['rewritten', 'cache']);
    expect([cold.facts, warm.facts]).toEqual([off.facts, off.facts]);
  });

  it('takes what belongs to other settings for nothing', () => {
    const origin = (...parameters: string[]) => report('--code-cache', cached, ...parameters, qsort, '50').origin;
    expect([origin(), origin('--ram', '8MiB'), origin('--tlb', '16:4'), origin('--seed', '2')]).toEqual([
      ...['rewritten', 'rewritten', 'rewritten'],
      'cache',
    ]);
    expect([origin('--ram', '8MiB'), origin('--tlb', '16:4')]).toEqual(['cache', 'cache']);
  });

  it('serves recordings as well', () => {
    const record = () => {
      const path = join(folder, 'trace');
      const output = { write: () => undefined, columns: undefined, color: 'none' as const };
      const terminal = { out: output, err: output, environment: { QUIRE_CODE_CACHE: cached } };
      const code = main(['record', '-o', path, '--deterministic', qsort, '50'], terminal);
      return { code, trace: readFileSync(path), kept: statSync(onlyFile()).ino };
    };
    const first = record();
    expect(first.code).toBe(0);
    expect(record()).toEqual(first);
  });

  it('is filled and read by many processes at once', async () => {
    // A process that compiles the sources first keeps no code: they are younger than itself.
    execFileSync(process.execPath, [join(root, 'scripts', 'prepare.mjs')]);
    const start = (): Promise<{ code: number | null; out: string; origin: string }> =>
      new Promise((resolve) => {
        const path = join(folder, `report-${Math.random()}.json`);
        const parameters = ['run', '--code-cache', cached, '--report-file', path, '--quiet', qsort, '1000'];
        const child = spawn(process.execPath, [join(root, 'bin', 'quire.mjs'), ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] });
        let out = '';
        child.stdout.on('data', (chunk) => {
          out += chunk;
        });
        child.on('close', (code) => resolve({ code, out, origin: readReport(path).code?.origin ?? 'none' }));
      });
    const first = await Promise.all([start(), start(), start(), start()]);
    expect(names()).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
    const second = await start();
    expect(new Set([...first, second].map(({ code, out }) => `${code} ${out}`)).size).toBe(1);
    expect([second.code, second.origin]).toEqual([0, 'cache']);
  });
});
