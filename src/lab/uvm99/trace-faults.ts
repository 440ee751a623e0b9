// A recorded native program, replayed page by page: it has what a WebAssembly program has not, code and libraries in pages of files.
//
// Where its areas are follows from the accesses: neighbouring pages of one kind make an area, holes of up to HOLE pages included.
//
//   never stored to                file, read and execute      program, libraries, their constants
//   first loaded, later stored to  file, private, writable     initialized data
//   first stored to                zero fill                   heap, stack, bss (and data that is overwritten first)

import { PAGE_SIZE } from '../../base/index.ts';
import { MemoryDevice } from '../../machine/index.ts';
import { PROT_EXECUTE, PROT_READ, PROT_WRITE, type Space } from '../../system/index.ts';
import type { Arena } from '../arena.ts';
import { DeviceFile, type FileSystem } from './files.ts';

/** Pages that may be missing inside an area: touched pages of one library are further apart than that only where others lie between. */
const HOLE = 16;

type Kind = 'text' | 'data' | 'zero';

interface Access {
  readonly page: number;
  readonly store: boolean;
}

interface TraceArea {
  readonly kind: Kind;
  readonly first: number;
  end: number;
  /** Where it is mapped when replayed, in pages: areas follow each other, a page apart. */
  readonly place: number;
  readonly file: DeviceFile | undefined;
}

/** A recorded program, ready to be run any number of times. */
export class TracedProgram {
  readonly #accesses: readonly Access[];
  readonly #areas: readonly TraceArea[];

  /** @param trace accesses as `lsTrace` has them. */
  constructor(trace: string) {
    this.#accesses = Array.from(trace.trim().split(/\s+/), (word) => ({
      page: Number.parseInt(word.slice(1), 16),
      store: word.startsWith('w'),
    }));
    this.#areas = areasOf(this.#accesses);
  }

  /** Runs it once, in a space of its own. */
  run(arena: Arena, files: FileSystem): void {
    const space = arena.createSpace();
    for (const area of this.#areas) map(arena, files, space, area);
    for (const { page, store } of this.#accesses) arena.touch(space, this.#placeOf(page) * PAGE_SIZE, store ? 'write' : 'read');
    arena.destroySpace(space);
  }

  #placeOf(page: number): number {
    const area = this.#areas.find(({ first, end }) => page >= first && page < end) as TraceArea;
    return area.place + page - area.first;
  }
}

function map(arena: Arena, files: FileSystem, space: Space, { kind, first, end, place, file }: TraceArea): void {
  const at = { how: 'fixed', address: place * PAGE_SIZE } as const;
  const protection = kind === 'text' ? PROT_READ | PROT_EXECUTE : PROT_READ | PROT_WRITE;
  if (file === undefined) arena.map(space, { size: (end - first) * PAGE_SIZE, protection, place: at });
  else files.map(space, file, { protection, place: at, sharing: 'private' });
}

function areasOf(accesses: readonly Access[]): TraceArea[] {
  const kinds = new Map<number, Kind>();
  for (const { page, store } of accesses) {
    const before = kinds.get(page);
    kinds.set(page, before === undefined ? (store ? 'zero' : 'text') : store && before === 'text' ? 'data' : before);
  }
  const runs: { kind: Kind; first: number; end: number }[] = [];
  for (const [page, kind] of [...kinds].sort(([a], [b]) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last.kind === kind && page - last.end <= HOLE) last.end = page + 1;
    else runs.push({ kind, first: page, end: page + 1 });
  }
  let place = 1;
  return runs.map((run) => {
    const pages = run.end - run.first;
    const file = run.kind === 'zero' ? undefined : new DeviceFile(new MemoryDevice(pages), 0, pages);
    const area = { ...run, place, file };
    place += pages + 1;
    return area;
  });
}
