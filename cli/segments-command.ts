// `quire segments`: logical addresses through a table of segments, and a recorded program in segments with page tables of their own.

import { readFileSync } from 'node:fs';
import { Argument, Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { replaySegments, type SegmentCut, type SegmentReplayResult } from '../src/lab/index.ts';
import { ACCESS_EXECUTE, ACCESS_READ, ACCESS_WRITE } from '../src/machine/index.ts';
import { csvLine, formatBytes, formatCount, formatCountOf, partsText } from '../src/report/index.ts';
import { findPageTable } from '../src/systems/index.ts';
import { DenseTrace, piecesOf } from './dense-trace.ts';
import { ExitCode } from './exit-code.ts';
import { LiveLine } from './live-line.ts';
import { reasonOf } from './output-file.ts';
import { addReportOptions, type ReportFlags, ReportOutput, reportForm } from './report-output.ts';
import { parseRights, tableOfDescriptors, tableOfJson } from './segment-tables.ts';
import { type SegmentStep, walkSegment } from './segment-walk.ts';
import type { Terminal } from './terminal.ts';
import { checkAddresses } from './tlb-options.ts';
import { addTraceOptions, pageChoice, parseCount, type TraceFlags, traceSource } from './trace-options.ts';

interface WalkFlags {
  readonly table?: string;
  readonly descriptors?: string;
  readonly access: keyof typeof accesses;
  readonly bytes: string;
  readonly privilege: string;
  readonly json?: true;
}

interface ReplayFlags extends TraceFlags, ReportFlags {
  readonly pageTable: string;
  readonly segment: readonly string[];
}

const accesses = { read: ACCESS_READ, write: ACCESS_WRITE, execute: ACCESS_EXECUTE } as const;
const MOST_SEGMENTS = 255;
const PAGE = 4096;

const examples = `
Examples:
  $ quire segments walk --descriptors 0,00cf9a000000ffff,00409210000000ff --access write 0x10:0xfe 0x8:0
  $ quire segments walk --table segments.json code:0x10 stack:0xfffffff0
  $ quire segments replay prog.quire --page-table i386 --segment data=0x0..0x20000:rw --segment heap=0x20000..0x400000:rw`;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Makes the command with its subcommands; `finish` gets the exit code: 0 also where addresses fault, since that is what was asked. */
export function segmentsCommand(terminal: Terminal, finish: (exitCode: number | Promise<number>) => void): Command {
  const replay = new Command('replay')
    .summary('replay a trace through segments with page tables of their own')
    .description(
      'Counts the frames of page tables that segments take, each with a table as deep as it needs, beside those of one flat table.',
    )
    .addArgument(new Argument('<trace>', 'the file; - is the standard input'))
    .requiredOption('--segment <name=from..to:rights>', 'a segment: addresses, and r, w, x (repeatable)', collect)
    .option('--page-table <name>', 'the format of the tables', 'i386');
  const walk = new Command('walk')
    .summary('show what becomes of logical addresses')
    .description(
      'Checks logical addresses, SELECTOR:OFFSET, against a table of segments, step by step, to the linear address or the exact fault.',
    )
    .addArgument(new Argument('<addresses...>', 'selector:offset; with --table a name or a number, with --descriptors an x86 selector'))
    .option('--table <file>', 'segments as JSON')
    .option('--descriptors <list>', 'x86 descriptors of a GDT in hex, the null descriptor first, with commas')
    .addOption(new Option('--access <kind>', 'what is tried').choices(Object.keys(accesses)).default('read'))
    .option('--bytes <n>', 'bytes of the access', '1')
    .option('--privilege <n>', 'who tries it: 0 the kernel, to 3', '3')
    .option('--json', 'as one JSON object');
  return new Command('segments')
    .summary('translate by segments, and compare their tables with a flat one')
    .addHelpText('after', examples)
    .addCommand(walk.action((addresses: string[], flags: WalkFlags) => finish(walkAll(addresses, flags, terminal))))
    .addCommand(
      addTraceOptions(addReportOptions(replay, ['text', 'json', 'csv'])).action((path: string, flags: ReplayFlags) =>
        finish(replayTrace(path, flags, terminal)),
      ),
    );
}

function walkAll(addresses: readonly string[], flags: WalkFlags, { out }: Terminal): number {
  if ((flags.table === undefined) === (flags.descriptors === undefined))
    throw new UsageError('give either --table FILE or --descriptors LIST');
  const privilege = parseCount(flags.privilege, '--privilege', 0);
  if (privilege > 3) throw new UsageError(`--privilege ${flags.privilege}: 0 to 3`);
  const rows =
    flags.table === undefined ? tableOfDescriptors(flags.descriptors as string) : tableOfJson(readTable(flags.table), flags.table);
  const request = { access: accesses[flags.access], accessName: flags.access, bytes: parseCount(flags.bytes, '--bytes', 1), privilege };
  const walks = addresses.map((address) => walkSegment(address, rows, request));
  if (flags.json) out.write(`${JSON.stringify({ walks }, null, 2)}\n`);
  else out.write(walks.map(({ address, steps }) => textOf(address, steps, flags)).join('\n'));
  return ExitCode.fine;
}

function readTable(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--table ${path}: it cannot be read: ${reasonOf(error)}`);
  }
}

function textOf(address: string, steps: readonly SegmentStep[], { access, bytes }: WalkFlags): string {
  const head = `${address}, ${access} of ${formatCountOf(Number(bytes), 'byte')}`;
  return [head, ...steps.map(({ what, found }) => `  ${what.padEnd(10)} ${found}`), ''].join('\n');
}

async function replayTrace(path: string, flags: ReplayFlags, terminal: Terminal): Promise<number> {
  const form = reportForm(flags, ['text', 'json', 'csv']);
  const format = findPageTable(flags.pageTable);
  if (format.architecture === 'hashed')
    throw new UsageError(`--page-table ${format.name}: it has one table for all; take a table of levels`);
  if (flags.pageSize !== '4KiB') throw new UsageError(`--page-size ${flags.pageSize}: segments are cut into pages of 4 KiB`);
  const cuts = flags.segment.map(parseCut);
  checkCuts(cuts);
  const output = new ReportOutput(flags, terminal);
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    const trace = await DenseTrace.readSound(traceSource(path, flags), pageChoice(flags), (count) =>
      line.update((seconds) => `${seconds.toFixed(1)} s   reading ${path}: ${formatCount(count)} references`),
    );
    try {
      const pages = Float64Array.from({ length: trace.content.pages }, (_, id) => trace.pageNumber(id));
      checkAddresses(format, trace.name, pages.reduce((most, page) => Math.max(most, page), 0) * PAGE);
      const result = replaySegments(piecesOf(trace.content), pages, format, cuts);
      line.hide();
      if (form === 'json') output.write(`${JSON.stringify({ pageTable: format.name, results: [result] }, null, 2)}\n`);
      else if (form === 'csv') output.write(rowsOf(result).map(csvLine).join(''));
      else output.write(replayText(result, `${trace.name}, tables of ${format.name}`, output.columns));
    } finally {
      trace.close();
    }
    return ExitCode.fine;
  } finally {
    line.hide();
    output.close();
  }
}

function parseCut(text: string): SegmentCut {
  const [, name, from, to, rights] = /^([\w-]+)=(0x[\da-f_]+|\d+)\.\.(0x[\da-f_]+|\d+):([rwx]+)$/i.exec(text) ?? [];
  const [start, end] = [from, to].map((each) => Number(each?.replaceAll('_', ''))) as [number, number];
  if (name === undefined || !(start < end)) throw new UsageError(`--segment ${text}: write it as in heap=0x20000..0x400000:rw`);
  if (start % PAGE !== 0 || end % PAGE !== 0) throw new UsageError(`--segment ${text}: it begins and ends at multiples of 4096`);
  if (end - start > 2 ** 32) throw new UsageError(`--segment ${text}: a segment has at most 4 GiB`);
  return { name, from: start, to: end, rights: parseRights(rights as string, `--segment ${text}`) };
}

function checkCuts(cuts: readonly SegmentCut[]): void {
  if (cuts.length > MOST_SEGMENTS) throw new UsageError(`--segment: at most ${MOST_SEGMENTS} of them`);
  const sorted = [...cuts].sort((a, b) => a.from - b.from);
  const at = sorted.findIndex((cut, i) => i > 0 && cut.from < (sorted[i - 1] as SegmentCut).to);
  if (at > 0) throw new UsageError(`--segment: ${sorted[at - 1]?.name} and ${sorted[at]?.name} overlap`);
}

const rowHead = ['segment', 'bytes', 'references', 'levels', 'pages', 'tables'] as const;

function rowsOf({ segments, flat, references }: SegmentReplayResult): (string | number)[][] {
  const rows = segments.map((each) => [each.name, each.bytes, each.references, each.levels, each.pages, each.tables]);
  return [[...rowHead], ...rows, ['flat', '', references, flat.levels, flat.pages, flat.tables]];
}

function replayText(result: SegmentReplayResult, what: string, width: number): string {
  const [head = [], ...rows] = rowsOf(result);
  const cells = rows.map((row) =>
    row.map((cell, at) => (typeof cell === 'string' ? cell : head[at] === 'bytes' ? formatBytes(cell) : formatCount(cell))),
  );
  const { segments, flat, outside, forbidden, beyond } = result;
  const tables = segments.reduce((sum, each) => sum + each.tables, 0);
  const faults = [
    outside > 0 ? `${formatCountOf(outside, 'reference')} in no segment` : '',
    forbidden > 0 ? `${formatCountOf(forbidden, 'reference')} that the rights forbid` : '',
    beyond > 0 ? `${formatCountOf(beyond, 'reference')} beyond the limit` : '',
  ].filter((each) => each !== '');
  const below = [
    '',
    `  tables of all segments: ${formatCountOf(tables, 'frame')}; one flat table: ${formatCountOf(flat.tables, 'frame')}`,
    `  ${faults.length === 0 ? 'no reference faulted' : faults.join(', ')}`,
  ];
  return partsText(
    [
      { kind: 'lines', lines: [`${formatCountOf(result.references, 'reference')} of ${what}`] },
      { kind: 'table', caption: [], table: { head: head.map(String), rows: cells, keys: 1, keysAre: 'words' }, below },
    ],
    width,
  );
}
