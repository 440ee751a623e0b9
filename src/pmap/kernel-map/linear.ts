// The linear kernel map: at boot all of RAM is mapped in one piece, by large pages, for ever. Linux's and Tilck's.
//
//   address = base + physical address          as far as the kernel's part goes: 896 MiB of a 32-bit space
//   above that, and for scattered frames in a row: the window, 128 MiB at the end (Linux: kmap, vmalloc; Tilck: special purposes)
//
// Cost: a frame below the limit costs an addition and never a TLB entry; one above it a slot, an entry and a dropped translation. The tables
// are there from boot: one entry for 4 MiB where there are large pages, 1 KiB for each MiB where there are none.

import { invariant, pageOf } from '../../base/index.ts';
import { kernelLayout } from './kernel-layout.ts';
import type { KernelMapKind } from './kernel-map.ts';
import { KernelMapBase } from './kernel-map-base.ts';
import { KernelTables } from './kernel-tables.ts';
import { Window } from './window.ts';

/** All of RAM in one piece, and a window. */
export const linearKernelMap: KernelMapKind = {
  name: 'linear',
  meaning: 'all of RAM mapped at boot by large pages, and a window for what is beyond',
  make: (parts) => {
    const tables = KernelTables.create(parts);
    if (tables === 'ENOMEM') return 'ENOMEM';
    const { base, end, windowPages } = kernelLayout(parts.mmu.pages);
    const linear = Math.min(parts.frames, end - windowPages - base);
    const window = Window.create(tables, end - windowPages, windowPages);
    if (window !== 'ENOMEM' && tables.mapRun(base, 0, linear)) return new LinearMap(tables, parts.frames, { base, linear, window });
    tables.destroy();
    return 'ENOMEM';
  },
};

class LinearMap extends KernelMapBase {
  readonly name = 'linear';
  readonly #base: number;
  /** Frames below this are in the linear part. */
  readonly #linear: number;
  readonly #window: Window;

  constructor(tables: KernelTables, frames: number, parts: { readonly base: number; readonly linear: number; readonly window: Window }) {
    super(tables, frames);
    this.#base = parts.base;
    this.#linear = parts.linear;
    this.#window = parts.window;
  }

  isPermanent(address: number): boolean {
    return this.#isLinear(pageOf(address));
  }

  destroy(): void {
    invariant(this.#window.used === 0, 'KM3', () => `${this.#window.used} slots are mapped`);
    this.tables.unmap(this.#base, this.#linear);
    this.tables.destroy();
  }

  check(): void {
    this.checkStretch(this.#base, 0, this.#linear);
    this.#window.check();
    const { mappedPages } = this.tables;
    const expected = this.#linear + this.#window.used;
    invariant(mappedPages === expected, 'KM1', () => `${mappedPages} pages are mapped, ${expected} should be`);
  }

  protected mapRun(frame: number, count: number): number {
    return frame + count <= this.#linear ? this.#base + frame : this.#window.mapRun(frame, count);
  }

  protected mapScattered(frames: ArrayLike<number>, offset: number, count: number): number {
    return this.#window.map(frames, offset, count);
  }

  protected unmapPages(page: number, count: number): void {
    if (this.#isLinear(page) && this.#isLinear(page + count - 1)) return;
    invariant(this.#window.has(page), 'KM3', () => `page ${page} is not mapped`);
    this.#window.unmap(page, count);
  }

  protected frameOf(page: number): number {
    return this.#isLinear(page) ? page - this.#base : this.#window.has(page) ? this.tables.frameAt(page) : -1;
  }

  protected pageWith(frame: number): number {
    return frame < this.#linear ? this.#base + frame : this.#window.pageOf(frame);
  }

  #isLinear(page: number): boolean {
    return page >= this.#base && page < this.#base + this.#linear;
  }
}
