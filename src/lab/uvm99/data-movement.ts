// Section 7: ways to move data without copying it, against copying it. UVM only; 4.4BSD has none of them.
//
//   loanout              a process's pages are lent to the kernel            against a copy into a kernel buffer
//   page transfer        the kernel's pages become a process's memory        against a copy out of a kernel buffer into new memory
//   map-entry passing    a range of one space appears in another, and goes   against a copy into the kernel and out into new memory
//
// Each movement is undone within its cycle, and the time includes that. Receivers do not touch what they get: what a page fault costs them
// then is table 3's matter.

import { MIB, PAGE_SIZE } from '../../base/index.ts';
import type { MemorySystem, PageMover, Space } from '../../system/index.ts';
import { Arena, must } from '../arena.ts';
import type { ComparisonRow, ComparisonTable, Verdict } from '../comparison.ts';
import { contestants, type Laboratory, leastTimes } from './laboratory.ts';
import { loanout, recalledPassing, recalledTransfer } from './paper.ts';

const RAM_BYTES = 64 * MIB;
const NANOSECONDS = 1e6;
const sizes = { full: [1, 2, 4, 16, 64, 256, 512, 1024], quick: [1, 16, 256] } as const;
const LARGEST_PAGES = 1024;
/** Pages moved in one timed stretch, whatever the size of a movement. */
const stretch = { full: 8192, quick: 256 } as const;
const turns = { full: 6, quick: 2 } as const;

/** One way to move, and the copying that it replaces. */
interface Way {
  readonly name: string;
  /** Published time by pages moved, as a share of copying. */
  readonly published: Readonly<Record<number, number>>;
  readonly verified: boolean;
  readonly move: (scene: Scene, size: number) => void;
  readonly copy: (scene: Scene, size: number) => void;
}

/** Two processes, and a buffer of the kernel's. */
interface Scene {
  readonly arena: Arena;
  readonly system: MemorySystem;
  readonly mover: PageMover;
  readonly sender: Space;
  readonly receiver: Space;
  /** The sender's data of this movement. It goes round all that the sender has, so that copying does not find it in the processor's caches. */
  readonly start: number;
  readonly buffer: Uint8Array;
}

const ways: readonly Way[] = [
  {
    name: 'loanout',
    published: loanout,
    verified: true,
    move: ({ mover, sender, start }, size) => mover.endKernelLoan(must(mover.lendToKernel(sender, start, size))),
    copy: (scene, size) => copyIn(scene, size),
  },
  {
    name: 'page transfer',
    published: recalledTransfer,
    verified: false,
    move: ({ mover, receiver, system }, size) => {
      const at = must(mover.transfer(must(mover.kernelPages(size)), receiver));
      must(system.unmap(receiver, at, size));
    },
    copy: (scene, size) => copyOut(scene, size),
  },
  {
    name: 'map-entry passing',
    published: recalledPassing,
    verified: false,
    move: ({ mover, sender, start, receiver, system }, size) => {
      const at = must(mover.pass(sender, start, size, receiver, 'share'));
      must(system.unmap(receiver, at, size));
    },
    copy: (scene, size) => {
      copyIn(scene, size);
      copyOut(scene, size);
    },
  },
];

function copyIn({ arena, sender, start, buffer }: Scene, size: number): void {
  for (let done = 0; done < size; done += PAGE_SIZE) {
    arena.touch(sender, start + done, 'read');
    buffer.set(arena.pageBytes(sender, start + done), done);
  }
}

/** Copies into new memory, as a process that receives data has to have it, and gives that back. */
function copyOut({ arena, receiver, buffer }: Scene, size: number): void {
  const at = arena.map(receiver, { size });
  for (let done = 0; done < size; done += PAGE_SIZE) {
    arena.touch(receiver, at + done, 'write');
    arena.pageBytes(receiver, at + done).set(buffer.subarray(done, done + PAGE_SIZE));
  }
  arena.unmap(receiver, at, size);
}

/** Runs the experiment. */
export function moveData(laboratory: Laboratory): ComparisonTable {
  const arena = new Arena({ system: contestants.uvm.system, ramBytes: RAM_BYTES });
  const { mover } = arena.system;
  if (mover === undefined) throw new Error(`${arena.system.name} cannot move data`);
  const rows = measureAll(laboratory, arena, mover);
  return {
    id: 'movement',
    title: 'Section 7: moving data without copying it',
    about:
      'Data is lent, transferred or passed on by UVM instead of being copied, and taken back. Time per page, and as a share of copying.',
    unit: 'ns per page',
    origin: 'measured',
    ratioOf: 'time of copying the same',
    rows,
    verdict: verdictOf(rows),
    notes: [
      'Published shares of page transfer and map-entry passing are recalled from the dissertation, not checked against its text.',
      'BSD VM has no such calls.',
    ],
    figure: { x: 'pages moved at once', y: 'share of copying' },
  };
}

function measureAll(laboratory: Laboratory, arena: Arena, mover: PageMover): ComparisonRow[] {
  const [sender, receiver] = [arena.createSpace(), arena.createSpace()];
  const largest = LARGEST_PAGES * PAGE_SIZE;
  const start = arena.map(sender, { size: largest });
  arena.touchAll(sender, start, largest, 'write');
  const scene: Scene = { arena, system: arena.system, mover, sender, receiver, start, buffer: new Uint8Array(largest) };
  const rows = ways.flatMap((way) => sizes[laboratory.effort].map((pages) => row(laboratory, scene, way, pages)));
  arena.destroySpace(sender);
  arena.destroySpace(receiver);
  arena.check();
  return rows;
}

function row(laboratory: Laboratory, scene: Scene, way: Way, pages: number): ComparisonRow {
  const rounds = Math.ceil(stretch[laboratory.effort] / pages);
  const repeated = (work: Way['move']) => () => {
    for (let round = 0; round < rounds; round++) {
      const start = scene.start + ((round * pages) % LARGEST_PAGES) * PAGE_SIZE;
      work({ ...scene, start }, pages * PAGE_SIZE);
    }
  };
  const time = leastTimes(laboratory, turns[laboratory.effort], { bsd: repeated(way.copy), uvm: repeated(way.move) });
  const perPage = (milliseconds: number) => (milliseconds * NANOSECONDS) / (rounds * pages);
  const copying = perPage(time.bsd);
  return {
    label: `${way.name}, ${pages} ${pages === 1 ? 'page' : 'pages'}`,
    curve: way.name,
    x: pages,
    paper: { bsd: null, uvm: null, ratio: way.published[pages] ?? null },
    quire: { bsd: null, uvm: perPage(time.uvm), ratio: perPage(time.uvm) / copying },
    verified: way.verified,
    counters: { 'copying ns': { bsd: null, uvm: copying } },
  };
}

function verdictOf(rows: readonly ComparisonRow[]): Verdict {
  const share = (curve: string, pages: number) => rows.find((row) => row.curve === curve && row.x === pages)?.quire.ratio ?? Number.NaN;
  const [one, many] = [share('loanout', 1), share('loanout', 256)];
  const passing = share('map-entry passing', 256);
  return {
    shape: many < one && one < 1 ? 'holds' : many < 1 ? 'holds in part' : 'does not hold',
    text:
      `a loan of 1 page takes ${one.toFixed(2)} of the time of copying it, of 256 pages ${many.toFixed(2)}; in the paper 0.74 and 0.22. ` +
      `Passing 256 pages takes ${passing.toFixed(3)}.${one < 1 ? '' : ' Our copy of a page is a bare one, without the system call around it.'}`,
  };
}
