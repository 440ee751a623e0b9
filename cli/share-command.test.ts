import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SharingOutcome } from '../src/lab/index.ts';
import { quireLater } from '../test/support/quire-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-share-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const share = async (...parameters: string[]): Promise<string> => {
  const { code, out, err } = await quireLater('share', ...parameters);
  expect([err, code]).toEqual(['', 0]);
  return out;
};

/** Round and round over `pages` pages. */
const loop = (pages: number): string => Array.from({ length: 20 * pages }, (_, at) => `${at % pages}\n`).join('');

describe('quire share', () => {
  it('tells what each process did and how frames were divided', async () => {
    const text = await share(file('a.txt', '1\n2\n1\n2\n'), file('b.txt', '7\n7\n7\n'), '--frames', '3', '--design', 'global:lru');
    expect(text).toBe(
      [
        "3 frames of 4 KiB, 12 KiB in all; all times are modelled: 10 ns for a reference, requests to a device as 'ssd'",
        '',
        'global:lru: 2 processes done in 240 µs',
        '           references  pages  ws(10,000)  faults  again  frames  most      ran  paging  ready',
        '  1 a.txt           4      2         1.8       2      0     1.7     2  0.04 µs  240 µs    0 s',
        '  2 b.txt           3      1         1.0       1      0     1.0     1  0.03 µs  160 µs    0 s',
        '',
        '  processor in use 0.0 % of the time, device 100.0 %',
        '  3 faults, 0 of them for pages that had been in memory before',
        '  3 reads of 3 pages, 0 writes of 0 pages; 0 pages left dirty, 0 clean',
        '  no thrashing',
        '',
        '  frames over time, of all 3: · none  ▁ up to an eighth  to  █ more than seven eighths',
        '  1 a.txt    ▅',
        '  2 b.txt    ▂',
        '  processor  ▁',
        '  device     █',
        '',
      ].join('\n'),
    );
  });

  it('gives the same as JSON', async () => {
    const trace = file('loop.txt', loop(10));
    const { frames, outcomes } = JSON.parse(await share(trace, '--processes', '2', '--design', 'local:lru,ws', '--json'));
    expect([frames, outcomes.length]).toEqual([10, 2]);
    const [local, ws] = outcomes as [SharingOutcome, SharingOutcome];
    // Five frames each for loops of ten: LRU misses every reference.
    expect([local.design, local.faults, ws.design]).toEqual(['local:lru', 400, 'ws']);
    expect(local.processes.map(({ meanFrames }) => Math.round(meanFrames))).toEqual([5, 5]);
  });

  it('sweeps the number of processes', async () => {
    const text = await share(
      file('loop.txt', loop(10)),
      '--processes',
      '3',
      '--sweep',
      'processes',
      '--frames',
      '25',
      '--design',
      'global:lru',
    );
    const rows = text.split('\n').filter((line) => /^ +[123] /.test(line));
    // Two loops of ten pages fit, three do not: each of their references misses.
    expect(rows.map((row) => row.match(/%\s+([\d,]+)\s+([\d,]+)\s/)?.slice(1))).toEqual([
      ['10', '0'],
      ['20', '0'],
      ['600', '570'],
    ]);
  });

  it('makes pages of any size from blocks of 4 KiB and counts what of them is not used', async () => {
    const trace = file('a.din', '0 0\n1 1000\n0 200000\n');
    const { outcomes } = JSON.parse(await share(trace, '--page-size', '2MiB', '--frames', '2', '--json'));
    const [{ faults, fragmentation }] = outcomes;
    expect([faults, fragmentation.peakBytes]).toEqual([2, (2 * 512 - 3) * 4096]);
  });

  it.each([
    [['--design', 'lru'], "--design lru: 'lru' is none of global:lru, "],
    [['--frames', '0'], '--frames 0: a memory has at least one frame'],
    [['--page-size', '1KiB'], '--page-size 1KiB: pages have 4 KiB to 2 MiB here'],
    [['--page-size', '4MiB'], '--page-size 4MiB: pages have 4 KiB to 2 MiB here'],
    [['--window', '0'], '--window 0: not a whole number of at least 1'],
    [['--fault-interval', '9..3'], '--fault-interval 9..3: the range ends below its start'],
    [['--reference-ns', '1000001'], '--reference-ns 1000001: at most 1000000'],
    [['--processes', '65'], '--processes 65: at most 64 can be simulated'],
    [['--thrashing-below', '101%'], '--thrashing-below 101%: not a share from 0% to 100%'],
    [['--design', 'local:lru', '--processes', '2', '--frames', '1'], 'local:lru needs at least one frame for each of 2 processes'],
  ])('refuses %j with a sentence', async (parameters, sentence) => {
    const { code, out, err } = await quireLater('share', file('a.txt', '1\n'), ...parameters);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(`quire: ${sentence}`);
  });
});
