// An image object that the caller keeps: what one run of a program brought in is in memory for the next.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MIB } from '../base/index.ts';
import { buildMachine, systemNames } from '../systems/index.ts';
import { Program, prepareCode } from './program.ts';
import { deterministicClock, deterministicRandom } from './wasi/index.ts';

const module = readFileSync(new URL('../../programs/qsort.wasm', import.meta.url));

it.each(systemNames)('is read once for two runs, under %s', (system) => {
  const { machine, system: manager } = buildMachine({ ramBytes: 4 * MIB, frames: 'bitmap', policy: 'uvm', system, liveSpaces: 1, seed: 1 });
  const code = prepareCode(module, 'qsort', machine.tlbTables(0));
  const image = manager.createObject(code.image);
  if (typeof image === 'string') throw new Error(image);
  const wasi = { args: ['qsort', '100'], clock: deterministicClock(), random: deterministicRandom(1) };
  const reads = (kept: object): number => {
    const before = manager.statistics().pagerReads;
    const program = Program.load({ module, name: 'qsort', machine, system: manager, liveSpace: 0, wasi, now: () => 0, code, ...kept });
    expect(program.run()).toEqual({ kind: 'exit', code: 0 });
    manager.destroySpace(program.process.space);
    manager.check();
    return manager.statistics().pagerReads - before;
  };
  const first = reads({ image });
  expect([first > 0, reads({ image })]).toEqual([true, 0]);
  manager.releaseObject(image);
  manager.check();
});
