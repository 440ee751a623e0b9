// Real programs on every page-table format: each prints what it prints on flat memory, with room for all of it and at a quarter of its
// footprint, where tables are filled, emptied and given back.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MIB, PAGE_SIZE } from '../src/base/index.ts';
import { frameAllocatorNames, pageTableNames, systemNames } from '../src/systems/index.ts';
import { fine, pythonPath, TestProgram } from './support/run-program.ts';

/** What a machine needs before any program, and the tables of five levels. */
const KERNEL_PAGES = 40;

const script = `
import json
blob = bytearray(2 * 1024 * 1024)
for i in range(0, len(blob), 4096): blob[i] = i >> 12 & 255
words = ['%s%d' % (c * (i % 5 + 1), i * 7919 % 1009) for i in range(1500) for c in 'abc']
print(sum(blob), blob.count(0), len(json.dumps(sorted(words))))
`;

describe.each(pageTableNames)('on page tables of format %s', (pageTable) => {
  const program = TestProgram.kernel('qsort');
  const args = ['120000'];
  const flat = program.runFlat({ args });
  const stress = TestProgram.kernel('mallocstress');
  const few = ['1200', '4000'];
  const stressed = stress.runFlat({ args: few });

  it.each(systemNames)('qsort under %s, at ample RAM and at a quarter of its footprint', (system) => {
    const roomy = program.run({ ramBytes: 32 * MIB, args, pageTable, system });
    expect([roomy.exit, roomy.stdout, roomy.statistics.swapPagesOut]).toEqual([fine, flat.stdout, 0]);
    const ramBytes = (Math.ceil(roomy.peakPages / 4) + KERNEL_PAGES) * PAGE_SIZE;
    const tight = program.run({ ramBytes, args, pageTable, system });
    expect([tight.exit, tight.stdout]).toEqual([fine, flat.stdout]);
    expect(tight.statistics.swapPagesOut).toBeGreaterThan(0);
  });

  it.each(frameAllocatorNames)('mallocstress on frames of the %s allocator', (frames) => {
    const { exit, stdout, statistics } = stress.run({ ramBytes: 56 * PAGE_SIZE, args: few, pageTable, frames });
    expect([exit, stdout]).toEqual([fine, stressed.stdout]);
    expect(statistics.swapPagesIn).toBeGreaterThan(0);
  });
});

describe.each(['i386', 'sv39'])('with large pages of %s', (pageTable) => {
  it.each(systemNames)('gups over 8 MiB under %s prints the same, with room for all of it and in 6 MiB', (system) => {
    const gups = TestProgram.kernel('gups');
    const args = ['20', '3000'];
    const flat = gups.runFlat({ args });
    const roomy = gups.run({ ramBytes: 32 * MIB, args, pageTable, system, largePages: 'promote' });
    expect([roomy.exit, roomy.stdout, roomy.largePages?.demotions]).toEqual([fine, flat.stdout, 0]);
    expect(roomy.largePages?.mapped).toBeGreaterThanOrEqual(pageTable === 'i386' ? 1 : 3);
    const tight = gups.run({ ramBytes: 6 * MIB, args, pageTable, system, largePages: 'promote' });
    expect([tight.exit, tight.stdout]).toEqual([fine, flat.stdout]);
    expect(tight.statistics.swapPagesOut).toBeGreaterThan(0);
  });
});

describe.skipIf(!existsSync(pythonPath))('CPython', () => {
  const python = new TestProgram('python', existsSync(pythonPath) ? readFileSync(pythonPath) : new Uint8Array());
  const world = { args: ['-c', script], environ: { PYTHONHASHSEED: '0' } };

  // Two that differ in all they can: eight bytes walked by hardware, four bytes and a TLB that the kernel fills.
  it.each(['aarch64', 'mips'])('in 4 MiB on format %s', (pageTable) => {
    const flat = python.runFlat(world);
    const { exit, stdout, statistics } = python.run({ ...world, ramBytes: 4 * MIB, pageTable });
    expect([exit, stdout]).toEqual([fine, flat.stdout]);
    expect(statistics.swapPagesIn).toBeGreaterThan(0);
  });
});
