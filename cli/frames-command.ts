// `quire frames`: every frame allocator on memory of any size: what does it cost, how fast is it, and what is left in one piece?

import { Command } from 'commander';
import { GIB, PAGE_SIZE, UsageError } from '../src/base/index.ts';
import { type FrameMemory, type FrameResult, measureFrames } from '../src/lab/index.ts';
import { formatBytes, framesData, framesParts, framesRows, framesSvg } from '../src/report/index.ts';
import { findFrameAllocator, frameAllocatorNames } from '../src/systems/index.ts';
import { parseByteSize } from './byte-size.ts';
import { type MeasuredReport, type Measurement, namesIn, parseMeasuringTime, reportMeasured } from './measuring.ts';
import { readMemoryMap, usableEnd } from './memory-map-file.ts';
import { addReportOptions, type ReportFlags } from './report-output.ts';
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

const MOST_MEMORY = 64 * GIB;

const report: MeasuredReport<FrameResult> = {
  forms: ['text', 'json', 'csv', 'svg', 'html'],
  title: 'Frame allocators',
  data: framesData,
  rows: framesRows,
  parts: (results) => framesParts(results, results[0]?.usableFrames ?? 0),
  svg: framesSvg,
};

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
  return addReportOptions(command, report.forms)
    .addHelpText('after', help)
    .action((flags: FramesFlags) => run(reportMeasured(measurements(flags), report, { flags, terminal, command })));
}

function measurements(flags: FramesFlags): Measurement<FrameResult>[] {
  const kinds = namesIn(flags.allocator, '--allocator', frameAllocatorNames).map(findFrameAllocator);
  const memory = memoryOf(flags);
  const options = { now: () => performance.now(), milliseconds: parseMeasuringTime(flags.time), seed: parseSeed(flags.seed) };
  return kinds.map((kind) => ({
    label: `${kind.name} on ${formatBytes(memory.bytes)}`,
    measure: () => measureFrames(kind, memory, options),
  }));
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
