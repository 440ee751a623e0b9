// A recorded program in segments: each reference goes through bounds and rights, and then through the page table of its segment, as deep as
// the segment needs; beside it one flat table for the whole space. Both are real tables, bytes in frames, whose frames are counted.
//
//   address -> segment, offset -> inside? allowed? -> page of the segment -> its own table, 1 to n levels
//   address ----------------------------------------> page of the space   -> the flat table, n levels
//
// Pages are mapped when they are first referenced. A segment of at most as many pages as a table has entries needs one table and no more.
// Cost: 50 to 100 ns for a reference. Elsewhere: bounds (machine/segmentation/), tables (machine/mmu/).

import { PAGE_SIZE, type Pfn, pfn, UsageError } from '../base/index.ts';
import {
  ACCESS_EXECUTE,
  ACCESS_READ,
  ACCESS_WRITE,
  type Access,
  type PageTableFormat,
  PTE_EXECUTE,
  PTE_PRESENT,
  PTE_USER,
  PTE_WRITE,
  RadixMmu,
  Ram,
  SEGMENT_LIMIT,
  SEGMENT_RIGHT,
  Segment,
  SegmentTable,
  vpnBits,
} from '../machine/index.ts';

/** A part of an address space that becomes a segment: [from, to) in bytes, multiples of the page size. */
export interface SegmentCut {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** `SEGMENT_READ`, `SEGMENT_WRITE`, `SEGMENT_EXECUTE`, together. */
  readonly rights: number;
}

/** Page tables of one kind. */
interface TableCost {
  readonly levels: number;
  /** Pages that were referenced. */
  readonly pages: number;
  /** Frames that the tables take. */
  readonly tables: number;
}

/** What a replay found. */
export interface SegmentReplayResult {
  readonly references: number;
  readonly segments: readonly (TableCost & { readonly name: string; readonly bytes: number; readonly references: number })[];
  readonly flat: TableCost;
  /** References that lie in no segment, that a segment forbids, and that it ends before. */
  readonly outside: number;
  readonly forbidden: number;
  readonly beyond: number;
}

/** References of a trace: ids of pages, and a kind for each. */
type ReferencePieces = Iterable<{ readonly ids: Uint32Array; readonly kinds: Uint8Array }>;

/** Most frames of tables: 1 GiB. */
const MOST_FRAMES = 2 ** 18;
const PAGE_FLAGS = PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_EXECUTE;
/** By `ReferenceKind`. */
const accesses: readonly Access[] = [ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE];
const OUTSIDE = 255;

/**
 * Replays references. Throws a UsageError if tables need more memory than there is.
 * @param pages the page number of each id, all inside the format's address space
 * @param cuts at most 255, which do not overlap
 */
export function replaySegments(
  pieces: ReferencePieces,
  pages: Float64Array,
  format: PageTableFormat,
  cuts: readonly SegmentCut[],
): SegmentReplayResult {
  const most = Math.min(MOST_FRAMES, 3 + 2 * format.levels.length * (pages.length + cuts.length + 1));
  const ram = new Ram(new ArrayBuffer(most * PAGE_SIZE), most);
  const supply = { next: 1, most };
  const table = new SegmentTable(cuts.length);
  const spaces = cuts.map(({ name, from, to, rights }) => {
    table.attach({ segment: new Segment({ name, base: 0, bytes: to - from, grows: 'up' }), rights, privilege: 3 });
    return new TableSpace(ram, formatFor(format, (to - from) / PAGE_SIZE), supply);
  });
  const flat = new TableSpace(ram, format, supply);
  const segmentOf = Uint8Array.from(pages, (page) => {
    const cut = cuts.findIndex(({ from, to }) => from <= page * PAGE_SIZE && page * PAGE_SIZE < to);
    return cut === -1 ? OUTSIDE : cut;
  });
  const counts = { references: 0, outside: 0, forbidden: 0, beyond: 0 };
  const referencesOf = cuts.map(() => 0);
  for (const { ids, kinds } of pieces) {
    counts.references += ids.length;
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] as number;
      const page = pages[id] as number;
      const access = accesses[kinds[at] as number] as Access;
      flat.touch(page, access);
      const selector = segmentOf[id] as number;
      if (selector === OUTSIDE) {
        counts.outside++;
        continue;
      }
      const offset = page * PAGE_SIZE - (cuts[selector] as SegmentCut).from;
      const reached = table.reach(selector, offset, 1, access);
      if (reached === SEGMENT_RIGHT) counts.forbidden++;
      else if (reached === SEGMENT_LIMIT) counts.beyond++;
      else {
        referencesOf[selector] = (referencesOf[selector] as number) + 1;
        (spaces[selector] as TableSpace).touch(offset / PAGE_SIZE, access);
      }
    }
  }
  const segments = cuts.map(({ name, from, to }, at) => {
    return { name, bytes: to - from, references: referencesOf[at] as number, ...(spaces[at] as TableSpace).cost };
  });
  return { ...counts, segments, flat: flat.cost };
}

/** Returns a format's lowest levels, as many as so many pages need. */
function formatFor(format: PageTableFormat, pages: number): PageTableFormat {
  const levels = [...format.levels];
  while (levels.length > 1 && 2 ** vpnBits({ ...format, levels: levels.slice(1) }) >= pages) levels.shift();
  return { ...format, levels };
}

/** One page table, and the pages that were mapped in it. */
class TableSpace {
  readonly #mmu: RadixMmu;
  readonly #root: Pfn;
  readonly #takeTable: () => Pfn | -1;
  #tables = 0;
  #pages = 0;

  constructor(ram: Ram, format: PageTableFormat, supply: { next: number; readonly most: number }) {
    this.#mmu = new RadixMmu(ram, format);
    this.#takeTable = () => {
      if (supply.next === supply.most)
        throw new UsageError(`${format.name}: the tables of this trace take more than ${supply.most} frames`);
      this.#tables++;
      return pfn(supply.next++);
    };
    this.#root = this.#takeTable() as Pfn;
  }

  get cost(): TableCost {
    return { levels: this.#mmu.format.levels.length, pages: this.#pages, tables: this.#tables };
  }

  /** Walks to a page, and maps it if it is not there. */
  touch(page: number, access: Access): void {
    if (this.#mmu.walk(this.#root, page, access) >= 0) return;
    const entry = this.#mmu.ensureLeaf(this.#root, page, this.#takeTable);
    // Which frame a page has plays no part: any number that an entry has room for.
    this.#mmu.setEntry(entry, pfn(++this.#pages % 2 ** this.#mmu.format.frameBits), PAGE_FLAGS);
  }
}
