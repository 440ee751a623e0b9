// Buffer lists over UVM's loans: any sequence of their operations keeps the bytes, and DMA and programmed I/O see the same ones.
import { afterEach, describe, expect, it } from 'vitest';
import { movingScene, must } from '../../test/support/moving.ts';
import { checkMachines } from '../../test/support/uvm-machine.ts';
import { KernelPanic, PAGE_SIZE, Random } from '../base/index.ts';
import { DmaDevice, MemoryDevice, ProgrammedPort } from '../machine/index.ts';
import { BufferList } from './buffer-list.ts';

afterEach(checkMachines);

function listScene() {
  const scene = movingScene();
  const { a, b, area, machine, mover, spaceOf } = scene;
  const random = new Random(5);
  const bytes = new Uint8Array(8 * PAGE_SIZE);
  random.fill(bytes);
  const [inA, inB] = [area(a, 8), area(b, 8)];
  a.copyOut(inA, bytes);
  b.copyOut(inB, bytes.slice().reverse());
  const read = (list: BufferList): Buffer => {
    const [byDma, byPort] = [new Uint8Array(list.size), new Uint8Array(list.size)];
    new DmaDevice(machine.ram).gather(list.descriptors(), byDma);
    new ProgrammedPort(machine.ram).gather(list.descriptors(), byPort);
    expect(Buffer.compare(byDma, byPort)).toBe(0);
    return Buffer.from(byDma);
  };
  const lent = () => {
    let loans = 0;
    for (let frame = 0; frame < machine.frames.table.count; frame++) loans += machine.frames.table.loanCount(frame as never);
    return loans;
  };
  return { ...scene, random, bytes, inA, inB, read, lent, newList: () => new BufferList(mover), spaceA: spaceOf(a), spaceB: spaceOf(b) };
}

describe('a buffer list', () => {
  it('gathers a body, a header and a trailer from two spaces, whose later writes do not show', () => {
    const { a, b, bytes, inA, inB, spaceA, spaceB, newList, read, store } = listScene();
    const list = newList();
    expect(list.append(spaceA, inA + 100, 2 * PAGE_SIZE)).toBe(0);
    expect(list.prepend(spaceB, inB + 10, 20)).toBe(0);
    expect(list.append(spaceB, inB, 5)).toBe(0);
    store(a, inA + 200, 0);
    store(b, inB, 0);
    const reversed = bytes.slice().reverse();
    const expected = Buffer.concat([reversed.subarray(10, 30), bytes.subarray(100, 100 + 2 * PAGE_SIZE), reversed.subarray(0, 5)]);
    expect([list.size, list.length, Buffer.compare(read(list), expected)]).toEqual([2 * PAGE_SIZE + 25, 3, 0]);
    list.end();
  });

  it('refuses what cannot be lent, and is as it was', () => {
    const { inA, spaceA, newList } = listScene();
    const list = newList();
    expect([list.append(spaceA, 0, 10), list.prepend(spaceA, inA, 0), list.size, list.length]).toEqual(['EFAULT', 'EINVAL', 0, 0]);
  });

  it('may be split anywhere: a loan ends with its last stretch', () => {
    const { bytes, inA, spaceA, newList, read, lent } = listScene();
    for (const at of [0, 1, PAGE_SIZE, 3 * PAGE_SIZE - 1, 3 * PAGE_SIZE]) {
      const list = newList();
      list.append(spaceA, inA, 3 * PAGE_SIZE);
      const rest = list.split(at);
      expect([list.size, rest.size]).toEqual([at, 3 * PAGE_SIZE - at]);
      expect(Buffer.compare(Buffer.concat([read(list), read(rest)]), bytes.subarray(0, 3 * PAGE_SIZE))).toBe(0);
      list.end();
      expect(lent()).toBe(at === 3 * PAGE_SIZE ? 0 : 3);
      rest.end();
      expect(lent()).toBe(0);
    }
    const list = newList();
    expect(() => list.split(1)).toThrow(KernelPanic);
  });

  it('keeps its bytes under random splits, joins and trims', () => {
    const { a, b, random, inA, inB, spaceA, spaceB, newList, read, lent } = listScene();
    let list = newList();
    let expected = Buffer.alloc(0);
    for (let step = 0; step < 400; step++) {
      const roll = random.below(5);
      const part = random.below(list.size + 1);
      if (roll < 2 && list.length < 12) {
        const [process, space, base] = random.below(2) === 0 ? [a, spaceA, inA] : [b, spaceB, inB];
        const [offset, size] = [random.below(4 * PAGE_SIZE), 1 + random.below(2 * PAGE_SIZE)];
        const piece = new Uint8Array(size);
        process.copyIn(base + offset, piece);
        const front = random.below(2) === 0;
        expect(front ? list.prepend(space, base + offset, size) : list.append(space, base + offset, size)).toBe(0);
        expected = Buffer.concat(front ? [piece, expected] : [expected, piece]);
      } else if (roll === 2) {
        list.trimFront(part);
        expected = expected.subarray(part);
      } else if (roll === 3) {
        list.trimBack(part);
        expected = expected.subarray(0, expected.length - part);
      } else {
        // The two halves change places.
        const rest = list.split(part);
        rest.concatenate(list);
        expect([list.size, list.length]).toEqual([0, 0]);
        list = rest;
        expected = Buffer.concat([expected.subarray(part), expected.subarray(0, part)]);
      }
      if (Buffer.compare(read(list), expected) !== 0) throw new Error(`step ${step} changed the bytes`);
    }
    list.end();
    expect(lent()).toBe(0);
  });

  it('is written to a device in one operation, without the processor', () => {
    const { bytes, inA, spaceA, machine, mover, newList } = listScene();
    const list = newList();
    list.append(spaceA, inA + 5, PAGE_SIZE);
    list.appendLoan(must(mover.kernelPages(PAGE_SIZE)));
    const device = new MemoryDevice(4);
    const dma = new DmaDevice(machine.ram);
    dma.writeTo(device, 1, list.descriptors());
    const back = new Uint8Array(2 * PAGE_SIZE);
    device.read(1, back);
    expect(Buffer.compare(back, Buffer.concat([bytes.subarray(5, 5 + PAGE_SIZE), new Uint8Array(PAGE_SIZE)]))).toBe(0);
    expect([device.counters.writeOperations, dma.counters.bytes]).toEqual([1, 2 * PAGE_SIZE]);
    list.end();
  });
});
