import { describe, expect, it } from 'vitest';
import { frameAllocatorNames } from '../src/systems/index.ts';
import { framesTables, measureAllFrames, quickFramesSettings } from './frames.ts';

describe('the benchmark of frame allocators', () => {
  it('measures every design, and shows it in tables of whole rows', () => {
    const steps: string[] = [];
    const settings = { ...quickFramesSettings, milliseconds: 2 };
    const result = measureAllFrames(settings, (step) => steps.push(step));
    expect(result.results.map(({ allocator }) => allocator)).toEqual(frameAllocatorNames);
    expect(steps).toHaveLength(frameAllocatorNames.length + 1);
    expect(Math.min(result.zeroFill.atFault ?? 0, result.zeroFill.ahead ?? 0)).toBeGreaterThan(0);
    for (const row of result.results) expect(Math.min(row.pairsPerSecond, row.churnPerSecond, row.batchPerSecond)).toBeGreaterThan(0);
    for (const { headings, rows } of framesTables(result)) for (const row of rows) expect(row).toHaveLength(headings.length);
  });
});
