// Figure 3: three pages of a file are mapped privately; the middle one is written; the process forks; the parent writes the middle page, the
// child the right one. Then one side goes on, and the question is which pages nobody can reach any more.
//
//              file   after the first write    after the fork and both writes
//   UVM        ABC    amap 1: B'               parent amap 2: B''     child amap 1: B' C'
//   4.4BSD     ABC    shadow 1: B'             parent shadow 2: B''   child shadow 3: C'   both over shadow 1, as the paper draws it
//
// B' is lost in 4.4BSD once the parent's shadow 2 is all that lies over shadow 1. The system tries to prevent that: a shadow looks past an
// object all of whose pages it covers (bypass), or takes it in (collapse). Both come too late once the shadow has pages on swap. So the
// story is played as drawn, and once more in a longer form: shadow 1 holds a second page, so that nothing can be bypassed, and all pages
// go to swap and come back before the child exits.

import { MIB, PAGE_SIZE, pfn } from '../../base/index.ts';
import { FrameKind } from '../../frames/index.ts';
import { HeapUse } from '../../heap/index.ts';
import { MemoryDevice } from '../../machine/index.ts';
import type { Space } from '../../system/index.ts';
import { Arena } from '../arena.ts';
import { type ComparisonRow, type ComparisonTable, type Sides, sides, type Verdict } from '../comparison.ts';
import { DeviceFile, FileSystem } from './files.ts';
import { type Contestant, forBoth, type Pair, sidesOf } from './laboratory.ts';
import { swapLeak } from './paper.ts';

const RAM_BYTES = MIB;
const SWAP_PAGES = 256;
const PAGES = 3;
const SIZE = PAGES * PAGE_SIZE;
/** Pages of another process that are touched last, so that those of the story are not the ones that running code relies on. */
const OTHER_PAGES = 16;

/** What is counted when the story is over. */
interface Counts {
  readonly copies: number;
  readonly unreachable: number;
  readonly amaps: number;
  readonly anons: number;
}

/** How the story ends. */
type Ending = 'child writes the middle' | 'child exits' | 'child exits after page-out';

/** Runs the experiment. */
export function leakedPages(): ComparisonTable {
  const writes = forBoth((contestant) => new Story(contestant).play('child writes the middle'));
  const exits = forBoth((contestant) => new Story(contestant).play('child exits'));
  const pagedOut = forBoth((contestant) => new Story(contestant).play('child exits after page-out'));
  const lost = (result: Pair<Counts>) => sidesOf(result, ({ unreachable }) => unreachable);
  const [paperBsd, paperUvm] = swapLeak.unreachablePages;
  const rows = [
    row('amaps before the end', sides(null, swapLeak.amaps), { bsd: null, uvm: writes.uvm.amaps, ratio: null }),
    row('anons before the end', sides(null, swapLeak.anons), { bsd: null, uvm: writes.uvm.anons, ratio: null }),
    row(
      'copies when the child writes the middle',
      sides(1, 0),
      sidesOf(writes, ({ copies }) => copies),
    ),
    row('pages lost by that', sides(1, 0), lost(writes)),
    row('pages lost if the child exits', sides(paperBsd, paperUvm), lost(exits)),
    row('pages lost if it exits after a page-out', sides(null, null), lost(pagedOut)),
  ];
  return {
    id: 'figure3',
    title: 'Figure 3: pages that nobody can reach',
    about:
      'Three pages of a file, mapped privately; the middle one written; fork; the parent writes the middle, the child the right page. Pages ' +
      'are lost if they hold a frame although no process can see them, in its memory or in the file.',
    unit: 'pages',
    origin: 'counted',
    ratioOf: 'UVM / BSD VM',
    rows,
    verdict: verdictOf(lost(writes), lost(exits), lost(pagedOut)),
    notes: [],
  };
}

function row(label: string, paper: Sides, quire: Sides): ComparisonRow {
  return { label, paper, quire, verified: true };
}

/** One play of the story. */
class Story {
  readonly #arena: Arena;
  readonly #files: FileSystem;
  readonly #observer: Space;
  readonly #parent: Space;
  /** Where the observer sees the file, and where the processes have their private copy of it. */
  readonly #seen: number;
  readonly #start: number;

  constructor(contestant: Contestant) {
    this.#arena = new Arena({ system: contestant.system, ramBytes: RAM_BYTES, swap: new MemoryDevice(SWAP_PAGES) });
    this.#files = new FileSystem(this.#arena, contestant);
    const file = new DeviceFile(new MemoryDevice(PAGES), 0, PAGES);
    this.#observer = this.#arena.createSpace();
    this.#parent = this.#arena.createSpace();
    this.#seen = this.#files.map(this.#observer, file);
    this.#start = this.#files.map(this.#parent, file, { sharing: 'private' });
  }

  /** Plays it once. */
  play(ending: Ending): Counts {
    const arena = this.#arena;
    const parent = this.#parent;
    const [left, middle, right] = [this.#start, this.#start + PAGE_SIZE, this.#start + 2 * PAGE_SIZE];
    const { heap } = arena.machine;
    arena.touch(parent, middle, 'write');
    const one = { amap: heap.bytesInUse(HeapUse.amap), anon: heap.bytesInUse(HeapUse.anon) };
    if (ending === 'child exits after page-out') arena.touch(parent, left, 'write');
    const child = arena.fork(parent);
    arena.touch(parent, middle, 'write');
    arena.touch(child, right, 'write');
    const structures = { amaps: heap.bytesInUse(HeapUse.amap) / one.amap, anons: heap.bytesInUse(HeapUse.anon) / one.anon };
    const copiesBefore = this.#copies();
    if (ending === 'child exits after page-out') this.#pageOutAndIn(child);
    if (ending === 'child writes the middle') arena.touch(child, middle, 'write');
    else arena.destroySpace(child);
    const copies = this.#copies() - copiesBefore;
    const living = ending === 'child writes the middle' ? [this.#observer, parent, child] : [this.#observer, parent];
    const unreachable = this.#unreachable(living);
    for (const space of living) arena.destroySpace(space);
    this.#files.dispose();
    arena.check();
    return { copies, unreachable, ...structures };
  }

  #copies(): number {
    return this.#arena.system.statistics().copyOnWrite;
  }

  /** Another process takes the memory, and then both have their pages back. */
  #pageOutAndIn(child: Space): void {
    const arena = this.#arena;
    const other = arena.createSpace();
    const start = arena.map(other, { size: OTHER_PAGES * PAGE_SIZE });
    arena.touchAll(other, start, OTHER_PAGES * PAGE_SIZE, 'write');
    arena.system.reclaim(arena.machine.frames.managed);
    arena.destroySpace(other);
    for (const space of [this.#parent, child]) arena.touchAll(space, this.#start, SIZE, 'read');
  }

  /** Frames that hold a page's content and that no space can see: what can be seen is mapped once it has been read. */
  #unreachable(living: readonly Space[]): number {
    const arena = this.#arena;
    for (const space of living) arena.touchAll(space, space === this.#observer ? this.#seen : this.#start, SIZE, 'read');
    const { frames, pmaps } = arena.machine;
    const mapped = new Set<number>();
    for (const space of living) {
      const first = (space === this.#observer ? this.#seen : this.#start) / PAGE_SIZE;
      for (let page = first; page < first + PAGES; page++) mapped.add(pmaps.extract(space.pmap, page));
    }
    let held = 0;
    for (let frame = 0; frame < frames.table.count; frame++) {
      const kind = frames.table.kind(pfn(frame));
      if (kind === FrameKind.anon || kind === FrameKind.object) held++;
    }
    return held - mapped.size;
  }
}

function verdictOf(writes: Sides, exits: Sides, pagedOut: Sides): Verdict {
  const uvm = [writes, exits, pagedOut].every((lost) => lost.uvm === 0);
  const asDrawn = writes.bsd === 1 && exits.bsd === 1;
  const late = pagedOut.bsd === 1;
  return {
    shape: uvm && asDrawn ? 'holds' : uvm && late ? 'holds in part' : 'does not hold',
    text:
      `UVM loses no page in any case. BSD VM loses ${writes.bsd}, ${exits.bsd} and ${pagedOut.bsd}` +
      (asDrawn
        ? '.'
        : ': as drawn its bypass comes in time, since shadow 2 covers all of shadow 1; after a page-out neither it nor collapse can.'),
  };
}
