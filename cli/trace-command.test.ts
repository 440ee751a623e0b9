import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mixTrace, phaseTrace, zipfTrace } from '../src/trace/index.ts';
import { quire, quireLater, refusal } from '../test/support/quire-command.ts';

const lackey = '==1== Lackey\nI  0401ab70,3\n L 1fff0ffe,4\n S 1fff1000,8\n S 1fff1008,8\n';
// zstd of `numbers`, made with the zstd program; Node 20 cannot write zstd.
const numbers = '1\n2\n3\n2\n1\n';
const zstdOfNumbers = Buffer.from('KLUv/QBYUQAAMQoyCjMKMgoxCg==', 'base64');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-trace-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (name: string, bytes: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

describe('quire trace convert', () => {
  const out = (): string => join(folder, 'out');
  const converted = async (path: string, ...flags: string[]): Promise<string> => {
    const said = await quireLater('trace', 'convert', path, '--to', 'numbers', '-o', out(), ...flags);
    expect([said.err, said.code]).toEqual([expect.stringMatching(/ page references? in /), 0]);
    return readFileSync(out(), 'utf8');
  };

  it('writes the pages of any trace as numbers, split at page boundaries', async () => {
    expect(await converted(file('a.lackey', lackey))).toBe(`${[0x401a, 0x1fff0, 0x1fff1, 0x1fff1, 0x1fff1].join('\n')}\n`);
    expect(await converted(file('a.lackey', lackey), '--kinds', 'data', '--collapse', 'pages', '--page-size', '64KiB')).toBe(`${0x1fff}\n`);
    expect(await converted(file('a.lackey', lackey), '--skip', '1', '--limit', '1', '--crossing', 'whole')).toBe(`${0x1fff0}\n`);
  });

  it('passes on what misses in a first level of memory', async () => {
    const path = file('a.txt', [1, 2, 1, 2, 3, 1, 4, 1].map((page) => `${page}\n`).join(''));
    // LRU with two frames: 1 and 2 hit once, then 3 throws 1 out and 1 throws 2 out.
    expect(await converted(path, '--filter', 'lru:2')).toBe([1, 2, 3, 1, 4].map((page) => `${page}\n`).join(''));
    expect(await converted(path, '--filter', 'fifo:100')).toBe('1\n2\n3\n4\n');
  });

  it('reads what is compressed, and its own format', async () => {
    expect(await converted(file('a.gz', gzipSync(numbers)))).toBe(numbers);
    expect(await converted(file('a.br', brotliCompressSync(numbers)))).toBe(numbers);
    expect(await converted(file('a.zst', zstdOfNumbers))).toBe(numbers);
    await quireLater('trace', 'convert', file('a.txt', numbers), '-o', join(folder, 'own'));
    expect(await converted(join(folder, 'own'))).toBe(numbers);
    expect(await converted(file('a.csv', 'id,x\n7,1\n'), '--format', 'csv')).toBe('7\n');
  });

  it('refuses, in a sentence, and leaves no file', async () => {
    const refused = async (path: string, ...flags: string[]): Promise<string> =>
      refusal(await quireLater('trace', 'convert', path, '-o', out(), ...flags));
    expect(await refused(join(folder, 'none'))).toMatch(/none: there is no such file$/);
    expect(await refused(folder)).toMatch(/: it is a directory$/);
    expect(await refused(file('empty', ''))).toBe('empty is empty: a trace has at least one reference');
    expect(await refused(file('empty.gz', gzipSync('')))).toBe('empty.gz is empty: a trace has at least one reference');
    expect(await refused(file('bad.txt', '1\n2\nx\n'), '--format', 'numbers')).toBe(
      "bad.txt, line 3: expected a page number below 2^53, found 'x'",
    );
    expect(await refused(file('what', 'hello\n'))).toMatch(/^what is in none of the formats that are recognised: give --format/);
    expect(await refused(file('a', numbers), '--skip', '5')).toMatch(/^nothing of .* is left to write/);
    expect(await refused(file('a', numbers), '--page-size', '5000')).toBe('--page-size 5000: not a power of two of up to 1 GiB');
    expect(await refused(file('a', numbers), '--limit', '0')).toBe('--limit 0: not a whole number of at least 1');
    expect(await refused(file('a', numbers), '--sample', '2')).toMatch(/^--sample 2: not a share/);
    expect(await refused(file('a', numbers), '--filter', 'lru')).toBe('--filter lru: write a policy and a number of frames, as in lru:64');
    expect(await refused(file('a', numbers), '--filter', 'lru:0')).toMatch(/^--filter lru:0: write a policy and/);
    expect(await refused(file('a', numbers), '--filter', 'best:4')).toMatch(/^--filter best:4: there is no policy 'best': choose one of /);
    expect(await refused(file('a', numbers), '--filter', 'belady:4')).toMatch(/must know the references to come/);
    expect(existsSync(out())).toBe(false);
  });

  it('says that a compressed file is cut short or damaged', async () => {
    const long = Array.from({ length: 5000 }, (_, i) => `${(i * 7919) % 4093}\n`).join('');
    const packed = gzipSync(long);
    const refused = async (path: string): Promise<string> => refusal(await quireLater('trace', 'convert', path, '-o', out()));
    expect(await refused(file('cut.gz', packed.subarray(0, 3000)))).toBe('cut.gz is cut short inside a compressed block');
    expect(await refused(file('cut.br', brotliCompressSync(long).subarray(0, 3000)))).toBe('cut.br is cut short inside a compressed block');
    expect(await refused(file('cut.zst', zstdOfNumbers.subarray(0, 12)))).toBe('cut.zst is cut short inside a compressed block');
    const damaged = Buffer.from(packed);
    damaged[2000] = (damaged[2000] as number) ^ 0xff;
    expect(await refused(file('damaged.gz', damaged))).toMatch(/^damaged\.gz/);
  });
});

describe('quire trace formats', () => {
  it('lists what can be read', () => {
    const { out, code } = quire('trace', 'formats');
    expect(code).toBe(0);
    expect(out.split('\n').filter((line) => line !== '').length).toBe(15);
    expect(out).toMatch(/^ {2}lackey +bytes +recognised +valgrind's lackey/m);
  });
});

describe('quire trace info', () => {
  it('tells what a trace is like', async () => {
    const { code, out, err } = await quireLater('trace', 'info', file('a.lackey', lackey));
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain(
      ['a.lackey (lackey): 5 references to 3 pages of 4 KiB, 12 KiB', '  2 reads, 2 writes, 1 instruction fetch; 1 page written', ''].join(
        '\n',
      ),
    );
    // Pages 401a, 1fff0 and three times 1fff1: windows of 4 hold 1, 2, 3, 3, 2 pages.
    expect(out).toMatch(/\n +4 +2\.2 +\d.*KiB +3 +60\.0 %\n/);
    expect(out).toMatch(/\n +1 +2 +40\.0 % +40\.0 % +█+\n +first +3 +60\.0 % +100\.0 % +█+\n/);
    expect(out).toMatch(/address +references +of all +writes\n +0x1fff_1000 +3 +60\.0 % +2\n/);
    expect(out).toMatch(/\none phase: /);
  });

  it('tells it as JSON', async () => {
    const { out } = await quireLater('trace', 'info', file('a.txt', '7\n7\n9\n'), '--json', '--collapse', 'kinds');
    expect(JSON.parse(out)).toMatchObject({
      trace: 'a.txt',
      format: 'numbers',
      unit: 'pages',
      changes: [expect.stringMatching(/^repeats of a page and kind dropped/)],
      references: 2,
      reads: 2,
      writes: 0,
      pages: 2,
      footprint: [1, 1, 1, 1, 1, 1, 1, 2, 2, 2],
      workingSet: [
        { window: 1, pages: 1, faults: 2 },
        { window: 2, pages: 1.5, faults: 2 },
      ],
      distances: [],
      hotPages: [
        { page: 7, references: 1, writes: 0 },
        { page: 9, references: 1, writes: 0 },
      ],
      phases: [{ start: 0, references: 2, pages: 2 }],
    });
  });

  it('refuses, in a sentence', async () => {
    const refused = async (...parameters: string[]): Promise<string> => refusal(await quireLater('trace', 'info', ...parameters));
    expect(await refused(join(folder, 'none'))).toMatch(/there is no such file$/);
    expect(await refused(file('empty', ''))).toBe('empty is empty: a trace has at least one reference');
    expect(await refused(file('bad', '-2\n1\n'), '--format', 'numbers')).toBe("bad, line 1: expected a page number below 2^53, found '-2'");
    expect(await refused(file('a', numbers), '-o', join(folder, 'a.csv'))).toMatch(
      /a.csv: there is no such form of this; choose from .txt, .json, .html$/,
    );
    expect(await refused(file('a', numbers), '--json', '-o', join(folder, 'a.html'))).toMatch(/the ending asks for something else/);
    expect(await refused(file('a', numbers), '--skip', '5')).toMatch(/^nothing of .* is left to replay/);
  });
});

describe('quire trace generate', () => {
  const made = (...parameters: string[]): number[] => {
    const path = join(folder, 'made');
    const { code, out } = quire('trace', 'generate', ...parameters, '--to', 'numbers', '-o', path);
    expect([code, out]).toEqual([0, '']);
    return readFileSync(path, 'utf8').trim().split('\n').map(Number);
  };

  it('makes traces by their definition', () => {
    expect(made('textbook')).toEqual([1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]);
    expect(made('scan', '--references', '4')).toEqual([1, 2, 3, 4]);
    expect(made('loop', '--pages', '3', '--references', '7')).toEqual([1, 2, 3, 1, 2, 3, 1]);
    expect(made('zipf', '--pages', '50', '--references', '40000')).toEqual([...zipfTrace(50, 40_000)]);
    expect(made('mix', '--loop', '5', '--rest', '6', '--references', '99')).toEqual([...mixTrace(5, 6, 99)]);
    expect(made('phase', '--width', '20', '--period', '30', '--references', '99')).toEqual([...phaseTrace(20, 30, 99)]);
  });

  it("writes Quire's own format unless told otherwise", async () => {
    const path = join(folder, 'own');
    expect(quire('trace', 'generate', 'textbook', '-o', path)).toEqual({ code: 0, out: '', err: `12 page references in ${path}\n` });
    expect((await quireLater('trace', 'info', path)).out).toMatch(/^own \(quire\): 12 references to 5 pages of 4 KiB/);
  });

  it('refuses, in a sentence, and leaves no file', () => {
    const path = join(folder, 'made');
    const refused = (...parameters: string[]): string => refusal(quire('trace', 'generate', ...parameters, '-o', path));
    expect(refused('random')).toMatch(/Allowed choices are zipf, mix, phase, loop, scan, textbook/);
    expect(refused('zipf', '--width', '3')).toBe('--width: zipf has no such thing; it has --pages, --references');
    expect(refused('textbook', '--pages', '3')).toBe('--pages: textbook has no such thing');
    expect(refused('scan', '--references', '0')).toBe('--references 0: not a whole number of at least 1');
    expect(refused('scan', '--references', '999999999')).toBe('--references 999999999: more than 268,435,456');
    expect(refused('phase', '--width', '15')).toBe('--width 15: not a multiple of 10; a tenth of the pages is hot');
    expect(existsSync(path)).toBe(false);
  });
});
