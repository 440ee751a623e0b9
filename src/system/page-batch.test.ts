import { describe, expect, it } from 'vitest';
import type { Pfn } from '../base/index.ts';
import { FRAME_RECORD_BYTES, FrameTable } from '../frames/index.ts';
import { PageBatch } from './page-batch.ts';

/** A table whose frames are mapped as `places` says: frame i at [space, page]. */
function tableOf(places: readonly (readonly [space: number, page: number])[]): FrameTable {
  const table = new FrameTable(new Uint32Array((places.length * FRAME_RECORD_BYTES) / 4), places.length);
  for (const [frame, [space, page]] of places.entries()) table.setMapping(frame as Pfn, space, page);
  return table;
}

function sorted(places: readonly (readonly [space: number, page: number])[]): number[] {
  const batch = new PageBatch(tableOf(places));
  for (let frame = 0; frame < places.length; frame++) batch.add(frame as Pfn, batch.keyOf(frame as Pfn));
  expect(batch.size).toBe(places.length);
  return Array.from(batch.frames.subarray(0, batch.size));
}

describe('a batch of pages', () => {
  it('parts two sequences that arrive in turns', () => {
    expect(sorted([100, 500, 101, 501, 102, 502].map((page) => [1, page] as const))).toEqual([0, 2, 4, 1, 3, 5]);
  });

  it('keeps spaces apart, and page numbers above 32 bits in order', () => {
    expect(
      sorted([
        [2, 1],
        [1, 2 ** 35],
        [1, 7],
        [2, 0],
      ]),
    ).toEqual([2, 1, 3, 0]);
  });

  it('puts what nobody maps behind, in order of arrival', () => {
    expect(
      sorted([
        [0, 0],
        [1, 5],
        [0, 0],
        [1, 4],
      ]),
    ).toEqual([3, 1, 0, 2]);
  });

  it('is full after four clusters, and empty when cleared', () => {
    const batch = new PageBatch(tableOf([[1, 1]]));
    for (let i = 0; i < 64; i++) {
      expect(batch.isFull).toBe(false);
      batch.add(0 as Pfn, i);
    }
    expect(batch.isFull).toBe(true);
    batch.clear();
    expect([batch.size, batch.isFull]).toEqual([0, false]);
  });
});
