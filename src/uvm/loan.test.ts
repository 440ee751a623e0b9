// Loanout to the kernel: what is lent, what breaks a loan, how it ends. After every test LN1 and LN2 are checked: loan counts are the loans.
import { afterEach, describe, expect, it } from 'vitest';
import { movingScene, must, RW } from '../../test/support/moving.ts';
import { checkMachines } from '../../test/support/uvm-machine.ts';
import { TestFile } from '../../test/support/uvm-probe.ts';
import { KernelPanic, PAGE_SIZE } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import { PROT_NONE, PROT_READ } from '../system/index.ts';

afterEach(checkMachines);

describe('lending to the kernel', () => {
  it('gives the frames themselves, in order, with the byte bounds asked for', () => {
    const { a, area, lend, lentBytes, machine, mover, spaceOf } = movingScene();
    const at = area(a, 3, { first: 1 });
    const loan = lend(a, at + 100, 2 * PAGE_SIZE);
    expect([loan.offset, loan.size, lentBytes(loan)]).toEqual([100, 2 * PAGE_SIZE, [1, 2, 3]]);
    expect(loan.frames).toEqual([0, 1, 2].map((i) => machine.pmaps.extract(spaceOf(a).pmap, at / PAGE_SIZE + i)));
    expect(loan.frames.map((frame) => machine.frames.table.loanCount(frame))).toEqual([1, 1, 1]);
    mover.endKernelLoan(loan);
    expect(loan.frames.map((frame) => machine.frames.table.loanCount(frame))).toEqual([0, 0, 0]);
  });

  it('lends a hole as a page of zeros that is the process’s own', () => {
    const { a, area, lend, lentBytes, counts, mover } = movingScene();
    const loan = lend(a, area(a, 2), 2 * PAGE_SIZE);
    expect([lentBytes(loan), counts().anons]).toEqual([[0, 0], 2]);
    mover.endKernelLoan(loan);
  });

  it('brings pages in from swap and from files, and lends shared and copy-on-write pages', () => {
    const { a, area, evict, lend, lentBytes, mover, system, newTlb, spaceOf } = movingScene();
    const file = new TestFile(4, 'file');
    const object = must(system.createObject(file.pager));
    const anonymous = area(a, 2, { first: 20 });
    const mapped = area(a, 4, { object, sharing: 'shared' });
    const child = must(system.fork(spaceOf(a), newTlb()));
    evict();
    const loans = [lend(a, anonymous, 2 * PAGE_SIZE), lend(a, mapped, 4 * PAGE_SIZE)];
    expect(loans.map(lentBytes)).toEqual([
      [20, 21],
      [1, 2, 3, 4],
    ]);
    for (const loan of loans) mover.endKernelLoan(loan);
    system.destroySpace(child);
    system.releaseObject(object);
  });

  it.each([
    ['nothing', 0, 0, 'EINVAL'],
    ['a negative size', 0, -1, 'EINVAL'],
    ['half a byte', 0, 0.5, 'EINVAL'],
    ['a page that is not mapped', 3 * PAGE_SIZE, 2 * PAGE_SIZE, 'EFAULT'],
    ['beyond the space', 0, 0xffff_ffff, 'EFAULT'],
  ])('refuses %s, and lends nothing', (_what, offset, size, errno) => {
    const { a, area, mover, spaceOf, inUse } = movingScene();
    const at = area(a, 4, { first: 1 });
    const before = inUse();
    expect(mover.lendToKernel(spaceOf(a), at + offset, size)).toBe(errno);
    expect(inUse()).toEqual(before);
  });

  it('refuses what may not be read, and what is locked, down to the last page', () => {
    const { a, area, mover, spaceOf, system } = movingScene();
    const at = area(a, 4, { first: 1 });
    expect(system.protect(spaceOf(a), at + 3 * PAGE_SIZE, PAGE_SIZE, PROT_NONE)).toBe(0);
    expect(mover.lendToKernel(spaceOf(a), at, 4 * PAGE_SIZE)).toBe('EFAULT');
    expect(system.protect(spaceOf(a), at + 3 * PAGE_SIZE, PAGE_SIZE, RW)).toBe(0);
    expect(system.lock(spaceOf(a), at + 3 * PAGE_SIZE, PAGE_SIZE)).toBe(0);
    expect(mover.lendToKernel(spaceOf(a), at, 4 * PAGE_SIZE)).toBe('EINVAL');
    expect(system.unlock(spaceOf(a), at + 3 * PAGE_SIZE, PAGE_SIZE)).toBe(0);
    mover.endKernelLoan(must(mover.lendToKernel(spaceOf(a), at, 4 * PAGE_SIZE)));
  });

  it('lends one page 255 times at once, and no more', () => {
    const { a, area, lend, mover, spaceOf } = movingScene();
    const at = area(a, 2, { first: 1 });
    const loans = Array.from({ length: 255 }, () => lend(a, at + PAGE_SIZE, PAGE_SIZE));
    expect(mover.lendToKernel(spaceOf(a), at, 2 * PAGE_SIZE)).toBe('EAGAIN');
    for (const loan of loans) mover.endKernelLoan(loan);
  });

  it('panics when a loan ends twice', () => {
    const { a, area, lend, mover } = movingScene();
    const loan = lend(a, area(a, 1, { first: 1 }), 10);
    mover.endKernelLoan(loan);
    expect(() => mover.endKernelLoan(loan)).toThrow(KernelPanic);
    expect(() => mover.endKernelLoan({ ...loan })).toThrow(KernelPanic);
  });

  it('lists a large loan in several blocks of kernel memory', () => {
    const { a, area, lend, mover, inUse, system, spaceOf } = movingScene({ frames: 4096 });
    const before = inUse();
    const at = area(a, 3000, { first: 0 });
    mover.endKernelLoan(lend(a, at, 3000 * PAGE_SIZE));
    expect(system.unmap(spaceOf(a), at, 3000 * PAGE_SIZE)).toBe(0);
    expect(inUse()).toEqual(before);
  });
});

describe('a loan does not change', () => {
  it('when the owner writes: an anonymous page is copied once, then written in place', () => {
    const { a, area, lend, lentBytes, load, store, mover, system, counts } = movingScene();
    const at = area(a, 2, { first: 1 });
    const loan = lend(a, at, 2 * PAGE_SIZE);
    store(a, at, 99);
    store(a, at + 1, 98);
    expect([lentBytes(loan), load(a, at), load(a, at + PAGE_SIZE)]).toEqual([[1, 2], 99, 2]);
    expect([system.statistics().loansBroken, counts().anons]).toEqual([1, 2]);
    mover.endKernelLoan(loan);
    store(a, at + PAGE_SIZE, 97);
    expect(system.statistics().loansBroken).toBe(1);
  });

  it('when a fork’s child or a sharer writes', () => {
    const { a, b, area, lend, lentBytes, store, load, mover, spaceOf } = movingScene();
    const at = area(a, 1, { first: 1 });
    const shared = must(mover.pass(spaceOf(a), at, PAGE_SIZE, spaceOf(b), 'share'));
    const loan = lend(a, at, PAGE_SIZE);
    store(b, shared, 50);
    expect([lentBytes(loan), load(a, at), load(b, shared)]).toEqual([[1], 50, 50]);
    mover.endKernelLoan(loan);
  });

  it('when a shared file page is written: the copy is in the object, for all who map it, and reaches the file', () => {
    const { a, b, area, lend, lentBytes, load, store, mover, system, end } = movingScene();
    const file = new TestFile(2, 'file');
    const object = must(system.createObject(file.pager));
    const [inA, inB] = [area(a, 2, { object, sharing: 'shared' }), area(b, 2, { object, sharing: 'shared' })];
    load(b, inB);
    const loan = lend(a, inA, PAGE_SIZE);
    store(a, inA, 77);
    expect([lentBytes(loan), load(a, inA), load(b, inB)]).toEqual([[1], 77, 77]);
    end(a, b);
    system.releaseObject(object);
    expect([lentBytes(loan), file.pages[0]?.[0]]).toEqual([[1], 77]);
    mover.endKernelLoan(loan);
  });

  it('when a locked file page is written: the lock goes with the copy', () => {
    const { a, b, area, lend, lentBytes, store, mover, system, spaceOf } = movingScene();
    const object = must(system.createObject(new TestFile(1, 'file').pager));
    const [inA, inB] = [area(a, 1, { object, sharing: 'shared' }), area(b, 1, { object, sharing: 'shared' })];
    const loan = lend(a, inA, PAGE_SIZE);
    expect(system.lock(spaceOf(b), inB, PAGE_SIZE)).toBe(0);
    store(a, inA, 9);
    system.check();
    expect(lentBytes(loan)).toEqual([1]);
    mover.endKernelLoan(loan);
    system.releaseObject(object);
  });

  it.each(['unmap', 'exit', 'the end of the file'] as const)('by %s of the owner: the pages are the borrower’s, then free', (how) => {
    const { a, b, area, lend, lentBytes, mover, system, spaceOf, end, inUse, machine } = movingScene();
    end(b);
    const object = must(system.createObject(new TestFile(2, 'file').pager));
    const at = how === 'the end of the file' ? area(a, 2, { object, sharing: 'shared' }) : area(a, 2, { first: 1 });
    const loan = lend(a, at, 2 * PAGE_SIZE);
    if (how === 'exit') end(a);
    else expect(system.unmap(spaceOf(a), at, 2 * PAGE_SIZE)).toBe(0);
    system.releaseObject(object);
    expect(loan.frames.map((frame) => machine.frames.table.kind(frame))).toEqual([FrameKind.lent, FrameKind.lent]);
    expect(lentBytes(loan)).toEqual([1, 2]);
    system.check();
    mover.endKernelLoan(loan);
    if (how !== 'exit') end(a);
    expect(inUse()).toEqual({ free: machine.frames.managed, heap: 0, slots: 0 });
  });

  it('when memory is short: lent pages stay, others go', () => {
    const { a, area, evict, lend, lentBytes, mover, machine, spaceOf, load } = movingScene({ frames: 64 });
    const at = area(a, 30, { first: 1 });
    const loan = lend(a, at, 4 * PAGE_SIZE);
    expect(evict()).toBeGreaterThan(10);
    expect([lentBytes(loan), machine.pmaps.extract(spaceOf(a).pmap, at / PAGE_SIZE)]).toEqual([[1, 2, 3, 4], loan.frames[0]]);
    mover.endKernelLoan(loan);
    evict();
    expect([load(a, at), load(a, at + 29 * PAGE_SIZE)]).toEqual([1, 30]);
  });

  it('when the range is larger than memory: ENOMEM, and nothing is lent', () => {
    const { a, area, mover, spaceOf, inUse, evict, load } = movingScene({ frames: 64 });
    const at = area(a, 100, { first: 1 });
    evict();
    const { heap } = inUse();
    expect(mover.lendToKernel(spaceOf(a), at, 100 * PAGE_SIZE)).toBe('ENOMEM');
    expect(inUse().heap).toBe(heap);
    expect(load(a, at + 99 * PAGE_SIZE)).toBe(100);
  });

  it('when the right to write goes and comes back', () => {
    const { a, area, lend, lentBytes, mover, store, system, spaceOf } = movingScene();
    const at = area(a, 1, { first: 1 });
    const loan = lend(a, at, PAGE_SIZE);
    expect(system.protect(spaceOf(a), at, PAGE_SIZE, PROT_READ)).toBe(0);
    expect(system.protect(spaceOf(a), at, PAGE_SIZE, RW)).toBe(0);
    store(a, at, 5);
    expect(lentBytes(loan)).toEqual([1]);
    mover.endKernelLoan(loan);
  });

  it('a page whose swap copy is older than the loan is not taken for clean after the loan is broken', () => {
    const { a, area, evict, lend, load, store, mover } = movingScene({ frames: 64 });
    const at = area(a, 1, { first: 1 });
    evict();
    const loan = lend(a, at, PAGE_SIZE);
    store(a, at, 42);
    evict();
    expect(load(a, at)).toBe(42);
    mover.endKernelLoan(loan);
  });
});
