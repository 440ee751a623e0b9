// A memory manager against the flat reference model (design, section 8): several processes map, unmap, protect, fork, grow, write and read
// at random in a RAM smaller than what they use; each byte must be what the model says, and check() must hold throughout.
import { afterEach, describe, expect, it } from 'vitest';
import { ModelSpace } from '../../test/support/memory-model.ts';
import { checkMachines, layout, type MakeSystem, smallMachineOf } from '../../test/support/uvm-machine.ts';
import { PAGE_SIZE, Random } from '../base/index.ts';
import { handful } from '../machine/mmu/made-up-formats.conformance.ts';
import { livePolicies, type PolicyKind } from '../paging/index.ts';
import type { LargePages } from '../pmap/index.ts';
import { GuestFault, Process as LiveProcess, type Process } from '../process/index.ts';
import {
  findFrameAllocator,
  findKernelHeap,
  findPageTable,
  findRangeMap,
  frameAllocatorNames,
  kernelHeapNames,
  pageTableNames,
  rangeMapNames,
} from '../systems/index.ts';
import type { Machine } from './machine.ts';
import type { Pager } from './memory-object.ts';

const AREA_PAGES = 24;
const FIRST_PAGE = 0x2_0000;
const FILE_PAGES = 16;
const MAX_PROCESSES = 4;
const BREAK_PAGE = layout.breakStart / PAGE_SIZE;

class Scenario {
  readonly random: Random;
  readonly small;
  readonly file = Array.from({ length: FILE_PAGES }, (_, i) => new Uint8Array(PAGE_SIZE).fill(i + 1));
  readonly onDisk = this.file.map((page) => page.slice());
  readonly processes: { process: Process; model: ModelSpace; live: number }[] = [];
  readonly object;

  constructor(make: MakeSystem, seed: number, { policy, frames, allocator, pageTable, ranges, kernelHeap, largePages }: Setting) {
    this.random = new Random(seed);
    this.small = smallMachineOf(make, {
      frames,
      swapPages: 2048,
      policy,
      seed,
      allocator: findFrameAllocator(allocator),
      pageTable: largePages === 'promote' ? handful : findPageTable(pageTable),
      largePages,
      rangeMap: findRangeMap(ranges),
      kernelHeap: findKernelHeap(kernelHeap),
    });
    const pager: Pager = {
      kind: 'file',
      name: 'file',
      pages: FILE_PAGES,
      read: (index, into) => void into.set(this.onDisk[index] as Uint8Array),
      write: (index, from) => void (this.onDisk[index] as Uint8Array).set(from),
    };
    const object = this.small.system.createObject(pager);
    if (typeof object === 'string') throw new Error(object);
    this.object = object;
    this.processes.push({ process: this.small.newProcess(), model: new ModelSpace(), live: 0 });
  }

  step(): void {
    const actor = this.processes[this.random.below(this.processes.length)] as Scenario['processes'][number];
    const roll = this.random.below(100);
    if (roll < 45) this.write(actor);
    else if (roll < 80) this.read(actor);
    else if (roll < 86) this.map(actor);
    else if (roll < 89) this.unmap(actor);
    else if (roll < 93) this.protect(actor);
    else if (roll < 96) this.grow(actor);
    else if (roll < 98) this.fork(actor);
    else if (this.processes.length > 1) this.exit(actor);
  }

  private page(): number {
    return this.random.below(8) === 0 ? BREAK_PAGE + this.random.below(8) : FIRST_PAGE + this.random.below(AREA_PAGES * 4);
  }

  /** With large pages, one write in eight fills a large page. */
  private write(actor: Scenario['processes'][number]): void {
    const page = this.page();
    const fills = this.small.machine.pmaps.largePages !== undefined && this.random.below(8) === 0;
    if (!fills) this.writeTo(actor, page);
    else for (let i = 0; i < 8; i++) this.writeTo(actor, page - (page % 8) + i);
  }

  private writeTo({ process, model }: Scenario['processes'][number], page: number): void {
    const offset = this.random.below(PAGE_SIZE);
    const value = this.random.below(256);
    const expected = model.access(page, 'write');
    if (expected === undefined) {
      expect(() => process.copyOut(page * PAGE_SIZE + offset, Uint8Array.of(value))).toThrow(GuestFault);
      return;
    }
    expected[offset] = value;
    process.copyOut(page * PAGE_SIZE + offset, Uint8Array.of(value));
  }

  private read({ process, model }: Scenario['processes'][number]): void {
    const page = this.page();
    const expected = model.access(page, 'read');
    const bytes = new Uint8Array(PAGE_SIZE);
    if (expected === undefined) expect(() => process.copyIn(page * PAGE_SIZE, bytes)).toThrow(GuestFault);
    else {
      process.copyIn(page * PAGE_SIZE, bytes);
      if (!equal(bytes, expected)) throw new Error(`page ${page} differs from the model`);
    }
  }

  private map({ process, model }: Scenario['processes'][number]): void {
    const first = FIRST_PAGE + this.random.below(AREA_PAGES * 4 - 16);
    const pages = 1 + this.random.below(16);
    const sharing = this.random.below(3) === 0 ? 'shared' : 'private';
    const protection = this.random.below(3) === 0 ? 1 : 3;
    const ofFile = this.random.below(3) === 0;
    const fileOffset = this.random.below(FILE_PAGES - pages + 1 > 0 ? FILE_PAGES - pages + 1 : 1);
    const result = this.small.system.map(process.space, {
      size: pages * PAGE_SIZE,
      protection,
      sharing,
      place: { how: 'fixed', address: first * PAGE_SIZE },
      ...(ofFile && { object: this.object, offset: fileOffset * PAGE_SIZE }),
    });
    expect(result).toBe(first * PAGE_SIZE);
    model.map(first, pages, protection, sharing, ofFile ? this.file : undefined, fileOffset);
  }

  private unmap({ process, model }: Scenario['processes'][number]): void {
    const first = FIRST_PAGE + this.random.below(AREA_PAGES * 4);
    const pages = 1 + this.random.below(12);
    expect(this.small.system.unmap(process.space, first * PAGE_SIZE, pages * PAGE_SIZE)).toBe(0);
    model.unmap(first, pages);
  }

  private protect({ process, model }: Scenario['processes'][number]): void {
    const first = FIRST_PAGE + this.random.below(AREA_PAGES * 4);
    const pages = 1 + this.random.below(6);
    // Write without read is not asked for: i386 entries cannot express it, and POSIX lets write imply read.
    const protection = [0, 1, 3][this.random.below(3)] as number;
    const range = Array.from({ length: pages }, (_, i) => model.pages.get(first + i));
    const whole = range.every((page) => page !== undefined);
    const result = this.small.system.protect(process.space, first * PAGE_SIZE, pages * PAGE_SIZE, protection);
    expect(result).toBe(whole ? 0 : 'ENOMEM');
    if (whole) for (const page of range) if (page !== undefined) page.protection = protection;
  }

  private grow({ process, model }: Scenario['processes'][number]): void {
    const now = process.space.breakEnd / PAGE_SIZE;
    const target = BREAK_PAGE + this.random.below(8);
    expect(this.small.system.grow(process.space, target * PAGE_SIZE)).toBe(target * PAGE_SIZE);
    if (target > now) model.map(now, target - now, 3, 'private');
    else model.unmap(target, now - target);
  }

  private fork(actor: Scenario['processes'][number]): void {
    if (this.processes.length === MAX_PROCESSES) return;
    const used = new Set(this.processes.map((other) => other.live));
    const live = [0, 1, 2, 3].find((slot) => !used.has(slot)) as number;
    const { machine, system } = this.small;
    const space = system.fork(actor.process.space, machine.liveTlb(live));
    if (typeof space === 'string') throw new Error(space);
    this.processes.push({ process: new LiveProcess(machine, system, space, () => 0), model: actor.model.fork(), live });
  }

  private exit(actor: Scenario['processes'][number]): void {
    this.small.system.destroySpace(actor.process.space);
    this.processes.splice(this.processes.indexOf(actor), 1);
  }

  /** Ends every process and the file: nothing but the kernel's own frames may remain, and the file has what was written to it. */
  finish(): void {
    const { system, machine } = this.small;
    for (const actor of [...this.processes]) this.exit(actor);
    system.releaseObject(this.object);
    system.check();
    machine.heap.reap();
    expect(system.swapSlots.used).toBe(0);
    for (const [i, page] of this.file.entries()) expect(equal(this.onDisk[i] as Uint8Array, page)).toBe(true);
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

interface Setting {
  readonly policy: PolicyKind;
  readonly frames: number;
  readonly allocator: string;
  readonly pageTable: string;
  readonly ranges: string;
  readonly kernelHeap: string;
  /** `promote`: on a format whose large pages have 8 pages. */
  readonly largePages: LargePages;
}

function play(make: MakeSystem, seed: number, setting: Partial<Setting>): Machine {
  const usual: Setting = {
    policy: livePolicies[0] as PolicyKind,
    frames: 96,
    allocator: 'bitmap',
    pageTable: 'i386',
    ranges: 'red-black',
    kernelHeap: 'slab',
    largePages: 'never',
  };
  const scenario = new Scenario(make, seed, { ...usual, ...setting });
  for (let step = 0; step < 1500; step++) {
    scenario.step();
    if (step % 100 === 0) scenario.small.system.check();
  }
  scenario.finish();
  return scenario.small.machine;
}

/** Declares the comparison with the flat model. */
export function describeAgainstModel(make: MakeSystem, seeds: readonly number[]): void {
  describe('the manager and the flat model', () => {
    afterEach(checkMachines);

    for (const policy of livePolicies) {
      it.each(seeds)(`agree on every byte under ${policy.name}, seed %i`, (seed) => void play(make, seed, { policy }));
    }
    it.each(frameAllocatorNames)('agree on every byte over frame allocator %s', (allocator) => {
      for (const seed of seeds) play(make, 99 + seed, { allocator });
    });
    // Four processes of five levels each have more tables than two levels need.
    it.each(pageTableNames.slice(1))('agree on every byte on page tables of format %s', (pageTable) => {
      play(make, 199, { pageTable, frames: 136 });
    });
    it.each(rangeMapNames.slice(1))('agree on every byte over range map %s', (ranges) => void play(make, 299, { ranges }));
    it.each(kernelHeapNames.slice(1))('agree on every byte over the kernel heap %s', (kernelHeap) => void play(make, 399, { kernelHeap }));
    it('agree when memory is ample', () => void play(make, 7, { frames: 1024 }));
    it.each(livePolicies)('agree with large pages under $name, in little RAM', (policy) => {
      const { pmaps } = play(make, 399, { largePages: 'promote', policy, frames: 160 });
      expect(Math.min(pmaps.largePages?.promotions ?? 0, pmaps.largePages?.demotions ?? 0)).toBeGreaterThan(0);
    });
    it('agree with large pages when memory is ample', () => {
      const { pmaps } = play(make, 8, { largePages: 'promote', frames: 1024 });
      expect(Math.min(pmaps.largePages?.promotions ?? 0, pmaps.largePages?.demotions ?? 0)).toBeGreaterThan(0);
    });
  });
}
