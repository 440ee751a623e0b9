// Moving pages against a flat byte model: processes map, write, fork, unmap and exit at random while their pages are lent, transferred
// and passed around, in a RAM smaller than what they use. Each byte must be what the model says: a borrower sees what was lent, an
// owner what it wrote, and nobody anything else.
import { describe, expect, it } from 'vitest';
import { TestFile } from '../../test/support/uvm-probe.ts';
import { PAGE_SIZE, Random } from '../base/index.ts';
import { bitmapAllocator } from '../frames/index.ts';
import { i386, MemoryDevice, Tlb } from '../machine/index.ts';
import { livePolicies, type PolicyKind } from '../paging/index.ts';
import { GuestFault, Process } from '../process/index.ts';
import { type KernelLoan, Machine, PROT_READ, PROT_WRITE, type SpaceLayout, type WritableLoan } from '../system/index.ts';
import { Uvm } from './uvm.ts';
import type { VmMap } from './vm-map.ts';

const SPACE_PAGES = 1024;
const FIRST_PAGE = 256;
const PAGES = 40;
const FILE_PAGES = 8;
const layout: SpaceLayout = { low: 0, high: SPACE_PAGES * PAGE_SIZE, breakStart: PAGE_SIZE, breakLimit: 64 * PAGE_SIZE };
const RW = PROT_READ | PROT_WRITE;

/** The bytes of a page, held by every place that sees the same writes. */
interface Cell {
  bytes: Uint8Array;
  /** Private, and still the file's own array. */
  ofFile: boolean;
}

interface ModelPage {
  readonly cell: Cell;
  readonly sharing: 'private' | 'shared';
  /** What lent the page: the lender may not touch it. */
  readonly loan?: object;
  readonly side?: 'lender' | 'borrower';
}

interface Actor {
  readonly process: Process;
  readonly space: VmMap;
  pages: Map<number, ModelPage>;
}

interface LentToKernel {
  readonly loan: KernelLoan;
  readonly bytes: Uint8Array;
}

class Scenario {
  readonly random: Random;
  readonly machine: Machine;
  readonly system: Uvm;
  readonly file = new TestFile(FILE_PAGES, 'file');
  readonly fileCells: Cell[] = this.file.pages.map((page) => ({ bytes: page.slice(), ofFile: false }));
  readonly object;
  readonly shared;
  readonly sharedCells: Cell[] = Array.from({ length: FILE_PAGES }, () => ({ bytes: new Uint8Array(PAGE_SIZE), ofFile: false }));
  readonly actors: Actor[] = [];
  readonly kernelLoans: LentToKernel[] = [];
  readonly writableLoans: WritableLoan<VmMap>[] = [];

  constructor(seed: number, policy: PolicyKind, frames: number) {
    this.random = new Random(seed);
    this.machine = new Machine({
      ramBytes: frames * PAGE_SIZE,
      frameAllocator: bitmapAllocator,
      pageTableFormat: i386,
      liveSpaces: 0,
      seed,
      swap: new MemoryDevice(1024),
    });
    this.system = new Uvm(this.machine, policy);
    this.object = must(this.system.createObject(this.file.pager));
    this.shared = must(this.system.createSharedMemory(FILE_PAGES, 'shared'));
    for (let i = 0; i < 3; i++) this.adopt(must(this.system.createSpace(layout, newTlb())), new Map());
    for (const actor of this.actors) for (let i = 0; i < 3; i++) this.map(actor);
  }

  private adopt(space: VmMap, pages: Map<number, ModelPage>): void {
    this.actors.push({ process: new Process(this.machine, this.system, space, () => 0), space, pages });
  }

  step(): void {
    const actor = this.actor();
    const roll = this.random.below(100);
    if (roll < 30) this.write(actor);
    else if (roll < 45) this.read(actor);
    else if (roll < 52) this.map(actor);
    else if (roll < 55) this.unmap(actor);
    else if (roll < 57) this.fork(actor);
    else if (roll < 59) this.exit(actor);
    else if (roll < 66) this.lendToKernel(actor);
    else if (roll < 71) this.endKernelLoan();
    else if (roll < 78) this.lendToSpace(actor);
    else if (roll < 82) this.transfer(actor);
    else if (roll < 84) this.arrive(actor);
    else if (roll < 92) this.pass(actor);
    else if (roll < 94) this.lendWritable(actor);
    else if (roll < 96) this.lock(actor);
    else this.endWritableLoan();
  }

  private actor(): Actor {
    return this.actors[this.random.below(this.actors.length)] as Actor;
  }

  /** A range of up to 8 pages. */
  private range(): { first: number; count: number } {
    const count = 1 + this.random.below(8);
    return { first: FIRST_PAGE + this.random.below(PAGES - count), count };
  }

  private pagesOf({ pages }: Actor, first: number, count: number): (ModelPage | undefined)[] {
    return Array.from({ length: count }, (_, i) => pages.get(first + i));
  }

  private map(actor: Actor): void {
    const { first, count } = this.range();
    const backing = this.random.below(4);
    const sharing = this.random.below(3) === 0 ? 'shared' : 'private';
    const object = backing === 0 ? this.object : backing === 1 ? this.shared : undefined;
    const cells = backing === 0 ? this.fileCells : this.sharedCells;
    const result = this.system.map(actor.space, {
      size: count * PAGE_SIZE,
      protection: RW,
      sharing,
      place: { how: 'fixed', address: first * PAGE_SIZE },
      ...(object !== undefined && { object }),
    });
    expect(result).toBe(first * PAGE_SIZE);
    for (let i = 0; i < count; i++) {
      const below = object === undefined ? undefined : (cells[i] as Cell);
      const fresh = { bytes: below?.bytes ?? new Uint8Array(PAGE_SIZE), ofFile: below !== undefined };
      actor.pages.set(first + i, { cell: below !== undefined && sharing === 'shared' ? below : fresh, sharing });
    }
  }

  private unmap(actor: Actor): void {
    const { first, count } = this.range();
    expect(this.system.unmap(actor.space, first * PAGE_SIZE, count * PAGE_SIZE)).toBe(0);
    for (let i = 0; i < count; i++) actor.pages.delete(first + i);
  }

  private write(actor: Actor): void {
    const page = FIRST_PAGE + this.random.below(PAGES);
    const [offset, value] = [this.random.below(PAGE_SIZE), this.random.below(256)];
    const found = actor.pages.get(page);
    const store = () => actor.process.copyOut(page * PAGE_SIZE + offset, Uint8Array.of(value));
    if (found === undefined || found.side === 'lender') {
      expect(store).toThrow(GuestFault);
      return;
    }
    store();
    const { cell } = found;
    ownCell(cell);
    cell.bytes[offset] = value;
  }

  private read(actor: Actor): void {
    const page = FIRST_PAGE + this.random.below(PAGES);
    const found = actor.pages.get(page);
    const bytes = new Uint8Array(PAGE_SIZE);
    const load = () => actor.process.copyIn(page * PAGE_SIZE, bytes);
    if (found === undefined || found.side === 'lender') expect(load).toThrow(GuestFault);
    else {
      load();
      if (Buffer.compare(bytes, found.cell.bytes) !== 0) throw new Error(`page ${page} differs from the model`);
    }
  }

  /** Pages that are locked while somebody writes to them: loans end, locks stay. */
  private lock(actor: Actor): void {
    const { first, count } = this.range();
    const locked = this.pagesOf(actor, first, count);
    const result = this.system.lock(actor.space, first * PAGE_SIZE, count * PAGE_SIZE);
    const refusal = locked.some((page) => page?.side === 'lender') ? 'EACCES' : 0;
    expect(result).toBe(locked.includes(undefined) ? 'ENOMEM' : refusal);
    if (result !== 0) return;
    // Locking makes a private page of a file the process's own.
    for (const page of locked) if (page?.sharing === 'private') ownCell(page.cell);
    for (let i = 0; i < 8; i++) this.write(this.actor());
    this.lendToSpace(this.actor());
    this.system.check();
    expect(this.system.unlock(actor.space, first * PAGE_SIZE, count * PAGE_SIZE)).toBe(0);
  }

  private fork(actor: Actor): void {
    if (this.actors.length === 4) return;
    const child = must(this.system.fork(actor.space, newTlb()));
    const pages = new Map<number, ModelPage>();
    for (const [page, { cell, sharing, loan }] of actor.pages) {
      if (loan === undefined) pages.set(page, { cell: sharing === 'shared' ? cell : copyOf(cell), sharing });
    }
    this.adopt(child, pages);
  }

  private exit(actor: Actor): void {
    if (this.actors.length < 3) return;
    this.system.destroySpace(actor.space);
    actor.pages.clear();
    this.actors.splice(this.actors.indexOf(actor), 1);
  }

  private lendToKernel(actor: Actor): void {
    if (this.kernelLoans.length === 4) return;
    const { first, count } = this.range();
    const [head, tail] = [this.random.below(2) * this.random.below(PAGE_SIZE), this.random.below(2) * this.random.below(PAGE_SIZE)];
    const size = count * PAGE_SIZE - head - (count > 1 ? tail : 0);
    const lent = this.pagesOf(actor, first, count);
    const loan = this.system.mover.lendToKernel(actor.space, first * PAGE_SIZE + head, size);
    if (lent.some((page) => page === undefined || page.side === 'lender')) {
      expect(loan).toBe('EFAULT');
      return;
    }
    const whole = new Uint8Array(count * PAGE_SIZE);
    for (const [i, page] of lent.entries()) whole.set((page as ModelPage).cell.bytes, i * PAGE_SIZE);
    this.kernelLoans.push({ loan: must(loan), bytes: whole.subarray(head, head + size) });
  }

  private checkLoan({ loan, bytes }: LentToKernel): void {
    const seen = Buffer.concat(loan.frames.map((frame) => this.machine.ram.frame(frame))).subarray(loan.offset, loan.offset + loan.size);
    if (Buffer.compare(seen, bytes) !== 0) throw new Error('what the kernel borrowed has changed');
  }

  private endKernelLoan(): void {
    const [ended] = this.kernelLoans.splice(this.random.below(Math.max(1, this.kernelLoans.length)), 1);
    if (ended === undefined) return;
    this.checkLoan(ended);
    this.system.mover.endKernelLoan(ended.loan);
  }

  private lendToSpace(actor: Actor): void {
    const { first, count } = this.range();
    const to = this.actor();
    const target = this.range().first % (FIRST_PAGE + PAGES - count);
    const place = { how: 'fixed', address: target * PAGE_SIZE } as const;
    const lent = this.pagesOf(actor, first, count);
    const result = this.system.mover.lendToSpace(actor.space, first * PAGE_SIZE, count * PAGE_SIZE, to.space, place);
    // Wired pages are not lent.
    if (result === 'EINVAL' && this.lockedBytes() > 0) return;
    if (lent.some((page) => page === undefined || page.side === 'lender')) {
      expect(result).toBe('EFAULT');
      return;
    }
    expect(result).toBe(place.address);
    const bytes = lent.map((page) => (page as ModelPage).cell.bytes.slice());
    for (const [i, each] of bytes.entries()) to.pages.set(target + i, { cell: { bytes: each, ofFile: false }, sharing: 'private' });
  }

  private lockedBytes(): number {
    return this.actors.reduce((sum, { space }) => sum + this.system.usage(space).lockedBytes, 0);
  }

  private transfer(actor: Actor): void {
    const at = this.random.below(Math.max(1, this.kernelLoans.length));
    const moved = this.kernelLoans[at];
    if (moved === undefined) return;
    const { loan, bytes } = moved;
    const target = FIRST_PAGE + this.random.below(PAGES - loan.frames.length);
    const result = this.system.mover.transfer(loan, actor.space, { how: 'fixed', address: target * PAGE_SIZE });
    if (loan.size % PAGE_SIZE !== 0) {
      expect(result).toBe('EINVAL');
      return;
    }
    expect(result).toBe(target * PAGE_SIZE);
    this.kernelLoans.splice(at, 1);
    this.received(actor, target, bytes);
  }

  private received(actor: Actor, target: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
      const cell = { bytes: bytes.slice(at, at + PAGE_SIZE), ofFile: false };
      actor.pages.set(target + at / PAGE_SIZE, { cell, sharing: 'private' });
    }
  }

  /** A packet arrives: the kernel fills pages and gives them to a process. */
  private arrive(actor: Actor): void {
    const count = 1 + this.random.below(4);
    const loan = must(this.system.mover.kernelPages(count * PAGE_SIZE));
    const bytes = new Uint8Array(count * PAGE_SIZE);
    this.random.fill(bytes);
    for (const [i, frame] of loan.frames.entries()) {
      expect(Buffer.compare(this.machine.ram.frame(frame), zeros)).toBe(0);
      this.machine.ram.frame(frame).set(bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE));
    }
    const target = FIRST_PAGE + this.random.below(PAGES - count);
    must(this.system.mover.transfer(loan, actor.space, { how: 'fixed', address: target * PAGE_SIZE }));
    this.received(actor, target, bytes);
  }

  private pass(actor: Actor): void {
    const { first, count } = this.range();
    const to = this.actor();
    const mode = (['share', 'copy', 'move'] as const)[this.random.below(3)] as 'share' | 'copy' | 'move';
    const target = FIRST_PAGE + this.random.below(PAGES - count);
    const place = { how: 'fixed', address: target * PAGE_SIZE } as const;
    const passed = this.pagesOf(actor, first, count);
    const result = this.system.mover.pass(actor.space, first * PAGE_SIZE, count * PAGE_SIZE, to.space, mode, place);
    const overlap = actor === to && target < first + count && target + count > first;
    const stop = passed.find((page) => page === undefined || page.loan !== undefined);
    if (passed.includes(undefined) && stop === undefined) expect(result).toBe('EFAULT');
    else if (stop !== undefined || overlap) expect(result).toBe('EINVAL');
    else {
      if (passed.includes(undefined)) {
        expect(result).toBe('EFAULT');
        return;
      }
      expect(result).toBe(place.address);
      for (const [i, page] of (passed as ModelPage[]).entries()) {
        const ofObject = this.fileCells.includes(page.cell) || this.sharedCells.includes(page.cell);
        const copied = ofObject ? { bytes: page.cell.bytes, ofFile: true } : copyOf(page.cell);
        if (mode === 'move') actor.pages.delete(first + i);
        to.pages.set(target + i, mode === 'copy' ? { cell: copied, sharing: 'private' } : page);
      }
    }
  }

  private lendWritable(actor: Actor): void {
    if (this.writableLoans.length === 3) return;
    const { first, count } = this.range();
    const to = this.actor();
    const target = FIRST_PAGE + this.random.below(PAGES - count);
    const place = { how: 'fixed', address: target * PAGE_SIZE } as const;
    const lent = this.pagesOf(actor, first, count);
    const loan = this.system.mover.lendWritable(actor.space, first * PAGE_SIZE, count * PAGE_SIZE, to.space, place);
    const stop = lent.find((page) => page?.sharing !== 'private' || page.loan !== undefined);
    if (to === actor) expect(loan).toBe('EINVAL');
    else if (lent.some((page) => page === undefined || page.loan !== undefined || page.sharing !== 'private')) {
      expect(loan).toBe(stop === undefined ? 'EFAULT' : 'EINVAL');
    } else {
      this.writableLoans.push(must(loan));
      for (const [i, page] of (lent as ModelPage[]).entries()) {
        actor.pages.set(first + i, { ...page, loan: must(loan), side: 'lender' });
        to.pages.set(target + i, { ...page, loan: must(loan), side: 'borrower' });
      }
    }
  }

  private endWritableLoan(): void {
    const [loan] = this.writableLoans.splice(this.random.below(Math.max(1, this.writableLoans.length)), 1);
    if (loan === undefined) return;
    this.system.mover.endWritableLoan(loan);
    for (const { pages } of this.actors) {
      for (const [page, { cell, sharing, loan: of, side }] of [...pages]) {
        if (of !== loan) continue;
        if (side === 'borrower') pages.delete(page);
        else pages.set(page, { cell, sharing });
      }
    }
  }

  /** Looks at every byte, ends everything, and finds that nothing is left. */
  finish(): void {
    for (const loan of this.kernelLoans) this.checkLoan(loan);
    for (const actor of this.actors) this.compare(actor);
    this.system.check();
    while (this.kernelLoans.length > 0) this.endKernelLoan();
    while (this.writableLoans.length > 0) this.endWritableLoan();
    for (const actor of this.actors) this.compare(actor);
    this.system.check();
    for (const { space } of this.actors) this.system.destroySpace(space);
    this.system.releaseObject(this.object);
    this.system.releaseObject(this.shared);
    this.system.check();
    for (const [i, { bytes }] of this.fileCells.entries()) expect(Buffer.compare(this.file.pages[i] as Uint8Array, bytes)).toBe(0);
    expect(this.machine.heap.bytesInUse()).toBe(0);
    this.machine.heap.reap();
    expect(this.machine.frames.freeCount).toBe(this.machine.frames.managed);
  }

  private compare({ process, pages }: Actor): void {
    const bytes = new Uint8Array(PAGE_SIZE);
    for (const [page, { cell, side }] of pages) {
      if (side === 'lender') continue;
      process.copyIn(page * PAGE_SIZE, bytes);
      if (Buffer.compare(bytes, cell.bytes) !== 0) throw new Error(`page ${page} differs from the model`);
    }
  }
}

const zeros = new Uint8Array(PAGE_SIZE);

const newTlb = () => new Tlb(new ArrayBuffer(8 * SPACE_PAGES), 0, 4 * SPACE_PAGES, SPACE_PAGES);

/** What a private page becomes in a copy: a file's page that nobody wrote to is still the file's. */
function copyOf(cell: Cell): Cell {
  return cell.ofFile ? { ...cell } : { bytes: cell.bytes.slice(), ofFile: false };
}

function ownCell(cell: Cell): void {
  if (cell.ofFile) cell.bytes = cell.bytes.slice();
  cell.ofFile = false;
}

function must<T>(result: T | string): T {
  if (typeof result === 'string') throw new Error(result);
  return result;
}

function play(seed: number, policy: PolicyKind, frames: number): void {
  const scenario = new Scenario(seed, policy, frames);
  for (let step = 0; step < 300; step++) {
    try {
      scenario.step();
      if (step % 60 === 0) scenario.system.check();
    } catch (error) {
      throw new Error(`seed ${seed}, step ${step}: ${(error as Error).message}`, { cause: error });
    }
  }
  scenario.finish();
}

describe('moving pages agrees with the flat model', () => {
  it.each([0, 50, 100, 150])('under the default policy, 50 seeds from %i', (from) => {
    const [policy] = livePolicies as [PolicyKind];
    for (let seed = from; seed < from + 50; seed++) play(seed, policy, 96);
  });
  it.each(livePolicies)('under $name', (policy) => {
    for (let seed = 1000; seed < 1005; seed++) play(seed, policy, 96);
  });
  it('when memory is ample', () => {
    for (let seed = 2000; seed < 2010; seed++) play(seed, livePolicies[0] as PolicyKind, 1024);
  });
});
