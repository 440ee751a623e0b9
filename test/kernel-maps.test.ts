// Real programs under every kernel map: each prints what it prints on flat memory, under both managers, with room and without.

import { describe, expect, it } from 'vitest';
import { FailurePlan, MIB, PAGE_SIZE, UsageError } from '../src/base/index.ts';
import { buildMachine, kernelMapChoices, systemNames } from '../src/systems/index.ts';
import { quire } from './support/quire-command.ts';
import { fine, TestProgram } from './support/run-program.ts';

const maps = kernelMapChoices.slice(1);

describe.each(maps)('under kernel map %s', (kernelMap) => {
  const program = TestProgram.kernel('mallocstress');
  const args = ['2000', '12000'];

  it.each(systemNames)('mallocstress with %s, in ample RAM and in 320 KiB', (system) => {
    const flat = program.runFlat({ args });
    const roomy = program.run({ ramBytes: 32 * MIB, args, kernelMap, system });
    expect([roomy.exit, roomy.stdout, roomy.statistics.swapPagesOut]).toEqual([fine, flat.stdout, 0]);
    const tight = program.run({ ramBytes: 80 * PAGE_SIZE, args, kernelMap, system });
    expect([tight.exit, tight.stdout]).toEqual([fine, flat.stdout]);
    expect(tight.statistics.swapPagesIn).toBeGreaterThan(0);
  });

  // Large pages, none, a table of the kernel's own filling, one table for all.
  it.each(['amd64', 'sv39', 'mips', 'inverted'])('mallocstress on page tables of %s', (pageTable) => {
    const flat = program.runFlat({ args });
    const { exit, stdout, statistics } = program.run({ ramBytes: 80 * PAGE_SIZE, args, kernelMap, pageTable });
    expect([exit, stdout]).toEqual([fine, flat.stdout]);
    expect(statistics.swapPagesOut).toBeGreaterThan(0);
  });
});

describe.each(maps)('a frame that is not given, under kernel map %s', (kernelMap) => {
  it('is refused at boot or changes nothing that the program prints', () => {
    const program = TestProgram.kernel('mallocstress');
    const machine = { ramBytes: 64 * PAGE_SIZE, args: ['500', '1500'], kernelMap };
    const count = new FailurePlan();
    const { stdout } = program.run({ ...machine, frameFailures: count });
    let refused = 0;
    for (let k = 0; k < count.requests; k += 1 + (k >> 3)) {
      try {
        const failed = program.run({ ...machine, frameFailures: new FailurePlan(k) });
        expect([failed.exit, failed.stdout]).toEqual([fine, stdout]);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeLessThan(10);
  });
});

describe('quire run --kernel-map', () => {
  const run = (...parameters: string[]) => quire('run', '--report', 'json', ...parameters, 'programs/mallocstress.wasm', '500', '2000');

  it.each(maps)('tells what the map %s cost', (kernelMap) => {
    const { code, err } = run('--kernel-map', kernelMap);
    expect(code).toBe(0);
    const report = JSON.parse(err) as {
      faults: { zeroFill: number };
      kernelMap: { design: string; bytes: number; maps: number; tlbDropped: number; bypassed: number };
      kernelBytes: { pageTables: number };
    };
    expect(report.kernelMap).toMatchObject({ design: kernelMap, bypassed: 0 });
    expect(report.kernelMap.maps).toBeGreaterThanOrEqual(report.faults.zeroFill);
    expect(report.kernelMap.tlbDropped > report.faults.zeroFill).toBe(kernelMap === 'dynamic');
    expect(report.kernelMap.bytes).toBeGreaterThan(0);
    expect(report.kernelBytes.pageTables).toBeGreaterThan(report.kernelMap.bytes);
  });

  it('says nothing of maps where there is none', () => {
    expect(JSON.parse(run().err)).not.toHaveProperty('kernelMap');
  });

  it('refuses RAM that has no frames for its tables, with a sentence', () => {
    const machineWith = (failAt: number) =>
      buildMachine({
        ...{ ramBytes: MIB, frames: 'bitmap', policy: 'clock', system: 'uvm', kernelMap: 'linear', liveSpaces: 0, seed: 1 },
        frameFailures: new FailurePlan(failAt),
      });
    for (let k = 0; k < 4; k++) expect(() => machineWith(k)).toThrow(/not enough frames for the tables of the kernel map linear/);
    machineWith(100).system.check();
  });
});
