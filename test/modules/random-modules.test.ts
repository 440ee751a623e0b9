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

const COUNT = Number(process.env['QUIRE_MODULES'] ?? 480);
const SEED = Number(process.env['QUIRE_MODULES_SEED'] ?? 7);
const endOnFailure = process.env['QUIRE_MODULES_END'] !== undefined;

const settings = (system: string): fc.Arbitrary<Setting> =>
  fc.record({
    system: fc.constant(system),
    ramBytes: fc.constantFrom(...RAM_SIZES),
    stackRuns: fc.constantFrom('on', 'on', 'on', 'off'),
    theft: fc.constantFrom(...thefts),
    comes: fc.constantFrom('when called', 'at traps'),
    inlining: fc.constantFrom('everywhere', 'everywhere', 'loops', 'nowhere'),
    firstCalls: fc.constantFrom('told', 'untold'),
    seed: fc.nat(1000),
  });

describe.each(systemNames)('random modules on %s', (system) => {
  it('do what they do on plain memory', { timeout: 3_600_000 }, () => {
    const machines = new Machines();
    const seen = { done: 0, outside: 0, windows: 0, outgrown: 0, traps: 0, witnessed: 0 };
    fc.assert(
      fc.property(programs, settings(system), (sketch, setting) => {
        const { how, windowAccesses, leftWindow, traps, witnessed, difference } = compareRuns(machines, sketch, setting);
        if (how === 'done' || how === 'outside') seen[how]++;
        if (windowAccesses > 0) seen.windows++;
        if (leftWindow) seen.outgrown++;
        seen.traps += traps;
        seen.witnessed += witnessed;
        expect(difference).toBeUndefined();
      }),
      { numRuns: Math.ceil(COUNT / systemNames.length), seed: SEED, endOnFailure },
    );
    // What the generator is to bring about, it does: else this test would say less than it seems to.
    expect(Math.min(seen.done, seen.outside, seen.windows) * 10).toBeGreaterThan(COUNT / systemNames.length);
    expect(seen.outgrown).toBeGreaterThan(0);
    expect(Math.min(seen.traps, seen.witnessed)).toBeGreaterThan(COUNT);
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
/** The second function is called. */
const unwound: Statement = { do: 'drop', value: { op: 'call', how: 'direct', at: 1, operands: [] } };
const again: Statement = { do: 'drop', value: { op: 'call', how: 'direct', at: 0, operands: [] } };
const framed = (bytes: number, body: readonly Statement[]): FunctionSketch => ({
  ...{ parameters: [], result: 0, frame: bytes === 0 ? null : { bytes, shape: 'sub tee' }, body, value: constant(0) },
});
const member = (offset: number, added = 0): Access => ({
  ...{ kind: 0, offset: 0, unaligned: 0 },
  place: { in: 'group', pointer: 0, added, offset },
});
/** At `GROUP_OFFSETS[offset]` from pointer 0. */
const put = (offset: number, value: number): Statement => ({ do: 'store', access: member(offset), value: constant(value) });
const gather = (offset: number): Statement => ({ do: 'gather', access: member(offset) });
const update = (offset: number): Statement => ({ do: 'update', access: member(offset), value: constant(3) });
const point = (page: number, delta: number): Statement => ({ do: 'point', pointer: 0, to: { in: 'edge', page, delta } });
const steal: Statement = { do: 'steal' };
const callFrom = (where: 'floor' | 'margin', delta: number, at: number): FunctionSketch => ({
  ...{ parameters: [], result: 0, frame: null, value: constant(0) },
  body: [{ do: 'call from', where, pages: 0, delta, after: 'restored', at, operands: [] }],
});
/** Begins with the second function. */
const second = (sketch: ProgramSketch): ProgramSketch => ({ ...sketch, calls: [{ at: 1, operands: [] }] });
const program = (order: ProgramSketch['order'], functions: readonly FunctionSketch[], stackTop = 8192): ProgramSketch => ({
  ...{ order, stackTop, pages: 2, mostPages: 4, fuel: 30, functions, calls: [{ at: 0, operands: [] }] },
});

/** Where there is data, for `point`. */
const dataOf = (order: ProgramSketch['order']): readonly [page: number, delta: number] => (order === 'stack first' ? [0, 16] : [59, 1040]);

const groupCases = (order: ProgramSketch['order']): readonly (readonly [string, ProgramSketch])[] => [
  [
    'pages are stolen between the accesses of a group',
    program(order, [
      framed(0, [
        point(1, -8),
        put(0, 1),
        steal,
        gather(0),
        put(1, 2),
        steal,
        update(0),
        update(2),
        steal,
        gather(1),
        gather(2),
        put(2, 9),
      ]),
    ]),
  ],
  [
    'stores to pages of the image, and to pages that came back from swap, which were read before',
    program(order, [
      framed(0, [
        point(...dataOf(order)),
        gather(0),
        put(0, 1),
        gather(1),
        put(1, 2),
        steal,
        gather(0),
        put(2, 3),
        steal,
        gather(2),
        update(1),
      ]),
    ]),
  ],
  [
    'a group ends outside of memory, after stores that are done',
    program(order, [framed(0, [point(57, -12), gather(0), put(1, 2), put(0, 3), update(2), put(3, 4), put(4, 5)])]),
  ],
  [
    'a group begins outside of memory, and the rest is never done',
    program(order, [framed(0, [point(57, -12), put(2, 1), put(4, 2), put(0, 3)])]),
  ],
  [
    'the pointer of a group moves on in a loop, over edges of pages, and back',
    program(order, [
      framed(0, [
        point(1, -40),
        {
          do: 'loop',
          times: 6,
          body: [put(0, 1), update(2), { do: 'bump', pointer: 0, by: 20 }, gather(0), update(1), steal, put(1, 7)],
        },
        { do: 'bump', pointer: 0, by: -4096 },
        gather(0),
        update(0),
      ]),
    ]),
  ],
  [
    'what is stored in a group in one arm only',
    program(order, [
      framed(0, [
        point(1, 0),
        gather(0),
        { do: 'if', condition: { op: 'load', access: member(1) }, body: [put(0, 1)], otherwise: [gather(2), steal] },
        put(0, 5),
        { do: 'block', body: [gather(3), { do: 'branch', depth: 0, condition: constant(1) }, put(3, 7)] },
        gather(3),
      ]),
    ]),
  ],
];

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
  [
    'a frame reaches below the margin, which ends at the edge of a page',
    program('data first', [framed(1200, [store(4, 1), store(8, 2), store(12, 3)])], 3 * 4096 + 1024 + 16),
  ],
  [
    'stores below a frame, the lower end of which is that of the window',
    program('data first', [framed(1024, [store(-32, 1, -32), store(8, 2), store(12, 3), load(-32)])], 3 * 4096 + 1024 + 16),
  ],
  [
    'an address below 0 leads to the frame by its offset',
    second(program('data first', [framed(1200, [store(1100, 1), store(1108, 2), store(700, 3, -64)]), callFrom('floor', 8, 0)], 9000)),
  ],
  [
    'frames that are left as by longjmp, and used',
    program('stack first', [
      framed(64, [store(8, 1), store(60, 2), { do: 'loop', times: 5, body: [unwound, store(12, 3), load(8)] }, again, load(60)]),
      { ...framed(1600, [store(0, 4), store(1590, 5), { do: 'return', how: 'unwinding', value: constant(6) }]) },
    ]),
  ],
];

const visits = [
  ['nothing', 'at traps'],
  ['any', 'at traps'],
  ['all', 'when called'],
  ['copies', 'when called'],
] as const;

describe.each(systemNames)('programs that were found, on %s', (system) => {
  const machines = new Machines();
  it.each([
    ...cases,
    ...groupCases('data first'),
    ...groupCases('stack first').map(([name, sketch]) => [`${name}, with page 0 unmapped`, sketch] as const),
  ])('%s', (_, sketch) => {
    for (const ramBytes of RAM_SIZES) {
      for (const [theft, comes] of visits) {
        const setting: Setting = { system, ramBytes, theft, comes, stackRuns: 'on', inlining: 'everywhere', firstCalls: 'told', seed: 1 };
        const verdict = compareRuns(machines, sketch, setting);
        expect(verdict.difference, JSON.stringify(setting)).toBeUndefined();
      }
    }
  });
});
