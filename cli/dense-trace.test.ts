import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DenseTrace, piecesOf } from './dense-trace.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-dense-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const choice = { pageShift: 12 };

const contentOf = ({ content }: DenseTrace): { ids: number[]; kinds: number[] } => {
  const all: { ids: number[]; kinds: number[] } = { ids: [], kinds: [] };
  for (const { ids, kinds } of piecesOf(content)) {
    for (const id of ids) all.ids.push(id);
    for (const kind of kinds) all.kinds.push(kind);
  }
  return all;
};

it('numbers pages as they first appear, and knows which number a page had', async () => {
  const path = join(folder, 'trace');
  writeFileSync(path, ' L 5000,4\n S 9000,8\n L 5fff,2\nI  5008,4\n');
  const trace = await DenseTrace.read({ path }, choice, () => undefined);
  expect(trace.content).toMatchObject({ references: 5, pages: 3, writes: 1 });
  expect(contentOf(trace)).toEqual({ ids: [0, 1, 0, 2, 0], kinds: [0, 1, 0, 0, 2] });
  expect([0, 1, 2, 3].map((id) => trace.pageNumber(id))).toEqual([5, 9, 6, -1]);
  trace.close();
});

it('keeps a long trace in a file without a name, and reads the same from it', async () => {
  const path = join(folder, 'trace');
  const length = 2 ** 19 + 1234;
  const pages = Array.from({ length }, (_, i) => (i * i) % 10_007);
  writeFileSync(path, pages.map((page) => `${page}\n`).join(''));
  const temporary = join(folder, 'temporary');
  mkdirSync(temporary);
  vi.stubEnv('TMPDIR', temporary);
  const inMemory = await DenseTrace.read({ path }, choice, () => undefined);
  const inFile = await DenseTrace.read({ path }, choice, () => undefined, 1);
  expect(inMemory.content.chunks).not.toHaveProperty('descriptor');
  expect(inFile.content.chunks).toHaveProperty('descriptor');
  expect(readdirSync(temporary)).toEqual([]);
  vi.unstubAllEnvs();
  const known = contentOf(inMemory);
  expect(known.ids.length).toBe(length);
  expect(known.ids.every((id, i) => inMemory.pageNumber(id) === pages[i])).toBe(true);
  expect(contentOf(inFile)).toEqual(known);
  inFile.close();
  inMemory.close();
});

it('refuses a trace of which nothing is left', async () => {
  const path = join(folder, 'trace');
  writeFileSync(path, '1\n2\n');
  await expect(DenseTrace.read({ path }, { ...choice, skip: 2 }, () => undefined)).rejects.toThrow(/nothing of .* is left to replay/);
});
