// What a TLB has to translate when processes run traces: each page of each space once, numbered 0, 1, 2, ...
//
//   process p, trace id i -> translation              | small pages of p | large pages of p | ...
//   a page in a global range                          one translation for all processes: shared text, the kernel
//   a stretch of which enough pages are referenced    one translation of a large page, as if it had been promoted before the start
//
// The upper entries on the way of a walk are numbered too: two translations whose page numbers agree in all higher digits of a level share
// the entry there. A space of its own has its own; global pages keep those of the space that has them first.
// Elsewhere: how the numbers are replayed (tlb-replay.ts).

import { invariant, PAGE_SIZE } from '../../base/index.ts';
import { type PageTableFormat, vpnBits } from '../../machine/index.ts';

/** The space of translations that all processes share. */
export const GLOBAL_SPACE = -1;

/** Pages of one process: the page number of each of its trace's ids, in pages of the base size. */
export interface ProcessPages {
  readonly pages: Float64Array;
}

/** How pages become translations. */
export interface TranslationOptions {
  /** Bytes of the page that trace ids are numbers of. */
  readonly baseBytes: number;
  /** Bytes of a page; the base size or a multiple, by a power of two. */
  readonly pageBytes: number;
  /** Large pages, and how much of one must be referenced for it to be one. */
  readonly large?: { readonly bytes: number; readonly share: number };
  /** Pages that one entry translates together. */
  readonly pagesPerEntry: number;
  /** Addresses that mean the same in all spaces, [from, to). */
  readonly globals: readonly (readonly [from: number, to: number])[];
}

/** The translations of some processes. */
export interface Translations {
  /** Of each process: the translation of each trace id. */
  readonly ofProcess: readonly Uint32Array[];
  /** Of each translation: its number among those of its size, which chooses the set. */
  readonly pages: Float64Array;
  readonly spaces: Int32Array;
  readonly isLarge: Uint8Array;
  /** Of each translation: the number of its first base page. */
  readonly basePages: Float64Array;
}

/** Numbers the translations. All sizes are powers of two. */
export function translationsOf(processes: readonly ProcessPages[], options: TranslationOptions): Translations {
  const { baseBytes, pageBytes, large, pagesPerEntry } = options;
  const entryPages = (pageBytes / baseBytes) * pagesPerEntry;
  const largePages = large === undefined ? 0 : large.bytes / baseBytes;
  const numbers = new Map<string, Map<number, number>>();
  const columns: Record<'pages' | 'spaces' | 'isLarge' | 'basePages', number[]> = { pages: [], spaces: [], isLarge: [], basePages: [] };
  const ofProcess = processes.map(({ pages }, process) => {
    const promoted = large === undefined ? undefined : promotedOf(pages, largePages, large.share);
    return Uint32Array.from(pages, (basePage) => {
      const isLarge = promoted?.has(Math.floor(basePage / largePages)) === true ? 1 : 0;
      const unit = isLarge === 1 ? largePages : entryPages;
      const page = Math.floor(basePage / unit);
      const space = isGlobal(page * unit * baseBytes, unit * baseBytes, options.globals) ? GLOBAL_SPACE : process;
      const known = numbersOf(numbers, `${space}:${isLarge}`);
      const number = known.get(page);
      if (number !== undefined) return number;
      known.set(page, columns.pages.length);
      columns.pages.push(page);
      columns.spaces.push(space);
      columns.isLarge.push(isLarge);
      columns.basePages.push(page * unit);
      return columns.pages.length - 1;
    });
  });
  return {
    ofProcess,
    pages: Float64Array.from(columns.pages),
    spaces: Int32Array.from(columns.spaces),
    isLarge: Uint8Array.from(columns.isLarge),
    basePages: Float64Array.from(columns.basePages),
  };
}

function numbersOf(all: Map<string, Map<number, number>>, key: string): Map<number, number> {
  const known = all.get(key) ?? new Map<number, number>();
  all.set(key, known);
  return known;
}

/** Returns the aligned stretches of `largePages` of which at least a share is referenced. */
function promotedOf(pages: Float64Array, largePages: number, share: number): Set<number> {
  const referenced = new Map<number, number>();
  for (const page of pages) {
    const stretch = Math.floor(page / largePages);
    referenced.set(stretch, (referenced.get(stretch) ?? 0) + 1);
  }
  return new Set([...referenced].filter(([, count]) => count >= share * largePages).map(([stretch]) => stretch));
}

/** Only a translation that lies in a global range as a whole is global. */
function isGlobal(from: number, bytes: number, globals: TranslationOptions['globals']): boolean {
  return globals.some(([start, end]) => start <= from && from + bytes <= end);
}

/** What walks of a format read. */
export interface WalkPlan {
  /** Loads of a walk that knows nothing, for each translation: the entries from the root to the one that maps the page. */
  readonly loads: Uint8Array;
  /** Per upper level from the root on: the number of the entry that each translation's walk reads there. */
  readonly uppers: readonly Uint32Array[];
  /** Entries of each upper level. */
  readonly upperCounts: readonly number[];
}

/** Returns the sizes of pages, in bytes, that a format can map, the smallest first. */
export function pageSizesOf(format: PageTableFormat): number[] {
  const able = format.levels.filter((level) => level.shift === 0 || level.large === true);
  return able.map((level) => 2 ** level.shift * PAGE_SIZE).reverse();
}

/** Tells the lowest address that a format's tables have no place for. */
export function addressLimitOf(format: PageTableFormat): number {
  return 2 ** vpnBits(format) * PAGE_SIZE;
}

/**
 * Works out the walks of all translations. Panics (TLBR1) if the format has no page of a size that occurs.
 * @param bytesOf bytes of the page that a translation maps (of one of its pages, where an entry has several)
 */
export function walkPlan(
  translations: Translations,
  format: PageTableFormat,
  baseBytes: number,
  bytesOf: (translation: number) => number,
): WalkPlan {
  const { basePages, spaces } = translations;
  const count = basePages.length;
  const leafOf = (translation: number): number => {
    const leaf = format.levels.findIndex(({ shift }) => 2 ** shift * PAGE_SIZE === bytesOf(translation));
    invariant(leaf !== -1, 'TLBR1', () => `${format.name} has no pages of ${bytesOf(translation)} bytes`);
    return leaf;
  };
  const loads = Uint8Array.from({ length: count }, (_, translation) => leafOf(translation) + 1);
  const uppers = format.levels.slice(0, -1).map(({ shift }) => {
    const numbers = new Map<string, Map<number, number>>();
    let entries = 0;
    const entryOf = (translation: number): number => {
      const known = numbersOf(numbers, String(spaces[translation]));
      const place = Math.floor(((basePages[translation] as number) * baseBytes) / (PAGE_SIZE * 2 ** shift));
      const number = known.get(place) ?? entries++;
      known.set(place, number);
      return number;
    };
    const ofTranslation = Uint32Array.from({ length: count }, (_, translation) => entryOf(translation));
    return { ofTranslation, entries };
  });
  return { loads, uppers: uppers.map(({ ofTranslation }) => ofTranslation), upperCounts: uppers.map(({ entries }) => entries) };
}
