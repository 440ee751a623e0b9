// The version covers all that the rewriter is made of, and tells when that may not be what runs.

import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { rewriterFiles, rewriterVersion } from './rewriter-version.ts';

const source = resolve(import.meta.dirname, '../src');

/** Adds a file and all that it imports. */
function follow(path: string, found: Set<string>): Set<string> {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, imported] of readFileSync(path, 'utf8').matchAll(/(?:from|import) '(\.[^']+)'/g)) {
    follow(resolve(dirname(path), imported as string), found);
  }
  return found;
}

it('covers every file that the rewriter imports', () => {
  const covered = new Set(rewriterFiles());
  const used = [...follow(resolve(source, 'wasm/rewrite/code-cache.ts'), new Set())];
  expect(used.length).toBeGreaterThan(30);
  expect(used.filter((path) => !covered.has(path)).map((path) => relative(source, path))).toEqual([]);
});

it('is the same at every asking', () => {
  expect(rewriterVersion()).toHaveLength(32);
  expect(rewriterVersion()).toEqual(rewriterVersion());
});

it('is unknown where a file is younger than the process', () => {
  expect(rewriterVersion(0)).toBeUndefined();
});
