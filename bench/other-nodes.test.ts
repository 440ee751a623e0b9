import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { otherNodes } from './other-nodes.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(os.tmpdir(), 'nodes-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function pretend(name: string, says: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\necho ${says}\n`);
  chmodSync(file, 0o755);
  return file;
}

it('takes one of each version that is supported and not the one at hand', () => {
  const paths = [pretend('a', '98.1.0'), pretend('b', '99.2.3'), pretend('c', '98.1.0'), pretend('old', '18.20.0'), process.execPath];
  expect(otherNodes(paths)).toEqual([
    { version: '98.1.0', executable: paths[0] },
    { version: '99.2.3', executable: paths[1] },
  ]);
});

it('refuses what is no Node', () => {
  expect(() => otherNodes([join(folder, 'absent')])).toThrow(/absent is no Node/);
  expect(() => otherNodes([pretend('other', 'hello')])).toThrow(/is no Node/);
});
