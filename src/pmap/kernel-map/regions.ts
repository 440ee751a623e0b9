// The kernel map of regions: stretches of the kernel's addresses, each linear in itself, at places that have nothing to do with each other.
// After what is told of Windows: special areas in front, then regions, found through a table in both directions.
//
//   RAM     | unit 0 | unit 1 | unit 2 | unit 3 | ...           a unit is a large page, or what one leaf table maps
//   area    | window |   . . .   | unit 2 | unit 3 |  . | unit 0 | . . .          a region is units in a row in both
//
// Nothing is mapped at boot. A frame is reached through its unit: if it is not mapped, it goes behind or before its neighbour, so that the
// region grows, else to its own place modulo the area, else anywhere. It stays when nobody uses it any more, until the area is full: then
// the next idle unit goes, round robin. A run whose units are not in a row, and scattered frames, go through the window.
//
//   RG1  unit of RAM u is at unit of the area a exactly if a says u; a unit that is not mapped is not used
// Cost: two loads for a frame whose unit is mapped; an entry for 4 MiB where there are large pages, else a leaf table, when it is not.

import { invariant, KernelPanic } from '../../base/index.ts';
import { kernelLayout } from './kernel-layout.ts';
import type { KernelMapKind, KernelMapParts } from './kernel-map.ts';
import { KernelMapBase } from './kernel-map-base.ts';
import { KernelTables } from './kernel-tables.ts';
import { Window } from './window.ts';

/** An area has at least so many units, if it has so many pages. */
const FEWEST_UNITS = 4;
/** Pages of a unit where neither large pages nor tables say it. */
const USUAL_UNIT = 256;

/** Linear regions that come as they are needed. */
export const regionsKernelMap: KernelMapKind = {
  name: 'regions',
  meaning: 'linear regions that grow by large pages where they are needed, special areas in front',
  make: (parts) => {
    const tables = KernelTables.create(parts);
    if (tables === 'ENOMEM') return 'ENOMEM';
    const { base, end, windowPages } = kernelLayout(parts.mmu.pages);
    const unit = unitPages(parts, end - base - windowPages);
    const first = Math.ceil((base + windowPages) / unit) * unit;
    const units = Math.ceil(parts.frames / unit);
    const places = Math.min(units, Math.floor((end - first) / unit));
    const records = tables.records(units + 2 * places);
    const window = records === 'ENOMEM' ? 'ENOMEM' : Window.create(tables, base, windowPages);
    if (records !== 'ENOMEM' && window !== 'ENOMEM')
      return new RegionsMap(tables, parts.frames, { first, unit, units, places, records, window });
    tables.destroy();
    return 'ENOMEM';
  },
};

/** The smallest large page, or the pages of a leaf table; a power of two that leaves the area its units. */
function unitPages({ mmu }: KernelMapParts, areaPages: number): number {
  const large = mmu.format.levels.filter((level) => level.large).map(({ shift }) => 2 ** shift);
  const wanted = large.at(-1) ?? (mmu.runPages > 1 ? mmu.runPages : USUAL_UNIT);
  return Math.min(wanted, 2 ** Math.max(0, Math.floor(Math.log2(areaPages / FEWEST_UNITS))));
}

interface RegionsParts {
  readonly first: number;
  readonly unit: number;
  readonly units: number;
  readonly places: number;
  readonly records: Uint32Array;
  readonly window: Window;
}

class RegionsMap extends KernelMapBase {
  readonly name = 'regions';
  /** First page of the area, pages of a unit, and units of the area. */
  readonly #first: number;
  readonly #unit: number;
  readonly #places: number;
  readonly #window: Window;
  /** By unit of RAM: place + 1. By place: unit + 1, and how many mappings use it. 0 where nothing is. */
  readonly #placeOf: Uint32Array;
  readonly #unitAt: Uint32Array;
  readonly #uses: Uint32Array;
  /** Where the search for a place that is idle goes on, and how many are not empty. */
  #hand = 0;
  #filled = 0;

  constructor(tables: KernelTables, frames: number, { first, unit, units, places, records, window }: RegionsParts) {
    super(tables, frames);
    this.#first = first;
    this.#unit = unit;
    this.#places = places;
    this.#window = window;
    this.#placeOf = records.subarray(0, units);
    this.#unitAt = records.subarray(units, units + places);
    this.#uses = records.subarray(units + places);
  }

  isPermanent(_address: number): boolean {
    return false;
  }

  destroy(): void {
    const used = this.#uses.findIndex((count) => count > 0);
    invariant(used === -1 && this.#window.used === 0, 'KM3', () => `place ${used} of the area or the window is in use`);
    for (let place = 0; place < this.#places; place++) if (this.#unitAt[place] !== 0) this.#drop(place);
    this.tables.destroy();
  }

  check(): void {
    let pages = this.#window.used;
    for (let place = 0; place < this.#places; place++) {
      const unit = (this.#unitAt[place] as number) - 1;
      if (unit === -1) {
        invariant(this.#uses[place] === 0, 'RG1', () => `place ${place} is empty and used`);
        continue;
      }
      invariant(this.#placeOf[unit] === place + 1, 'RG1', () => `unit ${unit} is at place ${place} and does not know it`);
      this.checkStretch(this.#pageOfPlace(place), unit * this.#unit, this.#lengthOf(unit));
      pages += this.#lengthOf(unit);
    }
    const placed = this.#placeOf.reduce((count, place) => count + (place === 0 ? 0 : 1), 0);
    const filled = this.#unitAt.reduce((count, unit) => count + (unit === 0 ? 0 : 1), 0);
    invariant(
      placed === filled && filled === this.#filled,
      'RG1',
      () => `${placed} units have a place, ${filled} of ${this.#filled} places a unit`,
    );
    this.#window.check();
    invariant(pages === this.tables.mappedPages, 'KM1', () => `${this.tables.mappedPages} pages are mapped, ${pages} should be`);
  }

  protected mapRun(frame: number, count: number): number {
    const first = Math.floor(frame / this.#unit);
    const last = Math.floor((frame + count - 1) / this.#unit);
    const place = this.#hold(first, -1);
    for (let unit = first + 1; unit <= last && place !== -1; unit++) {
      if (this.#hold(unit, place + unit - first) !== -1) continue;
      for (let held = first; held < unit; held++) this.#release(place + held - first);
      return this.#window.mapRun(frame, count);
    }
    return place === -1 ? this.#window.mapRun(frame, count) : this.#pageOfPlace(place) + (frame % this.#unit);
  }

  protected mapScattered(frames: ArrayLike<number>, offset: number, count: number): number {
    return this.#window.map(frames, offset, count);
  }

  protected unmapPages(page: number, count: number): void {
    if (this.#window.has(page)) {
      this.#window.unmap(page, count);
      return;
    }
    const [first, last] = [this.#placeOfPage(page), this.#placeOfPage(page + count - 1)];
    for (let place = first; place <= last; place++) {
      if (place < 0 || place >= this.#places || this.#uses[place] === 0)
        throw new KernelPanic('KM3', `${count} pages from page ${page} on are no mapping`);
    }
    for (let place = first; place <= last; place++) this.#release(place);
  }

  protected frameOf(page: number): number {
    if (this.#window.has(page)) return this.tables.frameAt(page);
    const place = this.#placeOfPage(page);
    const unit = place < 0 || place >= this.#places ? -1 : (this.#unitAt[place] as number) - 1;
    const frame = unit * this.#unit + ((page - this.#first) % this.#unit);
    return unit === -1 || frame >= this.frames ? -1 : frame;
  }

  protected pageWith(frame: number): number {
    const place = (this.#placeOf[Math.floor(frame / this.#unit)] as number) - 1;
    const inWindow = this.#window.pageOf(frame);
    // The window lies in front.
    return inWindow !== -1 ? inWindow : place === -1 ? -1 : this.#pageOfPlace(place) + (frame % this.#unit);
  }

  /** Uses the unit, mapped at place `wanted`, or anywhere for -1. Returns its place, or -1 if it cannot be there. */
  #hold(unit: number, wanted: number): number {
    this.tables.steps++;
    let place = (this.#placeOf[unit] as number) - 1;
    if (place !== -1 && wanted !== -1 && place !== wanted) return -1;
    if (place === -1) {
      place = wanted === -1 ? this.#choose(unit) : this.#isEmpty(wanted) ? wanted : -1;
      if (place === -1 || !this.tables.mapRun(this.#pageOfPlace(place), unit * this.#unit, this.#lengthOf(unit))) return -1;
      this.#placeOf[unit] = place + 1;
      this.#unitAt[place] = unit + 1;
      this.#filled++;
    }
    this.#uses[place] = (this.#uses[place] as number) + 1;
    return place;
  }

  #release(place: number): void {
    this.#uses[place] = (this.#uses[place] as number) - 1;
  }

  /** Returns an empty place for a unit, made empty if need be: where a region grows if it can. -1 if all places are in use. */
  #choose(unit: number): number {
    const before = unit > 0 ? (this.#placeOf[unit - 1] as number) : 0;
    if (before !== 0 && this.#isEmpty(before)) return before;
    const after = ((this.#placeOf[unit + 1] ?? 0) as number) - 2;
    if (after >= 0 && this.#isEmpty(after)) return after;
    const own = unit % this.#places;
    if (this.#isEmpty(own)) return own;
    const taken = this.#filled < this.#places ? this.#unitAt : this.#uses;
    for (let looked = 0; looked < this.#places; looked++) {
      this.tables.steps++;
      const place = (this.#hand + looked) % this.#places;
      if (taken[place] !== 0) continue;
      this.#hand = (place + 1) % this.#places;
      if (!this.#isEmpty(place)) this.#drop(place);
      return place;
    }
    return -1;
  }

  #drop(place: number): void {
    const unit = (this.#unitAt[place] as number) - 1;
    this.tables.unmap(this.#pageOfPlace(place), this.#lengthOf(unit));
    this.#placeOf[unit] = 0;
    this.#unitAt[place] = 0;
    this.#filled--;
  }

  #isEmpty(place: number): boolean {
    return place < this.#places && this.#unitAt[place] === 0;
  }

  /** Pages of a unit of RAM: fewer where RAM ends. */
  #lengthOf(unit: number): number {
    return Math.min(this.#unit, this.frames - unit * this.#unit);
  }

  #pageOfPlace(place: number): number {
    return this.#first + place * this.#unit;
  }

  #placeOfPage(page: number): number {
    return Math.floor((page - this.#first) / this.#unit);
  }
}
