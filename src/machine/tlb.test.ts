import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelPanic, pfn, vpn } from '../base/index.ts';
import { TLB_ENTRIES, Tlb, tlbWord } from './tlb.ts';

const READ = 64;
const WRITE = READ + 4 * TLB_ENTRIES + 4096;
const newBuffer = (): ArrayBuffer => new ArrayBuffer(WRITE + 4 * TLB_ENTRIES);

/** What generated code does with a word: the physical address of guest address `ea`, in 32-bit arithmetic. */
const translate = (word: number, ea: number): number => Number(BigInt.asUintN(32, BigInt(ea) + BigInt(word) + 1n));

describe('tlbWord', () => {
  it('takes every byte of the page to the same byte of the frame, and is never 0', () => {
    for (const [frame, page] of [
      [1, 0],
      [1, 1],
      [7, 1000],
      [0x7ffff, 0],
      [1, 0xfffff],
      [0x7ffff, 0xfffff],
    ] as const) {
      const word = tlbWord(pfn(frame), vpn(page));
      expect(word).not.toBe(0);
      expect(word & 0xfff).toBe(0xfff);
      for (const offset of [0, 1, 4095]) expect(translate(word, page * 4096 + offset)).toBe(frame * 4096 + offset);
    }
  });
});

describe('Tlb', () => {
  it('puts words where generated code looks for them', () => {
    const buffer = newBuffer();
    const tlb = new Tlb(buffer, READ, WRITE);
    tlb.fillRead(3, pfn(9));
    tlb.fillWrite(TLB_ENTRIES - 1, pfn(5));
    const words = new DataView(buffer);
    expect(words.getInt32(READ + 12, true)).toBe(tlbWord(pfn(9), vpn(3)));
    expect(words.getInt32(WRITE + 12, true)).toBe(0);
    expect(words.getInt32(READ + 4 * (TLB_ENTRIES - 1), true)).toBe(words.getInt32(WRITE + 4 * (TLB_ENTRIES - 1), true));
    expect([tlb.readFrame(3), tlb.writeFrame(3), tlb.writeFrame(TLB_ENTRIES - 1)]).toEqual([9, -1, 5]);
    expect([tlb.readFrame(0), tlb.readFrame(TLB_ENTRIES)]).toEqual([-1, -1]);
  });

  it('agrees with two maps on random operations', () => {
    // Pages around the borders of chunks of 1,024 words and of the table.
    const page = fc.constantFrom(0, 1, 1022, 1023, 1024, 1025, 2047, 2048, 5000, TLB_ENTRIES - 1024, TLB_ENTRIES - 1);
    const step = fc.oneof(
      fc.record({ do: fc.constant('fillRead' as const), page, frame: fc.integer({ min: 1, max: 0x7ffff }) }),
      fc.record({ do: fc.constant('fillWrite' as const), page, frame: fc.integer({ min: 1, max: 0x7ffff }) }),
      fc.record({ do: fc.constant('invalidate' as const), page, frame: fc.constant(0) }),
      fc.record({ do: fc.constant('invalidateWrite' as const), page, frame: fc.constant(0) }),
      fc.record({
        do: fc.constantFrom('invalidateRange' as const, 'invalidateWriteRange' as const),
        page,
        frame: fc.constantFrom(0, 1, 2, 1023, 1024, 1025, 4096, TLB_ENTRIES),
      }),
    );
    const tlb = new Tlb(newBuffer(), READ, WRITE);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        tlb.flush();
        const reads = new Map<number, number>();
        const writes = new Map<number, number>();
        for (const { do: action, page: at, frame } of steps) {
          if (action === 'fillRead') {
            tlb.invalidate(at);
            writes.delete(at);
            tlb.fillRead(at, pfn(frame));
            reads.set(at, frame);
          } else if (action === 'fillWrite') {
            tlb.fillWrite(at, pfn(frame));
            reads.set(at, frame);
            writes.set(at, frame);
          } else if (action === 'invalidate') {
            tlb.invalidate(at);
            reads.delete(at);
            writes.delete(at);
          } else if (action === 'invalidateWrite') {
            tlb.invalidateWrite(at);
            writes.delete(at);
          } else {
            tlb[action](at, frame);
            for (const map of action === 'invalidateRange' ? [reads, writes] : [writes])
              for (const key of [...map.keys()]) if (key >= at && key < at + frame) map.delete(key);
          }
        }
        for (const at of [0, 1, 2, 1022, 1023, 1024, 1025, 2047, 2048, 5000, TLB_ENTRIES - 1024, TLB_ENTRIES - 1]) {
          expect([tlb.readFrame(at), tlb.writeFrame(at)]).toEqual([reads.get(at) ?? -1, writes.get(at) ?? -1]);
          expect([tlb.reads(at), tlb.writes(at)]).toEqual([reads.has(at), writes.has(at)]);
        }
      }),
      { numRuns: 200 },
    );
    tlb.check();
  });

  it('leaves all zeros after a flush, and stores nothing where nothing was filled', () => {
    const buffer = newBuffer();
    const words = new Int32Array(buffer);
    const tlb = new Tlb(buffer, READ, WRITE);
    for (const at of [0, 1023, 1024, 70_000, TLB_ENTRIES - 1]) tlb.fillWrite(at, pfn((at % 1000) + 1));
    tlb.flush();
    expect(words.every((word) => word === 0)).toBe(true);
    // A mark planted behind the TLB's back shows whether a flush stores to chunks that were never filled.
    words[READ / 4 + 500_000] = 1;
    tlb.fillRead(1, pfn(1));
    tlb.flush();
    expect(words[READ / 4 + 500_000]).toBe(1);
    expect(() => tlb.check()).toThrow(/TLB2/);
  });

  it('panics in check when the two tables name different frames', () => {
    const tlb = new Tlb(newBuffer(), READ, WRITE);
    tlb.fillWrite(7, pfn(3));
    tlb.check();
    tlb.fillRead(7, pfn(4));
    expect(() => tlb.check()).toThrow(KernelPanic);
  });

  it('caches nothing when it is none, whatever the page', () => {
    const tlb = Tlb.none();
    for (const at of [0, 5, TLB_ENTRIES, 2 ** 35]) {
      tlb.fillRead(at, pfn(1));
      tlb.fillWrite(at, pfn(1));
      expect([tlb.reads(at), tlb.writes(at), tlb.readFrame(at), tlb.writeFrame(at)]).toEqual([false, false, -1, -1]);
      tlb.invalidate(at);
      tlb.invalidateWrite(at);
      tlb.invalidateRange(at, 2 ** 36);
      tlb.invalidateWriteRange(at, 2 ** 36);
    }
    tlb.flush();
    tlb.check();
  });

  it('ignores pages beyond the 32-bit space', () => {
    const buffer = newBuffer();
    const tlb = new Tlb(buffer, READ, WRITE);
    tlb.fillWrite(TLB_ENTRIES, pfn(1));
    tlb.fillWrite(2 ** 35, pfn(1));
    expect(new Int32Array(buffer).every((word) => word === 0)).toBe(true);
  });
});
