// Several processes in one memory, for people: what each got and waited for, how frames were divided over time, and when memory thrashed.

import type { ProcessOutcome, SharingOutcome, TimelinePiece } from '../lab/index.ts';
import { lineChartSvg } from './line-chart.ts';
import { formatBytes, formatCount, formatCountOf, formatSeconds, formatShare } from './quantities.ts';
import { pagePicture, type ReportPart } from './report-part.ts';

/** What all simulations of a command have in common. */
export interface SharingFacts {
  readonly frames: number;
  readonly pageBytes: number;
  readonly device: string;
  readonly referenceNs: number;
  /** References that a working set looks back. */
  readonly window: number;
  /** Mean working set of each process, in pages. */
  readonly workingSets: readonly number[];
  /** What was left out of the traces or changed. */
  readonly changes: readonly string[];
}

/** One simulation of a sweep. */
export interface SweepPoint {
  readonly processes: number;
  readonly outcome: SharingOutcome;
}

const blocks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const NONE = '·';
/** Periods of thrashing that are listed; the rest is counted. */
const PERIODS_SHOWN = 5;
/** Columns of a bar of a sweep. */
const BAR = 16;

/** Returns the report on one or more designs. */
export function sharingParts(outcomes: readonly SharingOutcome[], facts: SharingFacts): ReportPart[] {
  const comparison = outcomes.length > 1 ? [designPart(outcomes)] : [];
  return [{ kind: 'lines', lines: headLines(facts) }, ...outcomes.flatMap((outcome) => outcomeParts(outcome, facts)), ...comparison];
}

/** Returns the report on a sweep over the number of processes: points in order, designs one after another. */
export function sweepParts(points: readonly SweepPoint[], facts: SharingFacts): ReportPart[] {
  const designs = [...new Set(points.map(({ outcome }) => outcome.design))];
  const tables = designs.map((design): ReportPart => {
    const own = points.filter(({ outcome }) => outcome.design === design);
    const swaps = own.some(({ outcome }) => outcome.swaps.out > 0) ? ['swapped out'] : [];
    const head = ['processes', 'processor use', '', 'device', 'faults', 'again', 'thrashing', 'time', ...swaps];
    const rows = own.map((point) => sweepRow(point).slice(0, head.length));
    return { kind: 'table', caption: [design], table: { head, rows, keys: 1, keysAre: 'numbers' } };
  });
  return [{ kind: 'lines', lines: headLines(facts) }, pagePicture(() => sweepSvg(points)), ...tables];
}

/** Returns simulations as rows of cells, the head first: one for each process of each, with what the simulation did as a whole repeated. */
export function sharingRows(outcomes: readonly SharingOutcome[], { workingSets }: SharingFacts): (string | number)[][] {
  const whole = 'design,processes,seconds,processor_use,device_use,thrashing_seconds,pages_written,swapped_out';
  const own = 'process,trace,references,pages,working_set,faults,faults_again,mean_frames,peak_frames,ran,paging,ready,out';
  const rows = outcomes.flatMap((outcome) =>
    outcome.processes.map((process, number) => [
      ...[outcome.design, outcome.processes.length, outcome.seconds, outcome.processorUse, outcome.deviceUse],
      ...[thrashingSeconds(outcome), outcome.device.pagesWritten, outcome.swaps.out],
      ...[number + 1, process.name, process.references, process.pages, workingSets[number] as number],
      ...[process.faults, process.refaults, process.meanFrames, process.peakFrames],
      ...[process.processorSeconds, process.pagingSeconds, process.readySeconds, process.outSeconds],
    ]),
  );
  return [`${whole},${own}`.split(','), ...rows];
}

/** Returns the use of the processor over the number of processes as an SVG document, a curve for each design. */
export function sweepSvg(points: readonly SweepPoint[]): string {
  const designs = [...new Set(points.map(({ outcome }) => outcome.design))];
  return lineChartSvg({
    title: 'use of the processor by number of processes',
    x: { label: 'processes', scale: 'linear' },
    y: { label: 'processor in use, % of the time', scale: 'linear' },
    curves: designs.map((name, tone) => {
      const own = points.filter(({ outcome }) => outcome.design === name);
      return { name, points: own.map(({ processes, outcome }) => [processes, 100 * outcome.processorUse]), tone, line: 'solid' };
    }),
  });
}

/** Returns how frames were divided over the time of the model as an SVG document, a curve for each process. */
export function timelineSvg({ design, processes, timeline }: SharingOutcome): string {
  let seconds = 0;
  const middles = timeline.map((piece) => {
    seconds += piece.seconds;
    return seconds - piece.seconds / 2;
  });
  return lineChartSvg({
    title: `${design}: frames over time`,
    x: { label: 'seconds, modelled', scale: 'linear' },
    y: { label: 'frames', scale: 'linear' },
    curves: processes.map((process, number) => {
      const points = timeline.map(({ frames }, piece) => [middles[piece] as number, frames[number] as number] as const);
      return { name: nameOf(process, number), points, tone: number, line: 'solid', markers: 'hidden' };
    }),
  });
}

function sweepRow({ processes, outcome }: SweepPoint): string[] {
  return [
    formatCount(processes),
    formatShare(outcome.processorUse, 1),
    '█'.repeat(Math.round(outcome.processorUse * BAR)).padEnd(BAR, NONE),
    formatShare(outcome.deviceUse, 1),
    formatCount(outcome.faults),
    formatCount(outcome.refaults),
    formatShare(thrashingSeconds(outcome), outcome.seconds),
    formatSeconds(outcome.seconds),
    formatCount(outcome.swaps.out),
  ];
}

function headLines({ frames, pageBytes, device, referenceNs, changes }: SharingFacts): string[] {
  const memory = `${formatCountOf(frames, 'frame')} of ${formatBytes(pageBytes)}, ${formatBytes(frames * pageBytes)} in all`;
  const lines = [`${memory}; all times are modelled: ${formatCount(referenceNs)} ns for a reference, requests to a device as '${device}'`];
  return changes.length === 0 ? lines : [...lines, `  of the traces: ${changes.join('; ')}`];
}

function outcomeParts(outcome: SharingOutcome, facts: SharingFacts): ReportPart[] {
  const { design, processes, seconds } = outcome;
  const done = `${formatCountOf(processes.length, 'process', 'processes')} done in ${formatSeconds(seconds)}`;
  return [
    { kind: 'head', name: design, lines: [done] },
    processPart(outcome, facts),
    { kind: 'lines', lines: [...totalLines(outcome, facts), ...thrashingLines(outcome)] },
    { kind: 'picture', svg: () => timelineSvg(outcome), text: (width) => chartLines(outcome, width) },
  ];
}

function processPart({ processes }: SharingOutcome, { workingSets, window }: SharingFacts): ReportPart {
  const head = [
    '',
    'references',
    'pages',
    `ws(${formatCount(window)})`,
    'faults',
    'again',
    'frames',
    'most',
    'ran',
    'paging',
    'ready',
    'out',
  ];
  const columns = processes.some(({ timesSwappedOut }) => timesSwappedOut > 0) ? head.length : head.length - 1;
  const rows = processes.map((process, number) => processRow(process, number, workingSets[number] as number).slice(0, columns));
  const table = { head: head.slice(0, columns), rows, keys: 1, keysAre: 'words' } as const;
  return { kind: 'table', placed: 'directly below', caption: [], table };
}

function processRow(process: ProcessOutcome, number: number, workingSet: number): string[] {
  const { references, pages, faults, refaults, meanFrames, peakFrames, processorSeconds, pagingSeconds, readySeconds, outSeconds } =
    process;
  return [
    nameOf(process, number),
    formatCount(references),
    formatCount(pages),
    workingSet.toFixed(1),
    formatCount(faults),
    formatCount(refaults),
    meanFrames.toFixed(1),
    formatCount(peakFrames),
    ...[processorSeconds, pagingSeconds, readySeconds, outSeconds].map(formatSeconds),
  ];
}

function nameOf({ name }: ProcessOutcome, number: number): string {
  return `${number + 1} ${name}`;
}

function totalLines(
  { processorUse, deviceUse, faults, refaults, evictions, device, ahead, swaps, fragmentation }: SharingOutcome,
  facts: SharingFacts,
): string[] {
  const lines = [
    `  processor in use ${formatShare(processorUse, 1)} of the time, device ${formatShare(deviceUse, 1)}`,
    `  ${formatCountOf(faults, 'fault')}, ${formatCount(refaults)} of them for pages that had been in memory before`,
    `  ${formatCountOf(device.reads, 'read')} of ${formatCountOf(device.pagesRead, 'page')}, ${formatCountOf(device.writes, 'write')} of ${formatCountOf(device.pagesWritten, 'page')}; ${formatCountOf(evictions.dirty, 'page')} left dirty, ${formatCount(evictions.clean)} clean`,
  ];
  if (ahead.read > 0) {
    const share = formatShare(ahead.useful, ahead.read);
    lines.push(
      `  read ahead of a fault: ${formatCountOf(ahead.read, 'page')}, ${formatCount(ahead.useful)} useful (${share}), ${formatCount(ahead.useless)} useless`,
    );
  }
  if (swaps.out > 0) lines.push(`  processes swapped out ${formatCountOf(swaps.out, 'time')}, back in ${formatCountOf(swaps.in, 'time')}`);
  if (fragmentation.peakBytes > 0) {
    const share = formatShare(fragmentation.meanBytes, facts.frames * facts.pageBytes);
    lines.push(
      `  internal fragmentation: ${formatBytes(Math.round(fragmentation.meanBytes))} on average, ${share} of memory; ${formatBytes(fragmentation.peakBytes)} at most`,
    );
  }
  return lines;
}

function thrashingSeconds({ thrashing }: SharingOutcome): number {
  return thrashing.reduce((sum, { fromSeconds, toSeconds }) => sum + toSeconds - fromSeconds, 0);
}

function thrashingLines(outcome: SharingOutcome): string[] {
  const { thrashing, seconds } = outcome;
  if (thrashing.length === 0) return ['  no thrashing'];
  const shown = thrashing.slice(0, PERIODS_SHOWN).map((each) => `${formatSeconds(each.fromSeconds)} to ${formatSeconds(each.toSeconds)}`);
  const rest = thrashing.length > shown.length ? ` and ${formatCountOf(thrashing.length - shown.length, 'more period')}` : '';
  return [`  thrashing ${formatShare(thrashingSeconds(outcome), seconds)} of the time: ${shown.join(', ')}${rest}`];
}

/** Strips of one character for each piece of time: a process's frames by their share of memory, and what processor and device did. */
function chartLines({ timeline, processes, frames }: SharingOutcome, width: number): string[] {
  const names = [...processes.map(nameOf), 'processor', 'device'];
  const indent = Math.max(...names.map((name) => name.length)) + 4;
  const pieces = mergePieces(timeline, Math.max(16, width - indent));
  const strip = (name: string, level: (piece: TimelinePiece) => number): string =>
    `  ${name.padEnd(indent - 4)}  ${pieces.map((piece) => blockOf(level(piece))).join('')}`;
  return [
    `  frames over time, of all ${formatCount(frames)}: ${NONE} none  ${blocks[0]} up to an eighth  to  ${blocks[7]} more than seven eighths`,
    ...processes.map((process, number) => strip(nameOf(process, number), (piece) => (piece.frames[number] as number) / frames)),
    strip('processor', ({ processorUse }) => processorUse),
    strip('device', ({ deviceUse }) => deviceUse),
  ];
}

function blockOf(level: number): string {
  if (level < 1e-9) return NONE;
  return blocks[Math.min(blocks.length, Math.ceil(level * blocks.length - 1e-9)) - 1] ?? blocks[0];
}

/** Averages neighbouring pieces until they are at most `columns`. */
function mergePieces(pieces: readonly TimelinePiece[], columns: number): TimelinePiece[] {
  const group = Math.ceil(pieces.length / columns);
  return Array.from({ length: Math.ceil(pieces.length / group) }, (_, i) => averageOf(pieces.slice(i * group, (i + 1) * group)));
}

function averageOf(pieces: readonly TimelinePiece[]): TimelinePiece {
  const seconds = pieces.reduce((sum, piece) => sum + piece.seconds, 0);
  const mean = (of: (piece: TimelinePiece) => number): number =>
    pieces.reduce((sum, piece) => sum + of(piece) * piece.seconds, 0) / seconds;
  return {
    seconds,
    processorUse: mean(({ processorUse }) => processorUse),
    deviceUse: mean(({ deviceUse }) => deviceUse),
    frames: (pieces[0]?.frames ?? []).map((_, process) => mean(({ frames }) => frames[process] as number)),
  };
}

function designPart(outcomes: readonly SharingOutcome[]): ReportPart {
  const head = ['design', 'time', 'processor use', 'faults', 'again', 'pages written', 'thrashing', 'swapped out'];
  const rows = outcomes.map((outcome) => [
    outcome.design,
    formatSeconds(outcome.seconds),
    formatShare(outcome.processorUse, 1),
    formatCount(outcome.faults),
    formatCount(outcome.refaults),
    formatCount(outcome.device.pagesWritten),
    formatShare(thrashingSeconds(outcome), outcome.seconds),
    formatCount(outcome.swaps.out),
  ]);
  return { kind: 'table', caption: ['all designs'], table: { head, rows, keys: 1, keysAre: 'words' } };
}
