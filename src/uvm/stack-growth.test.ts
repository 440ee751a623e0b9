// Stacks that grow by faults, their guard gap and their limits (C5).
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines } from '../../test/support/uvm-machine.ts';
import { counted, load } from '../../test/support/uvm-probe.ts';
import { at, oneSpace } from '../../test/support/uvm-space.ts';
import { FailurePlan, PAGE_SIZE } from '../base/index.ts';
import { Process } from '../process/index.ts';
import { FaultOutcome, type MapRequest } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

afterEach(checkMachines);

const bytes = (pages: number) => pages * PAGE_SIZE;

function stack(limit: number, options: Parameters<typeof oneSpace>[0] = {}, more: Partial<MapRequest> = {}) {
  const one = oneSpace(options);
  expect(one.map(100, 2, { name: '[stack]', growsDown: { limit: at(limit) }, ...more })).toBe(at(100));
  const touch = (page: number, of: VmMap = one.space) => one.system.fault(of, at(page) / PAGE_SIZE, 1);
  return { ...one, touch };
}

describe('a stack', () => {
  it('grows to the page that is touched, and stays one entry with one amap', () => {
    const { put, get, shape, counts } = stack(50);
    put(101, 1);
    put(99, 2);
    put(95, 3);
    expect(shape()).toEqual([[95, 7]]);
    expect([101, 99, 95, 97].map(get)).toEqual([1, 2, 3, 0]);
    expect(counts().entries).toBe(1);
  });

  it('is one fault per new page, as any memory', () => {
    const { system, touch } = stack(50);
    expect(counted(system, () => expect(touch(98)).toBe(FaultOutcome.resolved))).toEqual({ faults: 1, zeroFill: 1, case2B: 1 });
  });

  it('ends at its limit', () => {
    const { touch, shape } = stack(90);
    expect(touch(89)).toBe(FaultOutcome.unmapped);
    expect(touch(90)).toBe(FaultOutcome.resolved);
    expect(touch(89)).toBe(FaultOutcome.unmapped);
    expect(shape()).toEqual([[90, 12]]);
  });

  it('leaves a page free above the area below', () => {
    const { map, touch, put, get } = stack(50);
    map(90, 2);
    expect(touch(92)).toBe(FaultOutcome.unmapped);
    expect(touch(93)).toBe(FaultOutcome.resolved);
    expect(touch(92)).toBe(FaultOutcome.unmapped);
    put(91, 5);
    expect(get(91)).toBe(5);
  });

  it('keeps the limits of the space', () => {
    const { system, space, touch } = stack(50);
    system.limit(space, { committedBytes: bytes(4) });
    expect(touch(97)).toBe(FaultOutcome.unmapped);
    expect(touch(98)).toBe(FaultOutcome.resolved);
    expect(system.usage(space).committedBytes).toBe(bytes(4));
  });

  it('grows in parent and child after a fork, each for itself', () => {
    const { system, machine, space, newTlb, put, get, touch } = stack(50);
    put(100, 1);
    const child = system.fork(space, newTlb()) as VmMap;
    const other = new Process(machine, system, child, () => 0);
    put(99, 2);
    expect(touch(98, child)).toBe(FaultOutcome.resolved);
    expect([load(other, at(99)), load(other, at(100))]).toEqual([0, 1]);
    expect([get(99), get(100)]).toEqual([2, 1]);
    expect(() => get(98)).not.toThrow();
  });

  it('that both read-only touched grows below the amap that they share', () => {
    const { system, machine, space, newTlb, put, get } = stack(50);
    put(100, 1);
    const child = system.fork(space, newTlb()) as VmMap;
    const other = new Process(machine, system, child, () => 0);
    system.fault(space, at(97) / PAGE_SIZE, 0);
    system.fault(child, at(96) / PAGE_SIZE, 0);
    expect([get(100), load(other, at(100)), load(other, at(96)), get(97)]).toEqual([1, 1, 0, 0]);
  });

  it('that is locked is locked where it grows', () => {
    const { system, space, touch, shape } = stack(50);
    system.lock(space, at(100), bytes(2));
    expect(touch(95)).toBe(FaultOutcome.resolved);
    expect(system.usage(space).lockedBytes).toBe(bytes(7));
    expect(shape().length).toBeLessThanOrEqual(2);
    system.limit(space, { lockedBytes: bytes(8) });
    expect(touch(93)).toBe(FaultOutcome.unmapped);
  });

  it('shares with a child what there was, and grows in each alone', () => {
    const { system, machine, space, newTlb, put, get } = stack(50);
    system.inherit(space, at(100), bytes(2), 'share');
    const other = new Process(machine, system, system.fork(space, newTlb()) as VmMap, () => 0);
    put(99, 4);
    put(100, 5);
    expect(() => load(other, at(98))).not.toThrow();
    expect([load(other, at(100)), load(other, at(99)), get(99)]).toEqual([5, 0, 4]);
  });

  it('does not grow below what is not a stack, nor when asked for in vain', () => {
    const { map, touch } = stack(50);
    map(40, 2);
    expect(touch(39)).toBe(FaultOutcome.unmapped);
    for (const limit of [at(101), at(50) + 1, -bytes(1)]) expect(map(100, 2, { growsDown: { limit } })).toBe('EINVAL');
    expect(map(100, 2, { sharing: 'shared', growsDown: { limit: at(50) } })).toBe('EINVAL');
    expect(map(100, 2, { commitment: 'reserved', growsDown: { limit: at(50) } })).toBe('EINVAL');
  });

  it.each(['frameFailures', 'heapFailures'] as const)('grows in spite of the k-th failure of %s, or says so and loses nothing', (kind) => {
    let failures = 0;
    for (let k = 0; ; k++) {
      const plan = new FailurePlan();
      const { system, put, get, touch } = stack(50, { [kind]: plan });
      put(100, 7);
      const failing = new FailurePlan(k);
      Object.assign(plan, { next: () => failing.next() });
      const outcome = touch(90);
      system.check();
      if (failing.failures === 0) break;
      failures++;
      if (outcome !== FaultOutcome.resolved) expect([outcome, touch(90)]).toEqual([FaultOutcome.outOfMemory, FaultOutcome.resolved]);
      expect([get(100), get(90)]).toEqual([7, 0]);
    }
    expect(failures).toBeGreaterThan(0);
  });
});
