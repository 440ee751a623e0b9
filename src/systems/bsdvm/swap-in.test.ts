// Read-ahead in swap under the BSD VM, where it has to be asked for.
import { afterEach, expect, it } from 'vitest';
import { checkMachines, smallMachineOf } from '../../../test/support/uvm-machine.ts';
import { load, store } from '../../../test/support/uvm-probe.ts';
import { PAGE_SIZE } from '../../base/index.ts';
import { MemoryDevice } from '../../machine/index.ts';
import { Process } from '../../process/index.ts';
import { PROT_READ, PROT_WRITE, type SwapReadAhead } from '../../system/index.ts';
import { BsdVm } from './index.ts';

afterEach(checkMachines);

const PAGES = 64;

/** A parent whose pages 0 to 63, filled with their numbers + 1, are all in swap, and a child that changed every fourth before that. */
function swappedFamily(setting: SwapReadAhead) {
  const swap = new MemoryDevice(1024);
  const small = smallMachineOf((machine, policy) => new BsdVm(machine, policy, setting), { frames: 384, swap });
  const { system, machine } = small;
  const parent = small.newProcess();
  const space = parent.space as Parameters<BsdVm['map']>[0];
  const map = (pages: number) => system.map(space, { size: pages * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' });
  const start = map(PAGES) as number;
  for (let page = 0; page < PAGES; page++) store(parent, start + page * PAGE_SIZE, page + 1);
  const forked = system.fork(space, small.newTlb());
  if (typeof forked === 'string') throw new Error(forked);
  const child = new Process(machine, system, forked, () => 0);
  for (let page = 0; page < PAGES; page += 4) store(child, start + page * PAGE_SIZE, 200 + page / 4);
  // Eight others are held for the last accesses.
  const other = map(8) as number;
  for (let page = 0; page < 8; page++) store(parent, other + page * PAGE_SIZE, 1);
  system.reclaim(machine.frames.table.count);
  const contentOf = (process: Process): number[] => Array.from({ length: PAGES }, (_, page) => load(process, start + page * PAGE_SIZE));
  return { system, swap, parent, child, contentOf };
}

const parents = Array.from({ length: PAGES }, (_, page) => page + 1);
const childs = parents.map((value, page) => (page % 4 === 0 ? 200 + page / 4 : value));

it.each(['off', 'adaptive', 8, 16] as const)('%s: parent and child see their own pages, whoever reads first', (setting) => {
  for (const order of ['parent first', 'child first'] as const) {
    const { system, parent, child, contentOf } = swappedFamily(setting);
    if (order === 'parent first') expect(contentOf(parent)).toEqual(parents);
    expect(contentOf(child)).toEqual(childs);
    expect(contentOf(parent)).toEqual(parents);
    system.check();
  }
});

it('reads neighbours in a block with one operation, and maps each by a fault of its own', () => {
  const [alone, along] = [swappedFamily('off'), swappedFamily(8)];
  const readsOf = ({ swap, parent, contentOf }: typeof alone): number => {
    contentOf(parent);
    return swap.counters.readOperations;
  };
  expect(readsOf(alone)).toBe(PAGES);
  expect(readsOf(along)).toBe(PAGES / 8);
  expect(alone.system.statistics()).toMatchObject({ swapPagesIn: PAGES, readAhead: 0 });
  expect(along.system.statistics()).toMatchObject({ swapPagesIn: PAGES, readAhead: PAGES - PAGES / 8, readAheadUsed: PAGES - PAGES / 8 });
});
