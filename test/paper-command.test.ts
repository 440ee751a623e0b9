// `quire paper`: what it says, refuses and writes. The experiments themselves: src/lab/.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quire, refusal } from './support/quire-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-paper-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('quire paper uvm99', () => {
  it('prints chosen tables as text, in the order of the paper', () => {
    const { code, out, err } = quire('paper', 'uvm99', '--quick', '--only', 'figure3,table1');
    expect([code, err]).toEqual([0, '']);
    expect(out.match(/^\w.*$/gm)).toEqual(['Table 1: map entries in use', 'Figure 3: pages that nobody can reach']);
    expect(out).toMatch(/cat \(static\) +11 +6 +0\.545 +11 +6 +0\.545\n/);
  });

  it('prints one JSON object, with the numbers of both sides by row', () => {
    const { code, out } = quire('paper', 'uvm99', '--only', 'table1', '--json');
    expect(code).toBe(0);
    const { paper, source, tables } = JSON.parse(out);
    expect([paper, source]).toEqual(['uvm99', expect.stringContaining('USENIX')]);
    expect(tables).toHaveLength(1);
    expect(tables[0]).toMatchObject({ id: 'table1', unit: 'entries', origin: 'counted' });
    expect(tables[0].rows[1]).toMatchObject({
      label: 'od (dynamic)',
      paper: { bsd: 21, uvm: 12 },
      quire: { bsd: expect.any(Number), uvm: expect.any(Number), ratio: expect.any(Number) },
    });
  });

  it('writes a figure as a file, and none for a table', () => {
    const directory = join(folder, 'new', 'figures');
    expect(quire('paper', 'uvm99', '--quick', '--only', 'figure5,figure3', '--svg', directory).code).toBe(0);
    expect(readdirSync(directory)).toEqual(['uvm99-figure5.svg']);
    expect(readFileSync(join(directory, 'uvm99-figure5.svg'), 'utf8')).toMatch(/^<svg [\s\S]*BSD VM \(paper\)[\s\S]*<\/svg>\n$/);
  });

  it('refuses what it does not know, in one sentence', () => {
    expect(refusal(quire('paper', 'uvm99', '--only', 'table4'))).toMatch(/^--only: there is no experiment 'table4': choose from table1, /);
    expect(refusal(quire('paper', 'uvm98'))).toContain('uvm99');
    expect(refusal(quire('paper'))).toContain("missing required argument 'paper'");
    expect(refusal(quire('paper', 'uvm99', '--fast'))).toContain('--fast');
  });

  it('refuses a place for figures before it begins', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(refusal(quire('paper', 'uvm99', '--svg', file))).toMatch(/^--svg .*file: cannot be made a directory: /);
    expect(refusal(quire('paper', 'uvm99', '--svg', join(file, 'figures')))).toContain('cannot be made a directory');
  });
});
