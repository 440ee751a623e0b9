import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../base/index.ts';
import { MEMORY_KINDS, type MemoryKind, type MemoryRange, normalizeMemoryMap } from './memory-map.ts';

const range = (start: number, end: number, kind: MemoryKind = 'usable'): MemoryRange => ({ start, end, kind });
const show = (ranges: readonly MemoryRange[], ramBytes: number): string =>
  normalizeMemoryMap(ranges, ramBytes)
    .map(({ first, end, kind }) => `${first}-${end} ${kind}`)
    .join(', ');

describe('normalizeMemoryMap', () => {
  it('takes whole RAM as it is', () => {
    expect(show([range(0, 8 * 4096)], 8 * 4096)).toBe('0-8 usable');
  });

  it("reads a PC's map: conventional memory, the hole below 1 MiB, a kernel image, devices above RAM", () => {
    const map = [
      range(0x10_0000, 0x100_0000),
      range(0xf_0000, 0x10_0000, 'reserved'),
      range(0, 0x9_fc00),
      range(0x9_fc00, 0xa_0000, 'reserved'),
      range(0x10_0000, 0x18_0123, 'permanent'),
      range(0xfec0_0000, 0xfec0_1000, 'mmio'),
    ];
    expect(show(map, 0x100_0000)).toBe('0-159 usable, 159-256 reserved, 256-385 permanent, 385-4096 usable');
  });

  it('shrinks usable ranges to whole frames and grows the others', () => {
    expect(show([range(1, 5 * 4096 - 1)], 6 * 4096)).toBe('0-1 reserved, 1-4 usable, 4-6 reserved');
    expect(show([range(0, 6 * 4096), range(2 * 4096 + 4095, 3 * 4096 + 1, 'bad')], 6 * 4096)).toBe('0-2 usable, 2-4 bad, 4-6 usable');
  });

  it('joins usable ranges that share a frame', () => {
    expect(show([range(5000, 3 * 4096), range(0, 5000)], 3 * 4096)).toBe('0-3 usable');
    expect(show([range(5001, 3 * 4096), range(0, 5000)], 3 * 4096)).toBe('0-1 usable, 1-2 reserved, 2-3 usable');
  });

  it('lets the more restrictive kind win, whatever the order', () => {
    const all = MEMORY_KINDS.map((kind, i) => range(i * 4096, 6 * 4096, kind));
    const expected = '0-1 usable, 1-2 permanent, 2-3 reserved, 3-4 mmio, 4-6 bad';
    expect(show(all, 6 * 4096)).toBe(expected);
    expect(show(all.toReversed(), 6 * 4096)).toBe(expected);
  });

  it('agrees with a byte-by-byte reading of random maps', () => {
    const kind = fc.constantFrom(...MEMORY_KINDS);
    const bound = fc.nat(7 * 4096);
    const ranges = fc.array(
      fc.tuple(bound, bound, kind).map(([a, b, k]) => range(Math.min(a, b), Math.max(a, b), k)),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(ranges, (random) => {
        const map = [range(0, 4096), ...random.filter(({ start, kind: k }) => k === 'usable' || start >= 4096)];
        const kinds = Array.from({ length: 6 }, (_, frame) => kindOfFrame(map, frame));
        const flat = normalizeMemoryMap(map, 6 * 4096 + 100).flatMap(({ first, end, kind: k }) => new Array<string>(end - first).fill(k));
        expect(flat).toEqual(kinds);
      }),
      { numRuns: 60 },
    );
  });

  it('explains what is wrong with a hostile map', () => {
    const bad: [MemoryRange[], RegExp][] = [
      [[range(0, 4096), range(8192, 4096)], /range 1 \(usable 8192 to 4096\) starts above its end/],
      [[range(NaN, 4096)], /bound that is not a non-negative integer/],
      [[range(0, Infinity)], /bound that is not a non-negative integer/],
      [[range(-4096, 4096)], /bound that is not a non-negative integer/],
      [[range(0, 4096.5)], /bound that is not a non-negative integer/],
      [[range(0, 4096, 'nice' as MemoryKind)], /unknown kind; use one of usable/],
      [[], /no usable frame/],
      [[range(0, 4095)], /no usable frame/],
      [[range(4096, 4096)], /no usable frame/],
      [[range(0, 8192), range(0, 8192, 'bad')], /no usable frame/],
      [[range(2 ** 32, 2 ** 33)], /no usable frame/],
    ];
    for (const [map, message] of bad) {
      expect(() => normalizeMemoryMap(map, 8 * 4096)).toThrow(UsageError);
      expect(() => normalizeMemoryMap(map, 8 * 4096)).toThrow(message);
    }
  });
});

/** The definition, byte by byte: the worst kind listed for any byte of the frame; usable only if every byte is listed. */
function kindOfFrame(map: readonly MemoryRange[], frame: number): string {
  let worst = 0;
  let gap = false;
  for (let byte = frame * 4096; byte < (frame + 1) * 4096; byte++) {
    const here = map.filter(({ start, end }) => byte >= start && byte < end);
    gap ||= here.length === 0;
    for (const { kind } of here) worst = Math.max(worst, MEMORY_KINDS.indexOf(kind));
  }
  return worst === 0 && gap ? 'reserved' : MEMORY_KINDS[worst]!;
}
