// What every block device must do, checked against an array of page numbers to fill bytes.

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { KernelPanic, PAGE_SIZE } from '../base/index.ts';
import { type BlockDevice, DeviceError } from './block-device.ts';

/** A page whose bytes tell its stamp and the place of each byte, so that misplaced and mixed pages show. */
function stampedPages(stamp: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count * PAGE_SIZE }, (_, i) => (stamp * 31 + (i % PAGE_SIZE) * 7 + Math.floor(i / PAGE_SIZE)) & 0xff);
}

/**
 * Describes a block device. `make` gives an empty device of that many pages; `dispose` is called with it afterwards.
 */
export function describeBlockDevice(
  name: string,
  make: (pages: number) => BlockDevice,
  dispose: (device: BlockDevice) => void = () => {},
): void {
  describe(`block device: ${name}`, () => {
    const made: BlockDevice[] = [];
    const device = (pages: number): BlockDevice => {
      const it = make(pages);
      made.push(it);
      return it;
    };
    afterEach(() => made.splice(0).forEach(dispose));

    it('reads zeros where nothing was written', () => {
      const into = new Uint8Array(3 * PAGE_SIZE).fill(0xaa);
      device(200).read(63, into);
      expect(into.every((byte) => byte === 0)).toBe(true);
    });

    it('counts operations and bytes apart', () => {
      const it = device(16);
      it.write(0, stampedPages(1, 4));
      it.write(9, stampedPages(2, 1));
      it.read(0, new Uint8Array(2 * PAGE_SIZE));
      it.sync();
      expect(it.counters).toEqual({ readOperations: 1, writeOperations: 2, bytesRead: 2 * PAGE_SIZE, bytesWritten: 5 * PAGE_SIZE });
    });

    it('reaches the first and the last page, and nothing beyond', () => {
      const it = device(100);
      const page = stampedPages(5, 1);
      const into = new Uint8Array(PAGE_SIZE);
      for (const position of [0, 99]) {
        it.write(position, page);
        it.read(position, into);
        expect(into).toEqual(page);
      }
      for (const [position, count] of [
        [100, 1],
        [99, 2],
        [-1, 1],
        [0.5, 1],
        [NaN, 1],
        [0, 101],
        [2 ** 40, 1],
      ] as const) {
        expect(() => it.read(position, new Uint8Array(count * PAGE_SIZE)), `read ${position}`).toThrow(DeviceError);
        expect(() => it.write(position, new Uint8Array(count * PAGE_SIZE)), `write ${position}`).toThrow(DeviceError);
      }
      expect(it.counters.readOperations).toBe(2);
      it.read(99, into);
      expect(into).toEqual(page);
    });

    it('panics at a transfer that is no whole number of pages', () => {
      const it = device(4);
      for (const size of [0, 1, PAGE_SIZE - 1, PAGE_SIZE + 1]) {
        expect(() => it.read(0, new Uint8Array(size))).toThrow(KernelPanic);
        expect(() => it.write(0, new Uint8Array(size))).toThrow(KernelPanic);
      }
    });

    it('moves views of a larger buffer and touches nothing around them', () => {
      const it = device(8);
      const ram = new Uint8Array(6 * PAGE_SIZE).fill(0x55);
      ram.set(stampedPages(9, 2), PAGE_SIZE);
      it.write(3, ram.subarray(PAGE_SIZE, 3 * PAGE_SIZE));
      it.read(3, ram.subarray(3 * PAGE_SIZE, 5 * PAGE_SIZE));
      expect(ram.subarray(3 * PAGE_SIZE, 5 * PAGE_SIZE)).toEqual(stampedPages(9, 2));
      expect(ram.subarray(0, PAGE_SIZE).every((byte) => byte === 0x55)).toBe(true);
      expect(ram.subarray(5 * PAGE_SIZE).every((byte) => byte === 0x55)).toBe(true);
    });

    it('moves several buffers in one operation, as one run of pages', () => {
      const it = device(200);
      const pages = stampedPages(4, 7);
      const parts = [pages.subarray(0, 2 * PAGE_SIZE), pages.subarray(2 * PAGE_SIZE, 3 * PAGE_SIZE), pages.subarray(3 * PAGE_SIZE)];
      it.writev(61, parts);
      const whole = new Uint8Array(7 * PAGE_SIZE);
      it.read(61, whole);
      expect(Buffer.compare(whole, pages)).toBe(0);
      const back = [5, 1, 1].map((count) => new Uint8Array(count * PAGE_SIZE));
      it.readv(61, back);
      expect(Buffer.compare(Buffer.concat(back), pages)).toBe(0);
      it.readv(62, [whole.subarray(0, PAGE_SIZE)]);
      expect(Buffer.compare(whole.subarray(0, PAGE_SIZE), pages.subarray(PAGE_SIZE, 2 * PAGE_SIZE))).toBe(0);
      expect(it.counters).toEqual({ readOperations: 3, writeOperations: 1, bytesRead: 15 * PAGE_SIZE, bytesWritten: 7 * PAGE_SIZE });
    });

    it('refuses several buffers that reach beyond the end, or are no whole pages, and moves none of them', () => {
      const it = device(8);
      it.write(0, stampedPages(2, 8));
      const buffers = [new Uint8Array(PAGE_SIZE), new Uint8Array(2 * PAGE_SIZE)];
      expect(() => it.readv(6, buffers)).toThrow(DeviceError);
      expect(() => it.writev(6, buffers)).toThrow(DeviceError);
      expect(() => it.readv(0, [new Uint8Array(PAGE_SIZE), new Uint8Array(7)])).toThrow(KernelPanic);
      expect(() => it.writev(0, [])).toThrow(KernelPanic);
      const all = new Uint8Array(8 * PAGE_SIZE);
      it.read(0, all);
      expect(Buffer.compare(all, stampedPages(2, 8))).toBe(0);
      expect(it.counters).toMatchObject({ readOperations: 1, writeOperations: 1 });
    });

    it("keeps a copy: changing the caller's memory later changes nothing", () => {
      const it = device(2);
      const page = stampedPages(3, 1);
      it.write(1, page);
      page.fill(0);
      const into = new Uint8Array(PAGE_SIZE);
      it.read(1, into);
      expect(into).toEqual(stampedPages(3, 1));
    });

    it('agrees with an array of pages on random runs', () => {
      const pages = 150;
      const step = fc.record({
        write: fc.boolean(),
        page: fc.nat(pages - 1),
        count: fc.integer({ min: 1, max: 20 }),
        stamp: fc.nat(255),
      });
      fc.assert(
        fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
          const it = device(pages);
          const model = new Uint8Array(pages * PAGE_SIZE);
          for (const { write, page, count, stamp } of steps) {
            const run = Math.min(count, pages - page);
            if (write) {
              const from = stampedPages(stamp, run);
              model.set(from, page * PAGE_SIZE);
              it.write(page, from);
            } else {
              const into = new Uint8Array(run * PAGE_SIZE).fill(0xee);
              it.read(page, into);
              expect(Buffer.compare(into, model.subarray(page * PAGE_SIZE, (page + run) * PAGE_SIZE))).toBe(0);
            }
          }
        }),
        { numRuns: 20 },
      );
    });
  });
}
