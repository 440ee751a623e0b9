// Rewritten code and the kernel under it, on random modules (sketch.ts): each does what it does on plain memory, with pages stolen at every miss.
//
// QUIRE_MODULES=<how many> makes it run longer, QUIRE_MODULES_SEED=<a number> otherwise, and QUIRE_MODULES_END=1 ends it at the first failure,
// without making that smaller.

import process from 'node:process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemNames } from '../../src/systems/index.ts';
import { type Access, type Expression, type FunctionSketch, type ProgramSketch, programs, type Statement } from './sketch.ts';
import { compareRuns, Machines, RAM_SIZES, type Setting, thefts } from './trial.ts';

const COUNT = Number(process.env['QUIRE_MODULES'] ?? 240);
const SEED = Number(process.env['QUIRE_MODULES_SEED'] ?? 7);
const endOnFailure = process.env['QUIRE_MODULES_END'] !== undefined;

const settings = (system: string): fc.Arbitrary<Setting> =>
  fc.record({
    system: fc.constant(system),
    ramBytes: fc.constantFrom(...RAM_SIZES),
    stackRuns: fc.constantFrom('on', 'on', 'on', 'off'),
    theft: fc.constantFrom(...thefts),
    inlining: fc.constantFrom('everywhere', 'everywhere', 'loops', 'nowhere'),
    firstCalls: fc.constantFrom('told', 'untold'),
    seed: fc.nat(1000),
  });

describe.each(systemNames)('random modules on %s', (system) => {
  it('do what they do on plain memory', { timeout: 3_600_000 }, () => {
    const machines = new Machines();
    const seen = { done: 0, outside: 0, windows: 0, outgrown: 0, traps: 0 };
    fc.assert(
      fc.property(programs, settings(system), (sketch, setting) => {
        const { how, windowAccesses, leftWindow, traps, difference } = compareRuns(machines, sketch, setting);
        if (how === 'done' || how === 'outside') seen[how]++;
        if (windowAccesses > 0) seen.windows++;
        if (leftWindow) seen.outgrown++;
        seen.traps += traps;
        expect(difference).toBeUndefined();
      }),
      { numRuns: Math.ceil(COUNT / systemNames.length), seed: SEED, endOnFailure },
    );
    // What the generator is to bring about, it does: else this test would say less than it seems to.
    expect(Math.min(seen.done, seen.outside, seen.windows) * 10).toBeGreaterThan(COUNT / systemNames.length);
    expect(seen.outgrown).toBeGreaterThan(0);
    expect(seen.traps).toBeGreaterThan(COUNT);
  });
});

// Programs that once failed, or that would if code of a certain kind were wrong, written smaller.

const constant = (value: number): Expression => ({ op: 'constant', value });
const inFrame = (distance: number, split = 0): Access => ({
  ...{ kind: 0, offset: 5, unaligned: 0 },
  place: { in: 'frame', whose: 'any', distance, split },
});
const store = (distance: number, value: number, split = 0): Statement => ({
  do: 'store',
  access: inFrame(distance, split),
  value: constant(value),
});
const load = (distance: number): Statement => ({ do: 'drop', value: { op: 'load', access: inFrame(distance) } });
const again: Statement = { do: 'drop', value: { op: 'call', how: 'direct', at: 0, operands: [] } };
const framed = (bytes: number, body: readonly Statement[]): FunctionSketch => ({
  ...{ parameters: [], result: 0, frame: { bytes, shape: 'sub tee' }, body, value: constant(0) },
});
const program = (order: ProgramSketch['order'], functions: readonly FunctionSketch[], stackTop = 8192): ProgramSketch => ({
  ...{ order, stackTop, pages: 2, mostPages: 4, fuel: 30, functions, calls: [{ at: 0, operands: [] }] },
});

const cases: readonly (readonly [string, ProgramSketch])[] = [
  // Its frame pointer is near 2^32 then, while the frame's upper end is in the window: the access is one beyond the space, not a trap of the engine's.
  ['a frame larger than the margin reaches below address 0', program('data first', [framed(2064, [load(1040), store(1040, 7), again])])],
  ['the same, at an address that is added', program('data first', [framed(2064, [store(1040, 7, 1040), store(1044, 7, 1044), again])])],
  [
    'a frame pointer is set again',
    program('stack first', [
      framed(64, [store(0, 1), store(8, 2), { do: 'move frame', to: { in: 'edge', page: 20, delta: 0 } }, store(4, 9), load(4)]),
    ]),
  ],
  [
    'frames lie over the end of the window, at each distance from it',
    program('stack first', [framed(2064, [store(8, 1), store(1020, 3), store(1040, 4), store(2048, 5), again, load(1040)])], 65_536),
  ],
];

describe.each(systemNames)('programs that were found, on %s', (system) => {
  it.each(cases)('%s', (_, sketch) => {
    const machines = new Machines();
    for (const ramBytes of RAM_SIZES) {
      for (const theft of ['nothing', 'any'] as const) {
        const setting: Setting = { system, ramBytes, theft, stackRuns: 'on', inlining: 'everywhere', firstCalls: 'told', seed: 1 };
        const verdict = compareRuns(machines, sketch, setting);
        expect(verdict.difference, JSON.stringify(setting)).toBeUndefined();
      }
    }
  });
});
