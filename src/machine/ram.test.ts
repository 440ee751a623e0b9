import { describe, expect, it } from 'vitest';
import { KernelPanic, PAGE_SIZE, pfn } from '../base/index.ts';
import { Ram } from './ram.ts';

describe('Ram', () => {
  it('covers RAM and not what lies above it in the buffer', () => {
    const ram = new Ram(new ArrayBuffer(5 * PAGE_SIZE), 3);
    expect([ram.bytes.length, ram.words.length, ram.frameCount]).toEqual([3 * 4096, 3 * 1024, 3]);
  });

  it('zeroes and copies one frame and no byte of its neighbours', () => {
    const ram = new Ram(new ArrayBuffer(4 * PAGE_SIZE), 4);
    ram.bytes.forEach((_, i) => {
      ram.bytes[i] = 1 + (i % 251);
    });
    const before = ram.bytes.slice();
    ram.zero(pfn(1));
    before.fill(0, 4096, 8192);
    expect(Buffer.compare(ram.bytes, before)).toBe(0);
    ram.copy(pfn(3), pfn(0));
    before.copyWithin(0, 12288);
    expect(Buffer.compare(ram.bytes, before)).toBe(0);
  });

  it.each(['its memory', 'its buffer alone'])('zeroes a run of four frames and no byte beside it, made of %s', (of) => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const ram = new Ram(memory.buffer, 12, of === 'its memory' ? memory : undefined);
    for (const first of [0, 4, 5, 8]) {
      ram.bytes.fill(0xff);
      ram.zeroRun(pfn(first));
      const expected = new Uint8Array(12 * PAGE_SIZE).fill(0xff).fill(0, first * PAGE_SIZE, (first + 4) * PAGE_SIZE);
      expect(Buffer.compare(ram.bytes, expected)).toBe(0);
    }
  });

  it('gives a view of a frame, not a copy', () => {
    const ram = new Ram(new ArrayBuffer(2 * PAGE_SIZE), 2);
    ram.frame(pfn(1))[0] = 9;
    expect(ram.bytes[4096]).toBe(9);
    expect(ram.frame(pfn(1)).length).toBe(4096);
  });

  it('gives frames to a transfer in their order, those that lie side by side as one view', () => {
    const ram = new Ram(new ArrayBuffer(8 * PAGE_SIZE), 8);
    const buffers: Uint8Array[] = [new Uint8Array(1)];
    ram.buffers([9, 2, 3, 4, 7, 0, 1, 0], 1, 6, buffers);
    expect(buffers.map(({ byteOffset, length }) => [byteOffset / PAGE_SIZE, length / PAGE_SIZE])).toEqual([
      [2, 3],
      [7, 1],
      [0, 2],
    ]);
    (buffers[1] as Uint8Array)[5] = 8;
    expect(ram.bytes[7 * PAGE_SIZE + 5]).toBe(8);
  });

  it('panics at a buffer that is too small or resizable, and at no frames', () => {
    expect(() => new Ram(new ArrayBuffer(2 * PAGE_SIZE - 1), 2)).toThrow(KernelPanic);
    expect(() => new Ram(new ArrayBuffer(PAGE_SIZE), 0)).toThrow(KernelPanic);
    expect(() => new Ram(new ArrayBuffer(PAGE_SIZE), 0.5)).toThrow(KernelPanic);
    // The second parameter is newer than the ECMAScript library the tests compile against.
    const ResizableBuffer = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => ArrayBuffer;
    expect(() => new Ram(new ResizableBuffer(PAGE_SIZE, { maxByteLength: 2 * PAGE_SIZE }), 1)).toThrow(/RAM2/);
  });
});
