import { afterEach, describe, expect, it } from 'vitest';
import { PAGE_SIZE, type Pfn, pfn } from '../../base/index.ts';
import { Ram } from '../ram.ts';
import { TLB_ENTRIES, type Tlb } from '../tlb.ts';
import { ACCESS_READ, ACCESS_WRITE, FAULT_NOT_PRESENT, FAULT_PROTECTION } from './fault.ts';
import { PTE_PRESENT, PTE_WRITE } from './format.ts';
import { mips } from './mips.ts';
import type { SoftwareTlb } from './mips-tlb.ts';
import { RadixMmu } from './radix-mmu.ts';

const FRAMES = 512;

const live: Tlb[] = [];
afterEach(() => {
  for (const tlb of live.splice(0)) tlb.check();
});

/** One machine, spaces with roots from frame 1 on, tables from frame 16 on. */
function setUp() {
  const ram = new Ram(new ArrayBuffer(FRAMES * PAGE_SIZE), FRAMES);
  const mmu = new RadixMmu(ram, mips);
  const tlb = mmu.softwareTlb as SoftwareTlb;
  let next = 16;
  let roots = 0;
  const newSpace = (id: number) => {
    const words = tlb.space(new ArrayBuffer(8 * TLB_ENTRIES), 0, 4 * TLB_ENTRIES);
    const root = pfn(++roots);
    words.bind(root, id);
    live.push(words);
    const map = (vpn: number, frame: number, flags = PTE_PRESENT | PTE_WRITE): void =>
      mmu.setEntry(
        mmu.ensureLeaf(root, vpn, () => pfn(next++)),
        pfn(frame),
        flags,
      );
    /** What a trap does: walk, then fill. */
    const trap = (vpn: number, access: 0 | 1): number => {
      const frame = mmu.walk(root, vpn, access);
      if (frame < 0) return frame;
      if (access === 1) words.fillWrite(vpn, frame as Pfn);
      else words.fillRead(vpn, frame as Pfn);
      return frame;
    };
    return { words, map, trap };
  };
  const counts = (): number[] => [tlb.refills, tlb.invalid, tlb.modified];
  return { mmu, tlb, newSpace, counts };
}

describe('the TLB of a MIPS', () => {
  it('takes a refill and an invalid exception at the first load of a page, and a modified one at the first store', () => {
    const { newSpace, counts } = setUp();
    const { words, map, trap } = newSpace(1);
    map(4, 100);
    expect(trap(4, ACCESS_READ)).toBe(100);
    expect(counts()).toEqual([1, 1, 0]);
    expect([words.reads(4), words.writes(4)]).toEqual([true, false]);
    expect(trap(4, ACCESS_WRITE)).toBe(100);
    expect(counts()).toEqual([1, 1, 1]);
    expect([words.readFrame(4), words.writeFrame(4)]).toEqual([100, 100]);
  });

  it('loads both pages of a pair by one refill, the other as far as it has been used', () => {
    const { newSpace, counts } = setUp();
    const { words, map, trap } = newSpace(1);
    map(4, 100);
    map(5, 101);
    map(6, 102);
    trap(5, ACCESS_WRITE);
    expect([words.reads(4), words.writes(5), words.reads(6)]).toEqual([false, true, false]);
    trap(4, ACCESS_READ);
    // The pair is there, the half is not valid: no second refill.
    expect(counts()).toEqual([1, 2, 0]);
    words.flush();
    trap(4, ACCESS_READ);
    expect(counts()).toEqual([2, 2, 0]);
    expect([words.reads(4), words.writes(5), words.writes(4)]).toEqual([true, true, false]);
  });

  it('faults without the page and without the right, as an invalid and as a modified exception', () => {
    const { newSpace, counts } = setUp();
    const { map, trap } = newSpace(1);
    expect(trap(9, ACCESS_READ)).toBe(FAULT_NOT_PRESENT);
    expect(counts()).toEqual([1, 1, 0]);
    map(8, 100, PTE_PRESENT);
    trap(8, ACCESS_READ);
    expect(trap(8, ACCESS_WRITE)).toBe(FAULT_PROTECTION);
    expect(counts()).toEqual([2, 2, 1]);
  });

  it('holds 47 pairs beside the wired one: those and no more pages have words', () => {
    const { newSpace, counts } = setUp();
    const { words, map, trap } = newSpace(1);
    for (let page = 0; page < 200; page++) map(page, 200 + page);
    for (let page = 0; page < 200; page++) trap(page, ACCESS_WRITE);
    const valid = Array.from({ length: 200 }, (_, page) => page).filter((page) => words.writes(page));
    expect(valid.length).toBeLessThanOrEqual(94);
    expect(valid.length).toBeGreaterThan(60);
    expect(counts()[0]).toBe(100);
    words.check();
  });

  it('drops the pair of a page whose entry changes', () => {
    const { newSpace } = setUp();
    const { words, map, trap } = newSpace(1);
    for (const page of [4, 5, 8, 9]) {
      map(page, 100 + page);
      trap(page, ACCESS_WRITE);
    }
    words.invalidateWrite(4);
    expect([4, 5, 8, 9].map((page) => words.reads(page))).toEqual([false, false, true, true]);
    words.invalidateRange(9, 1);
    expect([8, 9].map((page) => words.reads(page))).toEqual([false, false]);
  });

  it('keeps spaces apart by ASID, and gives an ASID to the last that asks for it', () => {
    const { newSpace } = setUp();
    // Ids 1 and 256 make the same of 255 ASIDs.
    const [one, two, same] = [newSpace(1), newSpace(2), newSpace(256)];
    for (const space of [one, two]) {
      space.map(4, 100);
      space.trap(4, ACCESS_WRITE);
    }
    expect([one.words.writes(4), two.words.writes(4)]).toEqual([true, true]);
    same.map(4, 101);
    same.trap(4, ACCESS_WRITE);
    expect([one.words.writes(4), two.words.writes(4), same.words.writeFrame(4)]).toEqual([false, true, 101]);
  });
});
