// Smoke tests: that everything works and measures what it says, not how fast it is.
import { describe, expect, it } from 'vitest';
import { kernelTables, measureKernel } from './kernel.ts';
import { measureCost } from './kernel-costs.ts';

describe('the kernel benchmark', () => {
  it('measures every operation, with one turn of one round', () => {
    const steps: string[] = [];
    const result = measureKernel({ pages: 3000, repeats: 1, turns: 1, forkMiB: [4] }, { cost: measureCost }, (step) => steps.push(step));
    const perPage = ['copyOnWrite', 'image', 'refill', 'unmap', 'zeroFill'];
    const swap = ['swapFile', 'swapFileIn', 'swapFileOut', 'swapMemory', 'swapMemoryIn', 'swapMemoryOut'];
    const perCall = ['fork4', 'forkAndExit4', 'forkAndStore4', 'onePage'];
    expect(Object.keys(result.quire).sort()).toEqual([...perPage, ...swap, ...perCall].sort());
    for (const cost of [...Object.values(result.quire), ...Object.values(result.linux), ...Object.values(result.fileIo)]) {
      expect(cost).toBeGreaterThan(0);
    }
    expect(steps).toContain('zeroFill');
    expect(Object.keys(result.maps ?? {})).toEqual(['identity', 'linear', 'regions', 'dynamic']);
    for (const costs of Object.values(result.maps ?? {})) {
      expect(Object.keys(costs).sort()).toEqual(['copyOnWrite', 'swap', 'swapIn', 'swapOut', 'unmap', 'zeroFill']);
      for (const cost of Object.values(costs)) expect(cost).toBeGreaterThan(0);
    }
    // Either there is a peer, or a sentence says why not.
    expect(Object.keys(result.linux).length > 0).toBe(result.linuxAbsence === undefined);
  });

  it('prints a dash and a sentence where there is nothing to compare with', () => {
    const [operations] = kernelTables({
      settings: { pages: 1, repeats: 1, turns: 1, forkMiB: [16, 512] },
      quire: { zeroFill: 500, unmap: 50, copyOnWrite: 700, image: 600, refill: 40, swapMemory: 1, swapFile: 2 },
      linux: {},
      fileIo: { writeClusters: 1, readClusters: 1, readPages: 3 },
      linuxAbsence: 'There is no compiler.',
    });
    expect(operations?.rows[0]).toEqual(['zero-fill fault: new memory', '500', '-', '-']);
    expect(operations?.notes).toEqual(['There is no compiler.']);
  });

  it('divides Quire by Linux, and swap by plain I/O', () => {
    const [operations, fork, swap] = kernelTables({
      settings: { pages: 1, repeats: 1, turns: 1, forkMiB: [16, 512] },
      quire: { zeroFill: 500, fork512: 2000, swapMemory: 6, swapFile: 8 },
      linux: { zeroFill: 1000, fork512: 8000 },
      fileIo: { writeClusters: 3, readClusters: 1, readPages: 3, writeMemory: 4, readMemory: 1 },
    });
    expect(operations?.rows[0]?.at(-1)).toBe('0.50');
    expect(fork?.rows[0]).toEqual(['fork: 512 MiB', '2', '8', '0.25']);
    expect(swap?.rows[0]).toEqual(['file: a page in, another out', '8', '4', '50 %', '5', '63 %']);
    expect(swap?.rows.at(-1)).toEqual(['memory device: a page out', '-', '3', '-', '4', '-']);
  });
});
