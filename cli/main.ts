// The command line: `quire <command>`. One file per command; this one joins them and turns every failure into a sentence and a code.
//
//   exit code   0   done
//               2   a wrong option, a file that is not what it should be: one sentence on stderr, nothing written
//             130   Ctrl-C
//           other   the guest's own

import { Command, CommanderError } from 'commander';
import { UsageError } from '../src/base/index.ts';
import { ExitCode } from './exit-code.ts';
import { framesCommand } from './frames-command.ts';
import { heapCommand } from './heap-command.ts';
import { infoCommand } from './info-command.ts';
import { kernelCommand } from './kernel-command.ts';
import { packageVersion } from './package-version.ts';
import { paperCommand } from './paper-command.ts';
import { quizCommand } from './quiz-command.ts';
import { rangesCommand } from './ranges-command.ts';
import { recordCommand } from './record-command.ts';
import { runCommand } from './run-command.ts';
import type { RunProgram } from './run-program.ts';
import { runProgram } from './runner.ts';
import { segmentsCommand } from './segments-command.ts';
import { shareCommand } from './share-command.ts';
import { simCommand } from './sim-command.ts';
import { FILE_COLUMNS, processTerminal, type Terminal } from './terminal.ts';
import { tlbCommand } from './tlb-command.ts';
import { traceCommand } from './trace-command.ts';
import { walkCommand } from './walk-command.ts';

/**
 * Runs one command and returns the exit code of the process: at once where the command is done when it returns, as guests are, else later.
 * @param parameters what was typed after `quire`
 */
export function main(
  parameters: readonly string[],
  terminal: Terminal = processTerminal(),
  run: RunProgram = runProgram,
): number | Promise<number> {
  let exitCode: number | Promise<number> = ExitCode.fine;
  const finish = (code: number | Promise<number>): void => {
    exitCode = code;
  };
  const failed = (error: unknown): number => {
    if (error instanceof CommanderError) return afterCommander(error, terminal);
    if (!(error instanceof UsageError)) throw error;
    terminal.err.write(`quire: ${error.message}\n`);
    return ExitCode.usage;
  };
  try {
    quireCommand(terminal, run, finish).parse(parameters, { from: 'user' });
  } catch (error) {
    return failed(error);
  }
  return typeof exitCode === 'number' ? exitCode : (exitCode as Promise<number>).catch(failed);
}

// Commander also throws when it has shown help or the version. Its messages begin with `error: ` and may have a second line,
// `(Did you mean --ram?)`.
function afterCommander({ code, exitCode, message }: CommanderError, terminal: Terminal): number {
  if (exitCode === 0) return ExitCode.fine;
  if (code !== 'commander.help') {
    const sentence = message
      .replace(/^error: /, '')
      .replace(/\s*\n\s*/g, ' ')
      .replace(/\.$/, '');
    terminal.err.write(`quire: ${sentence}; see quire help\n`);
  }
  return ExitCode.usage;
}

function quireCommand(terminal: Terminal, run: RunProgram, finish: (exitCode: number | Promise<number>) => void): Command {
  const quire = new Command('quire')
    .description("An operating system's memory manager on which real WebAssembly programs run.")
    .version(packageVersion(), '--version', 'print the version')
    .enablePositionalOptions()
    .addCommand(runCommand(terminal, run, finish))
    .addCommand(infoCommand(terminal, finish))
    .addCommand(walkCommand(terminal, run, finish))
    .addCommand(recordCommand(terminal, run, finish))
    .addCommand(simCommand(terminal, finish))
    .addCommand(shareCommand(terminal, finish))
    .addCommand(heapCommand(terminal, finish))
    .addCommand(framesCommand(terminal, finish))
    .addCommand(kernelCommand(terminal, finish))
    .addCommand(rangesCommand(terminal, finish))
    .addCommand(segmentsCommand(terminal, finish))
    .addCommand(tlbCommand(terminal, finish))
    .addCommand(traceCommand(terminal, finish))
    .addCommand(quizCommand(terminal, finish))
    .addCommand(paperCommand(terminal, finish));
  for (const command of [quire, ...quire.commands, ...quire.commands.flatMap((each) => each.commands)]) {
    command.exitOverride().configureOutput({
      writeOut: terminal.out.write,
      writeErr: terminal.err.write,
      // Errors are thrown as well, and `main` words them.
      outputError: () => undefined,
      getOutHelpWidth: () => terminal.out.columns ?? FILE_COLUMNS,
      getErrHelpWidth: () => terminal.err.columns ?? FILE_COLUMNS,
    });
  }
  return quire;
}
