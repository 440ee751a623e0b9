// The documents' references stay true: every path they name exists, and every name given beside a path stands in that file.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const PATH = /`((?:src|cli|test|bench|scripts|docs|programs|examples)\/[\w./-]*\.\w+)`/g;
/** `name` (`path`): the name must occur in the file. */
const NAMED = /`([\w.]+)`\s+\((?:in )?`((?:src|cli)\/[\w./-]*\.ts)`/g;

describe.each(documents)('%s', (document) => {
  const text = readFileSync(join(root, document), 'utf8');

  it('names only files that exist', () => {
    const missing = [...text.matchAll(PATH)].map(([, path]) => path as string).filter((path) => !existsSync(join(root, path)));
    expect(missing).toEqual([]);
  });

  it('names only things that are in the file beside them', () => {
    const stale = [...text.matchAll(NAMED)].filter(([, name, path]) => {
      const file = join(root, path as string);
      if (!existsSync(file)) return false;
      const source = readFileSync(file, 'utf8');
      return !(name as string).split('.').every((part) => new RegExp(`\\b${part}\\b`).test(source));
    });
    expect(stale.map(([match]) => match)).toEqual([]);
  });
});
