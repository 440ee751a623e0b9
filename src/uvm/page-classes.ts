// The classes of pages and which of them the page daemon spares: anonymous memory, files and program images each have a share of memory
// that they may count on, and one that they should not exceed.
//
//   under its minimum                            spared
//   not over its maximum, but another class is   spared
//   otherwise                                    taken as the policy orders
//   all of them spared                           none is
//
// Cost: O(objects) once a run. Source: uvmpdpol_scaninit of NetBSD.

import type { Pfn } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import type { UvmCore } from './core.ts';
import type { ClassLimits } from './tuning.ts';

const ANON = 0;
const FILE = 1;
const IMAGE = 2;
const CLASSES = 3;
type PageClass = typeof ANON | typeof FILE | typeof IMAGE;

/** Which classes are spared now. */
export class PageClasses {
  readonly #core: UvmCore;
  readonly #limits: readonly ClassLimits[];
  readonly #pages = new Int32Array(CLASSES);
  readonly #spared = new Uint8Array(CLASSES);
  #sparesAny = false;

  constructor(core: UvmCore) {
    this.#core = core;
    const { anon, file, image } = core.tuning;
    this.#limits = [anon, file, image];
  }

  /** Counts the pages and decides anew. */
  weigh(): void {
    this.#count();
    const memory = this.#pages.reduce((sum, pages) => sum + pages, this.#core.machine.frames.freeCount);
    let over = 0;
    for (let each = 0; each < CLASSES; each++) if (this.#isOver(each, memory)) over |= 1 << each;
    let spared = 0;
    for (let each = 0; each < CLASSES; each++) {
      const isUnder = (this.#pages[each] as number) <= (memory * (this.#limits[each] as ClassLimits).minimumPercent) / 100;
      const othersOver = (over & ~(1 << each)) !== 0;
      const isSpared = isUnder || ((over & (1 << each)) === 0 && othersOver);
      this.#spared[each] = isSpared ? 1 : 0;
      if (isSpared) spared++;
    }
    if (spared === CLASSES) this.#spared.fill(0);
    this.#sparesAny = spared > 0 && spared < CLASSES;
  }

  /** Tells whether the page in `frame` is to be passed over. */
  isSpared(frame: Pfn): boolean {
    return this.#sparesAny && this.#spared[this.#classOf(frame)] === 1;
  }

  #isOver(each: number, memory: number): boolean {
    return (this.#pages[each] as number) > (memory * (this.#limits[each] as ClassLimits).maximumPercent) / 100;
  }

  #count(): void {
    const { machine, objects } = this.#core;
    this.#pages.fill(0);
    this.#pages[ANON] = machine.frames.countOf(FrameKind.anon);
    for (const object of objects.all()) {
      const each = classOfKind(object.pager.kind);
      this.#pages[each] = (this.#pages[each] as number) + object.pages.count;
    }
  }

  #classOf(frame: Pfn): PageClass {
    const { machine, objects } = this.#core;
    if (machine.frames.table.kind(frame) === FrameKind.anon) return ANON;
    return classOfKind(objects.byId(machine.frames.table.owner(frame)).pager.kind);
  }
}

function classOfKind(kind: string): PageClass {
  if (kind === 'anonymous') return ANON;
  return kind === 'image' ? IMAGE : FILE;
}
