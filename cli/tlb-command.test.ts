import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TlbResult } from '../src/report/index.ts';
import { quireLater, refusal } from '../test/support/quire-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-tlb-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** Round and round over `pages` pages, ten times. */
const loop = (pages: number): string => file('loop.txt', Array.from({ length: 10 * pages }, (_, at) => `${at % pages}\n`).join(''));

async function results(...parameters: string[]): Promise<TlbResult[]> {
  const { code, out, err } = await quireLater('tlb', ...parameters, '--json');
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out).results;
}

describe('quire tlb', () => {
  it('says hits, misses, reach and loads as a table', async () => {
    const { out } = await quireLater('tlb', loop(5), '--entries', '4,8', '--ways', 'full', '--page-table', 'sv39', '--walk-cache', '1');
    expect(out).toBe(
      [
        '50 references of loop.txt',
        '',
        '  TLB         page    reach  hits  misses   of all  loads  a miss',
        '  4 full lru  4 KiB  16 KiB     0      50  100.0 %     52    1.04',
        '  8 full lru  4 KiB  32 KiB    45       5   10.0 %      7    1.40',
        '',
        '  misses: references that had to walk; of all: their share of the references',
        '  loads: table entries that walks of sv39 read, with a cache of 1 entry for each upper level; a miss: loads for each',
        '',
      ].join('\n'),
    );
  });

  it('takes every combination, and counts as many misses as pages for the complete TLB', async () => {
    const rows = await results(loop(600), '--entries', '512,complete', '--ways', 'direct,4,full', '--page-size', '4KiB,2MiB');
    expect(rows.map(({ tlb, pageBytes, misses }) => [tlb, pageBytes, misses])).toEqual([
      ['512 direct', 4096, 424 + 176 * 10],
      ['512 direct', 2 ** 21, 2],
      // 88 of the 128 sets have five pages for four ways: LRU misses all of those.
      ['512 4 ways lru', 4096, 40 * 4 + 88 * 5 * 10],
      ['512 4 ways lru', 2 ** 21, 2],
      ['512 full lru', 4096, 6000],
      ['512 full lru', 2 ** 21, 2],
      ['complete', 4096, 600],
      ['complete', 2 ** 21, 2],
    ]);
  });

  it('runs several processes, with the cost of switches and shootdowns', async () => {
    const settings = ['--processes', '2', '--quantum', '5', '--entries', '64', '--ways', 'full'];
    const [flushed] = await results(loop(5), ...settings);
    expect(flushed).toMatchObject({ references: 100, misses: 100, switches: 19, flushes: 19, flushed: 95 });
    const [kept] = await results(loop(5), ...settings, '--asids', '2');
    expect(kept).toMatchObject({ misses: 10, switches: 19, flushes: 0 });
    // Each process stays on one of two processors; on three it wanders.
    const [apart] = await results(loop(5), ...settings, '--asids', '2', '--processors', '2', '--unmap-every', '50');
    expect(apart).toMatchObject({ unmappings: 2, shootdowns: 0 });
    const [wandering] = await results(loop(5), ...settings, '--asids', '2', '--processors', '3', '--unmap-every', '50');
    expect(wandering).toMatchObject({ unmappings: 2, shootdowns: 2, interrupts: 4 });
  });

  it('knows processors, and large pages in arrays of their own', async () => {
    const [r4000, skylake] = await results(loop(600), '--preset', 'r4000,skylake');
    expect([r4000?.translations, skylake?.translations]).toEqual([300, 600]);
    expect(r4000?.reachBytes).toBe(48 * 2 * 4096);
    expect(skylake).toMatchObject({ misses: 600, firstHits: 0, secondHits: 5400 });
    const [large] = await results(loop(1024), '--preset', 'skylake', '--large-pages', '2MiB');
    expect(large).toMatchObject({ translations: 2, misses: 2 });
  });

  it('writes CSV by the ending of a file', async () => {
    const path = join(folder, 'out.csv');
    await quireLater('tlb', loop(5), '--entries', '8', '--ways', 'direct', '-o', path);
    const [head, row] = readFileSync(path, 'utf8').split('\n');
    expect(head).toMatch(/^tlb,entries,ways,replacement,pageBytes,/);
    expect(row).toMatch(/^8 direct,8,1,lru,4096,32768,5,50,45,0,5,0.1,/);
  });

  it('leaves out what cannot be built, and says so', async () => {
    const { out } = await quireLater('tlb', loop(5), '--entries', '6,8', '--ways', '4');
    expect(out).toContain('left out: 6 4 ways lru, since 6 entries do not divide into sets of 4');
  });

  const refusals: readonly (readonly [what: string, parameters: readonly string[], says: RegExp])[] = [
    ['entries that are no number', ['--entries', 'many'], /--entries many/],
    ['only impossible shapes', ['--entries', '6', '--ways', '4'], /do not divide/],
    ['an unknown rule', ['--replacement', 'mru'], /choose from lru, fifo/],
    ['an unknown preset', ['--preset', 'z80'], /choose from i486/],
    ['a preset and a shape', ['--preset', 'i486', '--entries', '4'], /--entries/],
    ['pages that the format lacks', ['--page-size', '64KiB', '--page-table', 'sv39'], /it has 4 KiB, 2 MiB, 1 GiB/],
    ['a hashed table', ['--page-table', 'inverted'], /no fixed number/],
    ['a cache of nothing', ['--walk-cache', '4'], /--page-table/],
    ['large pages that are small', ['--large-pages', '4KiB'], /larger/],
    ['large entries without large pages', ['--large', '4:4'], /--large-pages/],
    ['fewer processes than traces', ['--processes', '0'], /--processes 0/],
    ['a range that ends before it begins', ['--global', '9..3'], /--global 9\.\.3/],
    ['pairs of pages of two sizes', ['--preset', 'r4000', '--large-pages', '2MiB'], /one size/],
  ];
  it.each(refusals)('refuses %s', async (_what, parameters, says) => {
    expect(refusal(await quireLater('tlb', loop(5), ...parameters))).toMatch(says);
  });

  it('refuses addresses that the format has no tables for', async () => {
    const wide = file('wide.txt', `${2 ** 30}\n`);
    expect(refusal(await quireLater('tlb', wide, '--page-table', 'sv39'))).toMatch(/take a wider one/);
  });
});
