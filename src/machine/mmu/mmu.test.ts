import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelPanic, type Pfn, pfn } from '../../base/index.ts';
import { Ram } from '../ram.ts';
import { aarch64 } from './aarch64.ts';
import { amd64, amd64FiveLevel, pae } from './amd64.ts';
import { ACCESS_EXECUTE, ACCESS_READ, ACCESS_WRITE, type Access, FAULT_NOT_PRESENT, FAULT_PROTECTION, faultErrorCode } from './fault.ts';
import {
  type PageTableFormat,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_EXECUTE,
  PTE_PRESENT,
  PTE_USER,
  PTE_WIRED,
  PTE_WRITE,
  tableFlags,
} from './format.ts';
import { i386 } from './i386.ts';
import { bare, deep, handful, scattered, shuffled, upsideDown } from './made-up-formats.conformance.ts';
import { mips } from './mips.ts';
import type { Mmu } from './mmu.ts';
import { RadixMmu } from './radix-mmu.ts';
import { sv32, sv39, sv48 } from './riscv.ts';

const ROOT = pfn(1);
const FRAMES = 64;
/** Radix tables do not ask which frame is to be mapped. */
const FRAME = pfn(0);
const FORMATS: readonly PageTableFormat[] = [
  i386,
  pae,
  amd64,
  amd64FiveLevel,
  sv32,
  sv39,
  sv48,
  aarch64,
  mips,
  scattered,
  deep,
  bare,
  shuffled,
  upsideDown,
  handful,
];

interface Setup {
  readonly ram: Ram;
  readonly mmu: Mmu;
  /** Gives zeroed frames from 2 on; -1 when `left` of them are used up. */
  readonly supply: () => Pfn | -1;
  left: number;
}

function setUp(format: PageTableFormat, tables = FRAMES - 2): Setup {
  const ram = new Ram(new ArrayBuffer(FRAMES * 4096), FRAMES);
  let next = 2;
  const setup: Setup = { ram, mmu: new RadixMmu(ram, format), left: tables, supply: () => (setup.left-- > 0 ? pfn(next++) : -1) };
  return setup;
}

/** Flags by the names that formats give their bits. */
const NAMED = [
  ['present', PTE_PRESENT],
  ['write', PTE_WRITE],
  ['user', PTE_USER],
  ['accessed', PTE_ACCESSED],
  ['dirty', PTE_DIRTY],
  ['execute', PTE_EXECUTE],
  ['wired', PTE_WIRED],
] as const;

/** An entry read the slow way: all its bytes as one number, bit by bit. */
function bitsOf(ram: Ram, format: PageTableFormat, entry: number): { frame: number; bit: (position: number) => number } {
  let value = 0n;
  for (let i = format.entryBytes - 1; i >= 0; i--) value = value * 256n + BigInt(ram.bytes[entry + i]!);
  return {
    frame: Number((value >> BigInt(format.frameShift)) % (1n << BigInt(format.frameBits))),
    bit: (position) => Number((value >> BigInt(position)) & 1n),
  };
}

/** Where the leaf entry must be, by following the bytes with whole-number arithmetic only; 0 if a table is missing. */
function slowLeaf(ram: Ram, format: PageTableFormat, root: Pfn, page: number): number {
  let table: number = root;
  for (const [level, { indexBits, shift }] of format.levels.entries()) {
    const entry = table * 4096 + Number((BigInt(page) >> BigInt(shift)) % (1n << BigInt(indexBits))) * format.entryBytes;
    if (level === format.levels.length - 1) return entry;
    const { frame, bit } = bitsOf(ram, format, entry);
    if (bit(format.bits.present) === 0) return 0;
    for (const one of format.tableOnes) expect(bit(one)).toBe(1);
    for (const zero of format.tableZeros) expect(bit(zero)).toBe(0);
    table = frame;
  }
  return 0;
}

describe.each(FORMATS)('RadixMmu with format $name', (format) => {
  const all = PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY | PTE_EXECUTE | PTE_WIRED;
  const { bits } = format;
  const undeniable = (bits.write === -1 ? PTE_WRITE : 0) | (bits.user === -1 ? PTE_USER : 0) | (bits.execute === -1 ? PTE_EXECUTE : 0);
  const unrecorded = (bits.accessed === -1 ? PTE_ACCESSED : 0) | (bits.dirty === -1 ? PTE_DIRTY : 0) | (bits.wired === -1 ? PTE_WIRED : 0);
  /** What an entry can tell of `flags`. */
  const kept = (flags: number): number => (flags | undeniable) & ~unrecorded;
  const lastPage = new RadixMmu(new Ram(new ArrayBuffer(4096), 1), format).pages - 1;
  const somePages = fc.constantFrom(
    ...new Set([0, 1, 2, 3, 127, 128, 255, 256, 511, 512, 1023, 1024, 0x12345, lastPage - 1, lastPage].filter((page) => page <= lastPage)),
  );

  it('keeps frame and flags of every set of flags, and changes flags one by one', () => {
    const { ram, mmu, supply } = setUp(format);
    const entry = mmu.ensureLeaf(ROOT, lastPage, supply, FRAME);
    for (let flags = 0; flags <= all; flags++) {
      const frame = pfn(2 ** Math.min(format.frameBits, 19) - 1 - flags);
      mmu.setEntry(entry, frame, flags);
      expect([mmu.entryFrame(entry), mmu.entryFlags(entry)]).toEqual([frame, kept(flags)]);
      const { bit } = bitsOf(ram, format, entry);
      for (const [name, flag] of NAMED) {
        const turned = (format.inverted & flag) !== 0;
        if (bits[name] >= 0) expect(bit(bits[name])).toBe(((flags & flag) !== 0) === turned ? 0 : 1);
      }
      for (const one of format.leafOnes) expect(bit(one)).toBe(1);
      for (const flag of [PTE_PRESENT, PTE_WRITE, PTE_DIRTY, PTE_EXECUTE, PTE_ACCESSED | PTE_USER]) {
        mmu.setEntry(entry, frame, flags);
        expect(mmu.hasFlags(entry, flag)).toBe((kept(flags) & flag & ~unrecorded) === (flag & ~unrecorded));
        mmu.addFlags(entry, flag);
        expect([mmu.entryFrame(entry), mmu.entryFlags(entry)]).toEqual([frame, kept(flags | flag)]);
        mmu.removeFlags(entry, flag);
        expect([mmu.entryFrame(entry), mmu.entryFlags(entry)]).toEqual([frame, kept(flags & ~flag)]);
      }
    }
    mmu.clearEntry(entry);
    expect(ram.bytes.subarray(entry, entry + format.entryBytes).every((byte) => byte === 0)).toBe(true);
  });

  it('puts entries where a slow reading of the tables finds them', () => {
    fc.assert(
      fc.property(fc.array(somePages, { maxLength: 8 }), (pages) => {
        const { ram, mmu, supply } = setUp(format);
        for (const page of pages) expect(mmu.leaf(ROOT, page)).toBe(slowLeaf(ram, format, ROOT, page));
        for (const page of pages) {
          const entry = mmu.ensureLeaf(ROOT, page, supply, FRAME);
          expect(entry).not.toBe(0);
          expect(entry).toBe(slowLeaf(ram, format, ROOT, page));
          expect(mmu.leaf(ROOT, page)).toBe(entry);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('walks as a map of pages to frames and flags says', () => {
    const step = fc.record({
      page: somePages,
      what: fc.constantFrom<'set' | 'clear' | Access>('set', 'clear', ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE),
      flags: fc.nat(all),
      frame: fc.integer({ min: 1, max: FRAMES - 1 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { mmu, supply } = setUp(format);
        const model = new Map<number, { frame: number; flags: number }>();
        for (const { page, what, flags, frame } of steps) {
          if (what === 'set') {
            mmu.setEntry(mmu.ensureLeaf(ROOT, page, supply, FRAME), pfn(frame), flags);
            model.set(page, { frame, flags: kept(flags) });
          } else if (what === 'clear') {
            const entry = mmu.leaf(ROOT, page);
            if (entry !== 0) mmu.setEntry(entry, pfn(0), 0);
            model.delete(page);
          } else {
            const mapped = model.get(page);
            const right = what === ACCESS_WRITE ? PTE_WRITE : what === ACCESS_EXECUTE ? PTE_EXECUTE : 0;
            const needed = PTE_USER | right;
            let expected = FAULT_NOT_PRESENT;
            if (mapped !== undefined && (mapped.flags & PTE_PRESENT) !== 0) {
              const allowed = (mapped.flags & needed) === needed;
              expected = allowed ? mapped.frame : FAULT_PROTECTION;
              if (allowed) mapped.flags = kept(mapped.flags | PTE_ACCESSED | (what === ACCESS_WRITE ? PTE_DIRTY : 0));
            }
            expect(mmu.walk(ROOT, page, what)).toBe(expected);
          }
          for (const [mappedPage, mapped] of model) {
            const entry = mmu.leaf(ROOT, mappedPage);
            expect([mmu.entryFrame(entry), mmu.entryFlags(entry)]).toEqual([mapped.frame, mapped.flags]);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('has no page beyond its last one', () => {
    const { mmu, supply } = setUp(format);
    mmu.setEntry(mmu.ensureLeaf(ROOT, 0, supply, FRAME), pfn(5), all);
    mmu.setEntry(mmu.ensureLeaf(ROOT, lastPage, supply, FRAME), pfn(6), all);
    for (const beyond of [lastPage + 1, lastPage + 2, 2 * lastPage + 1, 2 ** 50]) {
      expect(mmu.walk(ROOT, beyond, ACCESS_READ)).toBe(FAULT_NOT_PRESENT);
      expect(mmu.leaf(ROOT, beyond)).toBe(0);
      expect(() => mmu.ensureLeaf(ROOT, beyond, supply, FRAME)).toThrow(KernelPanic);
    }
    expect(mmu.walk(ROOT, lastPage, ACCESS_READ)).toBe(6);
  });

  it('gives 0 when the supply runs out at the k-th table, keeps what it made, and goes on from there', () => {
    const needed = format.levels.length - 1;
    for (let k = 0; k <= needed; k++) {
      const setup = setUp(format, k);
      const { mmu, supply } = setup;
      const entry = mmu.ensureLeaf(ROOT, lastPage, supply, FRAME);
      expect(entry !== 0).toBe(k === needed);
      const tables: number[] = [];
      mmu.forEachTable(ROOT, (table) => tables.push(table));
      expect(tables.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5].slice(0, k + 1));
      setup.left = needed - k;
      expect(mmu.ensureLeaf(ROOT, lastPage, supply, FRAME)).not.toBe(0);
      expect(setup.left).toBe(0);
    }
  });

  it('visits tables children first, the root last, each once', () => {
    const { mmu, supply, ram } = setUp(format);
    for (const page of [0, lastPage, Math.floor(lastPage / 2)]) mmu.ensureLeaf(ROOT, page, supply, FRAME);
    const seen: [number, number][] = [];
    mmu.forEachTable(ROOT, (table, level) => {
      seen.push([table, level]);
      ram.bytes.fill(0xff, table * 4096, (table + 1) * 4096);
    });
    expect(seen.at(-1)).toEqual([ROOT, 0]);
    expect(new Set(seen.map(([table]) => table)).size).toBe(seen.length);
    expect(seen.filter(([, level]) => level === format.levels.length - 1).length).toBeLessThanOrEqual(3);
    if (format.levels.length > 1) expect(seen.length).toBeGreaterThan(1 + (format.levels.length - 1));
  });

  it('visits exactly the leaf entries of a range that have a table, in order', () => {
    const leafPages = 2 ** format.levels.at(-1)!.indexBits;
    const { ram, mmu, supply } = setUp(format);
    for (const page of [0, lastPage]) mmu.ensureLeaf(ROOT, page, supply, FRAME);
    const within = (first: number, end: number): number[] => {
      const near = new Set<number>();
      for (let i = 0; i < leafPages; i++) near.add(i).add(lastPage - i);
      return [...near].filter((page) => page >= first && page < end).sort((a, b) => a - b);
    };
    for (const [first, end] of [
      [0, 1],
      [0, lastPage + 1],
      [0, Infinity],
      [3, 7],
      [leafPages - 1, leafPages + 1],
      [5, 5],
      [6, 5],
      [lastPage, lastPage + 1],
      [lastPage - 2, lastPage],
      [leafPages, lastPage + 1 - leafPages],
    ] as const) {
      const pages: number[] = [];
      mmu.forEachLeaf(ROOT, first, end, (entry, page) => {
        expect(entry).toBe(slowLeaf(ram, format, ROOT, page));
        pages.push(page);
      });
      expect(pages, `${first} to ${end}`).toEqual(within(first, end));
    }
  });

  it('write-protects a run of entries as it would one by one', () => {
    const { mmu, supply } = setUp(format);
    const count = 2 ** format.levels.at(-1)!.indexBits;
    const first = mmu.ensureLeaf(ROOT, 0, supply, FRAME);
    const at = (i: number): number => first + i * format.entryBytes;
    // The fifth has all flags: a table may be small.
    const flagsOf = (i: number): number => (all + (i - 4) * 37) & all;
    for (let i = 0; i < count; i++) mmu.setEntry(at(i), pfn(i + 1), flagsOf(i));
    const [from, end] = [3, count - 2];
    const dirty = new Int32Array(count);
    const found = mmu.writeProtect(at(from), end - from, dirty);
    const frames: number[] = [];
    for (let i = 0; i < count; i++) {
      const before = kept(flagsOf(i));
      const touched = i >= from && i < end && (before & PTE_PRESENT) !== 0 && (before & PTE_WRITE) !== 0;
      const after = touched ? kept(before & ~(PTE_WRITE | PTE_DIRTY)) : before;
      expect([mmu.entryFrame(at(i)), mmu.entryFlags(at(i))]).toEqual([i + 1, after]);
      // Where no mark tells, every page counts as changed.
      if (touched && (bits.dirty === -1 || (before & PTE_DIRTY) !== 0)) frames.push(i + 1);
    }
    expect(frames.length).toBeGreaterThan(count >> 4);
    expect([...dirty.subarray(0, found)]).toEqual(frames);
  });

  it('keeps a value of the kernel in an entry that is not present, and nothing of it when a page is mapped there', () => {
    const { ram, mmu, supply } = setUp(format);
    const entry = mmu.ensureLeaf(ROOT, lastPage, supply, FRAME);
    expect(mmu.absentBits).toBeGreaterThanOrEqual(Math.min(52, format.entryBytes * 8 - 1 - 5));
    const largest = 2 ** mmu.absentBits - 1;
    for (const value of [1, 2, 3, 0x7ff, 0x1234_567, largest - 1, largest]) {
      mmu.writeAbsent(entry, value);
      expect(mmu.absentValue(entry)).toBe(value);
      expect(bitsOf(ram, format, entry).bit(bits.present)).toBe(0);
      expect(mmu.walk(ROOT, lastPage, ACCESS_WRITE)).toBe(FAULT_NOT_PRESENT);
      mmu.setEntry(entry, pfn(7), PTE_PRESENT | PTE_USER | PTE_WRITE);
      expect([mmu.absentValue(entry), mmu.entryFrame(entry), mmu.walk(ROOT, lastPage, ACCESS_READ)]).toEqual([0, 7, 7]);
    }
    mmu.writeAbsent(entry, largest);
    mmu.prune(ROOT, () => expect.unreachable('a table that holds a value is not empty'));
    mmu.writeAbsent(entry, 0);
    expect(ram.bytes.subarray(entry, entry + format.entryBytes).every((byte) => byte === 0)).toBe(true);
  });

  it('maps a large page at each level that can, and pages of it are its frames', () => {
    for (const [level, { large, shift }] of format.levels.entries()) {
      const { mmu, supply } = setUp(format);
      const span = 2 ** shift;
      const first = Math.floor(lastPage / span) * span;
      const frame = pfn(span <= 2 ** 20 ? 3 * span : 0);
      if (large !== true) {
        expect(mmu.mapLarge(ROOT, first, level, frame, PTE_PRESENT, supply)).toBe(0);
        continue;
      }
      const entry = mmu.mapLarge(ROOT, first, level, frame, PTE_PRESENT | PTE_USER | PTE_WIRED, supply);
      expect(entry).not.toBe(0);
      for (const at of [0, 1, 5, span - 1]) {
        const reached = mmu.walk(ROOT, first + at, ACCESS_READ);
        // Frames beyond 2^31 are no frames of RAM.
        if (frame + at < 2 ** 31) expect(reached).toBe(frame + at);
        expect(mmu.leaf(ROOT, first + at)).toBe(0);
        expect(mmu.walk(ROOT, first + at, ACCESS_WRITE)).toBe(bits.write === -1 ? reached : FAULT_PROTECTION);
      }
      mmu.addFlags(entry, PTE_WRITE);
      expect(mmu.walk(ROOT, first + 1, ACCESS_WRITE)).toBe(frame + 1);
      expect(mmu.entryFlags(entry) & (PTE_ACCESSED | PTE_DIRTY | PTE_WIRED)).toBe(PTE_ACCESSED | PTE_DIRTY | PTE_WIRED);
      if (first > 0) expect(mmu.walk(ROOT, first - 1, ACCESS_READ)).toBe(FAULT_NOT_PRESENT);
      expect(() => mmu.ensureLeaf(ROOT, first, supply, FRAME)).toThrow(/MMU3/);
      expect(() => mmu.mapLarge(ROOT, first + 1, level, frame, PTE_PRESENT, supply)).toThrow(/MMU3/);
      const tables: number[] = [];
      mmu.forEachTable(ROOT, (table) => tables.push(table));
      expect(tables.length).toBe(level + 1);
      mmu.forEachLeaf(ROOT, 0, mmu.pages, () => expect.unreachable('there are no leaf tables'));
      mmu.clearEntry(entry);
      expect(mmu.walk(ROOT, first, ACCESS_READ)).toBe(FAULT_NOT_PRESENT);
      mmu.ensureLeaf(ROOT, first, supply, FRAME);
      expect(mmu.mapLarge(ROOT, first, level, frame, PTE_PRESENT, supply)).toBe(0);
    }
  });

  it('checks at every level the rights that upper entries carry, and at the leaf alone the others', () => {
    if (format.levels.length === 1) return;
    const { ram, mmu, supply } = setUp(format);
    mmu.setEntry(mmu.ensureLeaf(ROOT, 0, supply, FRAME), pfn(9), all & ~(PTE_ACCESSED | PTE_DIRTY));
    const upper = ROOT * 4096;
    const upperFlags = tableFlags(format, 0);
    for (const [flag, access] of [
      [PTE_WRITE, ACCESS_WRITE],
      [PTE_USER, ACCESS_READ],
      [PTE_EXECUTE, ACCESS_EXECUTE],
    ] as const) {
      const checked = (upperFlags & flag) !== 0 && bits[flag === PTE_WRITE ? 'write' : flag === PTE_USER ? 'user' : 'execute'] !== -1;
      mmu.removeFlags(upper, upperFlags & flag);
      const before = mmu.entryFlags(mmu.leaf(ROOT, 0));
      expect(mmu.walk(ROOT, 0, access)).toBe(checked ? FAULT_PROTECTION : 9);
      if (checked) expect(mmu.entryFlags(mmu.leaf(ROOT, 0))).toBe(before);
      mmu.addFlags(upper, upperFlags & flag);
      expect(mmu.walk(ROOT, 0, access)).toBe(9);
    }
    expect(mmu.hasFlags(upper, upperFlags & PTE_ACCESSED)).toBe(true);
    if ((upperFlags & PTE_DIRTY) === 0 && (format.inverted & PTE_DIRTY) === 0 && bits.dirty >= 0) {
      expect(bitsOf(ram, format, upper).bit(bits.dirty)).toBe(0);
    }
    mmu.removeFlags(upper, PTE_PRESENT);
    expect(mmu.walk(ROOT, 0, ACCESS_READ)).toBe(FAULT_NOT_PRESENT);
  });
});

describe('the i386 format', () => {
  it('makes the words that the manual and Linux name', () => {
    const { ram, mmu, supply } = setUp(i386);
    const entry = mmu.ensureLeaf(ROOT, 0xc0101, supply, FRAME);
    // Linear 0xC0101000: directory entry 0x300, table entry 0x101.
    expect(ram.words[1024 + 0x300]).toBe(0x2007);
    expect(entry).toBe(0x2000 + 4 * 0x101);
    mmu.setEntry(entry, pfn(0xabcde), PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY);
    // Linux's _PAGE_TABLE is 0x067, its _KERNPG_TABLE 0x063.
    expect(ram.words[entry / 4]).toBe(0xabcde067);
    mmu.removeFlags(entry, PTE_USER);
    expect(ram.words[entry / 4]).toBe(0xabcde063);
    mmu.setEntry(entry, pfn(0xfffff), PTE_PRESENT | PTE_USER | PTE_WIRED);
    expect(ram.words[entry / 4]).toBe(0xfffff205);
    expect(mmu.walk(ROOT, 0xc0101, ACCESS_READ)).toBe(0xfffff);
    expect(ram.words[1024 + 0x300]).toBe(0x2027);
    expect(ram.words[entry / 4]).toBe(0xfffff225);
  });
});

describe('faultErrorCode', () => {
  it('gives the codes that an x86 pushes', () => {
    expect(faultErrorCode(FAULT_NOT_PRESENT, ACCESS_READ)).toBe(4);
    expect(faultErrorCode(FAULT_NOT_PRESENT, ACCESS_WRITE)).toBe(6);
    expect(faultErrorCode(FAULT_PROTECTION, ACCESS_READ)).toBe(5);
    expect(faultErrorCode(FAULT_PROTECTION, ACCESS_WRITE)).toBe(7);
    expect(faultErrorCode(FAULT_NOT_PRESENT, ACCESS_EXECUTE)).toBe(0x14);
    expect(faultErrorCode(FAULT_PROTECTION, ACCESS_EXECUTE)).toBe(0x15);
    expect(faultErrorCode(FAULT_NOT_PRESENT, ACCESS_READ, 'kernel')).toBe(0);
    expect(faultErrorCode(FAULT_PROTECTION, ACCESS_WRITE, 'kernel')).toBe(3);
  });
});

describe('an inconsistent format', () => {
  const ram = new Ram(new ArrayBuffer(4096 * 4), 4);
  const refused = (change: Partial<PageTableFormat>): void => {
    expect(() => new RadixMmu(ram, { ...i386, ...change }), JSON.stringify(change)).toThrow(/MMU1/);
  };

  it('is refused', () => {
    refused({ levels: [] });
    refused({
      levels: [
        { indexBits: 10, shift: 12 },
        { indexBits: 10, shift: 0 },
      ],
    });
    refused({ levels: [{ indexBits: 11, shift: 0 }] });
    refused({ levels: [{ indexBits: 10, shift: 0 }], entryBytes: 8, frameShift: 0 });
    refused({ frameBits: 21 });
    refused({ frameBits: 1 });
    refused({ bits: { ...i386.bits, dirty: 5 } });
    refused({ leafOnes: [5] });
    refused({ tableOnes: [12] });
    refused({ tableZeros: [32] });
    refused({ bits: { ...i386.bits, dirty: 12 } });
    refused({ bits: { ...i386.bits, dirty: 32 } });
    refused({ bits: { ...i386.bits, present: -1 } });
  });
});
