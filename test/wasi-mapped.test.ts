// WASI's own test-suite with the MMU on: the same programs, their pointers in paged memory, their buffers in pages that come and go.

import { describe, test } from 'vitest';
import { KIB } from '../src/base/index.ts';
import { runMapped } from './support/run-mapped.ts';
import { expectToPass, intoMemory, type RunModule, suiteTests } from './support/wasi-suite.ts';

const tests = suiteTests();

describe.skipIf(tests.length === 0)("WASI's own test-suite, on paged memory", () => {
  // The second is little more than the smallest machine that there is.
  describe.each([4096, 160])('in %i KiB of RAM', (kibibytes) => {
    const mapped: RunModule = (module, name, wasi) => runMapped({ module, name, wasi }, { ramBytes: kibibytes * KIB }).exit;
    test.each(tests.map((one) => [one.name, one] as const))('%s', (_name, suiteTest) => {
      expectToPass(suiteTest, suiteTest.root === undefined ? undefined : intoMemory(suiteTest.root), mapped);
    });
  });
});
