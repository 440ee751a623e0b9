// `quire trace info`: what a trace is like, as text or JSON.

import { Argument, Command } from 'commander';
import { TraceProfiler } from '../src/lab/index.ts';
import { formatCount, formatTraceProfile, type ProfiledTrace } from '../src/report/index.ts';
import { DenseTrace, piecesOf } from './dense-trace.ts';
import { ExitCode } from './exit-code.ts';
import { LiveLine } from './live-line.ts';
import { FILE_COLUMNS, type Terminal } from './terminal.ts';
import { addTraceOptions, changesOf, pageChoice, type TraceFlags, traceSource } from './trace-options.ts';

interface InfoFlags extends TraceFlags {
  readonly json?: true;
}

/** Makes the command. @param run takes the work, which ends with an exit code */
export function traceInfoCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  return addTraceOptions(
    new Command('info')
      .description('Tells what a trace is like: references, pages, working set, reuse, hot pages, phases.')
      .addArgument(new Argument('<trace>', 'the file, or - for the standard input'))
      .option('--json', 'as one JSON object'),
  ).action((path: string, flags: InfoFlags) => run(info(path, flags, terminal)));
}

async function info(path: string, flags: InfoFlags, terminal: Terminal): Promise<number> {
  const choice = pageChoice(flags);
  const line = new LiveLine(terminal.err, () => performance.now());
  const show = (what: string) => (count: number) =>
    line.update((seconds) => `${seconds.toFixed(1)} s   ${what} ${formatCount(count)} references`);
  try {
    const trace = await DenseTrace.read(traceSource(path, flags), choice, show('read'));
    try {
      const profile = profileOf(trace, show('looked at'));
      line.hide();
      terminal.out.write(textOf(trace, profile, flags, terminal));
    } finally {
      trace.close();
    }
    return ExitCode.fine;
  } finally {
    line.hide();
  }
}

function profileOf({ content }: DenseTrace, progress: (references: number) => void): ReturnType<TraceProfiler['profile']> {
  const profiler = new TraceProfiler(content);
  let done = 0;
  for (const { ids, kinds } of piecesOf(content)) {
    profiler.feed(ids, kinds);
    done += ids.length;
    progress(done);
  }
  return profiler.profile();
}

function textOf(trace: DenseTrace, profile: ReturnType<TraceProfiler['profile']>, flags: InfoFlags, terminal: Terminal): string {
  const { format, unit } = trace.opened;
  const facts: Omit<ProfiledTrace, 'pageNumber'> = {
    name: trace.name,
    format: format.name,
    unit,
    pageBytes: 2 ** pageChoice(flags).pageShift,
    changes: changesOf(flags),
  };
  const pageNumber = (id: number): number => trace.pageNumber(id);
  if (!flags.json) return formatTraceProfile({ ...facts, pageNumber }, profile, terminal.out.columns ?? FILE_COLUMNS);
  const { name, ...others } = facts;
  const hotPages = profile.hotPages.map(({ id, ...counts }) => ({ page: pageNumber(id), ...counts }));
  return `${JSON.stringify({ trace: name, ...others, ...profile, hotPages }, null, 2)}\n`;
}
