import { expect, it } from 'vitest';
import { PAGE_SIZE } from '../base/index.ts';
import { describeBlockDevice } from './block-device.conformance.ts';
import { CostModelDevice, type DiskModel } from './disk.ts';
import { MemoryDevice } from './memory-device.ts';

/** Round numbers: 3 pages to the average seek, 1 ms per page of transfer. */
const model: DiskModel = { name: 'disk', pages: 9, trackSeekMs: 2, averageSeekMs: 10, revolutionMs: 8, bytesPerMs: PAGE_SIZE };

const timed = () => {
  const device = new CostModelDevice(new MemoryDevice(64), model);
  const page = new Uint8Array(PAGE_SIZE);
  const cost = (operation: 'read' | 'write', at: number, pages = 1): number => {
    const before = device.modelledMs;
    device[operation](at, pages === 1 ? page : new Uint8Array(pages * PAGE_SIZE));
    return device.modelledMs - before;
  };
  return { device, cost };
};

describeBlockDevice('a device with a cost model', (pages) => new CostModelDevice(new MemoryDevice(pages), model));

it('a read that continues the last operation costs its transfer; a write waits half a revolution as well', () => {
  const { cost } = timed();
  expect(cost('read', 0)).toBe(1);
  expect(cost('read', 1, 4)).toBe(4);
  expect(cost('write', 5)).toBe(4 + 1);
});

it('a seek costs the average over a third of the disk, and by the square root less on the way there', () => {
  const { cost } = timed();
  cost('read', 0);
  expect(cost('read', 4)).toBe(10 + 4 + 1);
  expect(cost('read', 5)).toBe(1);
  expect(cost('read', 3)).toBe(10 + 4 + 1);
});

it('a near seek is dearer than none and cheaper than the average', () => {
  const { cost } = timed();
  cost('read', 0);
  expect(cost('read', 2)).toBeCloseTo(2 + 8 * Math.sqrt(1 / 3) + 4 + 1, 10);
});

it('a failed operation takes no time', () => {
  const { device, cost } = timed();
  expect(() => cost('read', 64)).toThrow();
  expect(device.modelledMs).toBe(0);
});
