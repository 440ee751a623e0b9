import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownSubjects } from '../src/lab/index.ts';
import { quireLater, refusal } from '../test/support/quire-command.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-heap-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const place = (name: string): string => join(folder, name);
const put = (name: string, content: string | Uint8Array): string => {
  writeFileSync(place(name), content);
  return place(name);
};

/** Three blocks of 1,000 bytes, the second freed, one of 500 in its place or behind. */
const script = 'a 0 1000\na 1 1000\na 2 1000\nf 1\na 3 500\nf 0\nf 2\nf 3\n';
const quick = ['--time', '0'];

interface Results {
  readonly results: readonly {
    readonly trace: string;
    readonly allocator: string;
    readonly operations: number;
    readonly operationsPerSecond: number | null;
    readonly peakPayloadBytes: number;
    readonly peakHeapBytes: number;
    readonly utilization: number;
    readonly errors: number;
    readonly problems: readonly { readonly operation: number; readonly line: number; readonly fault: string }[];
  }[];
}

async function results(...parameters: string[]): Promise<Results> {
  const { code, out, err } = await quireLater('heap', ...parameters, '--json');
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out) as Results;
}

describe('quire heap', () => {
  it('tells of each allocator on each trace what it promises, as JSON', async () => {
    const { results: found } = await results(
      put('a.rep', script),
      'random:operations=2000',
      '--time',
      '0.01',
      '--allocator',
      'segregated,best-fit',
    );
    expect(found.map(({ trace, allocator }) => `${trace} ${allocator}`)).toEqual([
      'a.rep segregated',
      'a.rep best-fit',
      'random:operations=2000 segregated',
      'random:operations=2000 best-fit',
    ]);
    for (const { operations, operationsPerSecond, peakPayloadBytes, peakHeapBytes, utilization, errors } of found) {
      expect([8, 2000]).toContain(operations);
      expect(operationsPerSecond).toBeGreaterThan(1000);
      expect(utilization).toBe(peakPayloadBytes / peakHeapBytes);
      expect(errors).toBe(0);
    }
    expect(found[0]).toMatchObject({ operations: 8, peakPayloadBytes: 3000 });
    expect(found[0]?.peakHeapBytes).toBeGreaterThan(3000);
  });

  it('judges every allocator of Quire on every kind of generated trace, in every memory', async () => {
    const traces = ['random', 'coalescing', 'binary', 'realloc', 'larson', 'graph', 'rptest', 'phases'].map(
      (name) => `${name}:operations=1000`,
    );
    for (const [backing, alignment] of [
      ['wasm', '8'],
      ['array', '16'],
      ['shared', '8'],
    ]) {
      const { results: found } = await results(
        ...traces,
        ...quick,
        ...['--backing', backing as string, '--alignment', alignment as string, '--contents', 'whole', '--limit', '16MiB'],
      );
      expect(found).toHaveLength(traces.length * ownSubjects.length);
      expect(found.filter(({ errors }) => errors > 0)).toEqual([]);
    }
  });

  it('judges hardened and locked variants by their names', async () => {
    const variants = ['segregated+hardened', 'best-fit+locked', 'segregated+hardened+locked'];
    for (const backing of ['wasm', 'shared']) {
      const { results: found } = await results(
        'random:operations=3000',
        ...quick,
        '--allocator',
        variants.join(','),
        '--backing',
        backing,
        '--limit',
        '64MiB',
      );
      expect(found.map(({ allocator, errors }) => [allocator, errors])).toEqual(variants.map((name) => [name, 0]));
    }
    const refused = await quireLater('heap', 'random', '--allocator', 'segregated+locked', '--backing', 'array');
    expect(refusal(refused)).toBe('an allocator with a lock needs memory that can be shared: give --backing shared or wasm');
    expect(refusal(await quireLater('heap', 'random', '--allocator', 'segregated+fast'))).toContain(
      "there is no allocator 'segregated+fast'",
    );
  });

  it('reads packed files and writes the trace again', async () => {
    const [rep, own] = [place('again.rep'), place('again.trace')];
    const one = ['--allocator', 'segregated', ...quick];
    const plain = await results(put('a.rep', script), ...one);
    const strip = (all: Results): unknown => all.results.map(({ trace: _, ...rest }) => ({ ...rest, problems: [] }));
    expect(strip(await results(put('b.gz', gzipSync(script)), ...one, '--save', rep))).toEqual(strip(plain));
    expect(strip(await results(put('c.br', brotliCompressSync(script)), ...one, '--save', own))).toEqual(strip(plain));
    expect(readFileSync(rep, 'utf8')).toBe(`3000\n4\n8\n1\n${script}`);
    expect(readFileSync(own, 'utf8')).toBe(`quire-malloc 1\n${script}end 8\n`);
    expect(strip(await results(rep, ...one))).toEqual(strip(plain));
    expect(strip(await results(own, ...one))).toEqual(strip(plain));
  });

  it('shows tables, curves, histograms, maps and pins as text', async () => {
    const path = put('a.rep', script);
    const { code, out } = await quireLater(
      ...['heap', path, 'graph:operations=2000', '--allocator', 'segregated', '--time', '0.01', '--curve', '--histograms', '--map'],
      ...['--pins', '0', '--at', '4'],
    );
    expect(code).toBe(0);
    expect(out).toContain('a.rep: 8 operations: 4 malloc, 4 free\n');
    expect(out).toContain('payload at most 2.9 KiB, after operation 3; largest block 1000 B\n  0 blocks alive at the end\n');
    expect(out).toMatch(/segregated {2,}[\d.]+ {2,}2\.9 KiB {2,}\d/);
    expect(out).toContain('payload and heaps over the trace');
    expect(out).toMatch(/512 - 1,023 {2,}3 {2,}75\.0 %/);
    expect(out).toContain('segregated after operation 4: ');
    expect(out).toMatch(/page 0 \(0x0000_0000\) of segregated after operation 4: pinned by \d blocks? with/);
    expect(out).toContain('2 traces: geometric mean of the speeds, mean of the utilizations');
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('writes the form that the file asks for', async () => {
    const one = [put('a.rep', script), '--allocator', 'segregated', ...quick];
    for (const [name, start] of [
      ['r.csv', 'trace,allocator,operations,operations_per_second,'],
      ['r.svg', '<svg '],
      ['r.html', '<!DOCTYPE html>'],
      ['r.txt', 'a.rep: 8 operations'],
      ['r.json', '{\n  "results": ['],
    ] as const) {
      expect(await quireLater('heap', ...one, '-o', place(name))).toMatchObject({ code: 0, out: '' });
      expect(readFileSync(place(name), 'utf8').startsWith(start)).toBe(true);
    }
    expect(await quireLater('heap', ...one, '--map', '-o', place('map.svg'))).toMatchObject({ code: 0 });
    expect(readFileSync(place('map.svg'), 'utf8')).toContain('segregated after operation 3');
    expect(readFileSync(place('r.csv'), 'utf8').split('\n')).toHaveLength(3);
  });

  it('ends with 1 when an allocator gives nothing where it should', async () => {
    // 60 KiB of payload in a heap of 64 KiB: too little for sixty thousand blocks of a byte, whatever the design.
    const lines = Array.from({ length: 60_000 }, (_, id) => `a ${id} 1`).join('\n');
    const { code, out } = await quireLater(
      'heap',
      put('bytes.rep', lines),
      '--limit',
      '64KiB',
      '--allocator',
      'segregated',
      '--json',
      '--time',
      '1',
    );
    expect(code).toBe(1);
    const [result] = (JSON.parse(out) as Results).results;
    expect(result).toMatchObject({ errors: 10, operationsPerSecond: null });
    expect(result?.problems[0]).toMatchObject({ fault: 'no-room', what: 'malloc(1) gave nothing' });
    const shown = await quireLater('heap', place('bytes.rep'), '--limit', '64KiB', '--allocator', 'segregated');
    expect(shown.out).toMatch(/segregated: operation [\d,]+ \(line [\d,]+\): malloc\(1\) gave nothing\n/);
    expect(shown.out).toContain('segregated: 7 more errors\n');
  });

  it('--space: what each heap costs a process in pages', async () => {
    const flags = ['random:operations=3000', '--space', '--allocator', 'segregated,worst-fit', '--memory', '512KiB'];
    const { code, out } = await quireLater('heap', ...flags);
    expect(code).toBe(0);
    expect(out).toContain('as the heap of a process with 512 KiB of memory under uvm');
    expect(out).toMatch(/allocator +resident +of payload +faults +in +out +break +mapped/);
    const { spaces } = JSON.parse((await quireLater('heap', ...flags, '--system', 'bsdvm', '--json')).out) as {
      spaces: { faults: number }[];
    };
    expect(spaces).toHaveLength(2);
    expect(spaces).toMatchObject([{ allocator: 'segregated', operations: 3000, end: 'done' }, { allocator: 'worst-fit' }]);
    expect(spaces[0]?.faults).toBeGreaterThan(10);
  });

  it('puts two allocators side by side', async () => {
    const same = await quireLater('heap', put('a.rep', script), '--compare', 'segregated,segregated', ...quick);
    expect(refusal(same)).toBe('--compare segregated,segregated: give two different allocators');
    const { out } = await quireLater('heap', 'random:operations=5000', '--compare', 'segregated,best-fit', ...quick);
    expect(out).toMatch(/segregated reaches [\d.]+ MiB, best-fit [\d.]+ MiB, in 5,000 operations/);
  });
});

describe('what cannot be is refused with a sentence:', () => {
  it.each([
    ['a 0 5\nf 0\nf 0\n', 'x.rep, line 3: block 0 is freed, and was freed before'],
    ['a 0 -5\n', "x.rep, line 1: a size below 0 in 'a 0 -5'"],
    ['2\n2\na 0 5\n', 'x.rep, line 4: the file ends after 1 operations, and says that it has 2'],
    ['', 'x.rep is empty: a malloc trace has at least one operation'],
    ['hello\n', 'x.rep does not begin as a malloc trace does: give --format (quire-malloc, rep, memory-replay, mtrace)'],
    [
      'a 0 5\na 1 7000000000\n',
      'x.rep, line 2: a block of 7,000,000,000 bytes does not go into a heap of 1 GiB; --limit raises it, up to 4 GiB less 64 KiB',
    ],
  ])('%j', async (text, sentence) => {
    expect(refusal(await quireLater('heap', put('x.rep', text)))).toBe(sentence);
  });

  it.each([
    [['--allocator', 'glibc'], "there is no allocator 'glibc': choose from "],
    [['--compare', 'segregated'], '--compare segregated: give two allocators, with a comma between'],
    [['--time', 'soon'], '--time soon: not a number of seconds up to 3,600'],
    [['--limit', '4'], '--limit 4: less than 64 KiB'],
    [['--at', '3'], '--at: says when to look at the heap; add --map or --pins'],
    [['--at', '99', '--map'], '--at 99: x.rep has no more than 8 operations'],
    [['--memory', '4MiB'], '--memory: says on what machine a process has its heap; add --space'],
    [['--space', '--memory', '4KiB'], 'RAM of 4096 bytes is not possible'],
    [['--pins', 'first'], '--pins first: not a whole number of at least 0'],
    [['--json', '--csv'], '--json and --csv: choose one of them'],
  ])('%j', async (flags, sentence) => {
    expect(refusal(await quireLater('heap', put('x.rep', script), ...flags))).toContain(sentence);
  });

  it('a file that is not there, a directory, a generator with a wrong setting', async () => {
    expect(refusal(await quireLater('heap', place('none.rep')))).toContain('there is no such file');
    expect(refusal(await quireLater('heap', folder))).toContain('it is a directory');
    expect(refusal(await quireLater('heap', 'random:speed=3'))).toContain("random has no 'speed'");
    const output = place('out.json');
    expect(refusal(await quireLater('heap', put('y.rep', 'f 1\n'), '-o', output))).toContain('was never given');
    expect(existsSync(output)).toBe(false);
  });
});
