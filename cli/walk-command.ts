// `quire walk`: one translation, level by level, with every bit named: in a file of physical memory, or in the memory of a program that has
// just run.

import { Argument, Command, Option } from 'commander';
import { UsageError } from '../src/base/index.ts';
import {
  ACCESS_EXECUTE,
  ACCESS_READ,
  ACCESS_WRITE,
  type PageTableFormat,
  type PhysicalImage,
  type TranslationRequest,
  translate,
  whyNotCanonical,
} from '../src/machine/index.ts';
import type { LargePages } from '../src/pmap/index.ts';
import { formatHex, formatWalk, type WalkReport, walkReport } from '../src/report/index.ts';
import { findPageTable, largePageChoices, pageTableNames } from '../src/systems/index.ts';
import { ExitCode } from './exit-code.ts';
import { interruptible } from './interruptible.ts';
import { openDump } from './physical-dump.ts';
import { runOptions, usualMachine } from './run-options.ts';
import type { RunProgram } from './run-program.ts';
import { FILE_COLUMNS, type Terminal } from './terminal.ts';

interface WalkFlags {
  readonly format: string;
  readonly dump?: string;
  readonly root?: string;
  readonly space: string;
  readonly fromRun?: string;
  readonly arg?: readonly string[];
  readonly ram: string;
  readonly largePages: LargePages;
  readonly access?: keyof typeof accesses;
  readonly mode: 'user' | 'kernel';
  readonly json?: true;
}

/** What stands where a page table is. */
interface Tables {
  readonly image: PhysicalImage;
  readonly root: number;
  readonly space: number;
}

const accesses = { read: ACCESS_READ, write: ACCESS_WRITE, execute: ACCESS_EXECUTE } as const;

const examples = `
Examples:
  $ quire walk --format sv39 --from-run programs/qsort.wasm --arg 1000 0x1000
  $ quire run --page-table amd64 --save-dump ram.img programs/qsort.wasm 1000
  $ quire walk --format amd64 --dump ram.img --root 0x9000 --access write 0x1000 0x12345`;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Makes the command; `finish` gets its exit code: 0 also where addresses fault, since that is what was asked. */
export function walkCommand(terminal: Terminal, runProgram: RunProgram, finish: (exitCode: number) => void): Command {
  return new Command('walk')
    .summary('show how an address is translated, level by level')
    .description(
      'Follows an address through the page tables in an image of physical memory: each table, index and entry with its bits named, to the ' +
        'frame or the exact fault. Numbers are decimal, or hexadecimal with 0x.',
    )
    .addArgument(new Argument('[addresses...]', 'virtual addresses; after a run that a fault ended, by default the address of the fault'))
    .addOption(new Option('--format <name>', "the page table's format").choices(pageTableNames).makeOptionMandatory())
    .option('--dump <file>', 'an image of physical memory, from address 0 on')
    .option('--root <address>', 'with --dump: where the root table is, in physical memory')
    .option('--space <n>', 'inverted, mips: the number of the space', '1')
    .option('--from-run <program.wasm>', 'run this program on the format and look at its memory when it has ended')
    .option('--arg <value>', 'with --from-run: an argument of the program (repeatable)', collect)
    .option('--ram <size>', 'with --from-run: RAM to run in', '16MiB')
    .addOption(
      new Option('--large-pages <when>', 'with --from-run: as in quire run').choices(largePageChoices).default(largePageChoices[0]),
    )
    .addOption(new Option('--access <kind>', 'what is tried (default: read, or what the fault was)').choices(Object.keys(accesses)))
    .addOption(new Option('--mode <who>', 'who tries it').choices(['user', 'kernel']).default('user'))
    .option('--json', 'as one JSON object')
    .addHelpText('after', examples)
    .action((addresses: string[], flags: WalkFlags) => finish(walk(addresses, flags, terminal, runProgram)));
}

function walk(addresses: readonly string[], flags: WalkFlags, terminal: Terminal, runProgram: RunProgram): number {
  if ((flags.dump === undefined) === (flags.fromRun === undefined)) throw new UsageError('give either --dump FILE or --from-run PROGRAM');
  const format = findPageTable(flags.format);
  const chosen = addresses.map((text) => parseAddress(text, format));
  const walks = flags.dump === undefined ? walkRun(chosen, format, flags, terminal, runProgram) : walkDump(chosen, format, flags);
  const { out } = terminal;
  if (flags.json) out.write(`${JSON.stringify({ walks }, null, 2)}\n`);
  else {
    const options = { width: out.columns ?? FILE_COLUMNS, color: out.color };
    out.write(walks.map((report) => formatWalk(report, options)).join('\n'));
  }
  return ExitCode.fine;
}

function walkDump(addresses: readonly bigint[], format: PageTableFormat, flags: WalkFlags): WalkReport[] {
  if (flags.root === undefined) throw new UsageError('--dump: say where the root table is, with --root ADDRESS');
  if (addresses.length === 0) throw new UsageError('give an address to translate');
  const root = Number(parseNumber(flags.root, '--root'));
  if (root % format.entryBytes !== 0)
    throw new UsageError(`--root ${flags.root}: it is not a multiple of an entry's ${format.entryBytes} bytes`);
  const space = Number(parseNumber(flags.space, '--space'));
  const dump = openDump(flags.dump as string);
  try {
    return addresses.map((address) => walkOne({ image: dump, root, space }, address, format, flags));
  } finally {
    dump.close();
  }
}

function walkRun(
  addresses: readonly bigint[],
  format: PageTableFormat,
  flags: WalkFlags,
  terminal: Terminal,
  runProgram: RunProgram,
): WalkReport[] {
  if (flags.root !== undefined) throw new UsageError('--root: a run knows where its tables are; it goes with --dump');
  const { ram, largePages } = flags;
  const machine = { ...usualMachine(), pageTable: format.name, largePages, ram, swap: '256MiB' };
  const settings = { ...machine, seed: '1', deterministic: true } as const;
  const options = runOptions(flags.fromRun as string, flags.arg ?? [], settings, terminal.environment);
  const found: Tables[] = [];
  const { ended } = runProgram(options, {
    interruptible,
    progress: { update: () => undefined, hide: () => undefined },
    guestOutput: 'standard error',
    inspect: ({ ram, mmu }, { process }) => {
      const { words } = ram;
      const { root, id } = process.space.pmap;
      found.push({ image: { bytes: words.length * 4, word: (at) => words[at / 4] }, root: mmu.rootAddress(root), space: id });
    },
  });
  const [tables] = found;
  if (tables === undefined) throw new UsageError(`${flags.fromRun}: it ended without a page table`);
  if (addresses.length > 0) return addresses.map((address) => walkOne(tables, address, format, flags));
  if (ended?.fault === undefined) throw new UsageError('give an address to translate: no fault ended the program');
  const { address, access } = ended.fault;
  return [walkOne(tables, parseAddress(`0x${address.toString(16)}`, format), format, { access, ...flags })];
}

function walkOne(
  { image, root, space }: Tables,
  address: bigint,
  format: PageTableFormat,
  { access = 'read', mode }: Pick<WalkFlags, 'access' | 'mode'>,
): WalkReport {
  const request: TranslationRequest = { format, root, address, access: accesses[access], mode, space };
  const translation = translate(image, request);
  if (translation.end.how !== 'outside') return walkReport(request, translation);
  const last = translation.steps.at(-1);
  const table = last === undefined ? 'the root table' : `the table that entry ${last.index} of ${last.name} names`;
  const entry = formatHex(translation.end.address, 8);
  throw new UsageError(`${formatHex(address, 8)}: ${table} would have its entry at ${entry}, outside the image of ${image.bytes} bytes`);
}

function parseAddress(text: string, format: PageTableFormat): bigint {
  const address = parseNumber(text, 'the address');
  const why = whyNotCanonical(format, address);
  if (why !== undefined) throw new UsageError(`the address ${text} is not canonical in ${format.name}: ${why}`);
  return address;
}

function parseNumber(text: string, what: string): bigint {
  const plain = text.replaceAll('_', '');
  if (/^(\d{1,16}|0x[0-9a-f]{1,16})$/i.test(plain)) return BigInt(plain);
  throw new UsageError(`${what} ${text}: not a number; write 4096 or 0x1000`);
}
