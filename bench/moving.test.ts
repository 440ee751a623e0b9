// Smoke tests: that everything works and measures what it says, not how fast it is.
import { describe, expect, it } from 'vitest';
import { measureCost } from './kernel-costs.ts';
import { measureMoving, movingTables } from './moving.ts';

describe('the benchmark of moving pages', () => {
  it('measures every way and size, and shows them', () => {
    const result = measureMoving({ pages: 1024, repeats: 1 }, { cost: measureCost }, () => {});
    expect(Object.keys(result.moving).length).toBe(9 * 6);
    expect(Object.keys(result.gathering).sort()).toEqual(['list', 'listAndDma', 'listAndPio']);
    for (const cost of [...Object.values(result.moving), ...Object.values(result.gathering)]) expect(cost).toBeGreaterThan(0);
    expect(movingTables(result).map(({ rows }) => rows.length)).toEqual([6, 6, 3]);
  });

  it('divides each way by the copy that it saves', () => {
    const [toKernel, toSpace] = movingTables({
      settings: { pages: 1, repeats: 1 },
      moving: {
        kernelCopy256: 200,
        kernelLoan256: 30,
        rewrite256: 400,
        spaceCopy256: 500,
        pass256: 50,
        arrivalCopy256: 900,
        transfer256: 600,
      },
      gathering: {},
    });
    expect(toKernel?.rows[4]).toEqual(['256', '200', '30', '0.15', '0.22', '400']);
    expect(toSpace?.rows[4]).toEqual(['256', '500', 'NaN', 'NaN', '0.10', '900', '0.67']);
  });
});
