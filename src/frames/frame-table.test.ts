import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelPanic, pfn } from '../base/index.ts';
import { FRAME_BUSY, FRAME_MODIFIED, FRAME_RECORD_BYTES, FRAME_REFERENCED, FrameKind, FrameTable } from './frame-table.ts';

const COUNT = 8;
const newTable = (): { table: FrameTable; words: Uint32Array } => {
  const words = new Uint32Array((COUNT * FRAME_RECORD_BYTES) / 4);
  return { words, table: new FrameTable(words, COUNT) };
};

describe('FrameTable', () => {
  it('decodes raw words: the record is as drawn', () => {
    const { table, words } = newTable();
    words.set([0x0507_4106, 0xdead_beef, 0x8000_0001, 3, 0xffff_ffff, 0x000a_1234, 0x89ab_cdef, 0x0012_3450], 5 * 8);
    const frame = pfn(5);
    expect(table.kind(frame)).toBe(FrameKind.anon);
    expect(table.flags(frame)).toBe(FRAME_BUSY | FRAME_MODIFIED);
    expect(table.wireCount(frame)).toBe(7);
    expect(table.loanCount(frame)).toBe(5);
    expect(table.owner(frame)).toBe(0xdead_beef);
    expect(table.index(frame)).toBe(0x8000_0001);
    expect([table.next(frame), table.previous(frame)]).toEqual([3, 0xffff_ffff]);
    expect(table.mapSpace(frame)).toBe(0x1234);
    expect(table.mapVpn(frame)).toBe(0xa_89ab_cdef);
    expect(table.mapMore(frame)).toBe(0x0012_3450);
  });

  it('encodes raw words: what the methods store is as drawn, and nothing else changes', () => {
    const { table, words } = newTable();
    const frame = pfn(2);
    table.assign(frame, FrameKind.object, 0xffff_fff0, 9);
    table.setFlag(frame, FRAME_REFERENCED);
    table.setWireCount(frame, 255);
    table.setLoanCount(frame, 128);
    table.setNext(frame, 0xffff_ffff);
    table.setPrevious(frame, 1);
    table.setMapping(frame, 0xffff, 2 ** 36 - 1);
    table.setMapMore(frame, 0xffff_fff0);
    expect([...words.subarray(16, 24)]).toEqual([0x80ff_2007, 0xffff_fff0, 9, 0xffff_ffff, 1, 0x000f_ffff, 0xffff_ffff, 0xffff_fff0]);
    expect(words.filter((_, at) => at < 16 || at >= 24).every((word) => word === 0)).toBe(true);
    table.setOwner(frame, 1);
    table.setIndex(frame, 2);
    expect([...words.subarray(17, 19)]).toEqual([1, 2]);
  });

  it('keeps fields apart under random stores', () => {
    const field = fc.constantFrom('kind', 'flag', 'unflag', 'wire', 'loan', 'space', 'next');
    fc.assert(
      fc.property(fc.array(fc.tuple(field, fc.nat(COUNT - 1), fc.nat(255)), { maxLength: 60 }), (stores) => {
        const { table } = newTable();
        const model = Array.from({ length: COUNT }, () => ({ kind: 0, flags: 0, wire: 0, loan: 0, space: 0, vpn: 0, next: 0 }));
        for (const [name, at, value] of stores) {
          const record = model[at]!;
          const frame = pfn(at);
          if (name === 'kind') {
            record.kind = value % 8;
            table.setKind(frame, record.kind as FrameKind);
          } else if (name === 'flag') {
            table.setFlag(frame, value);
            record.flags |= value;
          } else if (name === 'unflag') {
            table.clearFlag(frame, value);
            record.flags &= ~value;
          } else if (name === 'wire') {
            record.wire = value;
            table.setWireCount(frame, value);
          } else if (name === 'loan') {
            record.loan = value;
            table.setLoanCount(frame, value);
          } else if (name === 'space') {
            record.space = value * 257;
            record.vpn = value * 0x1000_0001;
            table.setMapping(frame, record.space, record.vpn);
          } else {
            record.next = value;
            table.setNext(frame, value);
          }
        }
        model.forEach((record, at) => {
          const frame = pfn(at);
          expect({
            kind: table.kind(frame),
            flags: table.flags(frame),
            wire: table.wireCount(frame),
            loan: table.loanCount(frame),
            space: table.mapSpace(frame),
            vpn: table.mapVpn(frame),
            next: table.next(frame),
          }).toEqual(record);
          expect([table.hasFlag(frame, 255), table.hasFlag(frame, 9)]).toEqual([record.flags !== 0, (record.flags & 9) !== 0]);
        });
      }),
      { numRuns: 100 },
    );
  });

  it('panics when a count would leave 0..255, and keeps it (FT3)', () => {
    const { table } = newTable();
    const frame = pfn(1);
    table.setWireCount(frame, 255);
    table.setLoanCount(frame, 255);
    for (const count of [256, -1, NaN]) {
      expect(() => table.setWireCount(frame, count)).toThrow(/^FT3/);
      expect(() => table.setLoanCount(frame, count)).toThrow(KernelPanic);
    }
    expect([table.wireCount(frame), table.loanCount(frame)]).toEqual([255, 255]);
  });

  it('knows a clear record, by every bit', () => {
    const { table, words } = newTable();
    const frame = pfn(3);
    table.clear(frame, FrameKind.free);
    expect([table.isClear(frame), words[24]]).toEqual([true, FrameKind.free]);
    for (let bit = 8; bit < 256; bit++) {
      words[24 + (bit >>> 5)]! ^= 1 << (bit & 31);
      expect(table.isClear(frame), `bit ${bit}`).toBe(false);
      table.clear(frame, FrameKind.free);
      expect(table.isClear(frame)).toBe(true);
    }
  });

  it('panics when the records do not fit', () => {
    expect(() => new FrameTable(new Uint32Array(15), 2)).toThrow(KernelPanic);
  });
});
