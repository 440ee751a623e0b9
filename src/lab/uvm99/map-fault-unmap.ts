// Table 3: one page is mapped, touched and unmapped again, over and over. A private mapping that is only read costs 4.4BSD a shadow object.

import { MIB, PAGE_SIZE } from '../../base/index.ts';
import { MemoryDevice } from '../../machine/index.ts';
import type { MapRequest } from '../../system/index.ts';
import { Arena } from '../arena.ts';
import { type ComparisonRow, type ComparisonTable, sides, type Verdict } from '../comparison.ts';
import { DeviceFile, FileSystem } from './files.ts';
import { type Contestant, forBoth, type Laboratory, leastTimes } from './laboratory.ts';
import { mapFaultUnmap } from './paper.ts';

const RAM_BYTES = 4 * MIB;
const MICROSECONDS = 1000;
/** Cycles measured as one, and how often that is done; the paper made a million. */
const cycles = { full: 20_000, quick: 500 } as const;
const turns = { full: 6, quick: 2 } as const;

type Case = keyof typeof mapFaultUnmap;

/** Runs the experiment. */
export function mapFaultUnmapCycles(laboratory: Laboratory): ComparisonTable {
  const rows = (Object.keys(mapFaultUnmap) as Case[]).map((name) => row(laboratory, name));
  return {
    id: 'table3',
    title: 'Table 3: map a page, fault, unmap it',
    about: 'One page of a resident file, or of new memory, is mapped, touched once and unmapped. Time per cycle.',
    unit: 'µs',
    origin: 'measured',
    ratioOf: 'UVM / BSD VM',
    rows,
    verdict: verdictOf(rows),
    notes: [],
  };
}

function row(laboratory: Laboratory, name: Case): ComparisonRow {
  const count = cycles[laboratory.effort];
  const [bsd, uvm] = mapFaultUnmap[name];
  const arenas: Arena[] = [];
  const work = forBoth((contestant) => cycler(contestant, name, count, arenas));
  const time = leastTimes(laboratory, turns[laboratory.effort], work);
  for (const arena of arenas) arena.check();
  const perCycle = (milliseconds: number) => (milliseconds * MICROSECONDS) / count;
  return {
    label: name,
    paper: sides(bsd, uvm),
    quire: sides(perCycle(time.bsd), perCycle(time.uvm)),
    verified: true,
  };
}

function cycler(contestant: Contestant, name: Case, count: number, arenas: Arena[]): () => void {
  const [access, backing] = name.split('/') as ['read' | 'write', string];
  const arena = new Arena({ system: contestant.system, ramBytes: RAM_BYTES });
  arenas.push(arena);
  const files = new FileSystem(arena, contestant);
  const file = new DeviceFile(new MemoryDevice(1), 0, 1);
  const space = arena.createSpace();
  const request: Partial<MapRequest> = { sharing: backing === 'shared file' ? 'shared' : 'private' };
  const map = () => (backing === 'zero fill' ? arena.map(space, { size: PAGE_SIZE }) : files.map(space, file, request));
  return () => {
    for (let i = 0; i < count; i++) {
      const start = map();
      arena.touch(space, start, access);
      arena.unmap(space, start, PAGE_SIZE);
    }
  };
}

function verdictOf(rows: readonly ComparisonRow[]): Verdict {
  const faster = rows.filter(({ quire }) => (quire.ratio ?? 1) < 1).length;
  const read = rows.find(({ label }) => label === 'read/private file')?.quire.ratio ?? 1;
  const largest = rows.every(({ quire }) => (quire.ratio ?? 1) >= read);
  return {
    shape: faster === rows.length ? 'holds' : faster > 0 ? 'holds in part' : 'does not hold',
    text:
      `UVM is faster in ${faster} of ${rows.length} cases; reading a private file has the ratio ${read.toFixed(2)}, in the paper 0.46` +
      `${largest ? ', and is the largest gain in both' : ''}: BSD VM makes a shadow object there, UVM nothing.`,
  };
}
