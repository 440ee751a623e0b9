// `quire walk` on images made here by hand and on programs that have run; what a fault shows agrees with the report of the run.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport, WalkReport } from '../src/report/index.ts';
import { pageTableNames } from '../src/systems/index.ts';
import { assemble } from './support/assemble.ts';
import { quire, type Said } from './support/quire-command.ts';

const qsort = fileURLToPath(new URL('../programs/qsort.wasm', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-walk-'));
  writeFileSync(join(folder, 'stray.wasm'), stray.bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A program that stores to an address where nothing is. */
const stray = assemble(`(module
  (memory (export "memory") 2)
  (global $stack (mut i32) (i32.const 65536))
  (data (i32.const 65536) "data")
  (func (export "_start") (i32.store (i32.const 0x234) (i32.const 1))))`);

const walk = (...parameters: string[]): Said => quire('walk', ...parameters);

/** An image of four frames with these 32-bit words. */
function image(words: Readonly<Record<number, number>>): string {
  const path = join(folder, 'image');
  const bytes = Buffer.alloc(4 * 4096);
  for (const [address, word] of Object.entries(words)) bytes.writeUInt32LE(word, Number(address));
  writeFileSync(path, bytes);
  return path;
}

describe('a walk through an image', () => {
  it('shows each level of i386 with every bit, and the physical address', () => {
    // Linear 0x0040_3004: directory entry 1, table entry 3.
    const dump = image({ 4100: 0x2027, 8204: 0xabcd_e067 });
    const { code, out } = walk('--format', 'i386', '--dump', dump, '--root', '0x1000', '--access', 'write', '0x403004');
    expect(code).toBe(0);
    expect(out).toBe(`0x0040_3004 on i386, write by a program
  page directory at 0x0000_1000, index 1, entry at 0x0000_1004: 0x0000_2027
    P=1 R/W=1 U/S=1 PWT=0 PCD=0 A=1 PS=0 avail=0x0 table=0x2 : names the next table
  page table at 0x0000_2000, index 3, entry at 0x0000_200c: 0xabcd_e067
    P=1 R/W=1 U/S=1 PWT=0 PCD=0 A=1 D=1 PAT=0 G=0 avail=0x0 frame=0xabcde : maps the page
  frame 0xabcde, physical address 0xabcd_e004: program, read, write, execute, accessed, dirty
`);
  });

  it('ends in the exact fault, with the registers that the processor shows', () => {
    // A leaf of sv39 that may be read: V R U A.
    const dump = image({ 4096: 0x801, 8192: 0xc01, 12296: 0x453 });
    const { out } = walk('--format', 'sv39', '--dump', dump, '--root', '0x1000', '--access', 'write', '--json', '0x1234');
    const [report] = (JSON.parse(out) as { walks: WalkReport[] }).walks;
    expect(report).toMatchObject({
      steps: [{ role: 'table' }, { role: 'table' }, { index: 1, entry: '0x0000_0000_0000_0453', role: 'page' }],
      page: { frame: '0x1', physical: '0x0000_1234', rights: { user: true, write: false, execute: false }, accessed: true, dirty: false },
      fault: {
        kind: 'protection',
        level: 2,
        registers: [
          { name: 'scause', value: '0xf', meaning: 'store page fault' },
          { name: 'stval', value: '0x0000_0000_0000_1234', meaning: 'the address' },
        ],
      },
    });
  });

  it('knows large pages', () => {
    const dump = image({ 4096: 0x2003, 8200: 0x4000_0741 });
    const entry = walk('--format', 'aarch64', '--dump', dump, '--root', '0x1000', '0x4000_5678').out;
    expect(entry).toContain('physical address 0x4000_5678, in a page of 1 GiB: program, read, write, execute, accessed, dirty');
  });

  it.each([
    [
      'an address that is not canonical',
      ['--format', 'sv39', '--root', '0', '0x4000000000'],
      /not canonical in sv39: bits 63 to 39 must equal bit 38/,
    ],
    ['an address that is too wide', ['--format', 'i386', '--root', '0', '0x100000000'], /not canonical in i386: addresses have 32 bits/],
    ['no address', ['--format', 'i386', '--root', '0'], /give an address/],
    ['no root', ['--format', 'i386', '0'], /--root/],
    ['a root that is no place of entries', ['--format', 'amd64', '--root', '4', '0'], /not a multiple/],
    ['a word for a number', ['--format', 'i386', '--root', 'top', '0'], /--root top: not a number/],
    [
      'a table outside the image',
      ['--format', 'i386', '--root', '0x1000', '0x403004'],
      /entry 1 of page directory names would have its entry at 0x0900_000c, outside the image of 16384 bytes/,
    ],
    [
      'a root outside the image',
      ['--format', 'i386', '--root', '0x7000', '0'],
      /the root table would have its entry at 0x0000_7000, outside/,
    ],
  ])('refuses %s with a sentence', (_, parameters, sentence) => {
    const dump = image({ 4100: 0x900_0027 });
    const { code, out, err } = walk('--dump', dump, ...parameters);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(sentence);
    expect(err.trim().split('\n').length).toBe(1);
  });

  it('refuses a file that is no image, one that is not there, and neither or both of dump and run', () => {
    expect(walk('--format', 'i386', '--dump', join(folder, 'stray.wasm'), '--root', '0', '0').err).toMatch(/no image of physical memory/);
    expect(walk('--format', 'i386', '--dump', join(folder, 'none'), '--root', '0', '0').err).toMatch(/cannot be read/);
    expect(walk('--format', 'i386', '0').err).toMatch(/either --dump FILE or --from-run PROGRAM/);
  });
});

describe('a walk through the memory of a run', () => {
  it.each(pageTableNames)('finds on %s in the saved image what it finds in the machine', (format) => {
    const dump = join(folder, 'ram.img');
    const report = join(folder, 'report.json');
    const saved = quire(
      'run',
      '--page-table',
      format,
      '--save-dump',
      dump,
      '--deterministic',
      '--report',
      'json',
      '--report-file',
      report,
      qsort,
      '1000',
    );
    expect(saved.code).toBe(0);
    const { pageTable, notes } = readJson(report);
    expect(notes?.at(-1)).toContain(`quire walk --format ${format} --dump ${dump} --root 0x${pageTable?.root.toString(16)}`);
    const address = '0x1008';
    const fromDump = walk(
      '--format',
      format,
      '--dump',
      dump,
      '--root',
      `${pageTable?.root}`,
      '--space',
      `${pageTable?.space}`,
      '--json',
      address,
    );
    const fromRun = walk('--format', format, '--from-run', qsort, '--arg', '1000', '--json', address);
    expect(fromDump.code).toBe(0);
    expect(JSON.parse(fromDump.out)).toEqual(JSON.parse(fromRun.out));
    const [walked] = (JSON.parse(fromDump.out) as { walks: WalkReport[] }).walks;
    expect(walked?.page?.physical).toMatch(/008$/);
    expect(walked?.fault).toBeUndefined();
  });

  it('shows a large leaf, and the report counts it, where large pages are made; a format without any says so', () => {
    const report = join(folder, 'report.json');
    const gups = fileURLToPath(new URL('../programs/gups.wasm', import.meta.url));
    const large = ['--large-pages', 'promote'];
    const said = quire('run', '--page-table', 'amd64', ...large, '--report', 'json', '--report-file', report, gups, '19', '1');
    expect(said.code).toBe(0);
    expect(readJson(report).largePages).toEqual({
      bytes: 2 ** 21,
      promotions: 1,
      demotions: 0,
      dissolved: 0,
      mapped: 1,
      reservations: { made: 2, broken: 0 },
    });
    const run = ['--from-run', gups, '--arg', '19', '--arg', '1', '--access', 'write'];
    const leafOf = (...more: string[]) => {
      const { out } = walk('--format', 'amd64', ...run, ...more, '--json', '0x212345');
      const [walked] = (JSON.parse(out) as { walks: WalkReport[] }).walks;
      return [walked?.steps.length, walked?.page?.pageBytes, walked?.page?.physical.slice(-3)];
    };
    expect([leafOf(), leafOf(...large)]).toEqual([
      [4, 4096, '345'],
      [3, 2 ** 21, '345'],
    ]);
    const refused = quire('run', '--page-table', 'mips', ...large, qsort, '1000');
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('format mips have no large pages')]);
  });

  it('begins, after a fault, at the address of the fault, and shows the registers that the report shows', () => {
    const program = join(folder, 'stray.wasm');
    const report = join(folder, 'report.json');
    expect(quire('run', '--page-table', 'aarch64', '--report', 'json', '--report-file', report, program).code).toBe(1);
    const registers = readJson(report).ended?.fault?.registers;
    // A store from a program that found no entry: at level 0, since nothing else was mapped; or below it.
    expect(registers?.[0]).toMatchObject({
      name: 'ESR_EL1',
      meaning: expect.stringMatching(/data abort from EL0, write: translation fault, level [0-3]/),
    });
    expect(registers?.[1]).toMatchObject({ name: 'FAR_EL1', value: '0x0000_0000_0000_0234' });
    const [walked] = (JSON.parse(walk('--format', 'aarch64', '--from-run', program, '--json').out) as { walks: WalkReport[] }).walks;
    expect(walked).toMatchObject({ access: 'write', fault: { kind: 'not present', registers } });
    const text = quire('run', program).err;
    expect(text.replace(/\s+/g, ' ')).toContain(
      'The processor would show error code 0x6 (page not present, write, user mode), CR2 0x0000_0234 (the address).',
    );
  });

  it('needs an address where no fault ended the program', () => {
    expect(walk('--format', 'i386', '--from-run', qsort, '--arg', '1000').err).toMatch(/no fault ended the program/);
  });
});

function readJson(path: string): RunReport {
  return JSON.parse(readFileSync(path, 'utf8')) as RunReport;
}
