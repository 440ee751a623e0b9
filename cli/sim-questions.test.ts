import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quireLater, refusal } from '../test/support/quire-command.ts';

let folder: string;
let trace: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-questions-'));
  trace = join(folder, 'belady.txt');
  // Pages 100 above the textbook's: what is shown are the trace's numbers, not ids.
  writeFileSync(trace, [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5].map((page) => `${100 + page}\n`).join(''));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ask = async (...flags: string[]): Promise<string> => {
  const { code, out, err } = await quireLater('sim', trace, ...flags);
  expect([err, code]).toEqual(['', 0]);
  return out;
};

describe('quire sim --explain', () => {
  it('shows what a policy chose from, why, and what the optimum would have done', async () => {
    expect(await ask('--explain', '2', '--policy', 'clock,belady', '--frames', '3')).toBe(
      [
        'belady.txt: 12 references to 5 pages of 4 KiB',
        '',
        'clock with 3 frames, eviction 2: reference 5 loads page 101, page 102 goes',
        '  since its bit is clear and the search begins at it',
        '',
        '  page   place  bit  loaded ago  used ago  used next',
        '   102  ring 1    0           3         3       in 1       goes',
        '   103  ring 2    0           2         2       in 5',
        "   104  ring 3    0           1         1       in 6  optimum's",
        '',
        '  The optimum would give page 104, used again 6 references later; page 102 is used again 1 reference later.',
        '',
        'belady with 3 frames, eviction 2: reference 7 loads page 105, page 104 goes',
        '  since its next use is the farthest away',
        '',
        '  page      place  loaded ago  used ago  used next',
        '   104  awaited 1           3         3       in 4  goes',
        '   102  awaited 2           5         1       in 2',
        '   101  awaited 3           6         2       in 1',
        '',
        '  The optimum would do the same: page 104 is used again 4 references later, and no other page is needed later.',
        '',
      ].join('\n'),
    );
  });

  it('gives the same as JSON, and says where there was no such eviction', async () => {
    const { findings } = JSON.parse(await ask('--explain', '6', '--policy', 'fifo', '--frames', '3,5', '--json'));
    expect(findings).toMatchObject([
      { trace: 'belady.txt', question: 'explain', explanation: { reference: 11, loaded: 104, victim: 102, optimum: 102 } },
      { explanation: { policy: 'fifo', frames: 5, evictions: 0 } },
    ]);
    expect(await ask('--explain', '7', '--policy', 'fifo', '--frames', '3')).toMatch(
      /fifo with 3 frames: the trace makes only 6 evictions\n$/,
    );
  });
});

describe('quire sim --estimate and --miniature', () => {
  it("shows LRU's misses in several ways side by side", async () => {
    expect(await ask('--estimate', 'exact,aet', '--frames', '3,4')).toMatch(
      /misses of LRU: exact, from stack distances; AET, .*\n +frames +memory +exact +aet\n +3 .* 10 +83.3 % .*\n +4 .* 8 +66.7 %/,
    );
    const text = await ask('--estimate', 'shards', '--share', '1', '--frames', '3,4', '--csv');
    expect(text).toBe('trace,method,frames,misses\nbelady.txt,shards,3,10\nbelady.txt,shards,4,8\n');
  });

  it('a miniature of everything is the simulation', async () => {
    const text = await ask('--miniature', '--share', '1', '--policy', 'fifo,belady', '--frames', '3,4', '--csv');
    expect(text).toBe(
      'trace,policy,frames,misses\nbelady.txt,fifo,3,9\nbelady.txt,fifo,4,10\nbelady.txt,belady,3,7\nbelady.txt,belady,4,6\n',
    );
  });
});

describe('quire sim --ws and --pff', () => {
  it('shows faults and mean sizes by window', async () => {
    // Gaps: 4 and 4 in the first round, then 3, 3, 7, 7, 5.
    expect(await ask('--ws', '1,2..4,12', '--csv')).toMatch(
      /^trace,window,faults,mean_pages\n.*,1,12,1\n.*,2,12,1.9\d*\n.*,4,8,.*\n.*,12,5,.*\n$/,
    );
    expect(await ask('--pff', '2', '--json')).toMatch(/"window": 2,\n +"references": 12,\n +"faults": 7,/);
    expect(await ask('--ws', 'auto')).toMatch(/working set: the pages of the last T references\n +T +faults .*\n +12 +5 +41.7 %/);
  });
});

it('questions are refused, in a sentence, where they cannot be answered', async () => {
  const refused = async (...flags: string[]): Promise<string> => refusal(await quireLater('sim', trace, ...flags));
  expect(await refused('--explain', '0', '--frames', '3')).toBe('--explain 0: not a whole number of at least 1');
  expect(await refused('--explain', '1')).toBe('--explain: say how large memory is, with --frames');
  expect(await refused('--explain', '1', '--frames', '3', '--policy', 'lru,nru')).toMatch(
    /^--explain: nru cannot explain its choices; those that can are fifo, /,
  );
  expect(await refused('--explain', '1', '--frames', '3', '--csv')).toMatch(/^--csv: give one of /);
  expect(await refused('--ws', 'auto', '--pff', 'auto', '--csv')).toMatch(/^--csv: give one of /);
  expect(await refused('--ws', '0')).toBe('--ws 0: not a whole number of at least 1');
  expect(await refused('--ws', '9..3')).toBe('--ws 9..3: the range ends below its start');
  expect(await refused('--pff', '1..999999/5000')).toBe('--pff 1..999999/5000: more than 1,000 values');
  expect(await refused('--estimate', 'best')).toBe("--estimate best: 'best' is none of exact, shards, aet");
  expect(await refused('--estimate', 'aet', '--share', '2')).toMatch(/^--share 2: not a share above 0/);
  expect(await refused('--estimate', 'aet', '--mrc')).toBe('--mrc and --estimate: choose one of them');
  expect(await refused('--estimate', 'aet', '--warmup', '10%')).toBe('--warmup 10%: --estimate counts every reference');
});
