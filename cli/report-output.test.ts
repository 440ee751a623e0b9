import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quireLater, refusal } from '../test/support/quire-command.ts';
import { type ReportForm, reportForm } from './report-output.ts';

const all: readonly ReportForm[] = ['text', 'json', 'csv', 'svg', 'html'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-report-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const written = async (ending: string, ...parameters: string[]): Promise<string> => {
  const path = join(folder, `out${ending}`);
  const said = await quireLater(...parameters, '-o', path);
  expect(said).toEqual({ code: 0, out: '', err: '' });
  return readFileSync(path, 'utf8');
};

describe('the form of a report', () => {
  it.each([
    ['is text', {}, 'text'],
    ['is what the option says', { csv: true }, 'csv'],
    ['is what the ending says', { output: 'a.b/c.HTML' }, 'html'],
    ['is what the option says where the ending says nothing', { json: true, output: 'results' }, 'json'],
    ['is what both say', { json: true, output: 'results.json' }, 'json'],
  ] as const)('%s', (_case, flags, form) => {
    expect(reportForm(flags, all)).toBe(form);
  });

  it('is not two at once, nor one that there is not', () => {
    expect(() => reportForm({ json: true, csv: true }, all)).toThrow('--json and --csv: choose one of them');
    expect(() => reportForm({ json: true, output: 'a.csv' }, all)).toThrow('--json and --output a.csv: the ending asks for something else');
    expect(() => reportForm({ output: 'a.svg' }, ['text', 'json'])).toThrow(
      '--output a.svg: there is no such form of this; choose from .txt, .json',
    );
  });
});

describe('every command that reports writes a page', () => {
  /** Three pages in turn and a name that HTML must escape. */
  const trace = (): string => {
    const path = join(folder, 'a<b>.txt');
    writeFileSync(path, '1\n2\n3\n'.repeat(40));
    return path;
  };
  const rowsOf = (page: string): string[] =>
    [...page.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, row]) =>
      [...(row as string).matchAll(/<td[^>]*>(.*?)<\/td>/g)].map(([, cell]) => cell).join('|'),
    );

  it('sim', async () => {
    const page = await written('.html', 'sim', trace(), '--policy', 'lru,belady', '--frames', '2,3');
    expect(page).toContain('<h2>a&lt;b&gt;.txt</h2>');
    expect(page).not.toContain('a<b>');
    // LRU with 2 frames misses all 120; the optimum all 3 first ones and then every second.
    expect(rowsOf(page)).toContain('2|8 KiB|120 100.0 %|61\u2007 50.8 %');
    expect(page.match(/<svg /g)).toHaveLength(1);
    expect(page).toMatch(/<pre>\$ quire sim '[^']*a&lt;b&gt;.txt' --policy lru,belady --frames 2,3 -o /);
    expect(page).toContain('<dt>frames</dt><dd>2,3</dd>');
  });

  it('sim, with curves and with questions', async () => {
    expect(await written('.html', 'sim', trace(), '--mrc')).toMatch(/<figure><svg[\s\S]*misses by size of memory/);
    const page = await written('.html', 'sim', trace(), '--ws', '1,3', '--explain', '1', '--policy', 'lru', '--frames', '2');
    expect(page).toContain('<h2>lru with 2 frames, eviction 1</h2>');
    expect(rowsOf(page).slice(1, 3)).toEqual(['1|120|100.0 %|1.0|4 KiB', '3|3|2.5 %|3.0|12 KiB']);
  });

  it('sim, as a picture', async () => {
    for (const questions of [['--frames', '2,3'], ['--mrc'], ['--ws', '1,3'], ['--estimate', 'exact,aet', '--frames', '2,3']]) {
      expect(await written('.svg', 'sim', trace(), ...questions)).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    }
    const path = join(folder, 'p.svg');
    expect(refusal(await quireLater('sim', trace(), '--explain', '1', '--policy', 'lru', '--frames', '2', '-o', path))).toMatch(
      /^--output: a picture shows one of/,
    );
    expect(refusal(await quireLater('sim', trace(), trace(), '-o', path))).toBe('--output: a picture shows one trace; give one');
    expect(existsSync(path)).toBe(false);
  });

  it('share, and as lines of values and a picture', async () => {
    const share = ['share', trace(), '--processes', '2', '--frames', '6', '--design', 'local:lru'];
    expect(rowsOf(await written('.html', ...share))[1]).toMatch(/^1 a&lt;b&gt;.txt\|120\|3\|3.0\|3\|0\|/);
    const lines = (await written('.csv', ...share))
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    const column = (name: string): (string | undefined)[] => lines.slice(1).map((line) => line[(lines[0] as string[]).indexOf(name)]);
    expect([column('process'), column('faults'), column('peak_frames')]).toEqual([
      ['1', '2'],
      ['3', '3'],
      ['3', '3'],
    ]);
    expect((await quireLater(...share, '--csv')).out.split('\n').length).toBe(4);
    expect(await written('.svg', ...share)).toContain('local:lru: frames over time');
    expect(await written('.svg', ...share, '--sweep', 'processes')).toContain('use of the processor');
    expect(refusal(await quireLater('share', trace(), '--design', 'ws,pff', '-o', join(folder, 'x.svg')))).toMatch(
      /^--output: a picture shows one design/,
    );
  });

  it('trace info', async () => {
    const page = await written('.html', 'trace', 'info', trace());
    expect(page).toContain('<h2>a&lt;b&gt;.txt (numbers)</h2>');
    expect(rowsOf(page)).toContain('first|3|2.5 %|100.0 %|█');
  });

  it('paper, and as lines of values', async () => {
    const paper = ['paper', 'uvm99', '--quick', '--only', 'table1,figure3'];
    const page = await written('.html', ...paper);
    expect(page).toContain('<h2>Table 1: map entries in use</h2>');
    expect(rowsOf(page)).toContain('cat (static)|11|6|0.545|11|6|0.545');
    expect((await written('.csv', ...paper)).split('\n')[1]).toMatch(
      /^table1,cat \(static\),entries,counted,11,6,0.5454\d+,true,11,6,0.5454\d+$/,
    );
  });
});
