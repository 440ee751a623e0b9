// Table 1: map entries in use once processes have been set up. A set-up is data: which areas a process has, and which of its pages the kernel
// wires for a moment to copy something to them. 4.4BSD notes wiring in the map, so that each such page is clipped off its area and stays
// so, and it keeps two entries per process in the kernel's own map; UVM notes it elsewhere.
//
//   static program    text data bss heap | stack guard, stack          6 areas
//   dynamic program   ... and text data bss of ld.so and of libc       12 areas; each further library 3 more
//
// The paper gives totals only. The areas follow from how NetBSD laid programs out, the numbers of processes were chosen to come near UVM's
// totals, and where the wired buffers lie is our assumption: so the column of UVM is a model, and that of BSD VM what follows from it.

import { type Errno, KIB, MIB, PAGE_SIZE } from '../../base/index.ts';
import { HeapUse } from '../../heap/index.ts';
import { MemoryDevice } from '../../machine/index.ts';
import { type MemorySystem, PROT_EXECUTE, PROT_NONE, PROT_READ, PROT_WRITE, type Space } from '../../system/index.ts';
import { Arena, must } from '../arena.ts';
import { type ComparisonRow, type ComparisonTable, sides, type Verdict } from '../comparison.ts';
import { DeviceFile, FileSystem } from './files.ts';
import { type Contestant, forBoth, type Laboratory, sidesOf } from './laboratory.ts';
import { mapEntries } from './paper.ts';

const RAM_BYTES = 16 * MIB;
const READ_EXECUTE = PROT_READ | PROT_EXECUTE;
const READ_WRITE = PROT_READ | PROT_WRITE;
/** Where programs, libraries and the stack begin; libraries are this far apart. */
const PROGRAM = 64 * KIB;
const LIBRARIES = 20 * MIB;
const LIBRARY_SPAN = MIB;
const STACK = 100 * MIB;

interface AreaModel {
  readonly at: number;
  readonly pages: number;
  readonly protection: number;
  readonly backing: 'file' | 'zero';
}

/** One kind of process. */
interface ProcessModel {
  readonly areas: readonly AreaModel[];
  /** Pages that a system call wires while it copies to them: its argument of `sysctl`, or the buffer of raw I/O. */
  readonly wiredBuffers: readonly number[];
}

/** Processes that live at the same time. */
interface SetUp {
  readonly label: string;
  readonly paper: keyof typeof mapEntries;
  readonly processes: readonly (readonly [count: number, model: ProcessModel])[];
}

/** Text, data and bss of a program or library, 8 pages apart. */
function segments(at: number): AreaModel[] {
  const step = 8 * PAGE_SIZE;
  return [
    { at, pages: 8, protection: READ_EXECUTE, backing: 'file' },
    { at: at + step, pages: 8, protection: READ_WRITE, backing: 'file' },
    { at: at + 2 * step, pages: 8, protection: READ_WRITE, backing: 'zero' },
  ];
}

const bssOf = (at: number): number => at + 16 * PAGE_SIZE;
const libraryAt = (index: number): number => LIBRARIES + index * LIBRARY_SPAN;
const STACK_PAGES = 8;
const HEAP: AreaModel = { at: PROGRAM + 32 * PAGE_SIZE, pages: 16, protection: READ_WRITE, backing: 'zero' };
const STACK_GUARD: AreaModel = { at: STACK - PAGE_SIZE, pages: 1, protection: PROT_NONE, backing: 'zero' };
const STACK_AREA: AreaModel = { at: STACK, pages: STACK_PAGES, protection: READ_WRITE, backing: 'zero' };
const PROCESS_AREAS = [...segments(PROGRAM), HEAP, STACK_GUARD, STACK_AREA];
/** The last page of the stack: what `main` itself hands to a call. */
const STACK_TOP = STACK + (STACK_PAGES - 1) * PAGE_SIZE;

/** C start-up asks `sysctl` twice: with a buffer on the stack, and in malloc's own data for the page size. */
const staticProgram: ProcessModel = { areas: PROCESS_AREAS, wiredBuffers: [STACK_TOP, bssOf(PROGRAM) + PAGE_SIZE] };

/** As the static one, with malloc in libc; ld.so, the first library, asks twice itself, from its data and its bss. */
function dynamicProgram(libraries: number): ProcessModel {
  const [loader, libc] = [libraryAt(0), libraryAt(1)];
  const loaderData = loader + 8 * PAGE_SIZE;
  return {
    areas: [...PROCESS_AREAS, ...Array.from({ length: libraries }, (_, i) => segments(libraryAt(i))).flat()],
    wiredBuffers: [STACK_TOP, bssOf(libc) + PAGE_SIZE, loaderData + PAGE_SIZE, bssOf(loader) + PAGE_SIZE],
  };
}

/** The kernel's own map: text, data, and the submaps from which it serves itself. Rights differ from one to the next, as they must not merge. */
const kernel: ProcessModel = {
  areas: Array.from({ length: 14 }, (_, i) => ({
    at: PROGRAM + i * MIB,
    pages: 16,
    protection: READ_WRITE,
    backing: 'zero' as const,
  })),
  wiredBuffers: [],
};

const od = dynamicProgram(2);
const setUps: readonly SetUp[] = [
  { label: 'cat (static)', paper: 'cat', processes: [[1, staticProgram]] },
  { label: 'od (dynamic)', paper: 'od', processes: [[1, od]] },
  {
    label: 'single-user boot',
    paper: 'single_user_boot',
    processes: [
      [1, kernel],
      [2, staticProgram],
    ],
  },
  {
    label: 'multi-user boot',
    paper: 'multi_user_boot',
    processes: [
      [1, kernel],
      [2, staticProgram],
      [18, od],
    ],
  },
  {
    label: 'starting X11 (9 processes)',
    paper: 'x11_9_processes',
    processes: [
      [1, dynamicProgram(4)],
      [8, dynamicProgram(5)],
    ],
  },
];

/** Runs the experiment. */
export function countMapEntries(_laboratory: Laboratory): ComparisonTable {
  const rows = setUps.map((setUp): ComparisonRow => {
    const [bsd, uvm] = mapEntries[setUp.paper];
    const entries = forBoth((contestant) => countEntries(contestant, setUp));
    return { label: setUp.label, paper: sides(bsd, uvm), quire: sidesOf(entries, (count) => count), verified: true };
  });
  return {
    id: 'table1',
    title: 'Table 1: map entries in use',
    about:
      'Processes are set up: their areas mapped, and the buffers of a few system calls wired and unwired again. Then map entries are counted, ' +
      "those that BSD VM keeps in the kernel's map for each process included.",
    unit: 'entries',
    origin: 'counted',
    ratioOf: 'UVM / BSD VM',
    rows,
    verdict: verdictOf(rows),
    notes: [
      'The set-ups are models: areas and numbers of processes are chosen so that UVM comes near the published count; BSD VM follows from them.',
    ],
  };
}

function countEntries(contestant: Contestant, { processes }: SetUp): number {
  const arena = new Arena({ system: contestant.system, ramBytes: RAM_BYTES });
  const files = new FileSystem(arena, contestant);
  const entryBytes = measureEntry(arena);
  const spaces = processes.flatMap(([count, model]) => Array.from({ length: count }, () => setUpProcess(arena, files, model)));
  const entries = arena.machine.heap.bytesInUse(HeapUse.mapEntry) / entryBytes;
  for (const space of spaces) arena.destroySpace(space);
  files.dispose();
  arena.check();
  return entries;
}

/** Bytes of kernel memory that an entry takes: what one more area adds. */
function measureEntry(arena: Arena): number {
  const space = arena.createSpace();
  const before = arena.machine.heap.bytesInUse(HeapUse.mapEntry);
  arena.map(space, { size: PAGE_SIZE });
  const entryBytes = arena.machine.heap.bytesInUse(HeapUse.mapEntry) - before;
  arena.destroySpace(space);
  return entryBytes;
}

function setUpProcess(arena: Arena, files: FileSystem, { areas, wiredBuffers }: ProcessModel): Space {
  const space = arena.createSpace();
  for (const { at, pages, protection, backing } of areas) {
    const place = { how: 'fixed', address: at } as const;
    if (backing === 'zero') arena.map(space, { size: pages * PAGE_SIZE, protection, place, name: `area at ${at}` });
    else files.map(space, new DeviceFile(new MemoryDevice(pages), 0, pages), { protection, place, sharing: 'private' });
  }
  for (const address of wiredBuffers) wireForCopy(arena, space, address);
  return space;
}

/** What `sysctl` and raw I/O do around their copy. */
function wireForCopy(arena: Arena, space: Space, address: number): void {
  arena.touch(space, address, 'write');
  const { system } = arena;
  if (!('wireBuffer' in system)) return;
  const wiring = system as MemorySystem & BufferWiring;
  must(wiring.wireBuffer(space, address, PAGE_SIZE));
  wiring.unwireBuffer(space, address, PAGE_SIZE);
}

/** A manager that notes in its map which pages the kernel has wired for a copy. */
interface BufferWiring {
  wireBuffer(space: Space, start: number, size: number): 0 | Errno;
  unwireBuffer(space: Space, start: number, size: number): void;
}

function verdictOf(rows: readonly ComparisonRow[]): Verdict {
  const ratios = rows.map(({ quire }) => quire.ratio ?? 1);
  const fewer = ratios.every((ratio) => ratio < 0.75);
  return {
    shape: fewer ? 'holds' : ratios.some((ratio) => ratio < 0.75) ? 'holds in part' : 'does not hold',
    text: `UVM needs ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} of BSD VM's entries, in the paper 0.52 to 0.68.`,
  };
}
