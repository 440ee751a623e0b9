// The image pager against the specification's own way: all active segments written into a flat memory, in order.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE } from '../base/index.ts';
import type { DataSegments } from './binary/index.ts';
import { ImagePager } from './image-pager.ts';

const PAGES = 6;
const FILE = Uint8Array.from({ length: 4 * PAGE_SIZE }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

interface Segment {
  readonly kind: number;
  readonly address: number;
  readonly fileOffset: number;
  readonly length: number;
}

const segment = fc.record<Segment>({
  kind: fc.constantFrom(0, 1, 1, 1, 2),
  address: fc.nat(PAGES * PAGE_SIZE - 1),
  fileOffset: fc.nat(FILE.length - 1),
  length: fc.oneof(fc.nat(64), fc.nat(3 * PAGE_SIZE)),
});

function build(segments: readonly Segment[]): { pager: ImagePager; flat: Uint8Array } {
  const clipped = segments.map((each) => ({
    ...each,
    length: Math.min(each.length, PAGES * PAGE_SIZE - each.address, FILE.length - each.fileOffset),
  }));
  const data: DataSegments = {
    count: clipped.length,
    kind: Uint8Array.from(clipped, ({ kind }) => kind),
    offset: new Uint32Array(clipped.length),
    fileOffset: Uint32Array.from(clipped, ({ fileOffset }) => fileOffset),
    length: Uint32Array.from(clipped, ({ length }) => length),
  };
  const addresses = Float64Array.from(clipped, ({ kind, address }) => (kind === 0 ? Number.NaN : address));
  const flat = new Uint8Array(PAGES * PAGE_SIZE);
  for (const { kind, address, fileOffset, length } of clipped) {
    if (kind !== 0) flat.set(FILE.subarray(fileOffset, fileOffset + length), address);
  }
  return { pager: new ImagePager(FILE, data, addresses, PAGES), flat };
}

describe('ImagePager', () => {
  it('reads what instantiation would have written, overlaps and disorder included', () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 12 }), (segments) => {
        const { pager, flat } = build(segments);
        const page = new Uint8Array(PAGE_SIZE);
        for (let index = 0; index < PAGES; index++) {
          page.fill(0xaa);
          expect(pager.read(index, page)).toBeUndefined();
          expect(page).toEqual(flat.slice(index * PAGE_SIZE, (index + 1) * PAGE_SIZE));
        }
      }),
    );
  });

  it('tells the stretches of pages that hold data, in order and apart', () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 12 }), (segments) => {
        const { pager } = build(segments);
        const expected = new Set<number>();
        for (const { kind, address, fileOffset, length } of segments) {
          const end = address + Math.min(length, PAGES * PAGE_SIZE - address, FILE.length - fileOffset);
          if (kind !== 0) for (let at = address; at < end; at++) expected.add(Math.floor(at / PAGE_SIZE));
        }
        const found: number[] = [];
        let last = -1;
        pager.forEachDataRun((first, end) => {
          expect(first).toBeGreaterThan(last);
          last = end;
          for (let page = first; page < end; page++) found.push(page);
        });
        expect(found).toEqual([...expected].sort((a, b) => a - b));
      }),
    );
  });
});
