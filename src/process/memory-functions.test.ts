// C's memory functions against bytes accessed one by one: results, what is done before a fault, and which byte the fault names.
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, smallMachine } from '../../test/support/uvm-machine.ts';
import { PAGE_SIZE } from '../base/index.ts';
import { FaultOutcome, PROT_NONE, PROT_READ, PROT_WRITE } from '../system/index.ts';
import type { Uvm } from '../uvm/index.ts';
import { GuestFault, memchr, memcmp, memcpy, memmove, memset, type Process, strlen } from './index.ts';

afterEach(checkMachines);

const RW = PROT_READ | PROT_WRITE;
const BASE = 0x5000_0000;
const PAGES = 6;

/** What a page may be: its rights, or nothing at all. */
type PageKind = 'rw' | 'r' | 'none' | 'hole';
const rights = { rw: RW, r: PROT_READ, none: PROT_NONE } as const;

function newGuest(frames = 64) {
  const { system, newProcess } = smallMachine({ frames, liveSpaces: 1 });
  return { system, process: newProcess() };
}

/** Six pages with content, of the given kinds, in place of what was there. */
function guest(kinds: readonly PageKind[], { system, process } = newGuest()) {
  const space = process.space as Parameters<Uvm['destroySpace']>[0];
  const size = PAGES * PAGE_SIZE;
  expect(system.map(space, { size, protection: RW, sharing: 'private', place: { how: 'fixed', address: BASE } })).toBe(BASE);
  const content = Uint8Array.from({ length: size }, (_, i) => 1 + ((i * 7 + Math.floor(i / 250)) % 250));
  process.copyOut(BASE, content);
  for (const [page, kind] of kinds.entries()) {
    const at = BASE + page * PAGE_SIZE;
    expect(kind === 'hole' ? system.unmap(space, at, PAGE_SIZE) : system.protect(space, at, PAGE_SIZE, rights[kind])).toBe(0);
  }
  return { process, content };
}

class ModelFault extends Error {
  readonly what: readonly [number, string, FaultOutcome];
  constructor(...what: readonly [number, string, FaultOutcome]) {
    super('fault');
    this.what = what;
  }
}

/** The same pages as bytes that know their rights; offsets from BASE. */
class Model {
  readonly bytes: Uint8Array;
  readonly #kinds: readonly PageKind[];

  constructor(kinds: readonly PageKind[], content: Uint8Array) {
    this.#kinds = kinds;
    this.bytes = content.slice();
  }

  load(at: number): number {
    this.#access(at, 'read');
    return this.bytes[at] as number;
  }

  store(at: number, value: number): void {
    this.#access(at, 'write');
    this.bytes[at] = value;
  }

  #access(at: number, access: 'read' | 'write'): void {
    const kind = at < 0 ? 'hole' : (this.#kinds[Math.floor(at / PAGE_SIZE)] ?? 'hole');
    if (kind === 'rw' || (kind === 'r' && access === 'read')) return;
    throw new ModelFault(BASE + at, access, kind === 'hole' ? FaultOutcome.unmapped : FaultOutcome.protection);
  }
}

const modelOf = {
  memmove(model: Model, to: number, from: number, size: number): undefined {
    if (to <= from) for (let i = 0; i < size; i++) model.store(to + i, model.load(from + i));
    else for (let i = size - 1; i >= 0; i--) model.store(to + i, model.load(from + i));
  },
  memset(model: Model, at: number, value: number, size: number): undefined {
    for (let i = 0; i < size; i++) model.store(at + i, value);
  },
  memcmp(model: Model, a: number, b: number, size: number): number {
    for (let i = 0; i < size; i++) {
      const difference = model.load(a + i) - model.load(b + i);
      if (difference !== 0) return Math.sign(difference);
    }
    return 0;
  },
  memchr(model: Model, at: number, value: number, size: number): number {
    for (let i = 0; i < size; i++) if (model.load(at + i) === (value & 0xff)) return BASE + at + i;
    return -1;
  },
};

/** The result, or what the fault says. */
function outcome(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    if (error instanceof ModelFault) return error.what;
    if (error instanceof GuestFault) return [error.address, error.access, error.outcome];
    throw error;
  }
}

/** What the process can read of its pages, the rest as they were. */
function bytesOf(process: Process, kinds: readonly PageKind[], before: Uint8Array): Uint8Array {
  const bytes = before.slice();
  for (const [page, kind] of kinds.entries()) {
    if (kind === 'rw' || kind === 'r') process.copyIn(BASE + page * PAGE_SIZE, bytes.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE));
  }
  return bytes;
}

/** Faster than toEqual by far. */
const firstDifference = (a: Uint8Array, b: Uint8Array): number => a.findIndex((byte, at) => byte !== b[at]);

const near = fc
  .tuple(fc.integer({ min: 0, max: PAGES }), fc.integer({ min: -5, max: 5 }), fc.boolean())
  .map(([page, offset, middle]) => page * PAGE_SIZE + offset + (middle ? 1000 : 0));
const length = fc.oneof(
  fc.integer({ min: 0, max: 12 }),
  fc.integer({ min: PAGE_SIZE - 6, max: PAGE_SIZE + 6 }),
  fc.integer({ min: 0, max: 4 * PAGE_SIZE }),
);
const pageKinds = fc.array(
  fc.oneof({ arbitrary: fc.constant<PageKind>('rw'), weight: 5 }, { arbitrary: fc.constantFrom<PageKind>('r', 'none', 'hole'), weight: 1 }),
  { minLength: PAGES, maxLength: PAGES },
);

describe('each function is as if the bytes were accessed one by one, across page edges and protections', () => {
  const property = (
    run: (made: ReturnType<typeof newGuest>, kinds: readonly PageKind[], a: number, b: number, size: number) => void,
  ): void => {
    const made = newGuest();
    fc.assert(
      fc.property(pageKinds, near, near, length, (...drawn) => run(made, ...drawn)),
      { numRuns: 120 },
    );
  };

  it('memmove and memcpy, overlapping or not', () => {
    let faults = 0;
    property((made, kinds, to, from, size) => {
      const { process, content } = guest(kinds, made);
      const model = new Model(kinds, content);
      // Ranges that do not overlap go upwards, which the model of a move to higher addresses does not.
      const isApart = to >= from + size;
      const expected = outcome(() => {
        if (!isApart) return modelOf.memmove(model, to, from, size);
        for (let i = 0; i < size; i++) model.store(to + i, model.load(from + i));
        return undefined;
      });
      const copy = isApart ? memcpy : memmove;
      expect(outcome(() => copy(process, BASE + to, BASE + from, size))).toEqual(expected);
      expect(firstDifference(bytesOf(process, kinds, content), model.bytes)).toBe(-1);
      if (expected !== undefined) faults++;
    });
    expect(faults).toBeGreaterThan(10);
  });

  it('memset', () => {
    property((made, kinds, at, value, size) => {
      const { process, content } = guest(kinds, made);
      const model = new Model(kinds, content);
      const expected = outcome(() => modelOf.memset(model, at, value, size));
      expect(outcome(() => memset(process, BASE + at, value, size))).toEqual(expected);
      expect(firstDifference(bytesOf(process, kinds, content), model.bytes)).toBe(-1);
    });
  });

  it('memcmp does not touch what lies behind a difference', () => {
    property((made, kinds, a, b, size) => {
      const { process, content } = guest(
        kinds.map(() => 'rw'),
        made,
      );
      // Mostly equal: one side is a copy of the other with one byte changed.
      memmove(process, BASE + 3 * PAGE_SIZE, BASE, 2 * PAGE_SIZE);
      memset(process, BASE + 3 * PAGE_SIZE + Math.abs(b % (2 * PAGE_SIZE)), 255, 1);
      const there = bytesOf(process, new Array<PageKind>(PAGES).fill('rw'), content);
      const model = new Model(new Array<PageKind>(PAGES).fill('rw'), there);
      const from = Math.abs(a % PAGE_SIZE);
      for (const [left, right] of [
        [from, from + 3 * PAGE_SIZE],
        [a, b],
        [b, a],
      ] as const) {
        const expected = outcome(() => modelOf.memcmp(model, left, right, size));
        const actual = outcome(() => memcmp(process, BASE + left, BASE + right, size));
        expect(typeof actual === 'number' ? Math.sign(actual) : actual).toEqual(expected);
      }
    });
  });

  it('memchr and strlen stop at the byte they look for', () => {
    property((made, kinds, at, value, size) => {
      const { process, content } = guest(kinds, made);
      const model = new Model(kinds, content);
      expect(outcome(() => memchr(process, BASE + at, value, size))).toEqual(outcome(() => modelOf.memchr(model, at, value, size)));
    });
    const { process } = guest(['r', 'r', 'rw', 'hole', 'r', 'rw']);
    expect(outcome(() => strlen(process, BASE + 100))).toEqual([BASE + 3 * PAGE_SIZE, 'read', FaultOutcome.unmapped]);
    process.copyOut(BASE + 3 * PAGE_SIZE - 1, Uint8Array.of(0));
    expect(strlen(process, BASE + 100)).toBe(3 * PAGE_SIZE - 101);
  });
});

it('a value is taken modulo 256, and no bytes are no access', () => {
  const { process } = guest(['rw', 'hole', 'rw', 'rw', 'rw', 'rw']);
  memset(process, BASE, 0x1ff, 3);
  expect([memchr(process, BASE, 0xff, 3), memchr(process, BASE + 3, 0x1ff, 50)]).toEqual([BASE, -1]);
  memset(process, BASE + PAGE_SIZE, 0, 0);
  memmove(process, BASE + PAGE_SIZE, BASE, 0);
  expect([memcmp(process, 0, BASE + PAGE_SIZE, 0), memchr(process, 0, 0, 0)]).toEqual([0, -1]);
});

it('what is no address faults like what is not mapped', () => {
  const { process } = guest(new Array<PageKind>(PAGES).fill('rw'));
  for (const at of [-1, 0.5, 2 ** 32, 2 ** 53, Number.NaN]) {
    expect(outcome(() => memset(process, at, 0, 1))).toEqual([at, 'write', FaultOutcome.unmapped]);
    expect(outcome(() => memcmp(process, BASE, at, 1))).toEqual([at, 'read', FaultOutcome.unmapped]);
  }
});

it('a move of many pages through a RAM that cannot hold them is right', () => {
  const { process, content } = guest(new Array<PageKind>(PAGES).fill('rw'), newGuest(40));
  const space = process.space as Parameters<Uvm['destroySpace']>[0];
  const big = 0x6000_0000;
  const size = 100 * PAGE_SIZE;
  process.system.map(space, { size, protection: RW, sharing: 'private', place: { how: 'fixed', address: big } });
  for (let done = 0; done < size; done += content.length) memcpy(process, big + done, BASE, Math.min(content.length, size - done));
  memmove(process, big + 777, big, size - 777);
  for (const page of [0, 1, 50, 99]) {
    const at = page * PAGE_SIZE + 800;
    expect(memcmp(process, big + at, BASE + ((at - 777) % content.length), 1000)).toBe(0);
  }
  expect(process.system.statistics().evictedDirty).toBeGreaterThan(0);
});
