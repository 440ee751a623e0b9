import { describe, expect, it } from 'vitest';
import { type Pfn, pfn } from '../base/index.ts';
import { describeFrameAllocator } from './frame-allocator.conformance.ts';
import { ZonedAllocator, zonedAllocator } from './zoned-allocator.ts';

describeFrameAllocator(zonedAllocator);

const NORMAL = 4096;
const HIGH = 229_376;

/** Zones with so many free frames each, the first of them free; dma from frame 0. */
function make(dma: number, normal: number, high: number) {
  const count = high > 0 ? HIGH + high : NORMAL + normal;
  const zones = new ZonedAllocator(pfn(0), count, { words: new Uint32Array(zonedAllocator.metadataBytes(count) / 4) });
  const free = (first: number, frames: number): void => {
    for (let i = 0; i < frames; i++) zones.free(pfn(first + i));
  };
  free(0, dma);
  free(NORMAL, normal);
  if (high > 0) free(HIGH, high);
  return zones;
}

const zoneOf = (frame: number): string => (frame < NORMAL ? 'dma' : frame < HIGH ? 'normal' : 'high');

describe('zonedAllocator', () => {
  it('has the zones that the range has frames of, with marks by their sizes', () => {
    const zones = make(0, 0, 6400);
    expect(zones.zones.map(({ name, first, end, marks, high }) => [name, first, end, marks.min, marks.low, high])).toEqual([
      ['dma', 0, NORMAL, 32, 64, 96],
      ['normal', NORMAL, HIGH, 255, 510, 765],
      ['high', HIGH, HIGH + 6400, 50, 100, 150],
    ]);
  });

  it('takes any frame from the highest zone, and falls back when that is down to its low mark', () => {
    const zones = make(4096, 2000, 300);
    const given = Array.from({ length: 260 + 1450 }, () => zoneOf(zones.allocate()));
    // high keeps 40; normal keeps its own 510 and those 40; dma keeps all three.
    expect(given.lastIndexOf('high')).toBe(259);
    expect([given.indexOf('normal'), given.lastIndexOf('normal')]).toEqual([260, 260 + 1449]);
    expect(zoneOf(zones.allocate())).toBe('dma');
    zones.check();
  });

  it('goes below the marks when nothing else is left, and gives the last frame of all', () => {
    const zones = make(100, 100, 100);
    const given = new Set<number>();
    for (let frame = zones.allocate(); frame !== -1; frame = zones.allocate()) given.add(frame);
    expect([given.size, zones.freeCount]).toEqual([300, 0]);
    zones.check();
  });

  it('gives who wants a lower zone none from above it, and who keeps a reserve none from within it', () => {
    const zones = make(100, 1000, 1000);
    expect(zoneOf(zones.allocateIn('normal', 'low'))).toBe('normal');
    expect(zoneOf(zones.allocateIn('dma', 'low'))).toBe('dma');
    for (let left = 99; left > 64; left--) expect(zoneOf(zones.allocateIn('dma', 'low'))).toBe('dma');
    expect(zones.allocateIn('dma', 'low')).toBe(-1);
    for (let left = 64; left > 32; left--) expect(zoneOf(zones.allocateIn('dma', 'min'))).toBe('dma');
    expect(zones.allocateIn('dma', 'min')).toBe(-1);
    for (let left = 32; left > 0; left--) expect(zoneOf(zones.allocateIn('dma', 'none'))).toBe('dma');
    expect(zones.allocateIn('dma', 'none')).toBe(-1);
    zones.check();
  });

  it('tells how a zone stands by its marks', () => {
    const zones = make(100, 0, 0);
    const [dma] = zones.zones;
    const stands: string[] = [];
    for (; dma !== undefined && dma.frames.freeCount > 0; zones.allocate()) stands.push(zones.pressure(dma));
    expect([96, 95, 64, 63, 32, 31].map((free) => stands[100 - free])).toEqual([
      'balanced',
      'below high',
      'below high',
      'below low',
      'below low',
      'below min',
    ]);
  });

  it('gives runs from the highest zone, those for a device that reaches 16 MiB from dma, and one across two zones if it must', () => {
    const zones = make(4096, 64, 64);
    expect(zones.allocateRun(32)).toBe(HIGH);
    expect(zones.allocateRun(64)).toBe(NORMAL);
    const reached = zones.allocateRun(16, { below: 1040, alignment: 16, boundary: 16 });
    expect([reached % 16, reached <= 1024]).toEqual([0, true]);
    for (let i = 0; i < 16; i++) zones.free(pfn(reached + i));
    for (let i = 0; i < 64; i++) zones.free(pfn(NORMAL + i));
    const across = zones.allocateRun(4100) as Pfn;
    expect([across, zones.isFree(pfn(NORMAL + 3)), zones.isFree(pfn(NORMAL + 4))]).toEqual([0, false, true]);
    zones.check();
  });
});
