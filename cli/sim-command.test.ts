import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { constants, deflateRawSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { zipfTrace } from '../src/trace/index.ts';
import { quireLater, refusal } from '../test/support/quire-command.ts';
import { main } from './main.ts';

/** The string of Belady, Nelson and Shedler: 9 misses of FIFO with 3 frames, 10 with 4. */
const textbook = '1\n2\n3\n4\n1\n2\n5\n1\n2\n3\n4\n5\n';

/** libCacheSim's answers, which are not in the repository. */
const oracle = join(import.meta.dirname, '../../shared/oracle/policy');
if (!existsSync(oracle)) console.warn(`SKIPPED: libCacheSim's curves are not at ${oracle}.`);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-sim-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (name: string, bytes: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

/** Compressed, flushed behind the text, and without an end. */
const cutShort = (text: string): Uint8Array => deflated(text, []);

/** Compressed, and then a block of a type that there is not. */
const damaged = (text: string): Uint8Array => deflated(text, [0xff, 0xff, 0xff, 0xff]);

const deflated = (text: string, then: readonly number[]): Uint8Array => {
  const block = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
  return Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]), block, Buffer.from(then)]);
};

const sim = async (...parameters: string[]): Promise<string> => {
  const { code, out, err } = await quireLater('sim', ...parameters);
  expect([err, code]).toEqual(['', 0]);
  return out;
};

interface Result {
  policy: string;
  frames: number;
  references: number;
  misses: number;
  compulsory: number;
  evictions: { clean: number; dirty: number };
}

const results = async (...parameters: string[]): Promise<Result[]> => JSON.parse(await sim(...parameters, '--json')).results;

describe('quire sim', () => {
  it("shows misses, the way to the optimum and Belady's anomaly", async () => {
    const text = await sim(file('belady.txt', textbook), '--policy', 'fifo,belady', '--frames', '3,4');
    expect(text).toBe(
      [
        'belady.txt: 12 references, none of them named as a write, to 5 pages of 4 KiB',
        '  compulsory misses: 5, 41.7 % of references; no policy and no memory avoids them',
        '',
        'misses, and their share of references',
        '  frames  memory        fifo     belady',
        '       3  12 KiB   9  75.0 %  7  58.3 %',
        '       4  16 KiB  10  83.3 %  6  50.0 %',
        '',
        "misses beyond the optimum's, and their share of those",
        '  frames  memory       fifo',
        '       3  12 KiB  2  28.6 %',
        '       4  16 KiB  4  66.7 %',
        '',
        'The trace names no writes: all evictions count as clean.',
        '',
        'time waiting for the device, modelled (ssd: 80.0 µs for a miss, 20.0 µs for an eviction of a written page)',
        '  frames  memory    fifo  belady',
        '       3  12 KiB  720 µs  560 µs',
        '       4  16 KiB  800 µs  480 µs',
        '',
        "fifo: Belady's anomaly: 4 frames miss 1 more than 3",
        '',
      ].join('\n'),
    );
  });

  it('gives the same as JSON and as comma-separated values', async () => {
    const trace = file('belady.txt', textbook);
    expect(JSON.parse(await sim(trace, '--policy', 'fifo', '--frames', '3,4', '--json'))).toEqual({
      results: [
        {
          trace: 'belady.txt',
          policy: 'fifo',
          frames: 3,
          references: 12,
          misses: 9,
          compulsory: 5,
          evictions: { clean: 6, dirty: 0 },
        },
        {
          trace: 'belady.txt',
          policy: 'fifo',
          frames: 4,
          references: 12,
          misses: 10,
          compulsory: 5,
          evictions: { clean: 6, dirty: 0 },
        },
      ],
      traces: [{ trace: 'belady.txt', references: 12, writes: 0, pages: 5, pageBytes: 4096, changes: [], warmup: 0 }],
      anomalies: [{ trace: 'belady.txt', policy: 'fifo', fewer: { frames: 3, misses: 9 }, more: { frames: 4, misses: 10 } }],
    });
    expect(await sim(trace, '--policy', 'fifo', '--frames', '3,4', '--csv')).toBe(
      'trace,policy,frames,references,misses,compulsory,clean_evictions,dirty_evictions\n' +
        'belady.txt,fifo,3,12,9,5,6,0\nbelady.txt,fifo,4,12,10,5,6,0\n',
    );
  });

  it("misses as often as libCacheSim, on the project's own traces", async () => {
    const expected = readFileSync(join(import.meta.dirname, '../src/lab/fixtures/misses.tsv'), 'utf8')
      .split('\n')
      .map((line) => line.split('\t'))
      .filter(([name, policy]) => name === 'zipf300k' && ['fifo', 'lru', 'arc', 'belady'].includes(policy as string))
      .map(([, policy, frames, misses]) => `${policy} ${frames} ${misses}`)
      .sort();
    expect(expected.length).toBeGreaterThan(8);
    const sizes = [...new Set(expected.map((line) => line.split(' ')[1]))].join(',');
    const path = file('zipf.gz', gzipSync(zipfTrace(20_000, 300_000).join('\n')));
    const found = await results(path, '--policy', 'fifo,lru,arc,belady', '--frames', sizes);
    expect(found.map(({ policy, frames, misses }) => `${policy} ${frames} ${misses}`).sort()).toEqual(expected);
  });

  it('tells clean evictions from dirty ones; instruction fetches write nothing', async () => {
    // One frame: page 1 leaves read, page 2 written, page 3 fetched; page 4 stays.
    const path = file('a.lackey', ' L 1000,4\n S 2000,4\n L 2008,4\nI  3000,4\n M 4000,4\n');
    expect((await results(path, '--policy', 'lru', '--frames', '1'))[0]?.evictions).toEqual({ clean: 2, dirty: 1 });
    expect(await sim(path, '--policy', 'lru', '--frames', '1')).toMatch(/evictions of written pages, .*\n.*lru\n +1 +4 KiB +1 +33.3 %\n/);
    expect(await sim(path, '--policy', 'lru', '--frames', '1', '--device', 'disk')).toMatch(/lru\n +1 +4 KiB +63.5 ms\n/);
  });

  it('ticks as often as it is told', async () => {
    // With a tick at each reference page 1 has been used in three of them and 2 in one; without any, both count the same and 1 is first.
    const path = file('ticks', '1\n2\n1\n1\n3\n1\n');
    const missesOf = async (...tick: string[]): Promise<number | undefined> =>
      (await results(path, '--policy', 'nfu', '--frames', '2', ...tick))[0]?.misses;
    expect([await missesOf('--tick', '1'), await missesOf(), await missesOf('--tick', '100')]).toEqual([3, 3, 4]);
  });

  it('leaves a warm-up out of every count', async () => {
    const path = file('a', textbook);
    const [whole] = await results(path, '--policy', 'lru', '--frames', '3', '--warmup', '0%');
    const [later] = await results(path, '--policy', 'lru', '--frames', '3', '--warmup', '4');
    // LRU with 3 frames misses all but positions 8 and 9; of the pages only 5 comes after the fourth reference.
    expect([whole?.misses, later?.references, later?.misses, later?.compulsory, later?.evictions.clean]).toEqual([10, 8, 6, 1, 6]);
    expect((await results(path, '--policy', 'lru', '--frames', '3', '--warmup', '25%'))[0]?.references).toBe(9);
  });

  it('takes sizes as ranges and with units, each once, and chooses some if none are given', async () => {
    const path = file('a', textbook);
    const sizes = async (...flags: string[]): Promise<number[]> =>
      (await results(path, '--policy', 'lru', ...flags)).map(({ frames }) => frames);
    expect(await sizes('--frames', '4,1..6,16KiB')).toEqual([1, 2, 4, 6]);
    expect(await sizes('--frames', '10..20/3')).toEqual([10, 15, 20]);
    expect(await sizes('--frames', '64KiB..0.25MiB', '--page-size', '16KiB')).toEqual([4, 8, 16]);
    expect(await sizes()).toEqual([1, 2, 4, 5]);
    expect(await sizes('--frames', '1GiB')).toEqual([262_144]);
  });

  it('replays with every policy there is', async () => {
    const all = await results(file('a', textbook), '--policy', 'all', '--frames', '3');
    expect(all.length).toBeGreaterThanOrEqual(20);
    const least = all.find(({ policy }) => policy === 'belady')?.misses as number;
    expect(all.every(({ misses, compulsory }) => compulsory === 5 && misses >= least && misses <= 12)).toBe(true);
  });

  it('shows how far it is, on a terminal', async () => {
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      now += 200;
      return now;
    });
    let drawn = '';
    const output = { write: () => undefined, columns: undefined, color: 'none' } as const;
    const err = {
      ...output,
      columns: 100,
      write: (text: string): void => {
        drawn += text;
      },
    };
    try {
      const code = main(['sim', file('t', textbook), '--frames', '3,4', '--policy', 'lru,fifo'], { out: output, err, environment: {} });
      expect(await code).toBe(0);
    } finally {
      clock.mockRestore();
    }
    const bars = drawn.split('\r\u001b[2K').filter((line) => line.includes('simulations'));
    expect(bars[0]).toMatch(/^\d+\.\d s {3}t █{3}░{7} 25\.0 % {3}[01] of 4 simulations$/);
    expect(bars.at(-1)).toMatch(/ t █{10} 100\.0 % {3}4 of 4 simulations$/);
    // Nothing of it stays.
    expect(drawn.endsWith('\r\u001b[2K')).toBe(true);
  });

  it('keeps the results of the traces before one that is bad', async () => {
    const good = file('good', textbook);
    const bad = file('bad.gz', gzipSync(textbook.repeat(999)).subarray(0, 60));
    for (const [flag, begins] of [
      ['--csv', 'trace,'],
      ['--json', '{'],
      ['--collapse=none', 'good: '],
    ] as const) {
      const { code, out, err } = await quireLater('sim', good, bad, '--frames', '3', flag);
      expect([code, err]).toEqual([2, expect.stringMatching(/^quire: bad.gz is cut short inside a compressed block[^\n]*\n$/)]);
      expect(out.startsWith(begins)).toBe(true);
    }
    const out = join(folder, 'out.csv');
    expect((await quireLater('sim', good, bad, '--policy', 'lru', '--frames', '3', '-o', out)).code).toBe(2);
    expect(readFileSync(out, 'utf8').split('\n')[1]).toBe('good,lru,3,12,10,5,7,0');
  });

  // The textbook's string before the defect: FIFO misses 9 of the 12 with 3 frames.
  describe.each([
    ['a bad line', () => file('t', `${textbook}what?\n${textbook}`), "t, line 13: expected a page number below 2^53, found 'what?'"],
    ['a block that is cut short', () => file('t', cutShort(textbook)), 't is cut short inside a compressed block'],
  ])('%s', (_case, make, defect) => {
    it('ends the results, which are labelled as those of a part', async () => {
      const { code, out, err } = await quireLater('sim', make(), '--format', 'numbers', '--policy', 'fifo', '--frames', '3', '--json');
      const { results, traces } = JSON.parse(out);
      const [{ partial }] = traces;
      expect(code).toBe(2);
      expect(partial).toEqual({ references: results[0].references, reason: expect.stringContaining(defect) });
      expect(err).toBe(`quire: ${partial.reason}; results are of the ${partial.references} references before that\n`);
      expect([partial.references, results[0].misses]).toEqual([12, 9]);
    });

    it('is named in the text, in a profile and in answers to questions', async () => {
      const label = 'PARTIAL: only the first 12 references, before a defect: ';
      expect((await quireLater('sim', make(), '--format', 'numbers', '--frames', '3')).out.split('\n')[1]).toContain(`  ${label}${defect}`);
      expect((await quireLater('sim', make(), '--format', 'numbers', '--ws', '4')).out.split('\n')[1]).toContain(`  ${label}${defect}`);
      expect((await quireLater('trace', 'info', make(), '--format', 'numbers')).out).toContain(`\n  ${label}${defect}`);
      const { code, out } = await quireLater('trace', 'info', make(), '--format', 'numbers', '--json');
      expect([code, JSON.parse(out).partial.references]).toEqual([2, 12]);
    });

    it('gives nothing where a part is of no use', async () => {
      const out = join(folder, 'out');
      expect(refusal(await quireLater('share', make(), '--format', 'numbers'))).toContain(defect);
      expect(refusal(await quireLater('trace', 'convert', make(), '--format', 'numbers', '--to', 'numbers', '-o', out))).toContain(defect);
      expect(refusal(await quireLater('sim', make(), '--format', 'numbers', '--warmup', '12', '-o', out))).toContain(defect);
      expect(existsSync(out)).toBe(false);
    });

    it('does not matter behind the references that were asked for', async () => {
      expect((await quireLater('sim', make(), '--format', 'numbers', '--limit', '12', '--frames', '3')).code).toBe(0);
    });
  });

  it('keeps what could be read of a damaged file, to the last whole line', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 8);
    const said = await quireLater('sim', file('t', damaged(`${lines.join('\n')}\n`)), '--policy', 'fifo', '--frames', '64', '--json');
    const { results: partial, traces } = JSON.parse(said.out);
    const { references, reason } = traces[0].partial;
    expect([said.code, reason]).toEqual([2, 't is damaged: invalid block type']);
    expect(references).toBeGreaterThan(15_000);
    expect(references).toBeLessThanOrEqual(30_000);
    const whole = file('whole', `${lines.join('\n')}\n`);
    const [first] = await results(whole, '--policy', 'fifo', '--frames', '64', '--limit', String(references));
    expect(partial[0]).toEqual({ ...first, trace: 't' });
  });

  it('refuses, in a sentence', async () => {
    const path = file('a', textbook);
    const refused = async (...flags: string[]): Promise<string> => refusal(await quireLater('sim', path, ...flags));
    expect(await refused('--frames', '0')).toBe('--frames 0: a memory has at least one frame');
    expect(await refused('--frames', '1KiB')).toBe('--frames 1KiB: a memory has at least one frame');
    expect(await refused('--frames', '9..3')).toBe('--frames 9..3: the range ends below its start');
    expect(await refused('--frames', '1..9/1')).toMatch(/steps 1: not a whole number of at least 2$/);
    expect(await refused('--frames', 'many')).toMatch(/^--frames many: not a size/);
    expect(await refused('--frames', '3,')).toMatch(/^--frames : not a size/);
    expect(await refused('--frames', '1..999999999/999999999')).toMatch(/more than 100,000 simulations; ask for fewer sizes$/);
    expect(await refused('--frames', '99999999999999')).toMatch(/more frames than any machine has$/);
    expect(await refused('--policy', 'fifo,best')).toMatch(/^--policy fifo,best: 'best' is none of random, fifo,/);
    expect(await refused('--tick', '0')).toBe('--tick 0: not a whole number of at least 1');
    expect(await refused('--tick', '5', '--miniature')).toBe('--tick: a miniature ticks as often as it has frames; leave it out');
    expect(await refused('--warmup', '12')).toBe('--warmup 12: a has no more than 12 references');
    expect(await refused('--warmup', 'half')).toBe('--warmup half: not a whole number of at least 0');
    expect(await refused('--jobs', '0')).toBe('--jobs 0: not a whole number of at least 1');
    expect(await refused('--device', 'tape')).toMatch(/Allowed choices are ssd, disk/);
    expect(await refused('--json', '--csv')).toBe('--json and --csv: choose one of them');
    expect(await refused('-o', '/no/such/file')).toMatch(/^--output \/no\/such\/file: cannot be written: no such file/);
    expect(refusal(await quireLater('sim', file('empty', '')))).toBe('empty is empty: a trace has at least one reference');
    expect(refusal(await quireLater('sim', join(folder, 'none'), '-o', join(folder, 'out')))).toMatch(/there is no such file$/);
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  it('says how much memory is lacking, and asks for no more than a policy needs', async () => {
    const path = file('a', textbook);
    // 5 pages of 80 bytes; the optimum also keeps 8 bytes for each of 12 references.
    const available = vi.spyOn(process, 'availableMemory').mockReturnValue(450);
    try {
      expect(refusal(await quireLater('sim', path, '--policy', 'lru,belady', '--frames', '3'))).toBe(
        'belady needs 496 B for this trace, and 450 B of memory are free',
      );
      expect((await quireLater('sim', path, '--policy', 'lru', '--frames', '3')).code).toBe(0);
    } finally {
      available.mockRestore();
    }
  });

  it.skipIf(!existsSync('/dev/full'))('says that its output is full', async () => {
    const said = await quireLater('sim', file('a', textbook), '-o', '/dev/full');
    expect(refusal(said)).toMatch(/^--output \/dev\/full: cannot be written: no space left on device/);
  });
});

describe('quire sim --mrc', () => {
  // The seven references that are not first ones have stack distances 4, 4, 3, 3, 5, 5, 5: hits from so many frames on.
  const steps = [
    [1, 12],
    [3, 10],
    [4, 8],
    [5, 5],
  ];

  it("tells LRU's misses for every size, and draws them", async () => {
    const text = await sim(file('belady.txt', textbook), '--mrc', '--policy', 'lru,fifo');
    expect(text).toContain(
      [
        "misses, and their share of references; lru's are exact for every size",
        '  frames  memory         lru        fifo',
        '       1   4 KiB  12 100.0 %  12 100.0 %',
        '       2   8 KiB  12 100.0 %  12 100.0 %',
        '       4  16 KiB   8  66.7 %  10  83.3 %',
        '       5  20 KiB   5  41.7 %   5  41.7 %',
        '',
        'misses as a share of references, by frames',
      ].join('\n'),
    );
    const chart = text.split('\n').slice(-15, -1);
    expect(chart[0]).toMatch(/^ {3}100.0 % \|a⠉+a⠉+⡆$/);
    expect(chart.join('')).toMatch(/[\u2801-\u28ff]/);
    expect(chart.at(-2)).toMatch(/^ {12}1 +5 frames$/);
    expect(chart.at(-1)).toBe('  ⠉ lru   a fifo');
  });

  it('tells them as comma-separated values, as JSON and as a picture', async () => {
    const trace = file('t.txt', textbook);
    const svg = join(folder, 'curve.svg');
    const lines = steps.map(([frames, misses]) => `t.txt,lru,${frames},12,${misses},5\n`).join('');
    expect(await sim(trace, '--mrc', '--policy', 'fifo', '--frames', '3,4', '--csv', '--svg', svg)).toBe(
      `trace,policy,frames,references,misses,compulsory\n${lines}t.txt,fifo,3,12,9,5\nt.txt,fifo,4,12,10,5\n`,
    );
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg [\s\S]*>t\.txt: misses by size of memory<[\s\S]*>lru<[\s\S]*>fifo</);
    const json = JSON.parse(await sim(trace, '--mrc', '--policy', 'lru', '--json'));
    expect(json.lru).toEqual([
      { trace: 't.txt', references: 12, compulsory: 5, steps: steps.map(([frames, misses]) => ({ frames, misses })) },
    ]);
    expect(json.results).toEqual([]);
  });

  it('is what simulations of each size find, with a warm-up too', async () => {
    const trace = file('t', zipfTrace(60, 900).join('\n'));
    for (const warmup of ['0', '1', '450', '899']) {
      const curve = (await sim(trace, '--mrc', '--csv', '--warmup', warmup)).split('\n').slice(1, -1);
      const missesAt = new Map(curve.map((line) => line.split(',').slice(2, 5)).map(([frames, , misses]) => [frames, misses]));
      let misses: string | undefined;
      for (const result of await results(trace, '--policy', 'lru', '--frames', '1..60/60', '--warmup', warmup)) {
        misses = missesAt.get(String(result.frames)) ?? misses;
        expect([result.frames, String(result.misses)]).toEqual([result.frames, misses]);
      }
    }
  });

  it.skipIf(!existsSync(oracle))("is libCacheSim's exact curve", async () => {
    for (const name of ['phase300k', 'cloudphysics']) {
      const known = readFileSync(join(oracle, `${name}.lru-mrc.tsv`), 'utf8')
        .trim()
        .split('\n');
      const curve = (await sim(join(oracle, `traces/${name}.txt.gz`), '--mrc', '--csv')).trim().split('\n').slice(1);
      const rows = curve.map((line) => line.split(',')).map(([, , frames, , misses]) => `${frames}\t${misses}`);
      // Its last row says how many pages there are; nothing changes there.
      expect(rows).toEqual(known.slice(0, -1));
    }
  });

  it('looks at a sample above a million pages, says so, and at all pages if it is told to', async () => {
    const trace = join(folder, 'loop');
    const pages = 1_050_000;
    await quireLater('trace', 'generate', 'loop', '--pages', String(pages), '--references', String(2 * pages), '-o', trace);
    const curve = async (...flags: string[]) => JSON.parse(await sim(trace, '--mrc', '--json', ...flags)).lru[0];
    const missesAt = ({ steps }: { steps: { frames: number; misses: number }[] }, frames: number) =>
      steps.findLast((step) => step.frames <= frames)?.misses;
    const exact = await curve('--exact');
    expect([exact.sampledPages, exact.steps]).toEqual([
      undefined,
      [
        { frames: 1, misses: 2 * pages },
        { frames: pages, misses: pages },
      ],
    ]);
    // All distances are the number of pages, which a sample of an eighth of them tells to within eight.
    const sampled = await curve();
    expect(sampled.sampledPages).toBeGreaterThan(120_000);
    expect(sampled.sampledPages).toBeLessThan(140_000);
    expect([missesAt(sampled, pages - 10), missesAt(sampled, pages)]).toEqual([2 * pages, pages]);
    // After a first round nothing is left that is new.
    const later = await curve('--share', '0.01', '--warmup', String(pages));
    expect([later.references, later.compulsory, missesAt(later, pages / 2), missesAt(later, pages)]).toEqual([pages, 0, pages, 0]);
    expect(later.sampledPages).toBeLessThan(11_000);
    const text = await sim(trace, '--mrc', '--frames', '1000');
    expect(text).toMatch(
      /\n {2}from a sample of 1\d\d,\d{3} of 1,050,000 pages, 12.\d %; --share looks at more or fewer, --exact at all\n/,
    );
  });

  it('refuses, in a sentence', async () => {
    const path = file('a', textbook);
    expect(refusal(await quireLater('sim', path, '--svg', 'x'))).toBe('--svg: a picture is made of curves; add --mrc');
    expect(refusal(await quireLater('sim', path, path, '--mrc', '--svg', 'x'))).toBe('--svg: a picture shows one trace; give one');
    expect(refusal(await quireLater('sim', join(folder, 'none'), '--mrc', '--svg', join(folder, 'x')))).toMatch(/no such file$/);
    expect(existsSync(join(folder, 'x'))).toBe(false);
  });
});
