// What a kernel map costs: on a machine of any size, of which only the page tables exist.
//
//   frame       one frame anywhere in memory is mapped, used and unmapped
//   run         1 MiB in a row, anywhere
//   scattered   256 frames from anywhere, at addresses in a row
//
// Used means that the first page is translated once, by the page tables: what a first access costs the processor's walker. A first round
// makes the tables and translates every page, to see that it reaches its frame; a second one, of the same operations, is counted; times are
// of further ones, the best of which counts.

import { PAGE_SIZE, Random, UsageError } from '../../base/index.ts';
import { bitmapAllocator, bootPhysicalMemory, FrameKind } from '../../frames/index.ts';
import { hashedShape, makeMmu, type PageTableFormat, Ram } from '../../machine/index.ts';
import type { KernelMap, KernelMapKind } from '../../pmap/index.ts';

/** What is mapped, used and unmapped. */
export type KernelMapWork = 'frame' | 'run' | 'scattered';

/** The mean of one kind of work. */
export interface KernelMapCost {
  readonly work: KernelMapWork;
  /** Nanoseconds; undefined if nothing was timed. */
  readonly nanoseconds: number | undefined;
  readonly entriesWritten: number;
  readonly tlbDropped: number;
  readonly steps: number;
  /** Page tables, those of the boot included, once all this was mapped somewhere. */
  readonly tableBytes: number;
}

/** One design on one machine. */
export interface KernelMapResult {
  readonly map: string;
  readonly pageTable: string;
  readonly memoryBytes: number;
  /** Page tables and the design's records, after boot. */
  readonly bootTableBytes: number;
  readonly bootRecordBytes: number;
  readonly bootEntries: number;
  readonly costs: readonly KernelMapCost[];
}

/** What to measure, and how long. */
export interface KernelMapOptions {
  readonly memoryBytes: number;
  readonly format: PageTableFormat;
  /** A clock in milliseconds, as fine as there is. */
  readonly now: () => number;
  /** Milliseconds for each kind of work; 0: what can be counted only. */
  readonly milliseconds: number;
  readonly seed: number;
}

/** Pages of 1 MiB. */
const RUN_PAGES = 256;
/** Operations of a round: places all over memory. */
const FRAME_ROUND = 2048;
const RUN_ROUND = 64;
/** RAM for tables beside those that one table for all frames takes: a table for each 4 MiB of 4 GiB, and as much for everything else. */
const TABLE_BYTES = 16 * 2 ** 20;

/** Measures one design. Throws a UsageError if the format cannot name so many frames, or they are too few. */
export function measureKernelMap(kind: KernelMapKind, options: KernelMapOptions): KernelMapResult {
  const { memoryBytes, format, seed } = options;
  const frames = Math.floor(memoryBytes / PAGE_SIZE);
  const { map, tableBytes } = bootMap(kind, format, frames);
  const [bootTableBytes, { recordFrames, entriesWritten }] = [tableBytes(), map.statistics()];
  const cost = (work: KernelMapWork, operations: number, round: Round): KernelMapCost => ({
    ...costOf(map, work, operations, round, options),
    tableBytes: tableBytes(),
  });
  const random = new Random(seed);
  const some = Float64Array.from({ length: FRAME_ROUND }, () => random.below(frames));
  const runs = Float64Array.from({ length: RUN_ROUND }, () => random.below(frames - RUN_PAGES + 1));
  const lists = Float64Array.from({ length: RUN_ROUND * RUN_PAGES }, () => random.below(frames));
  const [frameLoop, runLoop, listLoop] = [fresh(mapFrame), fresh(mapRun), fresh(mapList)];
  return {
    map: kind.name,
    pageTable: format.name,
    memoryBytes,
    bootTableBytes,
    bootRecordBytes: recordFrames * PAGE_SIZE,
    bootEntries: entriesWritten,
    costs: [
      cost('frame', FRAME_ROUND, () => frameLoop(map, some)),
      cost('run', RUN_ROUND, (uses) => runLoop(map, runs, RUN_PAGES, uses)),
      cost('scattered', RUN_ROUND, (uses) => listLoop(map, lists, RUN_PAGES, uses)),
    ],
  };
}

/** Maps, uses and unmaps: of each mapping so many pages are translated. Returns the mappings and translations that were wrong. */
type Round = (uses: number) => number;

/** Boots a map. `tableBytes` tells how much the page tables take. */
function bootMap(
  kind: KernelMapKind,
  format: PageTableFormat,
  frames: number,
): { readonly map: KernelMap; readonly tableBytes: () => number } {
  if (frames > 2 ** format.frameBits) {
    throw new UsageError(
      `page tables of ${format.name} cannot name ${frames} frames: at most ${(2 ** format.frameBits * PAGE_SIZE) / 2 ** 30} GiB`,
    );
  }
  if (frames < 2 * RUN_PAGES) throw new UsageError(`memory of ${frames} frames is too little to map 1 MiB here and there: at least 2 MiB`);
  const own = format.architecture === 'hashed' ? hashedShape(frames).bytes : 0;
  const ramFrames = Math.ceil((2 * own + TABLE_BYTES) / PAGE_SIZE);
  const ram = new Ram(new ArrayBuffer(ramFrames * PAGE_SIZE), ramFrames);
  const memory = bootPhysicalMemory({ ram, allocator: bitmapAllocator });
  const before = memory.freeCount;
  const seen = { frameCount: Math.max(frames, ramFrames), words: ram.words, bytes: ram.bytes };
  const mmu = makeMmu(seen, format, (count) => memory.allocateRun(count, FrameKind.pageTable));
  const map = mmu === undefined ? 'ENOMEM' : kind.make({ mmu, memory, frames });
  if (map === 'ENOMEM')
    throw new UsageError(`the kernel map '${kind.name}' of ${frames} frames takes more than ${TABLE_BYTES / 2 ** 20} MiB of tables`);
  return { map, tableBytes: () => (before - memory.freeCount - map.statistics().recordFrames) * PAGE_SIZE };
}

function costOf(
  map: KernelMap,
  work: KernelMapWork,
  operations: number,
  round: Round,
  options: KernelMapOptions,
): Omit<KernelMapCost, 'tableBytes'> {
  expectMapped(round(RUN_PAGES), operations);
  const before = map.statistics();
  expectMapped(round(1), operations);
  const after = map.statistics();
  const nanoseconds = options.milliseconds > 0 ? bestOf(() => round(1), options) / operations : undefined;
  return {
    work,
    nanoseconds,
    entriesWritten: (after.entriesWritten - before.entriesWritten) / operations,
    tlbDropped: (after.tlbDropped - before.tlbDropped) / operations,
    steps: (after.steps - before.steps) / operations,
  };
}

/** A round returns the failures: with everything unmapped again, there are none. */
function expectMapped(failures: number, operations: number): void {
  if (failures > 0) throw new UsageError(`${failures} of ${operations} mappings found no address or no frame for a table`);
}

/** Returns nanoseconds of the best round. */
function bestOf(round: () => void, { now, milliseconds }: KernelMapOptions): number {
  let best = Number.POSITIVE_INFINITY;
  const end = now() + milliseconds;
  do {
    const start = now();
    round();
    const spent = now() - start;
    if (spent > 0) best = Math.min(best, spent);
  } while (now() < end || best === Number.POSITIVE_INFINITY);
  return best * 1e6;
}

// The loops. Nothing outside of them may be named in them: their texts are compiled again for each design.

function mapFrame(map: KernelMap, frames: Float64Array): number {
  let failures = 0;
  for (let i = 0; i < frames.length; i++) {
    const address = map.map(frames[i] as number, 1);
    if (address === -1 || map.translate(address) !== (frames[i] as number) * 4096) failures++;
    else map.unmap(address, 1);
  }
  return failures;
}

function mapRun(map: KernelMap, frames: Float64Array, pages: number, uses: number): number {
  let failures = 0;
  for (let i = 0; i < frames.length; i++) {
    const address = map.map(frames[i] as number, pages);
    if (address === -1) {
      failures++;
      continue;
    }
    for (let page = 0; page < uses; page++) {
      if (map.translate(address + page * 4096) !== ((frames[i] as number) + page) * 4096) failures++;
    }
    map.unmap(address, pages);
  }
  return failures;
}

function mapList(map: KernelMap, frames: Float64Array, pages: number, uses: number): number {
  let failures = 0;
  for (let at = 0; at < frames.length; at += pages) {
    const address = map.mapFrames(frames, at, pages);
    if (address === -1) {
      failures++;
      continue;
    }
    for (let page = 0; page < uses; page++) {
      if (map.translate(address + page * 4096) !== (frames[at + page] as number) * 4096) failures++;
    }
    map.unmap(address, pages);
  }
  return failures;
}

/** Counts in the text alone: two loops must not be one to the compiler. */
let loops = 0;

/** Returns the loop, compiled as if it had never run. */
function fresh<L>(loop: L & { toString(): string }): L {
  return new Function(`/* kernel map loop ${++loops} */ return ${loop.toString()}`)() as L;
}
