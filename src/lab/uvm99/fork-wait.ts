// Figure 6: fork, and the wait until the child has exited, by the size of the parent's anonymous memory. UVM's fork goes by map entries, and
// write-protects a parent once; 4.4BSD makes the parent's pages copy-on-write again, page by page, at every fork.

import { MIB } from '../../base/index.ts';
import type { Space } from '../../system/index.ts';
import { Arena } from '../arena.ts';
import { type ComparisonRow, type ComparisonTable, sides, type Verdict } from '../comparison.ts';
import { type Contestant, forBoth, type Laboratory, leastTimes, type Pair } from './laboratory.ts';
import { forkAndExit, forkAndWrite, type PublishedPoint } from './paper.ts';

/** Twice the parent's 16 MiB, and the kernel's own. */
const RAM_BYTES = 64 * MIB;
const MICROSECONDS = 1000;
const QUICK_SIZES: readonly number[] = [0, 16];

/** What the child does before it exits. */
type Child = 'exits' | 'writes';

/** Forks measured as one, and how often that is done. The child that writes takes a thousand times as long. */
const cycles = { exits: { full: 100, quick: 5 }, writes: { full: 4, quick: 1 } } as const;
const turns = { full: 5, quick: 2 } as const;

/** Runs the experiment. */
export function forkAndWait(laboratory: Laboratory): ComparisonTable {
  const rows = [...curve(laboratory, 'exits', forkAndExit), ...curve(laboratory, 'writes', forkAndWrite)];
  return {
    id: 'figure6',
    title: 'Figure 6: fork and wait',
    about:
      'A parent with N MB of anonymous memory, all of it written, forks; the child exits at once, or first writes to each page. Time is ' +
      'of fork, the writes, and the end of the child.',
    unit: 'µs',
    origin: 'measured',
    ratioOf: 'UVM / BSD VM',
    rows,
    verdict: verdictOf(rows),
    notes: [
      "The paper's times include two process switches and the wait call, which are not memory management's.",
      'Its curves of a child that writes leave 0.4 to 0.8 µs for each page, less than its machine takes to copy one: that child cannot have written to all pages.',
    ],
    figure: { x: 'MB of anonymous memory', y: 'microseconds' },
  };
}

function curve(laboratory: Laboratory, child: Child, points: readonly PublishedPoint[]): ComparisonRow[] {
  const chosen = points.filter(([size]) => laboratory.effort === 'full' || QUICK_SIZES.includes(size));
  return chosen.map(([size, bsd, uvm]) => {
    const { time, perFork } = measure(laboratory, child, size * MIB);
    return {
      label: `${size} MB, child ${child}`,
      curve: `child ${child}`,
      x: size,
      paper: sides(bsd, uvm),
      quire: sides(time.bsd, time.uvm),
      verified: true,
      counters: {
        copies: { bsd: perFork.bsd.copies, uvm: perFork.uvm.copies },
        'mapped ahead': { bsd: perFork.bsd.mappedAhead, uvm: perFork.uvm.mappedAhead },
      },
    };
  });
}

interface Measured {
  /** Microseconds of one fork and all that belongs to it. */
  readonly time: Pair<number>;
  readonly perFork: Pair<ForkCounts>;
}

function measure(laboratory: Laboratory, child: Child, sizeBytes: number): Measured {
  const count = cycles[child][laboratory.effort];
  const forkers = forBoth((contestant) => new Forker(contestant, child, sizeBytes));
  const time = leastTimes(laboratory, turns[laboratory.effort], {
    bsd: () => forkers.bsd.fork(count),
    uvm: () => forkers.uvm.fork(count),
  });
  const microseconds = (milliseconds: number) => (milliseconds * MICROSECONDS) / count;
  return {
    time: { bsd: microseconds(time.bsd), uvm: microseconds(time.uvm) },
    perFork: { bsd: forkers.bsd.end(), uvm: forkers.uvm.end() },
  };
}

interface ForkCounts {
  readonly copies: number;
  readonly mappedAhead: number;
}

/** A parent that is ready to fork. */
class Forker {
  readonly #arena: Arena;
  readonly #child: Child;
  readonly #parent: Space;
  readonly #start: number;
  readonly #sizeBytes: number;
  #forks = 0;

  constructor({ system }: Contestant, child: Child, sizeBytes: number) {
    this.#arena = new Arena({ system, ramBytes: RAM_BYTES });
    this.#child = child;
    this.#parent = this.#arena.createSpace();
    this.#sizeBytes = sizeBytes;
    this.#start = sizeBytes === 0 ? 0 : this.#arena.map(this.#parent, { size: sizeBytes });
    this.#arena.touchAll(this.#parent, this.#start, sizeBytes, 'write');
  }

  /** Forks so many times, one child after the other. */
  fork(count: number): void {
    for (let i = 0; i < count; i++) {
      const space = this.#arena.fork(this.#parent);
      if (this.#child === 'writes') this.#arena.touchAll(space, this.#start, this.#sizeBytes, 'write');
      this.#arena.destroySpace(space);
    }
    this.#forks += count;
  }

  /** Checks the machine, and tells what happened per fork. */
  end(): ForkCounts {
    this.#arena.check();
    const { copyOnWrite, mappedAheadAnon } = this.#arena.system.statistics();
    return { copies: copyOnWrite / this.#forks, mappedAhead: mappedAheadAnon / this.#forks };
  }
}

function verdictOf(rows: readonly ComparisonRow[]): Verdict {
  const at = (child: Child, size: number) => rows.find(({ curve: name, x }) => name === `child ${child}` && x === size);
  const growth = (side: 'bsd' | 'uvm') => (at('exits', 16)?.quire[side] ?? 0) / (at('exits', 0)?.quire[side] ?? 1);
  const written = at('writes', 16)?.quire.ratio ?? 1;
  const flat = growth('uvm') < 2 && growth('bsd') > growth('uvm');
  return {
    shape: flat && written < 1 ? 'holds' : flat || written < 1 ? 'holds in part' : 'does not hold',
    text:
      `from 0 to 16 MB UVM's fork grows by a factor of ${growth('uvm').toFixed(1)}, BSD VM's by ${growth('bsd').toFixed(1)}; in the paper by 1.0 and ` +
      `1.9. Where the child writes 16 MB the ratio is ${written.toFixed(2)}, in the paper 0.48: both copy ` +
      `${at('writes', 16)?.counters?.['copies']?.uvm?.toFixed(0)} pages, one for each fault; UVM also copies the amap once and makes an anon for each page.`,
  };
}
