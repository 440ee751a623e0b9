import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PAGE_SIZE, type Pfn, pfn } from '../../base/index.ts';
import { Ram } from '../ram.ts';
import { ACCESS_EXECUTE, ACCESS_READ, ACCESS_WRITE, FAULT_NOT_PRESENT, FAULT_PROTECTION } from './fault.ts';
import { PTE_ACCESSED, PTE_DIRTY, PTE_EXECUTE, PTE_PRESENT, PTE_USER, PTE_WIRED, PTE_WRITE } from './format.ts';
import { HashedMmu, hashedAnchor, hashedShape } from './hashed-mmu.ts';
import { inverted } from './inverted.ts';

const FRAMES = 64;
const TABLE = pfn(4);
const READ_WRITE = PTE_PRESENT | PTE_USER | PTE_WRITE;

const live: HashedMmu[] = [];
afterEach(() => {
  for (const mmu of live.splice(0)) mmu.check();
});

/** A table in frame 4; overflow frames are 32 and up, as many as `spare`. */
function setUp(spare = 8) {
  const ram = new Ram(new ArrayBuffer(FRAMES * PAGE_SIZE), FRAMES);
  const mmu = new HashedMmu(ram, inverted, TABLE);
  live.push(mmu);
  const setup = { ram, mmu, next: 32, left: spare, supply: () => (setup.left-- > 0 ? pfn(setup.next++) : (-1 as const)) };
  const map = (space: number, vpn: number, frame: number, flags = READ_WRITE): number => {
    const entry = mmu.ensureLeaf(pfn(space), vpn, setup.supply, pfn(frame));
    if (entry !== 0) mmu.setEntry(entry, pfn(frame), flags);
    return entry;
  };
  return { setup, ram, mmu, map };
}

describe('an inverted table', () => {
  it('has 4 bytes of anchors, to a power of two, and 16 of entries for each frame of RAM', () => {
    expect(hashedShape(64)).toEqual({ anchorBits: 6, anchorBytes: 256, bytes: 256 + 1024 });
    expect(hashedShape(65)).toEqual({ anchorBits: 7, anchorBytes: 512, bytes: 512 + 1040 });
    expect(hashedShape(2 ** 18)).toMatchObject({ anchorBits: 18, bytes: 2 ** 20 * 5 });
  });

  it('keeps the only page of a frame in the entry of the frame', () => {
    const { ram, mmu, map } = setUp();
    const entry = map(3, 0x123, 9, READ_WRITE | PTE_WIRED);
    expect(entry).toBe(4 * PAGE_SIZE + 256 + 9 * 16);
    expect([...ram.words.subarray(entry / 4, entry / 4 + 4)]).toEqual([0x9607, 0x123, 3, 0]);
    expect(ram.words[(4 * PAGE_SIZE) / 4 + hashedAnchor(3, 0x123, 6)]).toBe(entry / 16);
    expect(mmu.walk(pfn(3), 0x123, ACCESS_WRITE)).toBe(9);
    expect(mmu.entryFlags(entry)).toBe(READ_WRITE | PTE_WIRED | PTE_ACCESSED | PTE_DIRTY);
    expect(mmu.walk(pfn(3), 0x123, ACCESS_EXECUTE)).toBe(FAULT_PROTECTION);
    mmu.addFlags(entry, PTE_EXECUTE);
    expect(mmu.walk(pfn(3), 0x123, ACCESS_EXECUTE)).toBe(9);
  });

  it('tells spaces apart, and pages whose anchors are the same', () => {
    const { mmu, map } = setUp();
    const [space, other] = [1, 2];
    const pages = [5, 5 + 64, 5 + 128];
    pages.forEach((page, i) => void map(space, page, 10 + i));
    map(other, 5, 20);
    expect(pages.map((page) => mmu.walk(pfn(space), page, ACCESS_READ))).toEqual([10, 11, 12]);
    expect([mmu.walk(pfn(other), 5, ACCESS_READ), mmu.walk(pfn(other), 69, ACCESS_READ)]).toEqual([20, FAULT_NOT_PRESENT]);
    mmu.clearEntry(mmu.leaf(pfn(space), 69));
    expect(pages.map((page) => mmu.walk(pfn(space), page, ACCESS_READ))).toEqual([10, FAULT_NOT_PRESENT, 12]);
    expect(mmu.walk(pfn(space), 2 ** 20, ACCESS_READ)).toBe(FAULT_NOT_PRESENT);
  });

  it('puts a second mapping of a frame into an overflow entry, and gives the frame of these back when all are unused', () => {
    const { setup, mmu, map } = setUp(1);
    const own = map(1, 7, 9);
    const alias = map(2, 8, 9);
    expect([Math.floor(own / PAGE_SIZE), Math.floor(alias / PAGE_SIZE)]).toEqual([4, 32]);
    expect([mmu.walk(pfn(1), 7, ACCESS_WRITE), mmu.walk(pfn(2), 8, ACCESS_READ)]).toEqual([9, 9]);
    expect([mmu.hasFlags(own, PTE_DIRTY), mmu.hasFlags(alias, PTE_DIRTY)]).toEqual([true, false]);
    const freed: Pfn[] = [];
    mmu.pruneShared((frame) => freed.push(frame));
    expect(freed).toEqual([]);
    // The one frame holds 255; the next finds no place, and nothing changes.
    for (let page = 100; page < 354; page++) expect(map(2, page, 9)).not.toBe(0);
    expect(map(2, 400, 9)).toBe(0);
    expect(mmu.leaf(pfn(2), 400)).toBe(0);
    setup.left = 1;
    expect(map(2, 400, 9)).not.toBe(0);
    mmu.check();
    mmu.forEachLeaf(pfn(2), 0, mmu.pages, (entry) => mmu.clearEntry(entry));
    mmu.pruneShared((frame) => freed.push(frame));
    expect(freed.sort()).toEqual([32, 33]);
    expect(mmu.walk(pfn(1), 7, ACCESS_READ)).toBe(9);
  });

  it('takes back an entry that was not written, and leaves one that was', () => {
    const { mmu, map, setup } = setUp();
    const entry = mmu.ensureLeaf(pfn(1), 3, setup.supply, pfn(9));
    mmu.releaseLeaf(entry);
    expect(mmu.leaf(pfn(1), 3)).toBe(0);
    mmu.releaseLeaf(map(1, 3, 9));
    expect(mmu.walk(pfn(1), 3, ACCESS_READ)).toBe(9);
  });

  it('finds the first broken invariant: an entry in the wrong chain (HM1), one that maps another frame (HM2)', () => {
    const { ram, mmu, map } = setUp();
    const entry = map(1, 3, 9);
    mmu.setEntry(entry, pfn(10), READ_WRITE);
    expect(() => mmu.check()).toThrow(/HM2/);
    mmu.setEntry(entry, pfn(9), READ_WRITE);
    ram.words[entry / 4 + 1] = 4;
    expect(() => mmu.check()).toThrow(/HM1/);
    ram.words[entry / 4 + 1] = 3;
  });

  it('agrees with a map of spaces and pages on random steps', () => {
    const step = fc.record({
      what: fc.constantFrom('map', 'map', 'map', 'clear', 'rename', 'read', 'write', 'range'),
      space: fc.integer({ min: 1, max: 3 }),
      vpn: fc.constantFrom(0, 1, 2, 63, 64, 65, 128, 0xffff, 0xf_ffff),
      frame: fc.integer({ min: 8, max: 14 }),
      toSpace: fc.integer({ min: 1, max: 3 }),
      toVpn: fc.constantFrom(3, 67, 0xf_fffe),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { mmu, map } = setUp();
        const model = new Map<string, number>();
        const name = (space: number, vpn: number): string => `${space}:${vpn}`;
        for (const { what, space, vpn, frame, toSpace, toVpn } of steps) {
          const known = model.get(name(space, vpn));
          const entry = mmu.leaf(pfn(space), vpn);
          expect(entry === 0).toBe(known === undefined);
          if (what === 'map' && known === undefined) {
            expect(map(space, vpn, frame)).not.toBe(0);
            model.set(name(space, vpn), frame);
          } else if (what === 'clear' && entry !== 0) {
            mmu.clearEntry(entry);
            model.delete(name(space, vpn));
          } else if (what === 'rename' && known !== undefined && !model.has(name(toSpace, toVpn))) {
            expect(mmu.renameLeaf(entry, pfn(toSpace), toVpn)).toBe(true);
            model.delete(name(space, vpn));
            model.set(name(toSpace, toVpn), known);
          } else if (what === 'range') {
            for (const end of [vpn + 3, mmu.pages]) {
              const seen: [number, number][] = [];
              mmu.forEachLeaf(pfn(space), vpn, end, (at, page) => seen.push([page, mmu.entryFrame(at)]));
              const expected = [...model].map(([key, mapped]) => [...key.split(':').map(Number), mapped] as [number, number, number]);
              const within = expected.filter(([owner, page]) => owner === space && page >= vpn && page < end);
              expect(seen.sort((a, b) => a[0] - b[0])).toEqual(
                within.map(([, page, mapped]) => [page, mapped]).sort((a, b) => (a[0] as number) - (b[0] as number)),
              );
            }
          } else if (what === 'read' || what === 'write') {
            expect(mmu.walk(pfn(space), vpn, what === 'read' ? ACCESS_READ : ACCESS_WRITE)).toBe(known ?? FAULT_NOT_PRESENT);
          }
        }
        mmu.check();
      }),
      { numRuns: 150 },
    );
  });

  it('holds no values and no large pages', () => {
    const { mmu, map } = setUp();
    const entry = map(1, 3, 9);
    expect([mmu.absentBits, mmu.absentValue(entry), mmu.mapLarge()]).toEqual([0, 0, 0]);
    expect(() => mmu.writeAbsent(entry, 5)).toThrow(/HM2/);
  });
});
