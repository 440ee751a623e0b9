// Real programs under the memory managers other than the default one: each prints what it prints on flat memory, whatever manages it.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MIB, PAGE_SIZE } from '../src/base/index.ts';
import { systemNames } from '../src/systems/index.ts';
import { fine, pythonPath, TestProgram } from './support/run-program.ts';

/** What a machine needs before any program. */
const KERNEL_PAGES = 32;

const script = `
import json
blob = bytearray(2 * 1024 * 1024)
for i in range(0, len(blob), 4096): blob[i] = i >> 12 & 255
words = ['%s%d' % (c * (i % 5 + 1), i * 7919 % 1009) for i in range(1500) for c in 'abc']
print(sum(blob), blob.count(0), len(json.dumps(sorted(words))))
`;

describe.each(systemNames.slice(1))('under %s', (system) => {
  it.each([
    ['qsort', ['300000']],
    ['hashjoin', ['30000', '60000']],
    ['mallocstress', ['2000', '60000']],
  ] as const)('%s at a quarter of its footprint', (name, args) => {
    const program = TestProgram.kernel(name);
    const flat = program.runFlat({ args });
    const roomy = program.run({ ramBytes: 32 * MIB, args, system });
    expect([roomy.exit, roomy.stdout, roomy.statistics.swapPagesOut]).toEqual([fine, flat.stdout, 0]);
    const ramBytes = (Math.ceil(roomy.peakPages / 4) + KERNEL_PAGES) * PAGE_SIZE;
    const tight = program.run({ ramBytes, args, system });
    expect([tight.exit, tight.stdout]).toEqual([fine, flat.stdout]);
    expect(tight.statistics.swapPagesOut).toBeGreaterThan(0);
  });

  it.skipIf(!existsSync(pythonPath))('CPython in 4 MiB', () => {
    const python = new TestProgram('python', readFileSync(pythonPath));
    const world = { args: ['-c', script], environ: { PYTHONHASHSEED: '0' } };
    const flat = python.runFlat(world);
    const { exit, stdout, statistics } = python.run({ ...world, ramBytes: 4 * MIB, system });
    expect([exit, stdout]).toEqual([fine, flat.stdout]);
    expect(statistics.swapPagesIn).toBeGreaterThan(0);
  });
});
