import { describe, expect, it } from 'vitest';
import { rangeMapNames } from '../src/systems/index.ts';
import { quireLater } from '../test/support/quire-command.ts';

const small = ['ranges', '--areas', '50', '--pages', '900', '--time', '0.001'];

describe('quire ranges', () => {
  it('measures every design, at every number of areas, as JSON', async () => {
    const { code, out } = await quireLater(...small.slice(0, 1), '--areas', '50,300', ...small.slice(3), '--json');
    expect(code).toBe(0);
    const { results } = JSON.parse(out) as { results: Record<string, number | string>[] };
    expect(results.map(({ design, areas }) => [design, areas])).toEqual(
      [50, 300].flatMap((areas) => rangeMapNames.map((name) => [name, areas])),
    );
    for (const { design, ...numbers } of results) {
      expect(Object.keys(numbers)).toHaveLength(8);
      for (const value of Object.values(numbers)) expect(value, `${design}`).toBeGreaterThan(0);
    }
  });

  it('shows a table, and writes CSV with one row for each', async () => {
    const { out } = await quireLater(...small, '--design', 'list,avl');
    expect(out).toMatch(/^50 areas over 900 pages: millions of operations per second\n/);
    expect(out).toMatch(/\n\s+list .*\n\s+avl /);
    const { out: csv } = await quireLater(...small, '--design', 'array', '--csv');
    expect(csv.split('\n')[0]).toMatch(/^design,areas,pages,lookupsPerSecond,/);
    expect(csv.split('\n')[1]).toMatch(/^array,50,900,/);
  });

  it.each([
    [['--design', 'splay'], "--design: there is no 'splay'; choose from red-black, "],
    [['--areas', '0'], '--areas 0: not a whole number of at least 1'],
    [['--areas', '1000'], '900 pages: give at least one for each of the 1000 areas'],
    [['--areas', '99999999'], '99999999 areas: give between 1 and 16777216'],
    [['--time', '0'], '--time 0: rates are all there is to measure; give more'],
    [['--time', 'long'], '--time long: not a number of seconds up to 60'],
    [['-o', 'x.svg'], '--output x.svg: there is no such form of this'],
  ])('%j is refused with a sentence', async (flags, sentence) => {
    const { code, out, err } = await quireLater(...small, ...flags);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(sentence);
  });
});
