// The programs benchmark as tables for people.

import { PAGE_SIZE } from '../src/base/index.ts';
import { formatBytes, formatCount } from '../src/report/index.ts';
import type { ProgramRow, ProgramsResult, Timing } from './programs.ts';
import { geometricMean } from './statistics.ts';
import type { Table } from './table.ts';

type DoneRow = ProgramRow & Required<Pick<ProgramRow, 'plain' | 'ample'>>;

/** The tables that people read. */
export function programsTables(result: ProgramsResult): Table[] {
  return [ampleTable(result), ...othersTables(result), codeTable(result), halfTable(result), startTable(result), memoryTable(result)];
}

function ampleTable({ rows, ampleBytes, settings }: ProgramsResult): Table {
  const kernels = kernelsOf(rows);
  return {
    title: 'Programs with RAM to spare',
    about:
      `Seconds from the first instruction to the last, the least of ${settings.repeats}; lower is better. Plain: the same module on ` +
      `plain WebAssembly memory. Quire: every load and store through its MMU, in ${formatBytes(ampleBytes)} of RAM. Ratio: Quire's time ` +
      'to the plain time. Footprint: the most pages in RAM at once. Each page is a fault at its first touch.',
    headings: ['program', 'plain s', 'Quire s', 'ratio', 'footprint', 'faults', 'faults/s'],
    rows: rows
      .filter(isDone)
      .map((row) => [
        nameOf(row),
        seconds(row.plain.seconds),
        seconds(row.ample.seconds),
        slowdown(row).toFixed(2),
        formatBytes(row.ample.peakPages * PAGE_SIZE),
        formatCount(row.ample.faults),
        formatCount(Math.round(row.ample.faultsPerSecond)),
      ]),
    notes: [
      `Geometric mean of the kernels' ratios: ${mean(kernels)}; without fib, which uses no memory: ${mean(kernels.filter(({ program }) => program !== 'fib'))}.`,
      ...rows.flatMap((row) => (row.failure === undefined ? [] : [`${nameOf(row)} failed: ${row.failure}.`])),
    ],
  };
}

const kernelsOf = (rows: readonly ProgramRow[]): DoneRow[] => rows.filter(isDone).filter(({ group }) => group === 'kernel');

const mean = (rows: readonly DoneRow[]): string => (rows.length === 0 ? '-' : geometricMean(rows.map(slowdown)).toFixed(2));

function othersTables({ rows, others = [] }: ProgramsResult): Table[] {
  if (others.length === 0) return [];
  const ratioOf = (each: readonly ProgramRow[], name: string): string => {
    const row = each.filter(isDone).find((candidate) => nameOf(candidate) === name);
    return row === undefined ? '-' : slowdown(row).toFixed(2);
  };
  const versions = others.map((other) => other.rows);
  return [
    {
      title: 'The same on other versions of Node',
      about: "Ratio of Quire's time to the plain time on the same Node; lower is better.",
      headings: ['program', 'at hand', ...others.map(({ node }) => node)],
      rows: [
        ...rows.filter(isDone).map((row) => [nameOf(row), ...[rows, ...versions].map((each) => ratioOf(each, nameOf(row)))]),
        ['geometric mean of the kernels', ...[rows, ...versions].map((each) => mean(kernelsOf(each)))],
      ],
      notes: others.flatMap(({ node, rows: each }) =>
        each.flatMap((row) => (row.failure === undefined ? [] : [`${nameOf(row)} failed on Node ${node}: ${row.failure}.`])),
      ),
    },
  ];
}

function codeTable({ rows }: ProgramsResult): Table {
  const share = (part: number, all: number): string => `${((100 * part) / Math.max(1, all)).toFixed(0)} %`;
  return {
    title: 'What becomes of the code',
    about:
      'Loads and stores as they stand in the code, each once. Frame: in the stack frame of a function, without a table. Group: one check ' +
      'for several. Inline: the page is looked up in place. Call: a function does it. Code: bytes of the functions, and how many times as long the rewritten module is. ' +
      'Stack: what of it lies in frames side by side at the end.',
    headings: ['program', 'accesses', 'frame', 'group', 'inline', 'call', 'code', 'growth', 'stack'],
    rows: rows.filter(isDone).flatMap((row) => {
      const { code } = row.ample;
      if (code === undefined) return [];
      const { window, grouped, inlined, called } = code.accesses;
      const all = window + grouped + inlined + called;
      const shares = [window, grouped, inlined, called].map((part) => share(part, all));
      const growth = (code.rewrittenBytes / code.originalBytes).toFixed(1);
      return [[nameOf(row), formatCount(all), ...shares, formatBytes(code.originalBytes), growth, formatBytes(code.stackWindowBytes)]];
    }),
    notes: [],
  };
}

function halfTable({ rows, settings }: ProgramsResult): Table {
  const tooSmall = rows.filter((row) => isDone(row) && row.half === undefined).map(({ program }) => program);
  return {
    title: 'Programs in half of the RAM they need',
    about:
      'RAM holds half of the pages that the program had resident with RAM to spare, and the kernel. Swap is a file. Slowdown: to the ' +
      `same program on Quire with RAM to spare. A run that lasts longer than ${settings.limitSeconds} s is stopped: its counts are of that part.`,
    headings: ['program', 'RAM', 'seconds', 'slowdown', 'faults/s', 'pages in', 'pages out'],
    rows: rows.filter(isDone).flatMap((row) => (row.half === undefined ? [] : [halfCells(row, row.half)])),
    notes: tooSmall.length === 0 ? [] : [`Not here, since they use less than 1 MiB: ${tooSmall.join(', ')}.`],
  };
}

function halfCells(row: DoneRow, half: NonNullable<ProgramRow['half']>): string[] {
  const bound = half.outcome === 'stopped' ? '> ' : '';
  return [
    nameOf(row),
    formatBytes(half.ramBytes),
    bound + seconds(half.seconds),
    bound + (half.seconds / row.ample.seconds).toFixed(1),
    formatCount(Math.round(half.faultsPerSecond)),
    formatCount(half.swapPagesIn),
    formatCount(half.swapPagesOut),
  ];
}

function startTable({ starts, settings }: ProgramsResult): Table {
  return {
    title: 'Start',
    about:
      `Programs that do nothing, the least of ${settings.startRepeats}. Load: reading, rewriting and compiling the module. Process: from starting ` +
      'the process to its end, with the start of Node and the compiler threads that it waits for. First: nothing is kept of the program yet. ' +
      'Again: its rewritten code is. Host memory: the most that the whole process, Node included, had resident. Each as plain / Quire, and ' +
      "Quire's as a multiple of the plain one; lower is better.",
    headings: ['program', 'start', 'load s', 'ratio', 'process s', 'ratio', 'host memory', 'ratio'],
    rows: starts.filter(isDone).flatMap((row) => {
      const cells = (ample: Timing): string[] => [
        ...pair(row.plain, ample, ({ loadSeconds }) => loadSeconds, seconds),
        ...pair(row.plain, ample, ({ processSeconds }) => processSeconds, seconds),
        ...pair(row.plain, ample, ({ hostBytes }) => hostBytes, formatBytes),
      ];
      const first = [nameOf(row), 'first', ...cells(row.ample)];
      return row.again === undefined ? [first] : [first, ['', 'again', ...cells(row.again)]];
    }),
    notes: [],
  };
}

function memoryTable({ rows }: ProgramsResult): Table {
  return {
    title: 'Host memory of programs at work',
    about:
      'With RAM to spare: the most that the whole process, Node included, had resident. Ratio: to that of the plain run; lower is better. ' +
      "The engine's compilers are a part of both.",
    headings: ['program', 'plain', 'Quire', 'ratio'],
    rows: rows
      .filter(isDone)
      .map((row) => [
        nameOf(row),
        formatBytes(row.plain.hostBytes),
        formatBytes(row.ample.hostBytes),
        (row.ample.hostBytes / row.plain.hostBytes).toFixed(2),
      ]),
    notes: [],
  };
}

/** Returns both values, and the second as a multiple of the first. */
function pair(plain: Timing, ample: Timing, value: (timing: Timing) => number, format: (value: number) => string): string[] {
  return [`${format(value(plain))} / ${format(value(ample))}`, (value(ample) / value(plain)).toFixed(2)];
}

function isDone(row: ProgramRow): row is DoneRow {
  return row.plain !== undefined && row.ample !== undefined;
}

function slowdown({ plain, ample }: DoneRow): number {
  return ample.seconds / plain.seconds;
}

/** The program and its arguments, without the guest's folder. */
function nameOf({ program, args }: ProgramRow): string {
  return [program, ...args.map((text) => text.replace('/bench/', ''))].join(' ');
}

function seconds(value: number): string {
  return value.toFixed(value < 9.995 ? 2 : 1);
}
