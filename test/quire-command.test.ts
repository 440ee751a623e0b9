// `quire` as a user has it: a process of its own, with real streams, files, signals and exit codes.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const sort = join(root, 'programs', 'qsort.wasm');
// 150,000 numbers of four bytes: more than the RAM below.
const settings = ['--ram', '512KiB', '--swap', '4MiB'];
const job = [sort, '150000'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-command-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

const start = (...parameters: string[]): { child: ChildProcess; ended: Promise<Ended> } => {
  const child = spawn(process.execPath, [join(root, 'bin', 'quire.mjs'), ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (text) => {
    said.out += text;
  });
  child.stderr.on('data', (text) => {
    said.err += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, ...said }));
  });
  return { child, ended };
};

const quire = (...parameters: string[]): Promise<Ended> => start(...parameters).ended;

describe('quire run', () => {
  it('prints what the program prints, with and without the MMU, and nothing else', async () => {
    const plain = await quire('run', '--quiet', '--mmu', 'off', ...job);
    const paged = await quire('run', '--quiet', ...settings, ...job);
    expect(plain).toMatchObject({ code: 0 });
    expect(plain.out).toMatch(/^qsort \d+\n$/);
    expect([paged.code, paged.out]).toEqual([plain.code, plain.out]);
  });

  it('reports in JSON with every key that the format promises, and numbers that agree', async () => {
    const file = join(folder, 'report.json');
    await quire('run', ...settings, '--policy', 'fifo', '--report', 'json', '--report-file', file, ...job);
    const report = JSON.parse(readFileSync(file, 'utf8'));
    expect(report).toMatchObject({ program: 'qsort.wasm', system: 'uvm', policy: 'fifo', ramBytes: 524_288, exitCode: 0 });
    const number = expect.any(Number);
    expect(report).toMatchObject({
      seconds: { total: number, kernel: number },
      tlbMisses: number,
      faults: {
        zeroFill: number,
        image: number,
        file: number,
        copyOnWrite: number,
        swapIn: number,
        protection: number,
        mappedAhead: number,
      },
      swap: { pagesIn: number, pagesOut: number, readOperations: number, writeOperations: number, bytesWritten: number },
      evictions: { clean: number, dirty: number, reactivated: number },
      resident: { peakPages: number, finalPages: number },
      kernelBytes: { pageTables: number, frameTable: number, heap: number },
    });
    expect(report.swap.bytesWritten).toBe(report.swap.pagesOut * 4096);
    expect(report.resident.peakPages).toBeLessThan(128);
    expect(report.resident.peakPages).toBeGreaterThanOrEqual(report.resident.finalPages);
    // The array alone has 146 pages, and no page can be swapped in that was never swapped out.
    expect(report.faults.zeroFill).toBeGreaterThanOrEqual(146);
    expect(report.swap.pagesOut).toBeGreaterThan(146 - 128);
    expect(report.faults.swapIn).toBeGreaterThan(0);
  });

  it.each(['uvm', 'bsdvm'])('prints the same on two swap files under %s, and reports both', async (system) => {
    const plain = await quire('run', '--quiet', '--mmu', 'off', ...job);
    const [slow, fast, file] = [join(folder, 'slow'), join(folder, 'fast'), join(folder, 'report.json')];
    const swap = ['--swap-file', `${slow},size=4MiB`, '--swap-file', `${fast},size=128KiB,priority=1`];
    const settings = ['--ram', '512KiB', '--system', system, '--report', 'json', '--report-file', file];
    const paged = await quire('run', ...settings, ...swap, ...job);
    expect([paged.code, paged.out]).toEqual([0, plain.out]);
    const { swap: counts, swapBytes, system: name } = JSON.parse(readFileSync(file, 'utf8'));
    expect([name, swapBytes, counts.totalPages]).toEqual([system, (4096 + 128) * 1024, 1024 + 32]);
    const [first, second] = counts.devices;
    expect(first).toMatchObject({ name: fast, priority: 1, totalPages: 32, badPages: 0 });
    expect(second).toMatchObject({ name: slow, priority: 0, totalPages: 1024, badPages: 0 });
    // More is written than the fast device has room for.
    expect(first.bytesWritten).toBeGreaterThan(0);
    expect(second.bytesWritten).toBeGreaterThan(0);
    for (const key of ['readOperations', 'writeOperations', 'bytesRead', 'bytesWritten']) {
      expect([key, first[key] + second[key]]).toEqual([key, counts[key]]);
    }
    // UVM takes a slot for a page that it writes, BSD VM a block of them for the pages around it.
    const taken = first.usedPages + second.usedPages;
    if (system === 'uvm') expect(taken).toBe(counts.usedPages);
    else expect(taken).toBeGreaterThanOrEqual(counts.usedPages);
    expect(counts.onlyPages).toBeGreaterThan(0);
    expect(counts.onlyPages).toBeLessThanOrEqual(counts.usedPages);
  });

  it('runs with the class limits of NetBSD, and says so', async () => {
    const { code, err } = await quire('run', ...settings, '--class-limits', 'netbsd', ...job);
    expect([code, err]).toEqual([0, expect.stringContaining('policy uvm · class limits netbsd · frames bitmap')]);
  });

  it('repeats its events exactly, given the same seed and settings', async () => {
    const events = async (name: string): Promise<string> => {
      const file = join(folder, name);
      await quire('run', '--quiet', ...settings, '--policy', 'random', '--seed', '7', '--deterministic', '--events', file, ...job);
      return readFileSync(file, 'utf8');
    };
    const first = await events('first');
    expect(first.split('\n').length).toBeGreaterThan(1000);
    expect(await events('second')).toBe(first);
  });

  it('stops at Ctrl-C, even inside a loop of the program, and still reports', async () => {
    const file = join(folder, 'events');
    const { child, ended } = start(
      'run',
      ...settings,
      '--swap',
      '256MiB',
      '--events',
      file,
      join(root, 'programs', 'sieve.wasm'),
      '100000000',
    );
    await until(() => existsSync(file) && statSync(file).size > 0);
    child.kill('SIGINT');
    const { code, err } = await ended;
    expect(code).toBe(130);
    expect(err).toMatch(/It was interrupted after .*\n/);
    expect(err).toMatch(/Address map\n/);
  });

  it('passes the exit code of a program that stops itself, and gives 1 for one that traps', async () => {
    expect((await quire('run', '--quiet', programOf([0x41, 7, 0x10, 0]))).code).toBe(7);
    const trapped = await quire('run', programOf([0x00]));
    expect(trapped.code).toBe(1);
    expect(trapped.err).toMatch(/It trapped after .*: unreachable/);
  });

  it('refuses what is not a program, in one sentence', async () => {
    const { code, out, err } = await quire('run', join(root, 'package.json'));
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^quire: .*package\.json.*WebAssembly[^\n]*\n$/);
  });
});

describe('quire record', () => {
  it('ends with a good trace on Ctrl-C', async () => {
    const trace = join(folder, 'trace');
    // loop: i32.store 0x8000 <- 1; again
    const endless = programOf([0x03, 0x40, 0x41, 0x80, 0x80, 0x02, 0x41, 1, 0x36, 2, 0, 0x0c, 0, 0x0b]);
    const { child, ended } = start('record', '-o', trace, endless);
    await until(() => existsSync(trace) && statSync(trace).size > 1e6);
    child.kill('SIGINT');
    const { code, err } = await ended;
    expect(code).toBe(130);
    expect(err).toMatch(/^interrupted: [\d,]+ loads and stores, [\d,]+ page references in /);
    const info = await quire('trace', 'info', '--json', trace);
    expect([info.code, info.err]).toEqual([0, '']);
    const { references, writes, pages } = JSON.parse(info.out);
    expect([pages, writes]).toEqual([1, references]);
    expect(references).toBeGreaterThan(500_000);
  });
});

describe('quire sim, on threads', () => {
  const ended = (...parameters: string[]): Promise<Ended> => start('sim', ...parameters).ended;

  it('gives the same results in the same order, however many threads work', async () => {
    const trace = join(folder, 'trace');
    writeFileSync(trace, Array.from({ length: 50_000 }, (_, i) => `${((i % 700) * (i % 31)) % 4093}\n`).join(''));
    const flags = [trace, '--policy', 'random,lru,arc,belady', '--frames', '16..4096', '--csv'];
    const [one, three] = [await ended(...flags, '--jobs', '1'), await ended(...flags, '--jobs', '3')];
    expect([one.code, one.err]).toEqual([0, '']);
    expect(one.out.split('\n').length).toBe(4 * 9 + 2);
    expect(three).toEqual(one);
  });
});

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
};

/** Writes a program whose `_start` is `code`; function 0 is proc_exit. Its code may leave nothing on the stack. */
function programOf(code: number[]): string {
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  const section = (id: number, contents: number[]): number[] => [id, contents.length, ...contents];
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [2, 0x60, 1, 0x7f, 0, 0x60, 0, 0]),
    ...section(2, [1, ...name('wasi_snapshot_preview1'), ...name('proc_exit'), 0, 0]),
    ...section(3, [1, 1]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('_start'), 0, 1]),
    ...section(10, [1, code.length + 2, 0, ...code, 0x0b]),
  ];
  const path = join(folder, 'made.wasm');
  writeFileSync(path, Uint8Array.from(bytes));
  return path;
}
