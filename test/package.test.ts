// What someone gets who installs the package: `quire/heap` with its types and nothing of the kernel, and no script that runs at installing.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'node:util';
import { expect, test } from 'vitest';
import { Heap } from '../src/heap/malloc/index.ts';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

test('quire/heap leads to a compiled source and its types, and both are in the package', () => {
  const { types, default: code } = manifest.exports['./heap'];
  expect([types, code].map((path: string) => path.replace(/\.(d\.ts|js)$/, ''))).toEqual(Array(2).fill('./dist/src/heap/malloc/index'));
  expect(existsSync(join(root, 'src/heap/malloc/index.ts'))).toBe(true);
  expect(manifest.files).toEqual(expect.arrayContaining(['dist/src/**/*.js', 'dist/src/heap/malloc/*.d.ts']));
});

test('the heap library stands alone: no file of it imports from another folder', () => {
  const folder = join(root, 'src/heap/malloc');
  const sources = readdirSync(folder).filter((name) => name.endsWith('.ts') && !/\.(test|conformance)\.ts$/.test(name));
  expect(sources.length).toBeGreaterThan(10);
  for (const name of sources) {
    const imported = [...readFileSync(join(folder, name), 'utf8').matchAll(/^[^/].* from '([^']+)';$/gm)].map(
      (match) => match[1] as string,
    );
    expect(
      imported.filter((path) => !path.startsWith('./')),
      name,
    ).toEqual([]);
  }
});

test('nothing runs at installing', () => {
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) expect(manifest.scripts).not.toHaveProperty(script);
});

test("the document's example prints what the document says", () => {
  const text = readFileSync(join(root, 'docs/heap-library.md'), 'utf8');
  const [, code, output] = /```js\nimport \{ Heap \} from 'quire\/heap';\n(.*?)```\n\nprints\n\n```\n(.*?)```/s.exec(text) ?? [];
  const lines: string[] = [];
  new Function('Heap', 'console', code as string)(Heap, { log: (...values: unknown[]) => lines.push(`${format(...values)}\n`) });
  expect(lines.join('')).toBe(output);
});
