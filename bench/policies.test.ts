import { expect, it } from 'vitest';
import { measurePolicies, policiesTables } from './policies.ts';

it('measures every policy on both traces, and what it times misses as often as it should', () => {
  const steps: string[] = [];
  const result = measurePolicies({ references: 3_000, pages: 1_000, turns: 1 }, (step) => steps.push(step));
  const tables = policiesTables(result);
  expect(tables.map(({ rows }) => rows.length)).toEqual([30, 30]);
  expect(tables.map(({ rows }) => rows.find(([policy]) => policy === 'fifo')?.[3])).toEqual(['1.00', '1.00']);
  expect(steps).toContain('mix: belady');
  for (const { policies, frames } of result.traces) {
    const missesOf = (name: string): number => policies.find(({ policy }) => policy === name)?.misses ?? Number.NaN;
    expect(frames).toBeGreaterThanOrEqual(100);
    for (const { policy, misses, referencesPerSecond } of policies) {
      expect(misses, policy).toBeGreaterThanOrEqual(missesOf('belady'));
      expect(referencesPerSecond).toBeGreaterThan(0);
    }
  }
});
