// What a TLB is made of, as numbers; and processors that have been built, with the figures that their makers published.
//
//   page number | tag            | set |          set = page number mod sets, sets = entries / ways
//                                   |
//   set 0       | way 0 | way 1 | ...              ways = 1: direct mapped; ways = entries: fully associative
//   set 1       | way 0 | way 1 | ...
//
// An entry translates one page, or 2^k neighbouring pages that are loaded together (the R4000's pairs). Wired entries are the kernel's:
// no replacement takes them, so programs have that many fewer.
// Elsewhere: what an array of entries does (tlb-array.ts), the complete TLB of live programs (../tlb.ts), the one of a MIPS that runs
// programs (../mmu/mips-tlb.ts).

import { invariant } from '../../base/index.ts';

/** Which entry of a full set is given up: the one unused longest, the one filled first, any, or the one a tree of bits points at. */
export type TlbReplacement = 'lru' | 'fifo' | 'random' | 'tree-plru';

/** All rules, for options and messages. */
export const tlbReplacements: readonly TlbReplacement[] = ['lru', 'fifo', 'random', 'tree-plru'];

/** One array of entries. */
export interface TlbShape {
  readonly entries: number;
  /** Entries of a set: divides `entries`. */
  readonly ways: number;
  readonly replacement: TlbReplacement;
  /** Fully associative arrays: entries that no replacement takes. Default 0. */
  readonly wired?: number;
}

/** The TLB of a processor's data side. */
export interface TlbDesign {
  readonly name: string;
  readonly first: TlbShape;
  /** An array for large pages only; they go to `first` if there is none. */
  readonly large?: TlbShape;
  /** Asked when the first level misses; it has pages of both sizes. */
  readonly second?: TlbShape;
  /** Neighbouring pages in one entry, a power of two. Default 1. */
  readonly pagesPerEntry?: number;
  /** Where the figures are from, and what they do not say. */
  readonly source?: string;
}

/** Returns why there can be no such array, or undefined if there can. */
export function whyNoTlb({ entries, ways, replacement, wired = 0 }: TlbShape): string | undefined {
  if (entries % ways !== 0) return `${entries} entries do not divide into sets of ${ways}`;
  if (wired > 0 && ways !== entries) return 'only fully associative TLBs have wired entries';
  if (wired >= entries) return `all ${entries} entries would be wired`;
  const taken = ways - wired;
  if (replacement === 'tree-plru' && 2 ** Math.round(Math.log2(taken)) !== taken)
    return `tree-plru needs a power of two of ways, not ${taken}`;
  return undefined;
}

/** Panics (TLBM0) if there can be no such array. */
export function checkTlbShape(shape: TlbShape): void {
  const why = whyNoTlb(shape);
  invariant(shape.entries >= 1 && shape.ways >= 1 && why === undefined, 'TLBM0', () => why ?? 'a TLB has at least one entry');
}

const full = (entries: number, replacement: TlbReplacement): TlbShape => ({ entries, ways: entries, replacement });

/** Processors with published figures: what they hold is, what is not published is said to be assumed. */
export const tlbDesigns: readonly TlbDesign[] = [
  {
    name: 'i486',
    first: { entries: 32, ways: 4, replacement: 'tree-plru' },
    source: "Intel486 Programmer's Reference Manual: 32 entries, four ways, three bits of pseudo-LRU for a set; for data and code",
  },
  {
    name: 'r4000',
    first: full(48, 'random'),
    pagesPerEntry: 2,
    source: "MIPS R4000 User's Manual, chapter 4: 48 entries of two pages each, Random register; none wired, as after a reset",
  },
  {
    name: 'cortex-a53',
    first: full(10, 'lru'),
    second: { entries: 512, ways: 4, replacement: 'lru' },
    source: 'Arm Cortex-A53 Technical Reference Manual, chapter 5: micro TLB of 10, main TLB of 512 in four ways; replacement assumed',
  },
  {
    name: 'cortex-a72',
    first: full(32, 'lru'),
    second: { entries: 1024, ways: 4, replacement: 'lru' },
    source: 'Arm Cortex-A72 Technical Reference Manual, chapter 5: 32 for data, 1,024 in four ways; replacement assumed',
  },
  {
    name: 'skylake',
    first: { entries: 64, ways: 4, replacement: 'lru' },
    large: { entries: 32, ways: 4, replacement: 'lru' },
    second: { entries: 1536, ways: 12, replacement: 'lru' },
    source:
      'Intel 64 and IA-32 Optimization Reference Manual, Skylake client: 64 and 32 in four ways, 1,536 in twelve; replacement assumed',
  },
];
