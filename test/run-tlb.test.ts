// `quire run --tlb`: the TLBs beside a running program see what a recorded trace of it would tell, and what a trace cannot tell.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LiveTlbResult, RunReport } from '../src/report/index.ts';
import { quire, quireLater } from './support/quire-command.ts';

const qsort = fileURLToPath(new URL('../programs/qsort.wasm', import.meta.url));
const gups = fileURLToPath(new URL('../programs/gups.wasm', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-run-tlb-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(...parameters: string[]): { tlbs: readonly LiveTlbResult[]; report: RunReport } {
  const path = join(folder, 'report.json');
  const said = quire('run', '--deterministic', '--report', 'json', '--report-file', path, ...parameters);
  expect([said.code, said.err]).toEqual([0, '']);
  const report = JSON.parse(readFileSync(path, 'utf8')) as RunReport;
  return { tlbs: report.tlbs ?? [], report };
}

describe('quire run --tlb', () => {
  it('counts what quire tlb counts on the recorded trace, but for what the kernel flushed', async () => {
    const trace = join(folder, 'qsort.quire');
    expect(quire('record', '--deterministic', '-o', trace, qsort, '20000').code).toBe(0);
    const shapes = ['--entries', '4,16', '--ways', '4,full', '--page-table', 'sv39', '--json'];
    const replayed = JSON.parse((await quireLater('tlb', trace, ...shapes)).out) as { results: LiveTlbResult[] };
    const { tlbs } = run('--ram', '256MiB', '--page-table', 'sv39', '--tlb', '4:full,16:4,16:full', qsort, '20000');
    expect(tlbs.map(({ tlb }) => tlb)).toEqual(['4 full lru', '16 4 ways lru', '16 full lru']);
    for (const live of tlbs) {
      const traced = replayed.results.find(({ tlb }) => tlb === live.tlb) as LiveTlbResult;
      expect(live.references).toBe(traced.references);
      expect(live.misses - traced.misses).toBeGreaterThanOrEqual(0);
      expect(live.misses - traced.misses).toBeLessThanOrEqual(live.dropped);
      expect(live.walkLoads).toBe(3 * live.misses);
    }
  });

  it('lets a large page be one entry from its promotion on', () => {
    const [small, large] = (['never', 'promote'] as const).map(
      (when) => run('--ram', '32MiB', '--page-table', 'amd64', '--large-pages', when, '--tlb', '16:full', gups, '19', '20000').tlbs[0],
    ) as [LiveTlbResult, LiveTlbResult];
    expect(large.references).toBe(small.references);
    expect(large.misses).toBeLessThan(small.misses);
    expect([small.largeMisses, large.largeMisses > 0]).toEqual([0, true]);
    expect(large.walkLoads).toBe(4 * large.misses - large.largeMisses);
  });

  it('flushes pages that go out: with little RAM more misses than with much', () => {
    const [much, little] = ['32MiB', '384KiB'].map((ram) => run('--ram', ram, '--tlb', '1024:full', qsort, '100000').tlbs[0]) as [
      LiveTlbResult,
      LiveTlbResult,
    ];
    expect(little.references).toBe(much.references);
    expect(little.dropped).toBeGreaterThan(100);
    expect(little.misses).toBeGreaterThan(much.misses);
  });

  it('stands in the text, and leaves what the program does as it was', () => {
    const said = quire('run', '--tlb', 'skylake,8:2:fifo', qsort, '1000');
    expect(said.err).toMatch(/TLBs that [\d,]+ references went through\n +TLB +hits/);
    expect(said.err).toMatch(/\n +skylake +[\d,]+ .*\n +8 2 ways fifo +[\d,]+/);
  });

  it.each([
    [['--tlb', '64'], /write ENTRIES:WAYS/],
    [['--tlb', '64:5'], /do not divide into sets/],
    [['--tlb', '64:4:worst'], /--tlb worst: there is no such rule/],
    [['--tlb', '64:many'], /--tlb many: not a whole number/],
    [['--tlb', 'r4000', '--large-pages', 'promote'], /entries are of several pages/],
    [['--tlb', '64:4', '--mmu', 'off'], /no pages to translate/],
    [['--tlb', '64:4', '--page-table', 'mips'], /is its own/],
  ])('refuses %j', (parameters, why) => {
    const said = quire('run', ...parameters, qsort, '1000');
    expect(said.code).toBe(2);
    expect(said.err.replace(/\s+/g, ' ')).toMatch(why);
  });
});
