// The kernel benchmark: what Quire's own operations cost (kernel-costs.ts), beside Linux's page faults and plain file I/O on the same
// machine. The two sides take turns, several times, and the least of each counts.

import { MIB, PAGE_SIZE } from '../src/base/index.ts';
import { kernelMapChoices } from '../src/systems/index.ts';
import type { CostName } from './kernel-costs.ts';
import type { Laboratory } from './laboratory.ts';
import { type LinuxCost, linuxPeer } from './linux.ts';
import { lesser, type Numbers } from './statistics.ts';
import type { Table } from './table.ts';

/** How much to do. */
export interface KernelSettings {
  /** Pages per round: 100,000 make one fault's share of a round certain to a fraction of a nanosecond. */
  readonly pages: number;
  /** Rounds in one process. */
  readonly repeats: number;
  /** Times that all operations take their turn. */
  readonly turns: number;
  /** MiB of touched memory that forking processes have. */
  readonly forkMiB: readonly number[];
}

/** The full benchmark: about a minute. */
export const kernelSettings: KernelSettings = { pages: 100_000, repeats: 5, turns: 3, forkMiB: [16, 512] };
/** Enough to see that everything works. */
export const quickKernelSettings: KernelSettings = { pages: 5_000, repeats: 3, turns: 1, forkMiB: [16] };

/** What was measured. */
export interface KernelResult {
  readonly settings: KernelSettings;
  /** Nanoseconds per page; of `onePage` and forks, per operation. */
  readonly quire: Numbers;
  /** The same on Linux, where that was possible. */
  readonly linux: Numbers;
  /** Nanoseconds per page of plain file I/O. */
  readonly fileIo: Numbers;
  /** Zero fill, copy-on-write and swap, in the same unit, by kernel map. */
  readonly maps?: Readonly<Record<string, Numbers>>;
  /** Why there are no numbers of Linux. */
  readonly linuxAbsence?: string;
}

/** One fifth of the pages do for swap: it is slower, and its file is on a disk that others use. */
const SWAP_SHARE = 5;
/** What a kernel map is in the way of. */
const mapCosts: readonly CostName[] = ['zeroFill', 'copyOnWrite', 'swapMemory'];
const faultCosts: readonly CostName[] = ['zeroFill', 'refill', 'image', 'copyOnWrite'];

/** A fork is one operation, not one per page: more rounds, so that its code is optimized as that of a fault is. */
const FORK_REPEATS = 4;

function renamed(numbers: Numbers, name: (plain: string) => string): Numbers {
  return Object.fromEntries(Object.entries(numbers).map(([plain, value]) => [name(plain), value]));
}

/** Measures everything; `tell` gets a word before each step. */
export function measureKernel(settings: KernelSettings, laboratory: Pick<Laboratory, 'cost'>, tell: (step: string) => void): KernelResult {
  const { pages, repeats, turns, forkMiB } = settings;
  const peer = linuxPeer();
  let quire: Numbers = {};
  let linux: Numbers = {};
  let fileIo: Numbers = {};
  const maps: Record<string, Numbers> = {};
  const cost = (what: CostName, share = 1): Numbers => {
    tell(what);
    return laboratory.cost({ what, pages: Math.ceil(pages / share), repeats });
  };
  const compare = (what: LinuxCost, count: number, rounds: number, name = (plain: string) => plain): void => {
    if (peer.measure === undefined) return;
    tell('Linux');
    linux = merge(linux, renamed(peer.measure(what, count, rounds), name));
  };
  try {
    for (let turn = 0; turn < turns; turn++) {
      for (const what of faultCosts) {
        quire = merge(quire, cost(what));
        compare('fault', pages, repeats);
      }
      quire = merge(quire, cost('onePage'));
      compare('onePage', pages, repeats);
      for (const size of forkMiB) {
        const count = (size * MIB) / PAGE_SIZE;
        const ofSize = (name: string): string => `${name}${size}`;
        tell(`fork of ${size} MiB`);
        quire = merge(quire, renamed(laboratory.cost({ what: 'fork', pages: count, repeats: FORK_REPEATS * repeats }), ofSize));
        compare('fork', count, FORK_REPEATS * repeats, ofSize);
      }
      for (const what of ['swapMemory', 'swapFile'] as const) {
        quire = merge(
          quire,
          renamed(cost(what, SWAP_SHARE), (name) => `${what}${name.slice('swap'.length)}`),
        );
      }
      fileIo = merge(fileIo, cost('fileIo', SWAP_SHARE));
      for (const map of kernelMapChoices) {
        tell(`kernel map ${map}`);
        for (const what of mapCosts) {
          const share = what === 'swapMemory' ? SWAP_SHARE : 1;
          maps[map] = merge(maps[map] ?? {}, laboratory.cost({ what, pages: Math.ceil(pages / share), repeats, kernelMap: map }));
        }
      }
    }
  } finally {
    peer.dispose();
  }
  return { settings, quire, linux, fileIo, maps, ...(peer.absence !== undefined && { linuxAbsence: peer.absence }) };
}

/** Numbers of both, the lesser where both have one. */
function merge(one: Numbers, other: Numbers): Numbers {
  return { ...other, ...lesser(one, other) };
}

const operations: readonly (readonly [name: string, title: string])[] = [
  ['zeroFill', 'zero-fill fault: new memory'],
  ['unmap', 'unmap a page of it again'],
  ['copyOnWrite', 'copy-on-write fault, after fork'],
  ['image', "image fault: a page of the program's data"],
  ['refill', 'TLB refill: a page-table walk'],
  ['onePage', 'map one page, touch it, unmap it'],
];
const forks: readonly (readonly [name: string, title: string])[] = [
  ['fork', 'fork'],
  ['forkAndExit', 'fork, and exit of the child'],
  ['forkAndStore', "fork, and the parent's next store"],
];

/** The tables that people read. */
export function kernelTables({ quire, linux, fileIo, maps, linuxAbsence }: KernelResult): Table[] {
  const ratio = (name: string): string => share(quire[name], linux[name]);
  const forkSizes = Object.keys(quire).flatMap((name) => /^fork(\d+)$/.exec(name)?.[1] ?? []);
  return [
    {
      title: 'Kernel operations',
      about:
        'Nanoseconds per page, from trap to return (a cycle of map, touch and unmap: of one page); lower is better. Linux does the same on the same machine. ' +
        'A ratio below 1 means that Quire takes less time than Linux.',
      headings: ['operation', 'Quire ns', 'Linux ns', 'Quire / Linux'],
      rows: operations.map(([name, title]) => [title, whole(quire[name]), whole(linux[name]), ratio(name)]),
      notes: linuxAbsence === undefined ? [] : [linuxAbsence],
    },
    {
      title: 'Fork',
      about:
        'Microseconds for a process that has stored to all of its anonymous memory; lower is better. The child does nothing. In the last ' +
        'row it lives while the parent stores to one page, which both systems then copy; Quire also copies what it put off at the fork.',
      headings: ['operation', 'Quire us', 'Linux us', 'Quire / Linux'],
      rows: forkSizes.flatMap((size) =>
        forks.map(([name, title]) => {
          const key = `${name}${size}`;
          return [`${title}: ${size} MiB`, whole(quire[key], 1000), whole(linux[key], 1000), ratio(key)];
        }),
      ),
      notes: [],
    },
    {
      title: 'Swap',
      about:
        'Nanoseconds per page, the page faults included; lower is better. Beside it, the same bytes by plain sequential system calls of 64 KiB ' +
        'through one buffer, and the share of that rate which swap reaches; then the share of the rate of plain calls that go through as much memory.',
      headings: ['operation', 'ns per page', 'plain, one buffer', 'share', 'plain, memory', 'share'],
      rows: swapRows(quire, fileIo),
      notes: [],
    },
    ...(maps === undefined ? [] : [mapTable(maps)]),
  ];
}

const swapRowsOf: readonly (readonly [name: string, title: string, transfers: readonly ('read' | 'write')[]])[] = [
  ['swapFile', 'file: a page in, another out', ['read', 'write']],
  ['swapFileIn', 'file: a page in', ['read']],
  ['swapFileOut', 'file: a page out', ['write']],
  ['swapMemory', 'memory device: a page in, another out', ['read', 'write']],
  ['swapMemoryIn', 'memory device: a page in', ['read']],
  ['swapMemoryOut', 'memory device: a page out', ['write']],
];

function swapRows(quire: Numbers, fileIo: Numbers): string[][] {
  const sum = (transfers: readonly string[], through: string): number =>
    transfers.reduce((total, transfer) => total + (fileIo[`${transfer}${through}`] ?? Number.NaN), 0);
  return swapRowsOf.map(([name, title, transfers]) => {
    const shares = ['Clusters', 'Memory'].flatMap((through) => {
      const plain = sum(transfers, through);
      return [whole(Number.isNaN(plain) ? undefined : plain), percent(plain, quire[name])];
    });
    return [title, whole(quire[name]), ...shares];
  });
}

function percent(part: number, of: number | undefined): string {
  return of === undefined || Number.isNaN(part) ? '-' : `${((100 * part) / of).toFixed(0)} %`;
}

function mapTable(maps: Readonly<Record<string, Numbers>>): Table {
  return {
    title: 'Kernel maps',
    about:
      'Nanoseconds per page, as above, where the kernel reaches frames by their physical addresses (identity), and where it maps each frame ' +
      'before it zeroes, copies or pages it; lower is better.',
    headings: ['kernel map', 'zero-fill fault', 'copy-on-write fault', 'swap in and out, memory'],
    rows: Object.entries(maps).map(([map, { zeroFill, copyOnWrite, swap }]) => [map, whole(zeroFill), whole(copyOnWrite), whole(swap)]),
    notes: [],
  };
}

function whole(nanoseconds: number | undefined, unit = 1): string {
  return nanoseconds === undefined ? '-' : (nanoseconds / unit).toFixed(0);
}

function share(part: number | undefined, of: number | undefined): string {
  return part === undefined || of === undefined || of === 0 ? '-' : (part / of).toFixed(2);
}
