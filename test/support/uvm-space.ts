// One process on a small machine, with areas at chosen pages: for tests of what a process may ask of its areas.
import { PAGE_SIZE } from '../../src/base/index.ts';
import { type MapRequest, PROT_READ, PROT_WRITE } from '../../src/system/index.ts';
import { Uvm } from '../../src/uvm/index.ts';
import { type MakeSystem, type SmallMachineOptions, smallMachineOf, type TestedSystem } from './uvm-machine.ts';
import { countsOf, load, store, type TestFile } from './uvm-probe.ts';

const RW = PROT_READ | PROT_WRITE;
/** Page 0 of the tests. */
export const BASE = 0x5_0000;

/** The address of byte `offset` of a page, counted from `BASE`. */
export const at = (page: number, offset = 0) => (BASE + page) * PAGE_SIZE + offset;

/** Makes a machine with UVM and one process, and calls that count in pages from `BASE`. */
export function oneSpace(options: SmallMachineOptions = {}) {
  return oneSpaceOf((machine, policy) => new Uvm(machine, policy, options.tuning), options);
}

/** The same with the manager that `make` makes. */
export function oneSpaceOf<M extends TestedSystem>(make: MakeSystem<M>, options: SmallMachineOptions = {}) {
  const small = smallMachineOf(make, { frames: 128, ...options });
  const { system, machine } = small;
  const process = small.newProcess();
  const space = process.space as Parameters<M['map']>[0];
  /** Maps private anonymous memory, if `more` says nothing else. */
  const map = (page: number, pages: number, more: Partial<MapRequest> = {}) =>
    system.map(space, {
      size: pages * PAGE_SIZE,
      protection: RW,
      sharing: 'private',
      place: { how: 'fixed', address: at(page) },
      ...more,
    });
  const object = (file: TestFile) => {
    const made = system.createObject(file.pager);
    if (typeof made === 'string') throw new Error(made);
    return made;
  };
  const area = (page: number) => system.areas(space).find((each) => each.start <= at(page) && each.end > at(page));
  return {
    ...small,
    process,
    space,
    map,
    object,
    area,
    /** Areas as [first page, pages]. */
    shape: () => system.areas(space).map((each) => [(each.start - at(0)) / PAGE_SIZE, (each.end - each.start) / PAGE_SIZE]),
    counts: () => countsOf(machine, system),
    put: (page: number, value: number) => store(process, at(page), value),
    get: (page: number) => load(process, at(page)),
    frame: (page: number) => machine.pmaps.extract(space.pmap, BASE + page),
  };
}
