// Real programs on every combination of frame allocator, page-table format and range map: each design must work beside all the others.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MIB, PAGE_SIZE } from '../src/base/index.ts';
import { frameAllocatorNames, pageTableNames, rangeMapNames } from '../src/systems/index.ts';
import { fine, pythonPath, TestProgram } from './support/run-program.ts';

describe.each(frameAllocatorNames)('on frames of the %s allocator', (frames) => {
  const program = TestProgram.kernel('mallocstress');
  const args = ['100', '300'];
  const flat = program.runFlat({ args });

  it.each(pageTableNames)('and page tables of format %s, mallocstress over every range map', (pageTable) => {
    for (const ranges of rangeMapNames) {
      const { exit, stdout } = program.run({ ramBytes: 128 * PAGE_SIZE, args, frames, pageTable, ranges });
      expect([exit, stdout], `over the range map ${ranges}`).toEqual([fine, flat.stdout]);
    }
  });
});

// Every two designs of different kinds meet once: the third goes round.
describe.skipIf(!existsSync(pythonPath))('CPython', () => {
  const python = new TestProgram('python', existsSync(pythonPath) ? readFileSync(pythonPath) : new Uint8Array());
  const world = { args: ['-I', '-S', '-c', 'print(sum(range(1000)))'], environ: { PYTHONHASHSEED: '0' } };
  const flat = python.runFlat(world);

  describe.each(frameAllocatorNames)('on frames of the %s allocator', (frames) => {
    it.each(pageTableNames)('and page tables of format %s', (pageTable) => {
      const turn = frameAllocatorNames.indexOf(frames) + pageTableNames.indexOf(pageTable);
      const ranges = rangeMapNames[turn % rangeMapNames.length] as string;
      const { exit, stdout } = python.run({ ...world, ramBytes: 16 * MIB, frames, pageTable, ranges });
      expect([exit, stdout], `over the range map ${ranges}`).toEqual([fine, flat.stdout]);
    });
  });
});
