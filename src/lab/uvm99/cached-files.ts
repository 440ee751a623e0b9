// Figure 2: N files of 64 KiB are mapped and every page of them read. 4.4BSD keeps at most 100 objects that nobody maps; one file more, and the
// oldest is always the one that will be wanted next. UVM leaves pages with the file.

import { KIB, MIB, PAGE_SIZE } from '../../base/index.ts';
import { CostModelDevice, disk1998, MemoryDevice } from '../../machine/index.ts';
import { PROT_READ } from '../../system/index.ts';
import { Arena } from '../arena.ts';
import { both, type ComparisonRow, type ComparisonTable, sides, type Verdict } from '../comparison.ts';
import { DeviceFile, FileSystem } from './files.ts';
import { type Contestant, forBoth, type Laboratory, sidesOf } from './laboratory.ts';
import { readFiles } from './paper.ts';

const FILE_BYTES = 64 * KIB;
const FILE_PAGES = FILE_BYTES / PAGE_SIZE;
/** 500 files are 31 MiB. */
const RAM_BYTES = 64 * MIB;
/** Passes after the first; the least time of them counts. */
const AGAIN = 3;
const QUICK_COUNTS: readonly number[] = [50, 90, 120, 200];
/** Objects that 4.4BSD keeps (vm_cache_max). */
const OBJECT_CACHE = 100;

/** One pass over all files. */
interface Pass {
  readonly seconds: number;
  readonly pagerReads: number;
}

/** Runs the experiment. */
export function cachedFiles(laboratory: Laboratory): ComparisonTable {
  const points = readFiles.filter(([count]) => laboratory.effort === 'full' || QUICK_COUNTS.includes(count));
  const rows = points.map(([count, bsd, uvm]): ComparisonRow => {
    const result = forBoth((contestant) => laterPass(laboratory, contestant, count));
    const reads = sidesOf(result, ({ pagerReads }) => pagerReads);
    return {
      label: `${count} files`,
      x: count,
      paper: sides(bsd, uvm),
      quire: sidesOf(result, ({ seconds }) => seconds),
      verified: true,
      counters: { 'pages read': both(reads.bsd, reads.uvm) },
    };
  });
  return {
    id: 'figure2',
    title: 'Figure 2: mapping and reading files of 64 KiB',
    about:
      `Each of N files is mapped, its bytes are read one by one, and it is unmapped. Then the same again, and that is shown. Time is the ` +
      `processor's, as measured here, plus what a ${disk1998.name} would have taken.`,
    unit: 's',
    origin: 'modelled',
    ratioOf: 'UVM / BSD VM',
    rows,
    verdict: verdictOf(rows),
    notes: [`${RAM_BYTES / MIB} MiB of RAM: all files fit. The disk: ${disk1998.averageSeekMs} ms average seek, 12 MB/s, reads ahead.`],
    figure: { x: 'files of 64 KiB', y: 'seconds' },
  };
}

function laterPass({ now }: Laboratory, contestant: Contestant, count: number): Pass {
  const { device, sum: expected } = filledDevice(count * FILE_PAGES);
  const disk = new CostModelDevice(device, disk1998);
  const files = Array.from({ length: count }, (_, i) => new DeviceFile(disk, i * FILE_PAGES, FILE_PAGES));
  const arena = new Arena({ system: contestant.system, ramBytes: RAM_BYTES });
  const fileSystem = new FileSystem(arena, contestant);
  const space = arena.createSpace();
  let sum = 0;
  const pass = (): void => {
    sum = 0;
    for (const file of files) {
      const start = fileSystem.map(space, file, { protection: PROT_READ });
      for (let address: number = start; address < start + FILE_BYTES; address += PAGE_SIZE) {
        arena.touch(space, address, 'read');
        sum += sumOf(arena.pageBytes(space, address));
      }
      arena.unmap(space, start, FILE_BYTES);
    }
    if (sum !== expected) throw new Error(`the files add up to ${sum} instead of ${expected}`);
  };
  pass();
  const statistics = arena.system.statistics();
  let result: Pass = { seconds: Number.POSITIVE_INFINITY, pagerReads: 0 };
  for (let again = 0; again < AGAIN; again++) {
    const before = { at: now(), disk: disk.modelledMs, reads: statistics.pagerReads };
    pass();
    const seconds = (now() - before.at + disk.modelledMs - before.disk) / 1000;
    result = { seconds: Math.min(result.seconds, seconds), pagerReads: statistics.pagerReads - before.reads };
  }
  arena.destroySpace(space);
  fileSystem.dispose();
  arena.check();
  return result;
}

/** A device whose pages differ, and the sum of all its bytes. */
function filledDevice(pages: number): { readonly device: MemoryDevice; readonly sum: number } {
  const device = new MemoryDevice(pages);
  const bytes = new Uint8Array(PAGE_SIZE);
  let sum = 0;
  for (let page = 0; page < pages; page++) {
    bytes.fill(page & 0xff);
    device.write(page, bytes);
    sum += (page & 0xff) * PAGE_SIZE;
  }
  return { device, sum };
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += bytes[i] as number;
  return sum;
}

function verdictOf(rows: readonly ComparisonRow[]): Verdict {
  const reads = (row: ComparisonRow, side: 'bsd' | 'uvm') => row.counters?.['pages read']?.[side] ?? 0;
  const beyond = rows.filter(({ x = 0 }) => x > OBJECT_CACHE);
  const uvmNever = rows.every((row) => reads(row, 'uvm') === 0);
  const bsdCliff = rows.every((row) => reads(row, 'bsd') === ((row.x ?? 0) > OBJECT_CACHE ? (row.x ?? 0) * FILE_PAGES : 0));
  const factors = beyond.map(({ quire }) => (quire.bsd ?? 0) / (quire.uvm ?? 1));
  return {
    shape: uvmNever && bsdCliff ? 'holds' : uvmNever || bsdCliff ? 'holds in part' : 'does not hold',
    text:
      `beyond ${OBJECT_CACHE} objects BSD VM reads every page from the disk again, UVM none; there UVM takes a factor of ` +
      `${Math.min(...factors).toFixed(0)} to ${Math.max(...factors).toFixed(0)} less, in the paper 7.6 to 9.1: our ` +
      `processor is of today, the disk that we model of 1998.`,
  };
}
