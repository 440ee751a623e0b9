import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ACCESS_EXECUTE, ACCESS_READ, ACCESS_WRITE } from '../mmu/fault.ts';
import {
  checkSegments,
  SEGMENT_EXECUTE,
  SEGMENT_LIMIT,
  SEGMENT_MISSING,
  SEGMENT_NOT_PRESENT,
  SEGMENT_PRIVILEGE,
  SEGMENT_READ,
  SEGMENT_RIGHT,
  SEGMENT_WRITE,
  Segment,
  SegmentTable,
} from './segment.ts';
import { SegmentStore } from './segment-store.ts';
import { decodeDescriptor, descriptorType, encodeDescriptor, segmentOf } from './x86-descriptor.ts';

const live: SegmentTable[] = [];
afterEach(() => checkSegments(live.splice(0)));

const newTable = (): SegmentTable => {
  const table = new SegmentTable(4);
  live.push(table);
  return table;
};
const up = (bytes: number, base = 0x1000): Segment => new Segment({ name: 'data', base, bytes, most: 0x1_0000, grows: 'up' });
const readWrite = { rights: SEGMENT_READ | SEGMENT_WRITE, privilege: 3 };

describe('a table of segments (B14)', () => {
  it('adds the base to an offset inside, and faults at the first byte outside', () => {
    const table = newTable();
    table.attach({ segment: up(0x100), ...readWrite });
    expect(table.reach(0, 0, 1, ACCESS_READ)).toBe(0x1000);
    expect(table.reach(0, 0xff, 1, ACCESS_WRITE)).toBe(0x10ff);
    expect(table.reach(0, 0xfc, 4, ACCESS_WRITE)).toBe(0x10fc);
    expect(table.reach(0, 0xfd, 4, ACCESS_WRITE)).toBe(SEGMENT_LIMIT);
    expect(table.reach(0, 0x100, 1, ACCESS_READ)).toBe(SEGMENT_LIMIT);
    expect(table.reach(1, 0, 1, ACCESS_READ)).toBe(SEGMENT_MISSING);
  });

  it('has the highest offsets of a segment that grows down', () => {
    const table = newTable();
    const stack = new Segment({ name: 'stack', base: 0x8000, bytes: 0x10, grows: 'down' });
    table.attach({ segment: stack, ...readWrite });
    expect(table.reach(0, 0xffff_fff0, 16, ACCESS_WRITE)).toBe(0x7ff0);
    expect(table.reach(0, 0xffff_ffef, 1, ACCESS_WRITE)).toBe(SEGMENT_LIMIT);
    expect(stack.resize(0x20)).toBe('done');
    expect(table.reach(0, 0xffff_ffe0, 1, ACCESS_WRITE)).toBe(0x7fe0);
    expect(table.reach(0, 0xffff_ffff, 2, ACCESS_WRITE)).toBe(SEGMENT_LIMIT);
  });

  it('tells each fault apart: privilege, presence, right, limit, in this order', () => {
    const table = newTable();
    const segment = up(16);
    table.attach({ segment, rights: SEGMENT_EXECUTE, privilege: 0 });
    segment.presence = 'absent';
    expect(table.reach(0, 99, 1, ACCESS_READ)).toBe(SEGMENT_PRIVILEGE);
    expect(table.reach(0, 99, 1, ACCESS_READ, 0)).toBe(SEGMENT_NOT_PRESENT);
    segment.presence = 'present';
    expect(table.reach(0, 99, 1, ACCESS_READ, 0)).toBe(SEGMENT_RIGHT);
    expect(table.reach(0, 99, 1, ACCESS_EXECUTE, 0)).toBe(SEGMENT_LIMIT);
    expect(table.reach(0, 9, 1, ACCESS_EXECUTE, 0)).toBe(0x1009);
  });

  it('shares a segment: it grows for all, and rights are each process’s own', () => {
    const parent = newTable();
    const segment = up(16);
    parent.attach({ segment, ...readWrite });
    const child = parent.share();
    live.push(child);
    child.protect(0, SEGMENT_READ);
    segment.resize(32);
    expect([parent, child].map((table) => table.reach(0, 31, 1, ACCESS_READ))).toEqual([0x101f, 0x101f]);
    expect([parent, child].map((table) => table.reach(0, 31, 1, ACCESS_WRITE))).toEqual([0x101f, SEGMENT_RIGHT]);
    expect([segment.references, child.detach(0), segment.references]).toEqual([2, segment, 1]);
  });

  it('refuses with an errno and changes nothing', () => {
    const table = newTable();
    const segment = up(16);
    for (let i = 0; i < 4; i++) expect(table.attach({ segment, ...readWrite })).toBe(i);
    expect(table.attach({ segment, ...readWrite })).toBe('ENOMEM');
    expect([table.attach({ segment, ...readWrite }, 2), table.attach({ segment, ...readWrite }, 9)]).toEqual(['EEXIST', 'EINVAL']);
    expect([segment.resize(0x1_0001), segment.resize(-1), segment.bytes]).toEqual(['ENOMEM', 'EINVAL', 16]);
    table.detach(3);
    expect([table.detach(3), table.protect(3, 0), segment.references]).toEqual(['EINVAL', 'EINVAL', 3]);
    expect(() => new Segment({ name: 'bad', base: 0, bytes: 2, most: 1, grows: 'up' })).toThrow(/SEG2/);
  });
});

describe('x86 descriptors', () => {
  const decoded = (high: number, low: number) => decodeDescriptor(low, high);

  it('reads the flat segments that kernels use: base 0, 4 GiB', () => {
    const code = decoded(0x00cf_9a00, 0x0000_ffff);
    expect(code).toEqual({ base: 0, limit: 0xf_ffff, g: 1, db: 1, l: 0, avl: 0, p: 1, dpl: 0, s: 1, type: 10 });
    expect(descriptorType(code)).toBe('code, readable');
    const data = decoded(0x00cf_f200, 0x0000_ffff);
    expect([data.dpl, descriptorType(data)]).toEqual([3, 'data, writable']);
    expect(segmentOf(data, 'data')?.segment.bytes).toBe(2 ** 32);
  });

  it('puts the pieces of base and limit together', () => {
    const descriptor = decoded(0x1240_f656, 0x789a_bcde);
    expect(descriptor).toMatchObject({ base: 0x1256_789a, limit: 0xbcde, g: 0, db: 1, dpl: 3, type: 6 });
    expect(descriptorType(descriptor)).toBe('data, writable, expand-down');
  });

  it('reads a limit in units of 4 KiB as the last byte of the last unit', () => {
    expect(segmentOf(decoded(0x00c0_9200, 0x0000_0000), 'one page')?.segment.bytes).toBe(4096);
    expect(segmentOf(decoded(0x0040_9200, 0x0000_0000), 'one byte')?.segment.bytes).toBe(1);
  });

  it('has the offsets above the limit of an expand-down segment, to 64 KiB or to 4 GiB', () => {
    const small = segmentOf(decoded(0x0000_9600, 0x0000_0fff), '16 bits')?.segment;
    expect([small?.first, small?.bytes]).toEqual([0x1000, 0xf000]);
    const large = segmentOf(decoded(0x00c0_9600, 0x0000_000f), '32 bits')?.segment;
    expect([large?.first, large?.bytes]).toEqual([0x1_0000, 2 ** 32 - 0x1_0000]);
  });

  it('makes no segment of what is of the system', () => {
    const tss = decoded(0x0000_8900, 0x1000_0067);
    expect([descriptorType(tss), segmentOf(tss, 'tss')]).toEqual(['32-bit TSS (available)', undefined]);
  });

  it('encodes what it decodes, all 64 bits', () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(word, word, (low, high) => {
        expect(encodeDescriptor(decodeDescriptor(low, high))).toEqual([low, high]);
      }),
    );
  });
});

describe('memory of segments without pages', () => {
  it('keeps every byte through growth, moves and compaction, as lists of bytes do', () => {
    const SIZE = 64;
    const steps = fc.array(fc.tuple(fc.constantFrom('place', 'remove', 'resize', 'compact', 'write'), fc.nat(5), fc.nat(24)), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (script) => {
        const memory = new Uint8Array(SIZE).fill(0xaa);
        const store = new SegmentStore(memory);
        const model = new Map<number, { segment: Segment; bytes: number[] }>();
        const used = (): number => [...model.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
        script.forEach(([what, which, size], step) => {
          const known = model.get(which);
          if (what === 'place' && known === undefined) {
            const segment = new Segment({ name: `${which}`, base: 0, bytes: size, grows: 'up' });
            const fits = used() + size <= SIZE;
            expect(store.place(segment)).toBe(fits ? 'done' : 'ENOMEM');
            if (fits) model.set(which, { segment, bytes: new Array<number>(size).fill(0) });
          } else if (what === 'remove' && known !== undefined) {
            store.remove(known.segment);
            model.delete(which);
          } else if (what === 'resize' && known !== undefined) {
            const fits = used() - known.bytes.length + size <= SIZE;
            expect(store.resize(known.segment, size)).toBe(fits ? 'done' : 'ENOMEM');
            if (fits) known.bytes = Array.from({ length: size }, (_, at) => known.bytes[at] ?? 0);
          } else if (what === 'compact') {
            store.compact();
            expect(store.largestHole).toBe(store.freeBytes);
          } else if (known !== undefined && size < known.bytes.length) {
            known.bytes[size] = step + 1;
            memory[known.segment.base + size] = step + 1;
          }
          store.check();
          for (const { segment, bytes } of model.values()) {
            expect([...memory.subarray(segment.base, segment.base + segment.bytes)]).toEqual(bytes);
          }
        });
      }),
      { numRuns: 200 },
    );
  });
});
