// WASI's own test-suite, on the flat memory with Quire's system interface: on real directories, and on those in memory.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { hostDirectory } from '../cli/host-directory.ts';
import { runFlat } from '../src/wasm/index.ts';
import { copyWritable, expectToPass, intoMemory, type RunModule, suiteTests } from './support/wasi-suite.ts';

const tests = suiteTests();
const flat: RunModule = (module, name, wasi) => runFlat({ module, name, wasi }).exit;

describe.skipIf(tests.length === 0)("WASI's own test-suite, on flat memory", () => {
  const scratch = mkdtempSync(join(tmpdir(), 'quire-wasi-suite-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test('is complete', () => expect(tests.length).toBe(26));

  test.each(tests.map((one) => [one.name, one] as const))('%s, on a real directory', (name, suiteTest) => {
    const copy = join(scratch, name);
    if (suiteTest.root !== undefined) copyWritable(suiteTest.root, copy);
    expectToPass(suiteTest, suiteTest.root === undefined ? undefined : hostDirectory(copy), flat);
  });

  const withFiles = tests.filter((one) => one.root !== undefined);
  test.each(withFiles.map((one) => [one.name, one] as const))('%s, on the memory file system', (_name, suiteTest) => {
    expectToPass(suiteTest, intoMemory(suiteTest.root as string), flat);
  });
});
