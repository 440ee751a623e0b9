// The golden text is the specification of the look: whoever changes a line here has looked at it as a newcomer would.

import { describe, expect, it } from 'vitest';
import { type Ending, formatRunReport, type MapArea, type RunReport } from './index.ts';

const area = (start: number, end: number, protection: string, name: string, pages: [number, number, number]): MapArea => ({
  start,
  end,
  protection,
  name,
  offset: 0,
  residentPages: pages[0],
  dirtyPages: pages[1],
  swappedPages: pages[2],
});

const report: RunReport = {
  program: 'sort.wasm',
  system: 'uvm',
  policy: 'clock',
  frames: 'bitmap',
  pageTableFormat: 'i386',
  seed: 1,
  ramBytes: 1024 * 1024,
  swapBytes: 16 * 1024 * 1024,
  exitCode: 0,
  ended: { how: 'exit' },
  seconds: { total: 2, kernel: 0.5, load: 0.0123 },
  tlbMisses: 1000,
  faults: {
    zeroFill: 512,
    image: 3,
    file: 0,
    copyOnWrite: 1,
    swapIn: 2048,
    protection: 6,
    resident: 5,
    failed: 0,
    mappedAhead: 12,
  },
  swap: {
    pagesIn: 2048,
    pagesOut: 2304,
    readOperations: 2048,
    writeOperations: 144,
    bytesWritten: 2304 * 4096,
    bytesRead: 2048 * 4096,
    usedPages: 256,
    totalPages: 4096,
  },
  evictions: { clean: 2, dirty: 2304, reactivated: 77 },
  resident: { peakPages: 240, finalPages: 230 },
  kernelBytes: { pageTables: 12_288, frameTable: 8192, heap: 20_480 },
  map: [
    area(0, 0x1000, '---p', '[null page]', [0, 0, 0]),
    area(0x1000, 0x4000, 'rw-p', 'sort.wasm', [3, 1, 0]),
    area(0x4000, 0x1e4000, 'rw-p', '[brk]', [227, 200, 253]),
  ],
  heat: [
    {
      name: 'image and brk',
      start: 0,
      cellBytes: 0x10000,
      faults: [3, 0, 1, 1000, 31],
      residentPages: [16, 0, 1, 8, 15],
    },
  ],
  notes: ['The stack ends at address 0, so page 0 is not mapped: null accesses and stack overflows are caught.'],
};

const golden = `Quire ran sort.wasm in 1 MiB of RAM
  It exited with code 0 after 2.00 s.
  At the end it held 1.9 MiB: 920 KiB in RAM, 1012 KiB in swap.
  memory manager uvm · policy clock · frames bitmap · page tables i386 ·
  16 MiB of swap · seed 1 · pages of 4 KiB

  Time                  2.00 s              from first to last instruction
    program             1.50 s     75.0 %   the program's own code
    kernel              500 ms     25.0 %   in 3,575 traps
    load               12.3 ms              before that: reading and compiling

  Faults                 2,575   10.1 MiB   it touched a page not mapped for it
    zero fill              512      2 MiB   new memory: a fresh page of zeros
    image                    3     12 KiB   a page of the program's own data
    file                     0        0 B   a page of a mapped file
    copy on write            1      4 KiB   a shared page, copied when written
    swap in              2,048      8 MiB   a page came back from swap
    resident                 5     20 KiB   in RAM already: only mapped
    protection               6              the right was added, without a copy
    failed                   0              not allowed, or no memory left
    + mapped ahead          12     48 KiB   neighbours mapped along with one
    + TLB misses         1,000              mapped: a page-table walk sufficed

  Pages in RAM             240    960 KiB   at the peak, of 256 frames
    at the end             230    920 KiB
    in swap                253   1012 KiB   at the end, and not in RAM

  Evictions              2,306    9.0 MiB   frames the page daemon took back
    clean                    2      8 KiB   unchanged: free at once
    dirty                2,304      9 MiB   had to be written out first
    spared                  77    308 KiB   referenced again in time
    swap written         2,304      9 MiB   in 144 operations of 16.0 pages
    swap read            2,048      8 MiB   in 2,048 operations of 1.0 pages
    swap used              256      1 MiB   6.3 % of 16 MiB at the end

  Kernel memory                    40 KiB   3.9 % of RAM
    page tables                    12 KiB   which frame each page is in
    frame table                     8 KiB   a record for each frame
    kernel heap                    20 KiB   map entries, anons, objects, ...

  Address map
    range                             size  resident  dirty  swapped  name
    0x0000_0000-0x0000_1000  ---p    4 KiB         0      0        0  [null page]
    0x0000_1000-0x0000_4000  rw-p   12 KiB         3      1        0  sort.wasm
    0x0000_4000-0x001e_4000  rw-p  1.9 MiB       227    200      253  [brk]
    in all                         1.9 MiB       230    201      253

  Heat of the address space
    image and brk  0x0000_0000 to 0x0005_0000, 64 KiB to a column
      faults  ▂·▁█▄
      in RAM  █·▁▅█
    faults: · none  ▁ 1  to  █ 1,000 in a column, log scale
    in RAM: · none  ▁ few  to  █ all pages, at the end

  Notes
    The stack ends at address 0, so page 0 is not mapped: null accesses and
    stack overflows are caught.
`;

const text = (changes: Partial<RunReport>, width = 80): string => formatRunReport({ ...report, ...changes }, { width, color: 'none' });

const head = (ended: Ending, exitCode = 1): string => text({ ended, exitCode }).split('\n').slice(1, 4).join('\n');

describe('formatRunReport', () => {
  it('prints the golden text', () => {
    expect(text({})).toBe(golden);
  });

  it('differs with colour only in escape sequences', () => {
    const coloured = formatRunReport(report, { width: 80, color: 'ansi' });
    expect(coloured).not.toBe(golden);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
    expect(coloured.replace(/\u001b\[[0-9;]*m/g, '')).toBe(golden);
  });

  it.each([60, 71, 80, 99, 100, 200])('keeps its lines within %d columns', (width) => {
    const wide = {
      ...report,
      heat: [
        {
          ...report.heat?.[0],
          name: 'all',
          start: 0,
          cellBytes: 4096,
          faults: Array(1000).fill(1),
          residentPages: Array(1000).fill(1),
        },
      ],
    };
    const lines = formatRunReport(wide, { width, color: 'none' }).split('\n');
    const outsideMap = lines.filter((line) => !/0x\w+-0x|range|in all|to a column/.test(line));
    expect(outsideMap.filter((line) => line.length > width)).toEqual([]);
  });

  it('gives the offset of an area in its file, where it has a file', () => {
    const file = { ...area(0, 0x1000, 'r--s', 'data.db', [1, 0, 0]), offset: 0x3000 };
    const image = { ...area(0x1000, 0x2000, 'rw-p', '[image]', [1, 0, 0]), offset: 0x1000 };
    expect(text({ map: [file, image] })).toMatch(/r--s .* data\.db \+12 KiB\n.*rw-p .* \[image\]\n/);
  });

  it('merges the cells of a strip that is too wide, and loses no fault', () => {
    const strip = {
      name: 'all',
      start: 0,
      cellBytes: 4096,
      faults: Array(132).fill(5),
      residentPages: Array(132).fill(1),
    };
    expect(text({ heat: [strip] })).toContain('all  0x0000_0000 to 0x0008_4000, 8 KiB to a column');
    expect(text({ heat: [strip] })).toContain('█ 10 in a column');
    expect(text({ heat: [strip] })).toContain(`in RAM  ${'█'.repeat(66)}\n`);
  });

  it('shows a strip without faults, and one where each column has a single fault', () => {
    const strip = { name: 'all', start: 0, cellBytes: 4096, residentPages: [0, 0] };
    expect(text({ heat: [{ ...strip, faults: [0, 0] }] })).toContain('faults  ··\n');
    expect(text({ heat: [{ ...strip, faults: [1, 0] }] })).toContain('faults  █·\n');
  });

  it('lists the swap devices where there are several', () => {
    const device = { usedPages: 10, badPages: 0, readOperations: 3, writeOperations: 4, bytesRead: 12_288, bytesWritten: 262_144 };
    const devices = [
      { ...device, name: '/fast/swap', priority: 10, totalPages: 1024, badPages: 2 },
      { ...device, name: '/slow/swap', priority: 0, totalPages: 3072 },
    ];
    const lines = text({ swap: { ...report.swap, devices } });
    expect(lines).toContain(`
  Swap devices
    priority    size  used  bad  operations  written    read  name
          10   4 MiB    10    2           7  256 KiB  12 KiB  /fast/swap
           0  12 MiB    10    0           7  256 KiB  12 KiB  /slow/swap
      in all  16 MiB    20    2          14  512 KiB  24 KiB

  Address map
`);
    expect(lines).toContain('16 MiB of swap on 2 devices ·');
  });

  it('shows what the page daemon looked at, and what is only in swap', () => {
    const lines = text({ swap: { ...report.swap, onlyPages: 253 }, evictions: { ...report.evictions, lookedAt: 5000 } });
    expect(lines).toContain('    looked at            5,000   19.5 MiB   named by the policy, not all taken\n');
    expect(lines).toContain('    only there             253   1012 KiB   the others are in RAM too\n');
    const none = text({ swap: { ...report.swap, onlyPages: 0 }, evictions: { ...report.evictions, lookedAt: 2306 } });
    expect(none).toBe(golden);
  });

  it('warns of lost pages', () => {
    expect(text({ lostPages: 1 })).toContain('  Warning: 1 changed page of files could not be written back, and is lost.\n');
    expect(text({ lostPages: 1234 })).toContain('Warning: 1,234 changed pages of files could not be written back, and are lost.\n');
    expect(text({ lostPages: 0 })).toBe(golden);
  });

  it.each([
    ['used', 'in 8 KiB of locked stack: no table needed'],
    ['outgrown', 'outgrew the 8 KiB of stack that are locked'],
    ['none', 'there was none: looked up'],
  ] as const)('tells what became of the code where the stack window was %s', (stackWindow, meaning) => {
    const code = {
      origin: 'rewritten' as const,
      originalBytes: 24 * 1024,
      rewrittenBytes: 80 * 1024,
      accesses: { window: 47, grouped: 60, inlined: 1013, called: 42 },
      stackWindowBytes: 8192,
      stackWindow,
    };
    expect(text({ code }, 100)).toContain(`
  Loads and stores       1,162              in its code, each sent through the MMU
    stack window            47              ${meaning}
    grouped                 60              the page is looked up once for several
    inlined              1,013              the page is looked up on the spot
    called                  42              a function looks it up
    code                           80 KiB   from 24 KiB in the module
`);
    expect(text({ code: { ...code, origin: 'cache' } }, 100)).toContain('80 KiB   from 24 KiB in the module, cached\n');
  });

  it('shows locked pages in the map where there are any', () => {
    const locked = { ...area(0x1000, 0x4000, 'rw-p', '[heap]', [3, 1, 0]), lockedPages: 3 };
    const map = [area(0, 0x1000, 'rw-p', '[image]', [1, 0, 0]), locked];
    expect(text({ map })).toContain(`
    range                            size  resident  dirty  swapped  locked  name
    0x0000_0000-0x0000_1000  rw-p   4 KiB         1      0        0       0  [image]
    0x0000_1000-0x0000_4000  rw-p  12 KiB         3      1        0       3  [heap]
    in all                         16 KiB         4      1        0       3
`);
  });

  it('names the class limits of a run that had them', () => {
    expect(text({ classLimits: 'netbsd' })).toContain('policy clock · class limits netbsd · frames bitmap');
  });

  it('says how the run ended', () => {
    expect(head({ how: 'exit' }, 3)).toContain('It exited with code 3 after 2.00 s.');
    expect(head({ how: 'trap', reason: 'integer divide by zero' })).toContain('It trapped after 2.00 s: integer divide by zero.');
    expect(head({ how: 'kill', reason: 'out of RAM and swap' })).toContain('It was killed after 2.00 s: out of RAM and swap.');
    expect(head({ how: 'interrupt' }, 130)).toContain('It was interrupted after 2.00 s. This is the report so far.');
    expect(text({ ended: { how: 'exit' } }).replace(golden, '')).toBe('');
  });

  it('tells a fault by its address, area and function', () => {
    const fault = { address: 0x10, access: 'write', why: 'the null page is not mapped' } as const;
    const place = { index: 12, name: 'strcpy', offset: 0x1234 };
    const nullPage = { start: 0, end: 0x1000, protection: '---p', name: '[null page]' };
    const lines = text({ ended: { how: 'fault', fault: { ...fault, function: place, area: nullPage } }, exitCode: 1 });
    expect(lines.split('\n').slice(1, 5)).toEqual([
      '  A memory fault stopped it after 2.00 s.',
      '  It tried to write at 0x0000_0010: the null page is not mapped.',
      '  The address is in the area 0x0000_0000-0x0000_1000 ---p [null page].',
      '  The code is in function 12, strcpy, byte 0x0000_1234 of the module.',
    ]);
    expect(text({ ended: { how: 'fault', fault } })).not.toContain('The code is in');
    expect(text({ ended: { how: 'fault', fault: { ...fault, function: { index: 7 } } } })).toContain('in function 7.\n');
  });

  it('counts nothing where the MMU was off', () => {
    const lines = text({ mmu: 'off', map: [], seconds: { total: 1, kernel: 0 } });
    expect(lines).toContain('Quire ran sort.wasm with the MMU off');
    expect(lines).toContain('Time                  1.00 s');
    expect(lines).not.toMatch(/Faults|Evictions|Address map|kernel/);
  });

  it('stands an empty run: no time, no swap, no areas', () => {
    const none = {
      pagesIn: 0,
      pagesOut: 0,
      readOperations: 0,
      writeOperations: 0,
      bytesWritten: 0,
      usedPages: 0,
      totalPages: 0,
    };
    const lines = text({ seconds: { total: 0, kernel: 0 }, swap: none, swapBytes: 0, map: [], heat: [], notes: [] });
    expect(lines).toContain('no swap');
    expect(lines).toContain('there is no swap');
    expect(lines).toContain('Address map  empty');
    expect(lines).not.toMatch(/NaN|undefined|Infinity|At the end it held/);
  });

  it('is plain data: JSON gives the same report back', () => {
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});
