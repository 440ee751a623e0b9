// What the kernel's own operations cost: each repeated over many pages of a machine built for it, in nanoseconds per page.
//
//   zeroFill      trap to return: the first store to a page of new memory; and unmap, which must not hide the cost
//   zeroedFill    zero fill, as above, and where all free frames were zeroed in idle time
//   refill        trap to return: a page that is mapped, but not in the TLB
//   image         trap to return: the first load from a page of a program's image
//   copyOnWrite   trap to return: the first store to a page that a forked child shares
//   swap          trap to return: a store to a page in swap, where a changed page must go out to make room
//   swapIn        trap to return: a load from a page in swap, where an unchanged page gives up its frame
//   swapOut       reclaiming changed pages, nothing else
//   fileIo        the same bytes as swap moves, by plain system calls of node:fs: through one buffer, which stays in the processor's cache, and
//                 through as much memory as the swap test has of RAM
//   onePage       map one page, store to it, unmap it
//   fork          fork of a process all of whose pages are touched and writable; the same and the exit of the child, which does
//                 nothing; the same and the parent's first store while the child lives
//
// Nanoseconds of fork and of onePage are per operation.
//
// A trap is what generated code does when the TLB has no word for a page: `Process.trap`. Every round begins with the same machine
// state, and counters prove that each trap was of the kind that is claimed. RAM is warm: the first of several rounds pays the
// host's own page faults and the compiler, and the least of all rounds counts.

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileDevice } from '../cli/file-device.ts';
import { type Errno, KIB, PAGE_SIZE, type Pfn, Random } from '../src/base/index.ts';
import { FrameKind } from '../src/frames/index.ts';
import { type BlockDevice, MemoryDevice } from '../src/machine/index.ts';
import { Process } from '../src/process/index.ts';
import type { Machine, MemorySystem, Pager } from '../src/system/index.ts';
import { PROT_READ, PROT_WRITE } from '../src/system/index.ts';
import { buildMachine, frameAllocatorNames, policyNames, systemNames } from '../src/systems/index.ts';
import { gatheringCosts, movingCosts } from './moving-costs.ts';
import { leastOf, type Numbers } from './statistics.ts';

/** What to measure: nanoseconds per page, the least of `repeats` rounds over `pages` pages. */
export interface CostRequest {
  readonly what: CostName;
  readonly pages: number;
  readonly repeats: number;
  /** Of zero fill, refill and copy-on-write: the page table's format; default: that of a run. */
  readonly pageTable?: string;
  /** Of zero fill, copy-on-write and swap in memory: by which addresses the kernel reaches frames; default: their physical ones. */
  readonly kernelMap?: string;
}

/** Names of the costs that can be asked for. */
export type CostName = keyof typeof costs;

/** Measures one kind of cost in this process. */
export function measureCost({ what, pages, repeats, ...design }: CostRequest): Numbers {
  return costs[what](pages, repeats, design);
}

const costs = {
  zeroFill,
  zeroedFill,
  refill,
  image,
  copyOnWrite,
  onePage,
  fork,
  swapMemory: (pages: number, repeats: number, design: Design = {}) => swap(pages, repeats, new MemoryDevice(swapSlots(pages)), design),
  swapFile: (pages: number, repeats: number) => {
    const device = FileDevice.temporary(swapSlots(pages));
    try {
      return swap(pages, repeats, device);
    } finally {
      device.close();
    }
  },
  fileIo,
  moving: movingCosts,
  gathering: gatheringCosts,
} as const;

/** Where the pages under test begin: above everything else, on a page-table boundary. */
const BASE = 0x1000_0000;
const LAYOUT = { low: 0, high: 0xffff_0000, breakStart: 0x100_0000, breakLimit: 0x200_0000 };
/** Frames beside the pages: the kernel's own (page tables, anons: under 5 %) and what the page daemon keeps free. */
const SPARE_SHARE = 1.15;
const SPARE_FRAMES = 512;
/** Bytes of an access: what most loads and stores of a program have. */
const ACCESS_BYTES = 8;
/** Address space per frame of RAM in the swap test: with three, every page is gone before its turn comes again. */
const OVERCOMMIT = 3;
/** One cluster of the page daemon, and what file systems like. */
const CLUSTER_BYTES = 64 * KIB;

/** A machine with one process, ready for traps. */
interface Arena {
  readonly machine: Machine;
  readonly system: MemorySystem;
  readonly process: Process;
}

/** What else is chosen of a machine. */
type Design = Pick<CostRequest, 'pageTable' | 'kernelMap'>;

function makeArena(frames: number, swapDevice?: BlockDevice, { pageTable, kernelMap }: Design = {}): Arena {
  const { machine, system } = buildMachine({
    ramBytes: frames * PAGE_SIZE,
    frames: frameAllocatorNames[0] as string,
    policy: policyNames[0] as string,
    system: systemNames[0] as string,
    liveSpaces: 2,
    seed: 1,
    ...(swapDevice !== undefined && { swap: swapDevice }),
    ...(pageTable !== undefined && { pageTable }),
    ...(kernelMap !== undefined && { kernelMap }),
  });
  const space = must(system.createSpace(LAYOUT, machine.liveTlb(0)));
  return { machine, system, process: new Process(machine, system, space, () => performance.now()) };
}

function framesFor(pages: number): number {
  return Math.ceil(pages * SPARE_SHARE) + SPARE_FRAMES;
}

function zeroFill(pages: number, repeats: number, design: Design = {}) {
  const arena = makeArena(framesFor(pages), undefined, design);
  return leastOf(repeats, () => {
    mapPages(arena, pages);
    const fault = counted(arena, pages, zeroFills, () => trapEach(arena, pages, 1));
    return { zeroFill: fault, unmap: timePerPage(pages, () => unmapPages(arena, pages)) };
  });
}

function zeroedFill(pages: number, repeats: number) {
  const arena = makeArena(framesFor(pages));
  const fill = (): number => {
    mapPages(arena, pages);
    const fault = counted(arena, pages, zeroFills, () => trapEach(arena, pages, 1));
    unmapPages(arena, pages);
    return fault;
  };
  const { frames } = arena.machine;
  return leastOf(repeats, () => {
    const atFault = fill();
    const hits = frames.zeroHits;
    frames.zeroIdle(frames.managed);
    const ahead = fill();
    if (frames.zeroHits - hits < pages) throw new Error(`${frames.zeroHits - hits} of ${pages} faults found a frame of zeros`);
    // So that the next round begins without any.
    const held: Pfn[] = [];
    while (frames.freeCount > 0) held.push(frames.allocate(FrameKind.kernelHeap) as Pfn);
    for (const frame of held) frames.free(frame);
    return { atFault, ahead };
  });
}

function refill(pages: number, repeats: number, design: Design = {}) {
  const arena = makeArena(framesFor(pages), undefined, design);
  mapPages(arena, pages);
  trapEach(arena, pages, 1);
  return leastOf(repeats, () => {
    arena.process.space.pmap.tlb.flush();
    return {
      refill: counted(
        arena,
        pages,
        ({ process }) => process.tlbMisses,
        () => trapEach(arena, pages, 0),
      ),
    };
  });
}

function image(pages: number, repeats: number) {
  const arena = makeArena(framesFor(pages));
  const pager = imagePager(pages);
  return leastOf(repeats, () => {
    const object = must(arena.system.createObject(pager));
    mapPages(arena, pages, { object, offset: 0 });
    arena.system.releaseObject(object);
    const fault = counted(
      arena,
      pages,
      ({ system }) => system.statistics().image,
      () => trapEach(arena, pages, 0),
    );
    unmapPages(arena, pages);
    return { image: fault };
  });
}

/** An image whose pages are copied from one buffer, as a module's data segments are. */
function imagePager(pages: number): Pager {
  const bytes = new Uint8Array(PAGE_SIZE).fill(7);
  return { kind: 'image', name: 'image', pages, read: (_index, into) => void into.set(bytes) };
}

function copyOnWrite(pages: number, repeats: number, design: Design = {}) {
  const arena = makeArena(2 * framesFor(pages), undefined, design);
  const { machine, system, process } = arena;
  mapPages(arena, pages);
  trapEach(arena, pages, 1);
  return leastOf(repeats, () => {
    const child = must(system.fork(process.space, machine.liveTlb(1)));
    const fault = counted(
      arena,
      pages,
      () => system.statistics().copyOnWrite,
      () => trapEach(arena, pages, 1),
    );
    system.destroySpace(child);
    return { copyOnWrite: fault };
  });
}

/** Nanoseconds of one cycle; `pages` of them, each at the same place. */
function onePage(pages: number, repeats: number) {
  const arena = makeArena(framesFor(1));
  return leastOf(repeats, () => ({
    onePage: counted(arena, pages, zeroFills, () =>
      timePerPage(pages, () => {
        for (let cycle = 0; cycle < pages; cycle++) {
          mapPages(arena, 1);
          arena.process.trap(BASE, ACCESS_BYTES, 1);
          unmapPages(arena, 1);
        }
      }),
    ),
  }));
}

function fork(pages: number, repeats: number) {
  const arena = makeArena(framesFor(pages));
  const { machine, system, process } = arena;
  mapPages(arena, pages);
  return leastOf(repeats, () => {
    // Every page is writable again, as in a program that went on since its last fork.
    trapEach(arena, pages, 1);
    const start = performance.now();
    const child = must(system.fork(process.space, machine.liveTlb(1)));
    const forked = performance.now();
    system.destroySpace(child);
    const exited = performance.now();
    trapEach(arena, pages, 1);
    return { fork: (forked - start) * 1e6, forkAndExit: (exited - start) * 1e6, forkAndStore: forkAndStore(arena) };
  });
}

/** Nanoseconds of a fork and of the first store after it, which copies the page and the map to all the others. */
function forkAndStore({ machine, system, process }: Arena): number {
  const start = performance.now();
  const child = must(system.fork(process.space, machine.liveTlb(1)));
  process.trap(BASE, ACCESS_BYTES, 1);
  const cost = (performance.now() - start) * 1e6;
  system.destroySpace(child);
  return cost;
}

function swapSlots(pages: number): number {
  return 2 * pages;
}

/** Frames of the swap test. */
function swapFrames(pages: number): number {
  return Math.ceil(pages / OVERCOMMIT);
}

/** Nanoseconds per page that comes in while another goes out, that comes in alone, that goes out alone. */
function swap(pages: number, repeats: number, device: BlockDevice, design: Design = {}) {
  const arena = makeArena(swapFrames(pages), device, design);
  const pagesIn = ({ system }: Arena): number => system.statistics().swapPagesIn;
  mapPages(arena, pages);
  return leastOf(repeats, () => {
    // Whatever the last round left: every page in memory is changed, and the first ones are in swap.
    trapEach(arena, pages, 1);
    const both = counted(arena, pages, pagesIn, () => trapEach(arena, pages, 1));
    // Once round, and no page that is in memory is changed any more.
    trapEach(arena, pages, 0);
    return {
      swap: both,
      swapIn: counted(arena, pages, pagesIn, () => trapEach(arena, pages, 0)),
      swapOut: swapOut(arena, pages),
    };
  });
}

/** Changes as many pages as RAM holds, and takes half of them away. */
function swapOut(arena: Arena, pages: number): number {
  const count = Math.floor(swapFrames(pages) / 2);
  trapEach(arena, pages, 1);
  const { system } = arena;
  const before = system.statistics().swapPagesOut;
  const start = performance.now();
  system.reclaim(count);
  const cost = (performance.now() - start) * 1e6;
  return cost / (system.statistics().swapPagesOut - before);
}

/** Writes and reads a file of `pages` pages through the host's cache, with the sizes that swap uses. */
function fileIo(pages: number, repeats: number) {
  const folder = mkdtempSync(join(tmpdir(), 'quire-bench-'));
  const file = openSync(join(folder, 'file'), 'w+');
  const buffer = randomBytes(CLUSTER_BYTES);
  const memory = randomBytes(swapFrames(pages) * PAGE_SIZE);
  const write = (from: Uint8Array, at: number, size: number, position: number): number => writeSync(file, from, at, size, position);
  const read = (into: Uint8Array, at: number, size: number, position: number): number => readSync(file, into, at, size, position);
  try {
    return leastOf(repeats, () => ({
      writeClusters: eachTransfer(pages, CLUSTER_BYTES, buffer, write),
      readClusters: eachTransfer(pages, CLUSTER_BYTES, buffer, read),
      readPages: eachTransfer(pages, PAGE_SIZE, buffer, read),
      writeMemory: eachTransfer(pages, CLUSTER_BYTES, memory, write),
      readMemory: eachTransfer(pages, CLUSTER_BYTES, memory, read),
    }));
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Random bytes: a file system may compress zeros away. */
function randomBytes(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  new Random(1).fill(bytes);
  return bytes;
}

/** Moves `pages` pages in pieces of `sizeBytes`, through `memory` from its start to its end, again and again. Returns nanoseconds per page. */
function eachTransfer(
  pages: number,
  sizeBytes: number,
  memory: Uint8Array,
  transfer: (memory: Uint8Array, at: number, sizeBytes: number, position: number) => void,
): number {
  return timePerPage(pages, () => {
    let at = 0;
    for (let position = 0; position + sizeBytes <= pages * PAGE_SIZE; position += sizeBytes) {
      transfer(memory, at, sizeBytes, position);
      at += sizeBytes;
      if (at + sizeBytes > memory.length) at = 0;
    }
  });
}

function mapPages({ system, process }: Arena, pages: number, backing: object = {}): void {
  must(
    system.map(process.space, {
      size: pages * PAGE_SIZE,
      protection: PROT_READ | PROT_WRITE,
      sharing: 'private',
      place: { how: 'fixed', address: BASE },
      ...backing,
    }),
  );
}

function unmapPages({ system, process }: Arena, pages: number): void {
  must(system.unmap(process.space, BASE, pages * PAGE_SIZE));
}

/** Traps once on each page, in order of address, and returns nanoseconds per page. */
function trapEach({ process }: Arena, pages: number, access: 0 | 1): number {
  return timePerPage(pages, () => {
    for (let page = 0; page < pages; page++) process.trap(BASE + page * PAGE_SIZE, ACCESS_BYTES, access);
  });
}

const zeroFills = ({ system }: Arena): number => system.statistics().zeroFill;

/** Returns what `work` does, after making sure that `counter` went up by one for each page. */
function counted(arena: Arena, pages: number, counter: (arena: Arena) => number, work: () => number): number {
  const before = counter(arena);
  const cost = work();
  const counts = counter(arena) - before;
  if (counts !== pages) throw new Error(`of ${pages} traps, ${counts} were of the kind to be measured`);
  return cost;
}

function timePerPage(pages: number, work: () => void): number {
  const start = performance.now();
  work();
  return ((performance.now() - start) * 1e6) / pages;
}

function must<T>(result: T | Errno): T {
  if (typeof result === 'string') throw new Error(`the memory manager refused: ${result}`);
  return result;
}
