// The dynamic kernel map: nothing is mapped until it is asked for, at addresses from an arena, and nothing stays.
//
//   map     an address from the arena -> entries -> use -> entries cleared, TLB entries dropped -> the address goes back
//
// Runs of frames that are long enough for a large page get an address that is as far from such a page's start as they are, so the pages in
// between are large. Cost: an address (quantum caches for up to 16 pages), an entry and a dropped translation for each page, every time; no
// table is there before it is needed. From a frame to its address there is no way but a search.

import { invariant, KernelPanic } from '../../base/index.ts';
import { TagPool, Vmem } from '../../heap/index.ts';
import { kernelLayout } from './kernel-layout.ts';
import type { KernelMapKind, KernelMapStatistics } from './kernel-map.ts';
import { KernelMapBase } from './kernel-map-base.ts';
import { KernelTables } from './kernel-tables.ts';

/** Pages of the largest mappings that come from quantum caches. */
const CACHED_PAGES = 16;
/** Pages whose tables are made at boot, from the arena's first on: the first slab of short mappings lies there. */
const PREPARED_PAGES = 128;

/** Addresses from an arena, for as long as they are needed. */
export const dynamicKernelMap: KernelMapKind = {
  name: 'dynamic',
  meaning: 'nothing mapped until it is asked for, at addresses from an arena',
  make: (parts) => {
    const tables = KernelTables.create(parts);
    if (tables === 'ENOMEM') return 'ENOMEM';
    const { base, end } = kernelLayout(parts.mmu.pages);
    const pool = TagPool.create(parts.memory);
    if (pool !== 'ENOMEM') {
      const arena = new Vmem({ name: 'kernel', quantum: 1, tags: pool, cachedQuanta: CACHED_PAGES });
      if (arena.addSpan(base, end - base) === 0 && tables.prepare(base, Math.min(PREPARED_PAGES, end - base))) {
        return new DynamicMap(tables, parts.frames, { pool, arena });
      }
      arena.destroy();
      pool.destroy();
    }
    tables.destroy();
    return 'ENOMEM';
  },
};

class DynamicMap extends KernelMapBase {
  readonly name = 'dynamic';
  readonly #pool: TagPool;
  readonly #arena: Vmem;

  constructor(tables: KernelTables, frames: number, { pool, arena }: { readonly pool: TagPool; readonly arena: Vmem }) {
    super(tables, frames);
    this.#pool = pool;
    this.#arena = arena;
  }

  isPermanent(_address: number): boolean {
    return false;
  }

  override statistics(): KernelMapStatistics {
    const statistics = super.statistics();
    return { ...statistics, recordFrames: statistics.recordFrames + this.#pool.frames };
  }

  destroy(): void {
    const { mappedPages } = this.tables;
    invariant(mappedPages === 0, 'KM3', () => `${mappedPages} pages are mapped`);
    this.#arena.destroy();
    this.#pool.destroy();
    this.tables.destroy();
  }

  check(): void {
    this.#arena.check();
    this.#pool.check();
    let mapped = 0;
    this.#arena.forEachSegment((page, count, state) => {
      if (state === 'free') return;
      for (let i = 0; i < count; i++) {
        const isMapped = this.tables.frameAt(page + i) !== -1;
        invariant(isMapped || state === 'slab', 'KM1', () => `page ${page + i} is given and not mapped`);
        if (isMapped) mapped++;
      }
    });
    const { mappedPages } = this.tables;
    invariant(mapped === mappedPages, 'KM1', () => `${mapped} pages are mapped, counted ${mappedPages}`);
  }

  protected mapRun(frame: number, count: number): number {
    const page = this.#addressFor(frame, count);
    if (page === -1) return -1;
    if (this.tables.mapRun(page, frame, count)) return page;
    this.#arena.free(page, count);
    return -1;
  }

  protected mapScattered(frames: ArrayLike<number>, offset: number, count: number): number {
    const page = this.#arena.allocate(count);
    if (page === -1) return -1;
    if (this.tables.mapFrames(page, frames, offset, count)) return page;
    this.#arena.free(page, count);
    return -1;
  }

  protected unmapPages(page: number, count: number): void {
    // The arena knows what was given, and panics before anything is unmapped.
    try {
      this.#arena.free(page, count);
    } catch (error) {
      if (error instanceof KernelPanic) throw new KernelPanic('KM3', error.message);
      throw error;
    }
    this.tables.unmap(page, count);
  }

  protected frameOf(page: number): number {
    return this.tables.frameAt(page);
  }

  protected pageWith(frame: number): number {
    let found = -1;
    this.#arena.forEachSegment((page, count, state) => {
      for (let i = 0; i < count && found === -1 && state !== 'free'; i++) if (this.tables.frameAt(page + i) === frame) found = page + i;
    });
    return found;
  }

  /** Returns the first of `count` pages, as far from the start of a large page as the frame is if there is room for one; or -1. */
  #addressFor(frame: number, count: number): number {
    for (const alignment of this.tables.largePages) {
      if (count < alignment) continue;
      const page = this.#arena.allocateWithin(count, { alignment, phase: frame % alignment });
      if (page !== -1) return page;
    }
    return this.#arena.allocate(count);
  }
}
