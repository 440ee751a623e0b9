// `quire info`: what a module needs and whether it runs here, without running it.

import { basename } from 'node:path';
import { Argument, Command } from 'commander';
import { formatAddress, formatBytes, formatCount, formatCountOf, formatShare } from '../src/report/index.ts';
import { aboutModule } from '../src/wasm/index.ts';
import { ExitCode } from './exit-code.ts';
import { type Layout, type ModuleFacts, moduleFacts } from './module-facts.ts';
import { readProgram } from './run-options.ts';
import type { Terminal } from './terminal.ts';

/** Column at which the facts begin. */
const LABEL_WIDTH = 14;
/** Unknown features and imports are few; known imports are counted, not listed. */
const NONE = 'none';

/** Makes the command; `finish` gets its exit code: 0 if the module runs here, else 2. */
export function infoCommand(terminal: Terminal, finish: (exitCode: number) => void): Command {
  return new Command('info')
    .summary('tell what a program needs and whether it runs here')
    .description('Tells what a WebAssembly program needs: features, imports, memory and its layout; whether it runs here, and why not.')
    .addArgument(new Argument('<program.wasm>', 'the program'))
    .option('--json', 'as one JSON object')
    .action((program: string, flags: { json?: true }) => {
      const facts = aboutModule(program, () => moduleFacts(readProgram(program)));
      terminal.out.write(flags.json ? `${JSON.stringify({ program, ...facts }, null, 2)}\n` : factsText(program, facts));
      finish(facts.verdict.runs === 'yes' ? ExitCode.fine : ExitCode.usage);
    });
}

function factsText(program: string, facts: ModuleFacts): string {
  const rows: [string, string][] = [
    ['runs here', [facts.verdict.runs, ...facts.verdict.reasons].join('; ')],
    ['features', facts.features.join(', ') || `${NONE} beyond the first version of WebAssembly`],
    ['imports', importsText(facts)],
    ['memory', memoryText(facts)],
    ['layout', layoutText(facts.layout)],
    ['page 0', pageZeroText(facts.layout)],
    ['data', `${formatCountOf(facts.data.segments, 'segment')}, ${formatBytes(facts.data.bytes)}`],
    ['code', codeText(facts)],
    ['not needed', `${formatBytes(facts.customBytes)} of names and debug information`],
  ];
  const lines = rows.map(([label, text]) => `  ${label.padEnd(LABEL_WIDTH)}${text}`);
  return `${[`${basename(program)}, ${formatBytes(facts.fileBytes)}`, ...lines].join('\n')}\n`;
}

function importsText({ imports }: ModuleFacts): string {
  const modules = Object.entries(imports).map(([module, names]) => `${formatCount(names.length)} from ${module}`);
  return modules.join(', ') || NONE;
}

function memoryText({ memory }: ModuleFacts): string {
  if (memory === null) return NONE;
  const { initialBytes, maximumBytes } = memory;
  return `${formatBytes(initialBytes)} at the start, may grow to ${maximumBytes === null ? '4 GiB' : formatBytes(maximumBytes)}`;
}

function layoutText({ order, stackTop, dataStart, dataEnd }: Layout): string {
  const stack = stackTop === null ? '' : `stack down from ${formatAddress(stackTop)}`;
  const data = dataStart === null || dataEnd === null ? '' : `data ${formatAddress(dataStart)}-${formatAddress(dataEnd)}`;
  switch (order) {
    case 'stack-first':
      return `stack first: ${stack}, then ${data}`;
    case 'data-first':
      return `data first: ${data}, then ${stack}`;
    case 'unknown':
      return [stack, data].filter((part) => part !== '').join(', ') || 'unknown: no stack pointer and no data';
  }
}

function pageZeroText({ pageZero, dataStart }: Layout): string {
  if (pageZero === 'unmapped') return 'unmapped: null accesses and stack overflows are caught';
  const why = dataStart === null ? '' : `, as data begins at address ${formatCount(dataStart)}`;
  return `mapped${why}: null accesses are not caught`;
}

function codeText({ code }: ModuleFacts): string {
  const share = (part: number): string => formatShare(part, code.instructions);
  const counts = `${formatCountOf(code.functions, 'function')}, ${formatCountOf(code.instructions, 'instruction')}`;
  return `${counts}: ${share(code.loads)} loads, ${share(code.stores)} stores`;
}
