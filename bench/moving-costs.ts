// What it costs to move pages instead of copying them: each way over ranges of 1 to 1,024 pages, in nanoseconds per page, beside the copy
// that it makes unnecessary.
//
//   kernelCopy     the kernel copies the pages into a buffer of its own
//   kernelLoan     loanout, and the loan's end
//   spaceCopy      the kernel copies the pages into its buffer, and from there into the receiver's memory
//   spaceLoan      lent to the receiver, read there, unmapped
//   writableLoan   lent with the right to write, read, and ended
//   pass           map entries moved to the receiver, read, and moved back
//   arrivalCopy    pages that the kernel took for a packet: copied into new memory of the receiver, which is unmapped in the end
//   transfer       the same pages become the receiver's, are read, and unmapped
//
// "Read" is one load per page by the receiver: pages that nobody looks at were not moved. The pages are in memory and mapped, and the
// sender's are dirty, as a message's are. Not in the numbers: after a loan to the kernel the owner's first write to a page costs a fault
// (`rewrite`), which lets it have its right back.

import { type Errno, PAGE_SIZE } from '../src/base/index.ts';
import { type DmaDescriptor, DmaDevice, ProgrammedPort } from '../src/machine/index.ts';
import { Process } from '../src/process/index.ts';
import { BufferList, type Machine, type MemorySystem, type PageMover, PROT_READ, PROT_WRITE, type Space } from '../src/system/index.ts';
import { buildMachine, frameAllocatorNames, policyNames, systemNames } from '../src/systems/index.ts';
import { leastOf, type Numbers } from './statistics.ts';

/** Sizes of a move: those of the paper and between. */
export const movedPages = [1, 2, 8, 64, 256, 1024] as const;

/** Names of the ways, in the order of the tables. */
export const movingWays = [
  'kernelCopy',
  'kernelLoan',
  'rewrite',
  'spaceCopy',
  'spaceLoan',
  'writableLoan',
  'pass',
  'arrivalCopy',
  'transfer',
] as const;

/** A way to move pages. */
export type MovingWay = (typeof movingWays)[number];

const BASE = 0x1000_0000;
/** Pages of the sender: the largest move, and a multiple of the others. */
const PAGES = 1024;
const LAYOUT = { low: 0, high: 0xffff_0000, breakStart: 0x100_0000, breakLimit: 0x200_0000 };
/** Frames: sender, receiver and kernel pages of the largest move, and room for the kernel's own. */
const FRAMES = 16_384;
/** Bytes of a load. */
const ACCESS_BYTES = 8;

/** Sender and receiver, whose pages are all in memory. */
interface Scene {
  readonly machine: Machine;
  readonly system: MemorySystem;
  readonly mover: PageMover;
  readonly sender: Process;
  readonly receiver: Process;
  /** The kernel's buffers, by pages. */
  readonly buffers: ReadonlyMap<number, Uint8Array>;
}

/** Measures every way and size: `kernelLoan256` is nanoseconds per page. `pages` is how many to move in one round. */
export function movingCosts(pages: number, repeats: number): Numbers {
  const scene = makeScene();
  const rounds = Math.max(1, Math.round(pages / PAGES));
  return leastOf(repeats, () => {
    const costs: Record<string, number> = {};
    for (const count of movedPages) for (const way of movingWays) costs[`${way}${count}`] = time(scene, count, rounds, ways[way]);
    return costs;
  });
}

function makeScene(): Scene {
  const { machine, system } = buildMachine({
    ramBytes: FRAMES * PAGE_SIZE,
    frames: frameAllocatorNames[0] as string,
    policy: policyNames[0] as string,
    system: systemNames[0] as string,
    liveSpaces: 2,
    seed: 1,
  });
  const { mover } = system;
  if (mover === undefined) throw new Error(`${system.name} moves no pages`);
  const newProcess = (live: number) =>
    new Process(machine, system, must(system.createSpace(LAYOUT, machine.liveTlb(live))), () => performance.now());
  const [sender, receiver] = [newProcess(0), newProcess(1)];
  const buffers = new Map(movedPages.map((count) => [count, new Uint8Array(count * PAGE_SIZE).fill(1)]));
  const scene = { machine, system, mover, sender, receiver, buffers };
  for (const { space } of [sender, receiver]) mapAt(scene, space);
  return scene;
}

/** What one move takes beside the time of it. */
interface Way {
  /** Makes things as they are before the moves; not timed. */
  readonly before?: (scene: Scene) => void;
  /** Moves `pages` pages from `address` on. */
  readonly move: (scene: Scene, address: number, pages: number) => void;
}

const ways: Readonly<Record<MovingWay, Way>> = {
  kernelCopy: { before: writeAll, move: ({ sender, buffers }, address, pages) => sender.copyIn(address, bufferOf(buffers, pages)) },
  kernelLoan: { before: writeAll, move: lendAndEnd },
  rewrite: {
    before: (scene) => {
      writeAll(scene);
      lendAndEnd(scene, BASE, PAGES);
    },
    move: ({ sender }, address, pages) => touch(sender, address, pages, 1),
  },
  spaceCopy: {
    before: writeAll,
    move: ({ sender, receiver, buffers }, address, pages) => {
      const buffer = bufferOf(buffers, pages);
      sender.copyIn(address, buffer);
      receiver.copyOut(address, buffer);
      touch(receiver, address, pages, 0);
    },
  },
  spaceLoan: {
    before: writeAll,
    move: ({ mover, sender, receiver, system }, address, pages) => {
      const size = pages * PAGE_SIZE;
      const at = must(mover.lendToSpace(sender.space, address, size, receiver.space));
      touch(receiver, at, pages, 0);
      must(system.unmap(receiver.space, at, size));
    },
  },
  writableLoan: {
    before: writeAll,
    move: ({ mover, sender, receiver }, address, pages) => {
      const loan = must(mover.lendWritable(sender.space, address, pages * PAGE_SIZE, receiver.space));
      touch(receiver, loan.borrowerStart, pages, 0);
      mover.endWritableLoan(loan);
    },
  },
  pass: {
    before: writeAll,
    move: ({ mover, sender, receiver }, address, pages) => {
      const size = pages * PAGE_SIZE;
      const at = must(mover.pass(sender.space, address, size, receiver.space, 'move'));
      touch(receiver, at, pages, 0);
      must(mover.pass(receiver.space, at, size, sender.space, 'move', { how: 'fixed', address }));
    },
  },
  arrivalCopy: {
    move: ({ mover, system, machine, receiver }, _address, pages) => {
      const size = pages * PAGE_SIZE;
      const arrived = must(mover.kernelPages(size));
      const at = must(system.map(receiver.space, { size, protection: PROT_READ | PROT_WRITE, sharing: 'private' }));
      for (const [i, frame] of arrived.frames.entries()) receiver.copyOut(at + i * PAGE_SIZE, machine.ram.frame(frame));
      mover.endKernelLoan(arrived);
      must(system.unmap(receiver.space, at, size));
    },
  },
  transfer: {
    move: ({ mover, system, receiver }, _address, pages) => {
      const size = pages * PAGE_SIZE;
      const at = must(mover.transfer(must(mover.kernelPages(size)), receiver.space));
      touch(receiver, at, pages, 0);
      must(system.unmap(receiver.space, at, size));
    },
  },
};

function lendAndEnd({ mover, sender }: Scene, address: number, pages: number): void {
  mover.endKernelLoan(must(mover.lendToKernel(sender.space, address, pages * PAGE_SIZE)));
}

/** Returns the kernel's buffer for a move of so many pages. */
function bufferOf(buffers: ReadonlyMap<number, Uint8Array>, pages: number): Uint8Array {
  return buffers.get(pages) as Uint8Array;
}

/** Returns nanoseconds per page, over `rounds` rounds that each move all pages, `count` at a time: so the clock is read rarely. */
function time(scene: Scene, count: number, rounds: number, { before, move }: Way): number {
  let elapsed = 0;
  for (let round = 0; round < rounds; round++) {
    before?.(scene);
    const start = performance.now();
    for (let page = 0; page < PAGES; page += count) move(scene, BASE + page * PAGE_SIZE, count);
    elapsed += performance.now() - start;
  }
  return (elapsed * 1e6) / (rounds * PAGES);
}

function mapAt({ system }: Scene, space: Space): void {
  const place = { how: 'fixed', address: BASE } as const;
  must(system.map(space, { size: PAGES * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private', place }));
}

function writeAll({ sender }: Pick<Scene, 'sender'>): void {
  touch(sender, BASE, PAGES, 1);
}

/** Measures what a message of one page in four stretches costs the processor, by copy, DMA and programmed I/O, in nanoseconds per page. */
export function gatheringCosts(pages: number, repeats: number): Numbers {
  const { machine, mover, sender } = makeScene();
  writeAll({ sender });
  const { ram } = machine;
  const [dma, port] = [new DmaDevice(ram), new ProgrammedPort(ram)];
  const into = new Uint8Array(PAGE_SIZE);
  const quarter = PAGE_SIZE / 4;
  const withList = (use: (descriptors: readonly DmaDescriptor[]) => void) => () => {
    const list = new BufferList(mover);
    for (let part = 0; part < 4; part++) must(list.append(sender.space, BASE + part * 3 * PAGE_SIZE + 64, quarter));
    use(list.descriptors());
    list.end();
  };
  const average = (work: () => void): number => {
    const start = performance.now();
    for (let message = 0; message < pages; message++) work();
    return ((performance.now() - start) * 1e6) / pages;
  };
  return leastOf(repeats, () => ({
    list: average(withList(() => {})),
    listAndDma: average(withList((descriptors) => void dma.gather(descriptors, into))),
    listAndPio: average(withList((descriptors) => void port.gather(descriptors, into))),
  }));
}

/** One access per page, as a program makes it: through the TLB, by a trap where that misses. */
function touch(process: Process, address: number, pages: number, access: 0 | 1): void {
  const { tlb } = process.space.pmap;
  for (let page = 0; page < pages; page++) {
    const at = address + page * PAGE_SIZE;
    const hits = access === 1 ? tlb.writes(at / PAGE_SIZE) : tlb.reads(at / PAGE_SIZE);
    if (!hits) process.trap(at, ACCESS_BYTES, access);
  }
}

function must<T>(result: T | Errno): T {
  if (typeof result === 'string') throw new Error(`the memory manager refused: ${result}`);
  return result;
}
