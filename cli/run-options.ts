// From what was typed after `quire run` to `RunOptions`: every value is checked here, with a sentence of its own.

import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { MIB, PAGE_SIZE, UsageError } from '../src/base/index.ts';
import type { MemoryRange, TlbDesign } from '../src/machine/index.ts';
import type { LargePages } from '../src/pmap/index.ts';
import { formatBytes } from '../src/report/index.ts';
import { CLUSTER_PAGES, MAX_RAM_BYTES, MIN_RAM_BYTES, type SwapReadAhead } from '../src/system/index.ts';
import {
  classLimitNames,
  frameAllocatorNames,
  kernelHeapNames,
  kernelMapChoices,
  largePageChoices,
  pageTableNames,
  policyNames,
  rangeMapNames,
  systemNames,
} from '../src/systems/index.ts';
import { parseByteSize } from './byte-size.ts';
import { codeCacheFolder } from './folder-code-cache.ts';
import { readMemoryMap, usableEnd } from './memory-map-file.ts';
import { reasonOf } from './output-file.ts';
import { formOfEnding } from './report-output.ts';
import type { GrantedDirectory, RunOptions, SwapFileRequest } from './run-program.ts';
import { parseTlbDesigns } from './tlb-options.ts';

/** The options as commander leaves them: its choices are checked, the rest is text. */
export interface RunFlags {
  readonly ram?: string;
  readonly memoryMap?: string;
  readonly swap: string;
  readonly swapFile?: readonly string[];
  readonly policy: string;
  readonly frames: string;
  readonly pageTable: string;
  readonly largePages: LargePages;
  readonly tlb?: string;
  readonly ranges: string;
  readonly kernelHeap: string;
  readonly kernelMap: string;
  readonly system: string;
  readonly classLimits: string;
  readonly swapReadAhead?: string;
  readonly mmu: 'on' | 'off';
  readonly dir?: readonly string[];
  readonly env?: readonly string[];
  readonly argv0?: string;
  readonly deterministic?: true;
  readonly seed: string;
  readonly events?: string;
  readonly saveDump?: string;
  readonly report?: 'text' | 'json' | 'html' | 'none';
  readonly reportFile?: string;
  readonly quiet?: true;
  readonly codeCache?: string;
}

/** RAM of a run that says nothing about it. */
const USUAL_RAM = 16 * MIB;
/** Seeds are 32-bit, as the generator's. */
const MAX_SEED = 0xffff_ffff;
/** The largest priority of a swap device, as Linux's `swapon` has it. */
const MAX_PRIORITY = 32_767;

/** The machine of a run where nothing was said about it. */
export function usualMachine(): Pick<
  RunFlags,
  'policy' | 'frames' | 'pageTable' | 'largePages' | 'ranges' | 'kernelHeap' | 'kernelMap' | 'system' | 'classLimits' | 'mmu'
> {
  const [policy, frames, pageTable, ranges, kernelHeap, kernelMap, system, classLimits] = [
    policyNames[0],
    frameAllocatorNames[0],
    pageTableNames[0],
    rangeMapNames[0],
    kernelHeapNames[0],
    kernelMapChoices[0],
    systemNames[0],
    classLimitNames[0],
  ] as [string, string, string, string, string, string, string, string];
  const largePages = largePageChoices[0] as LargePages;
  return { policy, frames, pageTable, largePages, ranges, kernelHeap, kernelMap, system, classLimits, mmu: 'on' };
}

/** Checks all settings and reads the module's file. Throws `UsageError` for the first that is wrong. */
export function runOptions(
  program: string,
  args: readonly string[],
  flags: RunFlags,
  environment: Readonly<Record<string, string | undefined>>,
): RunOptions {
  const swapBytes = flags.swap === 'none' ? 0 : parseByteSize(flags.swap, '--swap');
  if (flags.swapFile !== undefined && swapBytes === 0) throw new UsageError('--swap-file: there is no swap to keep in it');
  const ending = flags.reportFile === undefined ? undefined : formOfEnding(flags.reportFile);
  if (ending === 'csv' || ending === 'svg') throw new UsageError(`--report-file ${flags.reportFile}: there is no such form of this`);
  if (flags.saveDump !== undefined && flags.mmu === 'off') throw new UsageError('--save-dump: with --mmu off there is no RAM to save');
  if (flags.report === 'none' && flags.reportFile !== undefined) throw new UsageError('--report-file: with --report none there is none');
  const codeCache = codeCacheFolder(flags.codeCache, environment);
  return {
    ...memoryOf(flags),
    swapBytes,
    swapFiles: (flags.swapFile ?? []).map((text) => parseSwapFile(text, swapBytes)),
    classLimits: flags.classLimits,
    ...(flags.swapReadAhead !== undefined && { swapReadAhead: parseSwapReadAhead(flags.swapReadAhead) }),
    policy: flags.policy,
    frames: flags.frames,
    pageTable: flags.pageTable,
    largePages: flags.largePages,
    ...(flags.tlb !== undefined && { tlbDesigns: tlbDesignsOf(flags.tlb, flags) }),
    ranges: flags.ranges,
    kernelHeap: flags.kernelHeap,
    kernelMap: flags.kernelMap,
    system: flags.system,
    mmu: flags.mmu,
    seed: parseSeed(flags.seed),
    clocksAndRandom: flags.deterministic === true ? 'seeded' : 'real',
    directories: (flags.dir ?? []).map(parseDirectory),
    env: Object.fromEntries((flags.env ?? []).map((text) => parseVariable(text, environment))),
    args,
    argv0: flags.argv0 ?? basename(program),
    program,
    bytes: readProgram(program),
    ...(codeCache !== undefined && { codeCache }),
  };
}

function parseSwapReadAhead(text: string): SwapReadAhead {
  if (text === 'off' || text === 'adaptive') return text;
  const pages = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (pages >= 2 && pages <= CLUSTER_PAGES) return pages;
  throw new UsageError(`--swap-read-ahead ${text}: write adaptive, off, or a number of pages from 2 to ${CLUSTER_PAGES}`);
}

/** RAM and its map: without `--ram` as much as the map has. */
function memoryOf({ ram, memoryMap: path, mmu }: RunFlags): { ramBytes: number; memoryMap?: readonly MemoryRange[] } {
  const asked = ram === undefined ? undefined : parseByteSize(ram, '--ram');
  if (path === undefined) return { ramBytes: asked ?? USUAL_RAM };
  if (mmu === 'off') throw new UsageError('--memory-map: with --mmu off there is no RAM that it could tell of');
  const memoryMap = readMemoryMap(path);
  const end = usableEnd(memoryMap);
  if (asked === undefined && !(end >= MIN_RAM_BYTES && end <= MAX_RAM_BYTES)) {
    throw new UsageError(
      `--memory-map ${path}: usable memory ends at ${formatBytes(end)}; a run has from ${formatBytes(MIN_RAM_BYTES)} to ` +
        `${formatBytes(MAX_RAM_BYTES)} of RAM: give another map${end > MAX_RAM_BYTES ? ', or cut this one off with --ram' : ''}`,
    );
  }
  return { ramBytes: asked ?? end, memoryMap };
}

function tlbDesignsOf(text: string, { mmu, largePages }: RunFlags): TlbDesign[] {
  if (mmu === 'off') throw new UsageError('--tlb: with --mmu off there are no pages to translate');
  return parseTlbDesigns(text, '--tlb', largePages);
}

/** Returns the bytes of a module's file. Throws `UsageError` if it cannot be read. */
export function readProgram(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`${path}: cannot be read: ${reasonOf(error)}`);
  }
}

/** Returns a 32-bit seed. Throws `UsageError` for anything else. */
export function parseSeed(text: string): number {
  const seed = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (seed <= MAX_SEED) return seed;
  throw new UsageError(`--seed ${text}: not a whole number from 0 to ${MAX_SEED}`);
}

// The settings stand at the end, so that a path may have commas of its own.
function parseSwapFile(text: string, defaultBytes: number): SwapFileRequest {
  const wrong = (why: string): never => {
    throw new UsageError(`--swap-file ${text}: ${why}; write PATH, PATH,size=64MiB or PATH,size=64MiB,priority=1`);
  };
  const [path = '', ...settings] = text.split(/,(?=[A-Za-z]+=)/);
  if (path === '') wrong('there is no path');
  const values = new Map<string, string>();
  for (const setting of settings) {
    const [name = '', value = ''] = setting.split(/=(.*)/s);
    if (name !== 'size' && name !== 'priority') wrong(`it has no setting '${name}'`);
    if (values.has(name)) wrong(`${name} is given twice`);
    values.set(name, value);
  }
  const size = values.get('size');
  const sizeBytes = size === undefined ? defaultBytes : parseByteSize(size, `--swap-file ${path}: size`);
  if (sizeBytes < PAGE_SIZE) wrong(`its size is less than a page of ${PAGE_SIZE} bytes`);
  const priority = values.get('priority') ?? '0';
  if (!/^\d{1,5}$/.test(priority) || Number(priority) > MAX_PRIORITY) wrong(`its priority is not a whole number from 0 to ${MAX_PRIORITY}`);
  return { path, sizeBytes, priority: Number(priority) };
}

function parseDirectory(text: string): GrantedDirectory {
  const at = text.indexOf('=');
  if (at <= 0 || at === text.length - 1) {
    throw new UsageError(`--dir ${text}: write the guest's name and the host's directory, as in --dir /data=./data`);
  }
  const directory = { guest: text.slice(0, at), host: text.slice(at + 1) };
  const found = statSync(directory.host, { throwIfNoEntry: false });
  if (found?.isDirectory()) return directory;
  throw new UsageError(`--dir ${text}: ${directory.host} ${found === undefined ? 'does not exist' : 'is not a directory'}`);
}

// `--env NAME` passes the host's own value on.
function parseVariable(text: string, environment: Readonly<Record<string, string | undefined>>): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  const value = environment[text];
  if (at === -1 && text !== '' && value !== undefined) return [text, value];
  throw new UsageError(`--env ${text}: write NAME=VALUE, or the name of a variable that is set here`);
}
