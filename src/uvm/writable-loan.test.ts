// Writable loans: the lender cannot touch what it lent, the borrower writes into it, and both may go away meanwhile.
import { afterEach, describe, expect, it } from 'vitest';
import { movingScene, must, RW } from '../../test/support/moving.ts';
import { checkMachines } from '../../test/support/uvm-machine.ts';
import { counted, TestFile } from '../../test/support/uvm-probe.ts';
import { KernelPanic, PAGE_SIZE } from '../base/index.ts';
import { GuestFault } from '../process/index.ts';
import { FaultOutcome, PROT_READ } from '../system/index.ts';

afterEach(checkMachines);

function lentScene(options: { readonly pages?: number } = {}) {
  const scene = movingScene();
  const { a, b, area, mover, spaceOf } = scene;
  const pages = options.pages ?? 4;
  const at = area(a, pages, { first: 1 });
  const loan = must(mover.lendWritable(spaceOf(a), at, pages * PAGE_SIZE, spaceOf(b)));
  return { ...scene, at, loan, there: loan.borrowerStart as number };
}

describe('a writable loan', () => {
  it('shows the borrower the bytes, keeps the lender out, and gives back what was written', () => {
    const { a, b, at, there, load, store, loan, mover, system } = lentScene();
    expect(load(b, there + PAGE_SIZE)).toBe(2);
    store(b, there + PAGE_SIZE, 50);
    let fault: unknown;
    try {
      load(a, at);
    } catch (error) {
      fault = error;
    }
    expect((fault as GuestFault).outcome).toBe(FaultOutcome.protection);
    system.check();
    mover.endWritableLoan(loan);
    expect([load(a, at), load(a, at + PAGE_SIZE)]).toEqual([1, 50]);
    expect(() => load(b, there)).toThrow(GuestFault);
  });

  it('moves the mappings both ways: neither side faults, and nothing is copied', () => {
    const scene = movingScene();
    const { a, b, area, load, store, mover, spaceOf, system } = scene;
    const at = area(a, 8, { first: 1 });
    const moved = counted(system, () => {
      const loan = must(mover.lendWritable(spaceOf(a), at, 8 * PAGE_SIZE, spaceOf(b)));
      for (let i = 0; i < 8; i++) store(b, loan.borrowerStart + i * PAGE_SIZE, 40 + i);
      mover.endWritableLoan(loan);
      for (let i = 0; i < 8; i++) store(a, at + i * PAGE_SIZE + 1, 1);
      expect(load(a, at + 7 * PAGE_SIZE)).toBe(47);
    });
    expect(moved).toEqual({ pagesLent: 8 });
  });

  it('reaches holes, swapped pages and private file pages; what forks share is copied', () => {
    const { a, b, area, evict, load, store, mover, newTlb, spaceOf, system } = movingScene();
    const object = must(system.createObject(new TestFile(2, 'file').pager));
    const [ofFile, hole, swapped] = [area(a, 2, { object }), area(a, 1), area(a, 2, { first: 60 })];
    store(a, ofFile, 9);
    evict();
    const child = must(system.fork(spaceOf(a), newTlb()));
    for (const [at, pages, expected] of [
      [ofFile, 2, [9, 2]],
      [hole, 1, [0]],
      [swapped, 2, [60, 61]],
    ] as const) {
      const loan = must(mover.lendWritable(spaceOf(a), at, pages * PAGE_SIZE, spaceOf(b)));
      expect(expected.map((_, i) => load(b, loan.borrowerStart + i * PAGE_SIZE))).toEqual(expected);
      store(b, loan.borrowerStart, 100);
      mover.endWritableLoan(loan);
      expect(load(a, at)).toBe(100);
    }
    expect(system.areas(child).length).toBe(3);
    system.destroySpace(child);
    system.releaseObject(object);
  });

  it('keeps the lender from giving itself rights, from committing anew, and from lending again', () => {
    const { a, at, loan, mover, spaceOf, system, b } = lentScene();
    const space = spaceOf(a);
    expect(system.protect(space, at, PAGE_SIZE, PROT_READ)).toBe('EACCES');
    expect(system.commit(space, at, PAGE_SIZE, RW)).toBe('ENOMEM');
    expect(system.decommit(space, at, PAGE_SIZE)).toBe('ENOMEM');
    expect(system.lock(space, at, PAGE_SIZE)).toBe('EACCES');
    expect(mover.lendWritable(space, at, PAGE_SIZE, spaceOf(b))).toBe('EINVAL');
    expect(mover.pass(space, at, PAGE_SIZE, spaceOf(b), 'move')).toBe('EINVAL');
    expect(mover.lendToKernel(space, at, 10)).toBe('EFAULT');
    expect(mover.pass(spaceOf(b), loan.borrowerStart, PAGE_SIZE, space, 'share')).toBe('EINVAL');
    mover.endWritableLoan(loan);
    expect(() => mover.endWritableLoan(loan)).toThrow(KernelPanic);
  });

  it.each([
    ['shared memory', 'shared', 0, PAGE_SIZE, 'EINVAL'],
    ['off a page boundary', 'private', 1, PAGE_SIZE, 'EINVAL'],
    ['a range that is not all mapped', 'private', 0, 3 * PAGE_SIZE, 'EFAULT'],
  ] as const)('refuses %s', (_what, sharing, offset, size, errno) => {
    const { a, b, area, mover, spaceOf, inUse } = movingScene();
    const at = area(a, 2, { first: 1, sharing });
    const before = inUse();
    expect(mover.lendWritable(spaceOf(a), at + offset, size, spaceOf(b))).toBe(errno);
    expect(inUse()).toEqual(before);
  });

  it('refuses what the lender may not write, and a loan to itself', () => {
    const { a, b, area, mover, spaceOf, system } = movingScene();
    const at = area(a, 2, { first: 1 });
    expect(mover.lendWritable(spaceOf(a), at, PAGE_SIZE, spaceOf(a))).toBe('EINVAL');
    expect(system.protect(spaceOf(a), at, PAGE_SIZE, PROT_READ)).toBe(0);
    expect(mover.lendWritable(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b))).toBe('EFAULT');
  });
});

describe('during a writable loan', () => {
  it('the borrower exits: the lender has everything again when the loan ends', () => {
    const { a, b, at, there, end, load, store, loan, mover } = lentScene();
    store(b, there, 70);
    end(b);
    expect(() => load(a, at)).toThrow(GuestFault);
    mover.endWritableLoan(loan);
    expect([load(a, at), load(a, at + 3 * PAGE_SIZE)]).toEqual([70, 4]);
  });

  it('the lender exits: the borrower goes on, and the pages are freed when the loan ends', () => {
    const { a, b, there, end, load, store, loan, mover, machine, inUse } = lentScene();
    end(a);
    store(b, there, 71);
    expect(load(b, there)).toBe(71);
    mover.endWritableLoan(loan);
    end(b);
    expect(inUse()).toEqual({ free: machine.frames.managed, heap: 0, slots: 0 });
  });

  it('both exit: everything is freed, and the loan can still be ended', () => {
    const { a, b, end, loan, mover, machine, inUse } = lentScene();
    end(a, b);
    expect(inUse()).toEqual({ free: machine.frames.managed, heap: 0, slots: 0 });
    mover.endWritableLoan(loan);
  });

  it('each side unmaps a part: what the lender unmapped is gone, what the borrower unmapped is not', () => {
    const { a, b, at, there, load, store, loan, mover, spaceOf, system } = lentScene();
    for (let i = 0; i < 4; i++) store(b, there + i * PAGE_SIZE, 80 + i);
    expect(system.unmap(spaceOf(a), at + PAGE_SIZE, PAGE_SIZE)).toBe(0);
    expect(system.unmap(spaceOf(b), there + 2 * PAGE_SIZE, PAGE_SIZE)).toBe(0);
    expect(load(b, there + PAGE_SIZE)).toBe(81);
    system.check();
    mover.endWritableLoan(loan);
    expect([0, 2, 3].map((i) => load(a, at + i * PAGE_SIZE))).toEqual([80, 82, 83]);
    expect(() => load(a, at + PAGE_SIZE)).toThrow(GuestFault);
  });

  it('forks of either side get no part of it', () => {
    const { a, b, at, there, store, load, loan, mover, newTlb, spaceOf, system } = lentScene();
    const children = [a, b].map((process) => must(system.fork(spaceOf(process), newTlb())));
    store(b, there, 90);
    expect([system.allows(children[0] as never, at, 1, 0), system.allows(children[1] as never, there, 1, 0)]).toEqual([false, false]);
    mover.endWritableLoan(loan);
    expect(load(a, at)).toBe(90);
    for (const child of children) system.destroySpace(child);
  });

  it('neither side can move or resize its part', () => {
    const { a, b, at, there, loan, mover, spaceOf, system } = lentScene();
    for (const [process, start] of [
      [a, at],
      [b, there],
    ] as const) {
      for (const pages of [2, 5]) {
        expect(system.remap(spaceOf(process), start, 4 * PAGE_SIZE, pages * PAGE_SIZE, 'anywhere')).toBe('EINVAL');
      }
    }
    mover.endWritableLoan(loan);
  });

  it('memory runs short: lent pages go to swap and come back to whoever has them', () => {
    const { a, b, at, there, evict, load, store, loan, mover } = lentScene();
    evict();
    store(b, there, 93);
    expect(load(b, there + PAGE_SIZE)).toBe(2);
    evict();
    mover.endWritableLoan(loan);
    expect([load(a, at), load(a, at + PAGE_SIZE)]).toEqual([93, 2]);
  });

  it('a kernel loan of lent pages, from the borrower, outlives the writable loan', () => {
    const { b, a, at, there, lend, lentBytes, store, loan, mover } = lentScene();
    const kernelLoan = lend(b, there, PAGE_SIZE);
    mover.endWritableLoan(loan);
    store(a, at, 94);
    expect(lentBytes(kernelLoan)).toEqual([1]);
    mover.endKernelLoan(kernelLoan);
  });
});
