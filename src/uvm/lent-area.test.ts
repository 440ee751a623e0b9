// Loans from space to space (A->A, O->A) and page transfer (K->A).
import { afterEach, describe, expect, it } from 'vitest';
import { movingScene, must, RW } from '../../test/support/moving.ts';
import { checkMachines } from '../../test/support/uvm-machine.ts';
import { counted, TestFile } from '../../test/support/uvm-probe.ts';
import { KernelPanic, PAGE_SIZE } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';

afterEach(checkMachines);

describe('lending to another space', () => {
  it('A->A: both sides read one page, and each write is the writer’s own', () => {
    const { a, b, area, load, store, mover, spaceOf, counts } = movingScene();
    const at = area(a, 2, { first: 1 });
    const lent = must(mover.lendToSpace(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b)));
    expect([load(b, lent), load(b, lent + PAGE_SIZE), counts().anonFrames]).toEqual([1, 2, 2]);
    store(a, at, 10);
    store(b, lent + PAGE_SIZE, 20);
    expect([load(a, at), load(a, at + PAGE_SIZE), load(b, lent), load(b, lent + PAGE_SIZE)]).toEqual([10, 2, 1, 20]);
    expect(counts().anonFrames).toBe(4);
  });

  it('leaves holes to each side, and pages on swap where they are', () => {
    const { a, b, area, evict, load, store, mover, spaceOf, system } = movingScene();
    const [written, untouched] = [area(a, 1, { first: 7 }), area(a, 1)];
    evict();
    const places: number[] = [];
    const moved = counted(system, () => {
      for (const at of [written, untouched]) places.push(must(mover.lendToSpace(spaceOf(a), at, PAGE_SIZE, spaceOf(b))));
    });
    expect(moved).toEqual({ pagesLent: 2 });
    store(a, untouched, 3);
    expect(places.map((place) => load(b, place))).toEqual([7, 0]);
    expect(system.statistics().swapPagesIn).toBe(1);
  });

  it('O->A: the borrower’s page does not follow the file, and the file’s does not follow the borrower', () => {
    const { a, b, area, load, store, mover, spaceOf, system, counts } = movingScene();
    const file = new TestFile(2, 'file');
    const object = must(system.createObject(file.pager));
    const at = area(a, 2, { object, sharing: 'shared' });
    const lent = must(mover.lendToSpace(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b)));
    expect([load(b, lent), counts()]).toMatchObject([1, { anonFrames: 0, objectFrames: 2, anons: 2 }]);
    store(a, at, 10);
    expect([load(a, at), load(b, lent), counts().anonFrames]).toEqual([10, 1, 1]);
    store(b, lent + PAGE_SIZE, 20);
    expect([load(a, at + PAGE_SIZE), load(b, lent + PAGE_SIZE), counts()]).toMatchObject([2, 20, { anonFrames: 2, objectFrames: 2 }]);
    system.releaseObject(object);
  });

  it('O->A twice: both borrowers hold one anon', () => {
    const { a, b, area, load, mover, spaceOf, system, counts } = movingScene();
    const object = must(system.createObject(new TestFile(1, 'file').pager));
    const at = area(a, 1, { object });
    const places = [1, 2].map(() => must(mover.lendToSpace(spaceOf(a), at, PAGE_SIZE, spaceOf(b))));
    expect([counts().anons, ...places.map((place) => load(b, place))]).toEqual([1, 1, 1]);
    system.releaseObject(object);
  });

  it.each(['file', 'shared memory'] as const)('O->A of a %s: page-out gives the page to the borrower, who pages it to swap', (kind) => {
    const { a, b, area, evict, load, mover, spaceOf, system, counts } = movingScene({ frames: 64 });
    const object = must(kind === 'file' ? system.createObject(new TestFile(2, 'file').pager) : system.createSharedMemory(2, 'shared'));
    const at = area(a, 2, { object, sharing: 'shared', first: 5 });
    const lent = must(mover.lendToSpace(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b)));
    evict();
    evict();
    system.check();
    expect(counts()).toMatchObject({ objectFrames: 0, anonFrames: 0, slots: kind === 'file' ? 2 : 4 });
    expect([load(a, at), load(b, lent + PAGE_SIZE)]).toEqual([5, 6]);
    system.releaseObject(object);
  });

  it('O->A: the end of the object gives its pages to the borrowers', () => {
    const { a, b, area, end, load, mover, spaceOf, system, counts } = movingScene();
    const object = must(system.createObject(new TestFile(2, 'file').pager));
    const at = area(a, 2, { object });
    const lent = must(mover.lendToSpace(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b)));
    end(a);
    system.releaseObject(object);
    expect([load(b, lent), load(b, lent + PAGE_SIZE), counts()]).toMatchObject([1, 2, { anonFrames: 2, objectFrames: 0 }]);
  });

  it('a borrower that exits leaves the object writable again', () => {
    const { a, b, area, end, store, mover, spaceOf, system } = movingScene();
    const object = must(system.createObject(new TestFile(1, 'file').pager));
    const at = area(a, 1, { object, sharing: 'shared' });
    must(mover.lendToSpace(spaceOf(a), at, PAGE_SIZE, spaceOf(b)));
    end(b);
    expect(counted(system, () => store(a, at, 1))['loansBroken']).toBeUndefined();
    system.releaseObject(object);
  });

  it.each([
    ['off a page boundary', 1, PAGE_SIZE, 'EINVAL'],
    ['nothing', 0, 0, 'EINVAL'],
    ['what is not mapped', PAGE_SIZE, 2 * PAGE_SIZE, 'EFAULT'],
  ])('refuses %s', (_what, offset, size, errno) => {
    const { a, b, area, mover, spaceOf, inUse } = movingScene();
    const at = area(a, 2, { first: 1 });
    const before = inUse();
    expect(mover.lendToSpace(spaceOf(a), at + offset, size, spaceOf(b))).toBe(errno);
    expect(inUse()).toEqual(before);
  });

  it('refuses locked pages, device memory, and a receiver over its limit', () => {
    const { a, b, area, mover, spaceOf, system } = movingScene();
    const at = area(a, 2, { first: 1 });
    system.limit(spaceOf(b), { addressBytes: PAGE_SIZE });
    expect(mover.lendToSpace(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b))).toBe('ENOMEM');
    expect(mover.pass(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b), 'move')).toBe('ENOMEM');
    expect(mover.lendWritable(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b))).toBe('ENOMEM');
    system.limit(spaceOf(b), {});
    expect(system.lock(spaceOf(a), at + PAGE_SIZE, PAGE_SIZE)).toBe(0);
    expect(mover.lendToSpace(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b))).toBe('EINVAL');
    expect(mover.lendWritable(spaceOf(a), at, 2 * PAGE_SIZE, spaceOf(b))).toBe('EINVAL');
  });
});

describe('page transfer', () => {
  it('makes pages that the kernel filled a process’s own, without a copy', () => {
    const { b, load, store, machine, mover, spaceOf, system } = movingScene();
    const packet = must(mover.kernelPages(2 * PAGE_SIZE - 100));
    expect(packet.frames.map((frame) => machine.frames.table.kind(frame))).toEqual([FrameKind.lent, FrameKind.lent]);
    packet.frames.forEach((frame, i) => {
      machine.ram.frame(frame).fill(30 + i);
    });
    const at = must(mover.transfer(packet, spaceOf(b)));
    expect([load(b, at), load(b, at + PAGE_SIZE)]).toEqual([30, 31]);
    expect(packet.frames[0]).toBe(machine.pmaps.extract(spaceOf(b).pmap, at / PAGE_SIZE));
    expect(counted(system, () => store(b, at, 1))['loansBroken']).toBeUndefined();
    expect(() => mover.endKernelLoan(packet)).toThrow(KernelPanic);
  });

  it('pages whose owner is gone become the receiver’s; those of a living owner are copy-on-write', () => {
    const { a, b, area, lend, load, store, machine, mover, spaceOf, system, counts } = movingScene();
    const at = area(a, 2, { first: 1 });
    const loan = lend(a, at, 2 * PAGE_SIZE);
    expect(system.unmap(spaceOf(a), at, PAGE_SIZE)).toBe(0);
    const place = must(mover.transfer(loan, spaceOf(b)));
    expect([load(b, place), load(b, place + PAGE_SIZE), counts().anonFrames]).toEqual([1, 2, 2]);
    expect(machine.pmaps.extract(spaceOf(b).pmap, place / PAGE_SIZE)).toBe(loan.frames[0]);
    store(b, place + PAGE_SIZE, 9);
    expect([load(a, at + PAGE_SIZE), load(b, place + PAGE_SIZE)]).toEqual([2, 9]);
  });

  it('pages of an object are borrowed from it; a page that was lent twice is adopted once', () => {
    const { a, b, area, end, lend, load, lentBytes, mover, spaceOf, system, counts } = movingScene();
    const object = must(system.createObject(new TestFile(1, 'file').pager));
    const ofFile = lend(a, area(a, 1, { object }), PAGE_SIZE);
    const borrowed = must(mover.transfer(ofFile, spaceOf(b)));
    expect([load(b, borrowed), counts().objectFrames]).toEqual([1, 1]);
    const at = area(a, 1, { first: 8 });
    const [first, second] = [lend(a, at, PAGE_SIZE), lend(a, at, PAGE_SIZE)];
    end(a);
    const place = must(mover.transfer(first, spaceOf(b)));
    expect([load(b, place), lentBytes(second)]).toEqual([8, [8]]);
    const again = must(mover.transfer(second, spaceOf(b)));
    expect([load(b, again), load(b, borrowed)]).toEqual([8, 1]);
    system.releaseObject(object);
  });

  it('refuses a loan of parts of pages, which hold what was not lent; it stays', () => {
    const { a, b, area, lend, mover, spaceOf } = movingScene();
    const loan = lend(a, area(a, 1, { first: 1 }), 100);
    expect(mover.transfer(loan, spaceOf(b))).toBe('EINVAL');
    mover.endKernelLoan(loan);
  });

  it('replaces what is at a fixed place, even the owner’s own pages', () => {
    const { a, area, lend, load, mover, spaceOf } = movingScene();
    const at = area(a, 3, { first: 1 });
    const loan = lend(a, at, 2 * PAGE_SIZE);
    expect(mover.transfer(loan, spaceOf(a), { how: 'fixed', address: at + PAGE_SIZE })).toBe(at + PAGE_SIZE);
    expect([0, 1, 2].map((i) => load(a, at + i * PAGE_SIZE))).toEqual([1, 1, 2]);
  });

  it('kernel pages are refused when there is no memory for them', () => {
    const { mover, inUse } = movingScene({ frames: 64 });
    const before = inUse();
    expect(mover.kernelPages(100 * PAGE_SIZE)).toBe('ENOMEM');
    expect(mover.kernelPages(0)).toBe('EINVAL');
    expect(inUse()).toEqual(before);
  });

  it('what a borrower has is its own to protect, lock and fork', () => {
    const { a, b, area, load, mover, newTlb, spaceOf, system } = movingScene();
    const lent = must(mover.lendToSpace(spaceOf(a), area(a, 2, { first: 4 }), 2 * PAGE_SIZE, spaceOf(b)));
    expect(system.lock(spaceOf(b), lent, 2 * PAGE_SIZE)).toBe(0);
    const child = must(system.fork(spaceOf(b), newTlb()));
    expect(system.protect(spaceOf(b), lent, PAGE_SIZE, RW)).toBe(0);
    expect(load(b, lent + PAGE_SIZE)).toBe(5);
    system.destroySpace(child);
  });
});
