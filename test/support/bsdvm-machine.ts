// A small machine with the BSD VM on it and a family of processes, for its own tests.
import { PAGE_SIZE, pageOf } from '../../src/base/index.ts';
import { FrameKind } from '../../src/frames/index.ts';
import { HeapUse } from '../../src/heap/index.ts';
import type { Tlb } from '../../src/machine/index.ts';
import { Process } from '../../src/process/index.ts';
import { type MapRequest, type Pager, PROT_READ, PROT_WRITE } from '../../src/system/index.ts';
import { BsdVm } from '../../src/systems/bsdvm/index.ts';
import { type SmallMachineOptions, smallMachineOf } from './uvm-machine.ts';
import { store } from './uvm-probe.ts';

/** Makes the machine, a parent process, and calls for tests. */
export function bsdFamily(options: SmallMachineOptions = {}) {
  const small = smallMachineOf((machine, policy) => new BsdVm(machine, policy), { frames: 256, liveSpaces: 6, ...options });
  const { machine, system } = small;
  const parent = small.newProcess();
  const spaceOf = (process: Process) => process.space as Parameters<BsdVm['map']>[0];
  const freeTlbs: Tlb[] = [];
  const fork = (of: Process = parent) => {
    const space = system.fork(spaceOf(of), freeTlbs.pop() ?? small.newTlb());
    if (typeof space === 'string') throw new Error(space);
    return new Process(machine, system, space, () => 0);
  };
  /** Maps an area (private anonymous memory if `more` says nothing else) into the parent. */
  const map = (pages: number, more: Partial<MapRequest> = {}): number => {
    const request: MapRequest = { size: pages * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private', ...more };
    const at = system.map(spaceOf(parent), request);
    if (typeof at === 'string') throw new Error(at);
    return at;
  };
  /** Pages everything out that can be: eight fresh pages take the places of those held for the last accesses. */
  const pageOut = (): void => {
    const other = map(8);
    for (let page = 0; page < 8; page++) store(parent, other + page * PAGE_SIZE, 1);
    system.reclaim(machine.frames.table.count);
    system.unmap(spaceOf(parent), other, 8 * PAGE_SIZE);
  };
  const open = (pager: Pager) => {
    const object = system.createObject(pager);
    if (typeof object === 'string') throw new Error(object);
    return object;
  };
  return {
    ...small,
    parent,
    spaceOf,
    fork,
    map,
    open,
    pageOut,
    exit: (process: Process) => {
      system.destroySpace(spaceOf(process));
      freeTlbs.push(process.space.pmap.tlb);
    },
    /** Frames of anonymous memory, of files, and bytes of objects and pagers. */
    anonymousFrames: () => machine.frames.countOf(FrameKind.anon),
    fileFrames: () => machine.frames.countOf(FrameKind.object),
    objectBytes: () => machine.heap.bytesInUse(HeapUse.object),
    entries: () => machine.heap.bytesInUse(HeapUse.mapEntry) / 64,
    frameAt: (process: Process, address: number) => machine.pmaps.extract(process.space.pmap, pageOf(address)),
  };
}
