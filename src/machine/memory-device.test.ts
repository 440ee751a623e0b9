import { describe, expect, it } from 'vitest';
import { PAGE_SIZE } from '../base/index.ts';
import { describeBlockDevice } from './block-device.conformance.ts';
import { MemoryDevice } from './memory-device.ts';

describeBlockDevice('memory', (pages) => new MemoryDevice(pages));

describe('MemoryDevice', () => {
  it("can be far larger than the host's memory while it is nearly empty", () => {
    const device = new MemoryDevice(2 ** 40);
    const page = new Uint8Array(PAGE_SIZE).fill(7);
    device.write(2 ** 40 - 1, page);
    const into = new Uint8Array(PAGE_SIZE);
    device.read(2 ** 40 - 1, into);
    expect(into).toEqual(page);
    device.read(2 ** 39, into);
    expect(into.every((byte) => byte === 0)).toBe(true);
  });
});
