// A smoke test: that everything works and reads what it wrote, not how fast it is.
import { expect, it } from 'vitest';
import { measureTraces, tracesTables } from './traces.ts';

it('reads every kind of file whole, and records every load and store', async () => {
  const steps: string[] = [];
  const result = await measureTraces({ references: 50_000, pages: 5_000, program: ['qsort', '100'], repeats: 1 }, (step) =>
    steps.push(step),
  );
  expect(result.files.map(({ file }) => file)).toEqual(['numbers.txt', 'numbers.txt.gz', 'lackey.txt', 'pages.quire']);
  for (const { read, parsed = 1 } of result.files) expect(Math.min(read, parsed)).toBeGreaterThan(0);
  expect(Math.min(result.densifyPerSecond, result.stackDistancesPerSecond)).toBeGreaterThan(0);
  expect(result.recording.references).toBeGreaterThan(1000);
  const [reading, recording] = tracesTables(result);
  expect(reading?.rows.map(([, , parsed]) => parsed === '-')).toEqual([false, true, false, false]);
  expect(recording?.rows[0]?.[0]).toBe('qsort 100');
  expect(steps.at(-1)).toBe('recording');
});
