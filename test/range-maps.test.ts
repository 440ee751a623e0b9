// Real programs over every range map: each prints what it prints on flat memory, under both managers, with room and without.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MIB, PAGE_SIZE } from '../src/base/index.ts';
import { rangeMapNames, systemNames } from '../src/systems/index.ts';
import { fine, pythonPath, TestProgram } from './support/run-program.ts';

const script = `
import json
blob = bytearray(2 * 1024 * 1024)
for i in range(0, len(blob), 4096): blob[i] = i >> 12 & 255
words = ['%s%d' % (c * (i % 5 + 1), i * 7919 % 1009) for i in range(1500) for c in 'abc']
print(sum(blob), blob.count(0), len(json.dumps(sorted(words))))
`;

describe.each(rangeMapNames)('over range map %s', (ranges) => {
  const program = TestProgram.kernel('mallocstress');
  const args = ['2000', '12000'];

  it.each(systemNames)('mallocstress under %s, in ample RAM and in 256 KiB', (system) => {
    const flat = program.runFlat({ args });
    const roomy = program.run({ ramBytes: 32 * MIB, args, ranges, system });
    expect([roomy.exit, roomy.stdout, roomy.statistics.swapPagesOut]).toEqual([fine, flat.stdout, 0]);
    const tight = program.run({ ramBytes: 64 * PAGE_SIZE, args, ranges, system });
    expect([tight.exit, tight.stdout]).toEqual([fine, flat.stdout]);
    expect(tight.statistics.swapPagesIn).toBeGreaterThan(0);
  });
});

describe.skipIf(!existsSync(pythonPath))('CPython', () => {
  const python = new TestProgram('python', existsSync(pythonPath) ? readFileSync(pythonPath) : new Uint8Array());
  const world = { args: ['-c', script], environ: { PYTHONHASHSEED: '0' } };

  // Two that have nothing in common: wide nodes with gaps, and no areas at all.
  it.each(['b+tree', 'page-scan'])('in 4 MiB over range map %s', (ranges) => {
    const flat = python.runFlat(world);
    const { exit, stdout, statistics } = python.run({ ...world, ramBytes: 4 * MIB, ranges });
    expect([exit, stdout]).toEqual([fine, flat.stdout]);
    expect(statistics.swapPagesIn).toBeGreaterThan(0);
  });
});
