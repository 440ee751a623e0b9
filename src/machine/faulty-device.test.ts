import { describe, expect, it } from 'vitest';
import { FailurePlan, PAGE_SIZE } from '../base/index.ts';
import { describeBlockDevice } from './block-device.conformance.ts';
import { DeviceError } from './block-device.ts';
import { FaultyDevice } from './faulty-device.ts';
import { MemoryDevice } from './memory-device.ts';

describeBlockDevice('faulty without faults', (pages) => new FaultyDevice(new MemoryDevice(pages), {}));
describeBlockDevice('faulty beyond its end', (pages) => new FaultyDevice(new MemoryDevice(pages), { badPages: [pages] }));

const page = (byte: number, count = 1): Uint8Array => new Uint8Array(count * PAGE_SIZE).fill(byte);

/** Runs `action` and returns what it threw, as text, or 'ok'. */
function outcome(action: () => void): string {
  try {
    action();
    return 'ok';
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return error.message;
  }
}

describe('FaultyDevice', () => {
  it('fails exactly the k-th read and the k-th write, for every k', () => {
    for (let k = 0; k < 4; k++) {
      const device = new FaultyDevice(new MemoryDevice(8), { reads: new FailurePlan(k), writes: new FailurePlan(k) });
      const writes = [0, 1, 2].map((i) => outcome(() => device.write(i, page(i + 1))));
      const reads = [0, 1, 2].map((i) => outcome(() => device.read(i, page(0))));
      expect(writes).toEqual([0, 1, 2].map((i) => (i === k ? `write of page ${i}: injected failure` : 'ok')));
      expect(reads).toEqual([0, 1, 2].map((i) => (i === k ? `read of page ${i}: injected failure` : 'ok')));
      expect(device.counters.writeOperations).toBe(k < 3 ? 2 : 3);
      expect(device.counters.readOperations).toBe(k < 3 ? 2 : 3);
    }
  });

  it('leaves the device as it was when a write fails, and works again at the next try', () => {
    const device = new FaultyDevice(new MemoryDevice(4), { writes: new FailurePlan(1) });
    device.write(2, page(1));
    expect(() => device.write(2, page(2))).toThrow(DeviceError);
    const into = page(0);
    device.read(2, into);
    expect(into).toEqual(page(1));
    device.write(2, page(2));
    device.read(2, into);
    expect(into).toEqual(page(2));
  });

  it('fails a transfer that touches a bad page anywhere, and names that page', () => {
    const inner = new MemoryDevice(10);
    const device = new FaultyDevice(inner, { badPages: [5] });
    expect(outcome(() => device.write(3, page(1, 2)))).toBe('ok');
    expect(outcome(() => device.write(3, page(1, 3)))).toBe('write of page 5: bad page');
    expect(outcome(() => device.read(5, page(0)))).toBe('read of page 5: bad page');
    expect(outcome(() => device.read(6, page(0)))).toBe('ok');
    expect(inner.counters.writeOperations).toBe(1);
  });

  it('fails sync on request', () => {
    const device = new FaultyDevice(new MemoryDevice(1), { syncs: new FailurePlan(0) });
    expect(() => device.sync()).toThrow(/sync of page 0: injected failure/);
    device.sync();
  });
});
