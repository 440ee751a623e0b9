// The k-th frame, kernel-heap block or swap read fails, for every k that a moving call reaches: the call works or says why not, all bytes
// stay, and when everything has ended nothing is left.
import { describe, expect, it } from 'vitest';
import { movingScene, must } from '../../test/support/moving.ts';
import { TestFile } from '../../test/support/uvm-probe.ts';
import { FailurePlan, PAGE_SIZE } from '../base/index.ts';
import { FaultyDevice, MemoryDevice } from '../machine/index.ts';
import type { KernelLoan, WritableLoan } from '../system/index.ts';
import type { VmMap } from './vm-map.ts';

/** Which resource fails at its k-th request. */
type Failing = 'frames' | 'heap' | 'reads';

/** Pages of the sender: 4 anonymous ones, half of them on swap, and 4 of a file that is shared. */
const PAGES = 8;
const EXPECTED = [1, 2, 3, 4, 1, 2, 3, 4];

interface Prepared {
  readonly scene: ReturnType<typeof movingScene>;
  readonly at: number;
  readonly file: TestFile;
  readonly plan: FailurePlan;
  readonly end: () => void;
}

/** A scene whose plan begins to count only when the call under test does. */
function prepare(failing: Failing, k: number): Prepared {
  let plan = new FailurePlan();
  const forward = { next: () => plan.next() } as FailurePlan;
  const scene = movingScene({
    frames: 96,
    ...(failing === 'frames' && { frameFailures: forward }),
    ...(failing === 'heap' && { heapFailures: forward }),
    swap: new FaultyDevice(new MemoryDevice(256), failing === 'reads' ? { reads: forward } : {}),
  });
  const { a, machine, system, spaceOf, evict, load } = scene;
  const file = new TestFile(4, 'file');
  const object = must(system.createObject(file.pager));
  const at = 0x7000_0000;
  for (const [offset, of] of [
    [0, undefined],
    [4, object],
  ] as const) {
    const place = { how: 'fixed', address: at + offset * PAGE_SIZE } as const;
    must(
      system.map(spaceOf(a), {
        size: 4 * PAGE_SIZE,
        protection: 3,
        sharing: of === undefined ? 'private' : 'shared',
        place,
        ...(of !== undefined && { object: of }),
      }),
    );
  }
  for (let i = 0; i < 4; i++) a.copyOut(at + i * PAGE_SIZE, new Uint8Array(PAGE_SIZE).fill(i + 1));
  evict();
  load(a, at);
  load(a, at + 5 * PAGE_SIZE);
  machine.heap.reap();
  plan = new FailurePlan(k);
  const end = () => {
    scene.end(scene.a, scene.b);
    system.releaseObject(object);
    system.check();
    expect(scene.inUse()).toEqual({ free: machine.frames.managed, heap: 0, slots: 0 });
  };
  return { scene, at, file, plan, end };
}

const calls: Record<string, (prepared: Prepared) => void> = {
  lendToKernel: ({ scene: { mover, a, spaceOf, lentBytes }, at }) => {
    const loan = mover.lendToKernel(spaceOf(a), at, PAGES * PAGE_SIZE);
    if (typeof loan === 'string') expect(['ENOMEM', 'EIO']).toContain(loan);
    else {
      expect(lentBytes(loan)).toEqual(EXPECTED);
      mover.endKernelLoan(loan);
    }
  },
  lendToSpace: ({ scene: { mover, a, b, spaceOf, load }, at }) => {
    const there = mover.lendToSpace(spaceOf(a), at, PAGES * PAGE_SIZE, spaceOf(b));
    if (typeof there === 'string') expect(['ENOMEM', 'EIO']).toContain(there);
    else expect(readable(() => EXPECTED.map((_, i) => load(b, there + i * PAGE_SIZE)))).toEqual(EXPECTED);
  },
  transfer: ({ scene: { mover, a, b, spaceOf, load }, at }) => {
    const loan = mover.lendToKernel(spaceOf(a), at, PAGES * PAGE_SIZE);
    if (typeof loan === 'string') return;
    const there = mover.transfer(loan, spaceOf(b));
    if (typeof there === 'string') {
      expect(there).toBe('ENOMEM');
      mover.endKernelLoan(loan as KernelLoan);
    } else expect(readable(() => EXPECTED.map((_, i) => load(b, there + i * PAGE_SIZE)))).toEqual(EXPECTED);
  },
  kernelPages: ({ scene: { mover, b, spaceOf } }) => {
    const loan = mover.kernelPages(6 * PAGE_SIZE);
    if (typeof loan === 'string') return;
    const there = mover.transfer(loan, spaceOf(b));
    if (typeof there === 'string') mover.endKernelLoan(loan);
  },
  lendWritable: ({ scene: { mover, a, b, spaceOf, store, load }, at }) => {
    const loan = mover.lendWritable(spaceOf(a), at, 4 * PAGE_SIZE, spaceOf(b)) as WritableLoan<VmMap> | string;
    if (typeof loan === 'string') {
      expect(loan).toBe('ENOMEM');
      return;
    }
    readable(() => store(b, loan.borrowerStart, 1));
    mover.endWritableLoan(loan);
    readable(() => expect(load(a, at)).toBe(1));
  },
  ...Object.fromEntries(
    (['share', 'copy', 'move'] as const).map((mode) => [
      `pass by ${mode}`,
      ({ scene: { mover, a, b, spaceOf, load }, at }: Prepared) => {
        const inB = mover.pass(spaceOf(a), at + PAGE_SIZE, 6 * PAGE_SIZE, spaceOf(b), mode);
        if (typeof inB === 'string') expect(inB).toBe('ENOMEM');
        else {
          expect(readable(() => [0, 5].map((i) => load(b, inB + i * PAGE_SIZE)))).toEqual([2, 3]);
          const place = { how: 'fixed', address: at + PAGE_SIZE } as const;
          if (mode === 'move') readable(() => must(mover.pass(spaceOf(b), inB, 6 * PAGE_SIZE, spaceOf(a), mode, place)));
        }
      },
    ]),
  ),
};

/** Runs accesses; if the injected failure ended one, runs them again. */
function readable<T>(access: () => T): T {
  try {
    return access();
  } catch {
    return access();
  }
}

describe.each(Object.keys(calls))('%s', (name) => {
  it.each(['frames', 'heap', 'reads'] as const)('survives the k-th failure of %s', (failing) => {
    let k = 0;
    for (; ; k++) {
      const prepared = prepare(failing, k);
      (calls[name] as (prepared: Prepared) => void)(prepared);
      const { scene, at, plan, end } = prepared;
      scene.system.check();
      const bytes = readable(() => EXPECTED.map((_, i) => scene.load(scene.a, at + i * PAGE_SIZE)));
      expect(bytes, `k = ${k}`).toEqual(EXPECTED);
      end();
      if (plan.requests <= k) break;
    }
    // Each call takes kernel memory: so some k hit it.
    if (failing === 'heap') expect(k).toBeGreaterThan(0);
  });
});
