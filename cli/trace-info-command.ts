// `quire trace info`: what a trace is like, as text, JSON or a page.

import { Argument, Command } from 'commander';
import { TraceProfiler } from '../src/lab/index.ts';
import { formatCount, htmlPage, type ProfiledTrace, partsText, type ReportPart, traceProfileParts } from '../src/report/index.ts';
import { DenseTrace, piecesOf } from './dense-trace.ts';
import { ExitCode } from './exit-code.ts';
import { LiveLine } from './live-line.ts';
import { addReportOptions, pageFactsOf, type ReportFlags, type ReportForm, ReportOutput, reportForm } from './report-output.ts';
import type { Terminal } from './terminal.ts';
import { addTraceOptions, changesOf, pageChoice, type TraceFlags, traceSource } from './trace-options.ts';

interface InfoFlags extends TraceFlags, ReportFlags {}

const forms: readonly ReportForm[] = ['text', 'json', 'html'];

/** Makes the command. @param run takes the work, which ends with an exit code */
export function traceInfoCommand(terminal: Terminal, run: (work: Promise<number>) => void): Command {
  const command = new Command('info')
    .description('Tells what a trace is like: references, pages, working set, reuse, hot pages, phases.')
    .addArgument(new Argument('<trace>', 'the file, or - for the standard input'));
  return addTraceOptions(addReportOptions(command, forms)).action((path: string, flags: InfoFlags) =>
    run(info(path, flags, terminal, command)),
  );
}

async function info(path: string, flags: InfoFlags, terminal: Terminal, command: Command): Promise<number> {
  const choice = pageChoice(flags);
  const form = reportForm(flags, forms);
  const output = new ReportOutput(flags, terminal);
  const line = new LiveLine(terminal.err, () => performance.now());
  const show = (what: string) => (count: number) =>
    line.update((seconds) => `${seconds.toFixed(1)} s   ${what} ${formatCount(count)} references`);
  try {
    const trace = await DenseTrace.read(traceSource(path, flags), choice, show('read'));
    try {
      const profile = profileOf(trace, show('looked at'));
      line.hide();
      const report = reportOf(trace, profile, flags);
      if (form === 'json') output.write(report.json());
      else if (form === 'html') output.write(htmlPage(pageFactsOf(command, `What is in the trace ${path}`), report.parts()));
      else output.write(partsText(report.parts(), output.columns));
      trace.refuseDefect();
    } finally {
      trace.close();
    }
    return ExitCode.fine;
  } finally {
    line.hide();
    output.close();
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

/** Returns the profile in each of its forms. */
function reportOf(
  trace: DenseTrace,
  profile: ReturnType<TraceProfiler['profile']>,
  flags: InfoFlags,
): { readonly parts: () => ReportPart[]; readonly json: () => string } {
  const { format, unit } = trace.opened;
  const facts: Omit<ProfiledTrace, 'pageNumber'> = {
    name: trace.name,
    format: format.name,
    unit,
    pageBytes: 2 ** pageChoice(flags).pageShift,
    changes: changesOf(flags),
    ...(trace.partial && { partial: trace.partial }),
  };
  const pageNumber = (id: number): number => trace.pageNumber(id);
  const json = (): string => {
    const { name, ...others } = facts;
    const hotPages = profile.hotPages.map(({ id, ...counts }) => ({ page: pageNumber(id), ...counts }));
    return `${JSON.stringify({ trace: name, ...others, ...profile, hotPages }, null, 2)}\n`;
  };
  return { parts: () => traceProfileParts({ ...facts, pageNumber }, profile), json };
}
