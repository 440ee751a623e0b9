// Real programs on every combination of frame allocator, page-table format and range map; the kernel heaps, kernel maps, large pages and managers in
// turn: each design must work beside all the others.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MIB, PAGE_SIZE } from '../src/base/index.ts';
import { largePageFrames } from '../src/machine/index.ts';
import {
  findPageTable,
  frameAllocatorNames,
  kernelHeapNames,
  kernelMapChoices,
  largePageChoices,
  pageTableNames,
  rangeMapNames,
  systemNames,
} from '../src/systems/index.ts';
import { fine, pythonPath, TestProgram } from './support/run-program.ts';

/** Returns all designs beside a frame allocator and a page-table format, each from its list, round and round, `further` on. */
function designsBeside(frames: string, pageTable: string, further: number) {
  const row = frameAllocatorNames.indexOf(frames);
  const column = pageTableNames.indexOf(pageTable);
  const turn = row + column + further;
  return {
    frames,
    pageTable,
    ranges: nth(rangeMapNames, turn),
    kernelHeap: nth(kernelHeapNames, turn + column),
    kernelMap: nth(kernelMapChoices, turn),
    // In blocks of two and of four, so that neither goes in step with the other or with the kernel map.
    system: nth(systemNames, turn >> 1),
    largePages: largePageFrames(findPageTable(pageTable)) === 0 ? 'never' : nth(largePageChoices, turn >> 2),
  } as const;
}

function nth<T>(list: readonly T[], turn: number): T {
  return list[turn % list.length] as T;
}

describe.each(frameAllocatorNames)('on frames of the %s allocator', (frames) => {
  const program = TestProgram.kernel('mallocstress');
  const args = ['100', '300'];
  const flat = program.runFlat({ args });

  it.each(pageTableNames)('and page tables of format %s, mallocstress over every range map', (pageTable) => {
    for (const number of rangeMapNames.keys()) {
      const designs = designsBeside(frames, pageTable, number);
      const { exit, stdout } = program.run({ ramBytes: 128 * PAGE_SIZE, args, ...designs });
      expect([exit, stdout], JSON.stringify(designs)).toEqual([fine, flat.stdout]);
    }
  });
});

// Every two designs of different kinds meet once: the third and those after it go round.
describe.skipIf(!existsSync(pythonPath))('CPython', () => {
  const python = new TestProgram('python', existsSync(pythonPath) ? readFileSync(pythonPath) : new Uint8Array());
  const world = { args: ['-I', '-S', '-c', 'print(sum(range(1000)))'], environ: { PYTHONHASHSEED: '0' } };
  const flat = python.runFlat(world);

  describe.each(frameAllocatorNames)('on frames of the %s allocator', (frames) => {
    it.each(pageTableNames)('and page tables of format %s', (pageTable) => {
      const designs = designsBeside(frames, pageTable, 0);
      const { exit, stdout } = python.run({ ...world, ramBytes: 16 * MIB, ...designs });
      expect([exit, stdout], JSON.stringify(designs)).toEqual([fine, flat.stdout]);
    });
  });
});
