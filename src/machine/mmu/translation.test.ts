// The exact translation and the fast walks, made apart, agree on random tables; registers are what processors are known to show.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, type Pfn, pfn } from '../../base/index.ts';
import { Ram } from '../ram.ts';
import { aarch64 } from './aarch64.ts';
import { amd64, amd64FiveLevel, pae } from './amd64.ts';
import { ACCESS_EXECUTE, ACCESS_READ, ACCESS_WRITE, type Access, FAULT_NOT_PRESENT, FAULT_PROTECTION } from './fault.ts';
import { type FaultedAccess, faultRegisters } from './fault-registers.ts';
import { type PageTableFormat, PTE_ACCESSED, PTE_DIRTY, PTE_EXECUTE, PTE_PRESENT, PTE_USER, PTE_WRITE, tableFlags } from './format.ts';
import { HashedMmu } from './hashed-mmu.ts';
import { i386 } from './i386.ts';
import { inverted } from './inverted.ts';
import { deep, scattered, shuffled, upsideDown } from './made-up-formats.conformance.ts';
import { mips } from './mips.ts';
import type { Mmu } from './mmu.ts';
import { RadixMmu } from './radix-mmu.ts';
import { sv32, sv39, sv48 } from './riscv.ts';
import { type PhysicalImage, type TranslationRequest, translate, whyNotCanonical } from './translation.ts';

const FRAMES = 64;
const ROOT = pfn(1);
const radixFormats = [i386, pae, amd64, amd64FiveLevel, sv32, sv39, sv48, aarch64, mips, scattered, deep, shuffled, upsideDown];

function imageOf(ram: Ram): PhysicalImage {
  return { bytes: ram.words.length * 4, word: (address) => ram.words[address / 4] };
}

function request(format: PageTableFormat, vpn: number, access: Access, mode: 'user' | 'kernel' = 'user'): TranslationRequest {
  return { format, root: ROOT * PAGE_SIZE, address: BigInt(vpn) * 4096n + 0x123n, access, mode, space: 1 };
}

/** What a walk returns for this translation. */
function asWalk(format: PageTableFormat, ram: Ram, vpn: number, access: Access): number {
  const { end } = translate(imageOf(ram), request(format, vpn, access));
  if (end.how === 'page') return Number(end.target.frame);
  if (end.how === 'outside') throw new Error('a table is outside of RAM');
  return end.kind === 'protection' ? FAULT_PROTECTION : FAULT_NOT_PRESENT;
}

const flagSets = fc.integer({ min: 0, max: 63 }).map((flags) => {
  const present = flags | (flags % 8 === 0 ? 0 : PTE_PRESENT);
  // What is dirty is writable (MMU4).
  return (present & PTE_WRITE) === 0 ? present & ~PTE_DIRTY : present;
});

describe.each(radixFormats)('a translation on $name', (format) => {
  it('ends where the walk ends, on random tables with large pages and rights taken away above', () => {
    const last = 2 ** format.levels.reduce((sum, level) => sum + level.indexBits, 0) - 1;
    const pages = [0, 1, 5, 63, 64, 511, 512, last >>> 1, last].filter((page) => page <= last);
    const step = fc.record({ page: fc.constantFrom(...pages), flags: flagSets, level: fc.nat(format.levels.length - 1), what: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const ram = new Ram(new ArrayBuffer(FRAMES * PAGE_SIZE), FRAMES);
        const mmu: Mmu = new RadixMmu(ram, format);
        let next = 2;
        const supply = (): Pfn | -1 => (next < FRAMES ? pfn(next++) : -1);
        for (const { page, flags, level, what } of steps) {
          const span = 2 ** (format.levels[level]?.shift ?? 0);
          const right = [PTE_WRITE, PTE_USER, PTE_EXECUTE][level % 3] as number;
          try {
            if (what === 0) mmu.mapLarge(ROOT, Math.floor(page / span) * span, level, pfn(0), flags, supply);
            else if (what === 1) mmu.removeFlags(ROOT * PAGE_SIZE, right & tableFlags(format, 0));
            else mmu.setEntry(mmu.ensureLeaf(ROOT, page, supply, pfn(0)), pfn(32 + (page % 32)), flags);
          } catch (error) {
            // A larger page lies there.
            expect(error).toMatchObject({ id: 'MMU3' });
          }
        }
        for (const page of pages) {
          for (const access of [ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE] as const) {
            const expected = asWalk(format, ram, page, access);
            const before = ram.words.slice();
            const reached = mmu.walk(ROOT, page, access);
            expect(reached, `page ${page}, access ${access}`).toBe(expected);
            if (reached < 0) expect(ram.words.every((word, i) => word === before[i])).toBe(true);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('names every bit of an entry once', () => {
    if (format.architecture === 'plain') return;
    for (const fields of [format.fields.leaf, format.fields.table, format.fields.large ?? []]) {
      const bits = fields.flatMap(([, low, width]) => Array.from({ length: width }, (_, i) => low + i));
      expect(new Set(bits).size).toBe(bits.length);
      expect(Math.max(0, ...bits)).toBeLessThan(format.entryBytes * 8);
    }
    const named = (bit: number): string | undefined => format.fields.leaf.find(([, low, width]) => bit >= low && bit < low + width)?.[0];
    for (const bit of Object.values(format.bits)) if (bit !== -1) expect(named(bit), `bit ${bit}`).toBeDefined();
  });
});

describe('a translation on inverted', () => {
  it('follows the chain to the page of its space, or to its end', () => {
    const ram = new Ram(new ArrayBuffer(FRAMES * PAGE_SIZE), FRAMES);
    const mmu = new HashedMmu(ram, inverted, ROOT);
    const map = (space: number, vpn: number, frame: number, flags: number): void =>
      mmu.setEntry(
        mmu.ensureLeaf(pfn(space), vpn, () => -1, pfn(frame)),
        pfn(frame),
        flags,
      );
    map(1, 5, 9, PTE_PRESENT | PTE_USER);
    map(1, 69, 10, PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_EXECUTE | PTE_ACCESSED);
    const at = (vpn: number, access: Access) => translate(imageOf(ram), request(inverted, vpn, access));
    expect(at(5, ACCESS_READ)).toMatchObject({ end: { how: 'page', target: { frame: 9n, physical: 0x9123n, accessed: false } } });
    expect(at(5, ACCESS_READ).steps.map(({ role }) => role)).toEqual(['table', 'other', 'page']);
    expect(at(5, ACCESS_WRITE)).toMatchObject({ end: { how: 'fault', kind: 'protection' } });
    expect(at(69, ACCESS_EXECUTE)).toMatchObject({ end: { how: 'page', target: { frame: 10n, accessed: true } } });
    expect(at(6, ACCESS_READ).steps.map(({ role }) => role)).toEqual(['absent']);
    expect(at(133, ACCESS_READ).steps.map(({ role }) => role)).toEqual(['table', 'other', 'other']);
    for (const page of [5, 69, 6, 133]) {
      for (const access of [ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE] as const) {
        expect(mmu.walk(pfn(1), page, access)).toBe(asWalk(inverted, ram, page, access));
      }
    }
  });
});

/** An image of one root table whose first entries are these, and what the address `page` of it ends in. */
function rootOnly(format: PageTableFormat, entries: readonly bigint[], access: Access, mode: 'user' | 'kernel' = 'user') {
  const words = new Uint32Array(4096);
  const view = new DataView(words.buffer);
  entries.forEach((entry, i) => {
    if (format.entryBytes === 8) view.setBigUint64(PAGE_SIZE + i * 8, entry, true);
    else view.setUint32(PAGE_SIZE + i * 4, Number(entry), true);
  });
  return translate({ bytes: words.byteLength, word: (address) => words[address / 4] }, request(format, 0, access, mode)).end;
}

describe('reserved forms', () => {
  it.each([
    ['PS in a PML4 entry', amd64, 0x2087n],
    ['R/W in an entry of the PAE pointers', pae, 0x2003n],
    ['address bits inside a large page of 4 MiB', i386, 0x40_2087n],
    ['W without R', sv39, 0x815n],
    ['a large page of RISC-V that begins inside one', sv32, 0x41fn],
    ['U in a pointer of RISC-V', sv48, 0x811n],
    ['a reserved high bit of RISC-V', sv39, (1n << 60n) | 0xdfn],
    ['a block at level 0', aarch64, 0x741n],
  ] as const)('%s stop the walk at level 0', (_, format, entry) => {
    expect(rootOnly(format, [entry], ACCESS_READ)).toMatchObject({ how: 'fault', kind: 'reserved', level: 0 });
  });
});

describe('rights that only one mode has', () => {
  it.each([
    ['RISC-V: the kernel does not reach a page of programs', sv39, 0xdfn, ACCESS_READ, 'page', 'fault'],
    ['RISC-V: nor programs one of the kernel', sv39, 0xcfn, ACCESS_READ, 'fault', 'page'],
    ['x86: a page of the kernel', i386, 0x83n, ACCESS_READ, 'fault', 'page'],
    ['x86: read-only is for both', i386, 0x85n, ACCESS_WRITE, 'fault', 'fault'],
  ] as const)('%s', (_, format, entry, access, user, kernel) => {
    expect([rootOnly(format, [entry], access).how, rootOnly(format, [entry], access, 'kernel').how]).toEqual([user, kernel]);
  });
});

describe('whyNotCanonical', () => {
  it('knows the holes of 64-bit spaces', () => {
    const fine = (format: PageTableFormat, address: bigint): boolean => whyNotCanonical(format, address) === undefined;
    expect([fine(sv39, 0x3f_ffff_ffffn), fine(sv39, 0x40_0000_0000n), fine(sv39, 0xffff_ffc0_0000_0000n)]).toEqual([true, false, true]);
    expect([fine(amd64, 0x7fff_ffff_ffffn), fine(amd64, 0x8000_0000_0000n), fine(amd64, 0xffff_8000_0000_0000n)]).toEqual([
      true,
      false,
      true,
    ]);
    expect([fine(aarch64, 0xffff_ffff_ffffn), fine(aarch64, 0x1_0000_0000_0000n)]).toEqual([true, false]);
    expect([fine(i386, 0xffff_ffffn), fine(i386, 0x1_0000_0000n), fine(sv32, 0xffff_ffffn)]).toEqual([true, false, true]);
    expect(whyNotCanonical(sv48, 0x8000_0000_0000n)).toBe('bits 63 to 48 must equal bit 47, which is 1');
  });
});

describe('faultRegisters', () => {
  const fault: FaultedAccess = { address: 0x1_2345n, access: ACCESS_READ, mode: 'user', kind: 'not present', level: 3, space: 0x107 };
  const values = (format: PageTableFormat, change: Partial<FaultedAccess> = {}): Record<string, bigint> =>
    Object.fromEntries(faultRegisters(format, { ...fault, ...change }).map(({ name, value }) => [name, value]));

  it('are those of an x86', () => {
    expect(values(i386)).toEqual({ 'error code': 4n, CR2: 0x1_2345n });
    expect(values(amd64, { access: ACCESS_WRITE, kind: 'protection' })).toEqual({ 'error code': 7n, CR2: 0x1_2345n });
    expect(values(amd64, { access: ACCESS_EXECUTE, kind: 'protection' })).toMatchObject({ 'error code': 0x15n });
    expect(values(pae, { access: ACCESS_READ, kind: 'reserved', mode: 'kernel' })).toMatchObject({ 'error code': 9n });
  });

  it('are those of a RISC-V', () => {
    expect(([ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE] as const).map((access) => values(sv39, { access })['scause'])).toEqual([
      13n,
      15n,
      12n,
    ]);
    expect(values(sv32)['stval']).toBe(0x1_2345n);
  });

  it('are those of an AArch64, as the logs of Linux show them', () => {
    // "Mem abort info: ESR = 0x92000007: DABT (lower EL), FSC = 0x07: level 3 translation fault".
    expect(values(aarch64)).toEqual({ ESR_EL1: 0x9200_0007n, FAR_EL1: 0x1_2345n });
    // "ESR = 0x9600004f: DABT (current EL), WnR = 1, FSC = 0x0f: level 3 permission fault".
    expect(values(aarch64, { access: ACCESS_WRITE, kind: 'protection', mode: 'kernel' })['ESR_EL1']).toBe(0x9600_004fn);
    // "ESR = 0x82000006: IABT (lower EL), FSC = 0x06: level 2 translation fault".
    expect(values(aarch64, { access: ACCESS_EXECUTE, level: 2 })['ESR_EL1']).toBe(0x8200_0006n);
  });

  it('are those of an R4000: ExcCode in bits 6 to 2, pairs of pages, ASIDs of 8 bits', () => {
    expect(values(mips)).toEqual({ Cause: 8n, BadVAddr: 0x1_2345n, EntryHi: 0x1_2007n, Context: 0x90n });
    expect(values(mips, { access: ACCESS_WRITE })['Cause']).toBe(12n);
    expect(values(mips, { access: ACCESS_WRITE, kind: 'protection' })['Cause']).toBe(4n);
  });

  it('are those of a PowerPC', () => {
    expect(values(inverted)).toEqual({ DSISR: 0x4000_0000n, DAR: 0x1_2345n });
    expect(values(inverted, { access: ACCESS_WRITE, kind: 'protection' })['DSISR']).toBe(0x0a00_0000n);
    expect(values(inverted, { access: ACCESS_EXECUTE })).toEqual({ SRR1: 0x4000_0000n, SRR0: 0x1_2345n });
  });

  it('are none where there is no processor', () => {
    expect(faultRegisters(deep, fault)).toEqual([]);
  });
});
