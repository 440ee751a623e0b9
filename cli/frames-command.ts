// `quire frames`: every frame allocator on memory of any size: what does it cost, how fast is it, and what is left in one piece?

import { Command } from 'commander';
import { GIB, PAGE_SIZE, UsageError } from '../src/base/index.ts';
import { type FrameMemory, type FrameResult, measureFrames } from '../src/lab/index.ts';
import { csvLine, formatBytes, framesData, framesParts, framesRows, framesSvg, htmlPage, partsText } from '../src/report/index.ts';
import { findFrameAllocator, frameAllocatorNames } from '../src/systems/index.ts';
import { parseByteSize } from './byte-size.ts';
import { ExitCode } from './exit-code.ts';
import { LiveLine } from './live-line.ts';
import { readMemoryMap, usableEnd } from './memory-map-file.ts';
import { addReportOptions, pageFactsOf, type ReportFlags, type ReportForm, ReportOutput, reportForm } from './report-output.ts';
import { parseSeed } from './run-options.ts';
import type { Terminal } from './terminal.ts';

/** The options as commander leaves them. */
interface FramesFlags extends ReportFlags {
  readonly memory?: string;
  readonly memoryMap?: string;
  readonly allocator: string;
  readonly time: string;
  readonly seed: string;
}

const forms: readonly ReportForm[] = ['text', 'json', 'csv', 'svg', 'html'];
const MOST_MEMORY = 64 * GIB;
const MOST_SECONDS = 60;

const help = `
Allocators: ${frameAllocatorNames.join(', ')}.
docs/frames.md says what each is, and which to choose.

Examples:
  $ quire frames
  $ quire frames --memory 16GiB --allocator bitmap,buddy-cached
  $ quire frames --memory-map /proc/iomem --time 0
  $ dmesg > boot.log; quire frames --memory-map boot.log -o frames.html`;

/** Makes the command. @param run takes the work, which ends with an exit code */
export function framesCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('frames')
    .summary('compare frame allocators')
    .description(
      'Puts frame allocators on memory of any size: bytes of metadata, speed, and what is left in one piece after a while. ' +
        'Only the metadata exists, not the memory.',
    )
    .option('--memory <size>', 'size of memory; default: 1GiB, or what the memory map has')
    .option('--memory-map <file>', 'which memory is usable: JSON, the text of /proc/iomem, or a boot log of Linux with e820 lines')
    .option('--allocator <names>', 'allocators, with commas between, or all', 'all')
    .option('--time <seconds>', 'how long to measure each rate; 0: not at all', '0.25')
    .option('--seed <n>', 'of the random order in which frames are freed', '1');
  return addReportOptions(command, forms)
    .addHelpText('after', help)
    .action((flags: FramesFlags) => run(frames(flags, terminal, command)));
}

async function frames(flags: FramesFlags, terminal: Terminal, command: Command): Promise<number> {
  const form = reportForm(flags, forms);
  const kinds = namesOf(flags.allocator).map(findFrameAllocator);
  const memory = memoryOf(flags);
  const milliseconds = 1000 * parseSeconds(flags.time);
  const seed = parseSeed(flags.seed);
  const output = new ReportOutput(flags, terminal);
  const line = new LiveLine(terminal.err, () => performance.now());
  try {
    const results: FrameResult[] = [];
    for (const kind of kinds) {
      line.update((seconds) => `${seconds.toFixed(1)} s   ${kind.name} on ${formatBytes(memory.bytes)}`);
      // Lets Ctrl-C through between two allocators.
      await new Promise((resolve) => setImmediate(resolve));
      results.push(measureFrames(kind, memory, { now: () => performance.now(), milliseconds, seed }));
    }
    line.hide();
    output.write(written(form, results, output.columns, command));
    return ExitCode.fine;
  } finally {
    line.hide();
    output.close();
  }
}

function written(form: ReportForm, results: readonly FrameResult[], columns: number, command: Command): string {
  const parts = (): ReturnType<typeof framesParts> => framesParts(results, results[0]?.usableFrames ?? 0);
  switch (form) {
    case 'json':
      return `${JSON.stringify(framesData(results), null, 2)}\n`;
    case 'csv':
      return framesRows(results).map(csvLine).join('');
    case 'svg':
      return framesSvg(results);
    case 'html':
      return htmlPage(pageFactsOf(command, 'Frame allocators'), parts());
    case 'text':
      return partsText(parts(), columns);
  }
}

function namesOf(text: string): readonly string[] {
  return text === 'all' ? frameAllocatorNames : [...new Set(text.split(',').map((name) => name.trim()))];
}

function memoryOf({ memory, memoryMap }: FramesFlags): FrameMemory {
  const map = memoryMap === undefined ? undefined : readMemoryMap(memoryMap);
  const asked = memory === undefined ? undefined : parseByteSize(memory, '--memory');
  const bytes = asked ?? (map === undefined ? GIB : usableEnd(map));
  if (bytes < 2 * PAGE_SIZE || bytes > MOST_MEMORY) {
    const where = asked === undefined ? `--memory-map ${memoryMap}: usable memory ends at` : '--memory';
    throw new UsageError(`${where} ${formatBytes(bytes)}: give from 8 KiB to ${formatBytes(MOST_MEMORY)}`);
  }
  return { bytes, ...(map !== undefined && { map }) };
}

function parseSeconds(text: string): number {
  const seconds = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MOST_SECONDS) return seconds;
  throw new UsageError(`--time ${text}: not a number of seconds up to ${MOST_SECONDS}`);
}
