// Real programs on every combination of frame allocator, page-table format and range map, the kernel heaps and kernel maps in turn: each design must work beside
// all the others.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MIB, PAGE_SIZE } from '../src/base/index.ts';
import { frameAllocatorNames, kernelHeapNames, kernelMapChoices, pageTableNames, rangeMapNames } from '../src/systems/index.ts';
import { fine, pythonPath, TestProgram } from './support/run-program.ts';

/** Returns one name for each pair of frame allocator and page-table format, round and round, `further` on. */
function inTurn(names: readonly string[], frames: string, pageTable: string, further = 0): string {
  const turn = frameAllocatorNames.indexOf(frames) + pageTableNames.indexOf(pageTable) + further;
  return names[turn % names.length] as string;
}

describe.each(frameAllocatorNames)('on frames of the %s allocator', (frames) => {
  const program = TestProgram.kernel('mallocstress');
  const args = ['100', '300'];
  const flat = program.runFlat({ args });

  it.each(pageTableNames)('and page tables of format %s, mallocstress over every range map', (pageTable) => {
    for (const [number, ranges] of rangeMapNames.entries()) {
      const kernelHeap = inTurn(kernelHeapNames, frames, pageTable, number);
      const kernelMap = inTurn(kernelMapChoices, frames, pageTable, number);
      const { exit, stdout } = program.run({ ramBytes: 128 * PAGE_SIZE, args, frames, pageTable, ranges, kernelHeap, kernelMap });
      expect([exit, stdout], `over the range map ${ranges}, the kernel heap ${kernelHeap} and the kernel map ${kernelMap}`).toEqual([
        fine,
        flat.stdout,
      ]);
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
      const ranges = inTurn(rangeMapNames, frames, pageTable);
      const kernelHeap = inTurn(kernelHeapNames, frames, pageTable, pageTableNames.indexOf(pageTable));
      const kernelMap = inTurn(kernelMapChoices, frames, pageTable);
      const { exit, stdout } = python.run({ ...world, ramBytes: 16 * MIB, frames, pageTable, ranges, kernelHeap, kernelMap });
      expect([exit, stdout], `over the range map ${ranges}, the kernel heap ${kernelHeap} and the kernel map ${kernelMap}`).toEqual([
        fine,
        flat.stdout,
      ]);
    });
  });
});
