// An amap: the anonymous layer of an area. It maps slots (pages of the area) to anons, sparsely.
//
//   map entry ---- amapOffset ----> amap slots:  | . | a7 | a7' | . | ...      a radix index in the kernel heap
//
// Several entries can hold one amap: after a clip they hold neighbouring stretches of it, after a fork the same stretch.
// The amap keeps the list of stretches held. Its uses: a stretch that nobody holds any more is freed at once, also when
// the rest lives on (4.4BSD's leak; UVM's per-slot reference counts), and an entry that alone holds its stretch can write in place.
//
// Invariants (quoted by `check`):
//   AM1  an anon lies only in slots that some entry holds
//   AM2  stretches = map entries that name this amap, with their bounds
//   AM3  entries that hold the same slots all need a copy of them (needs-copy), or none does: then they share them on purpose
// Cost: lookup O(log64 slots); drop O(stretches held + anons freed). Source: UVM's vm_amap.

import { invariant } from '../base/index.ts';
import { HeapUse, type KernelHeap, RadixIndex } from '../heap/index.ts';
import type { Machine } from '../system/index.ts';
import type { AnonTable } from './anon.ts';

/** Size of UVM's struct vm_amap on a 32-bit machine, without its arrays. */
const AMAP_BYTES = 48;

/** A stretch of slots that one map entry holds. */
interface Stretch {
  first: number;
  end: number;
}

/** The anonymous layer of one or more map entries. */
export class Amap {
  readonly #heap: KernelHeap;
  readonly #anons: AnonTable;
  readonly #block: number;
  readonly #slots: RadixIndex;
  readonly #stretches: Stretch[] = [];

  private constructor(machine: Machine, anons: AnonTable, block: number) {
    this.#heap = machine.heap;
    this.#anons = anons;
    this.#block = block;
    this.#slots = new RadixIndex(machine.heap, machine.ram.words, HeapUse.amap);
  }

  /** Makes an amap without anons, its slots [first, first + pages) held once. Returns undefined when out of kernel memory. */
  static create(machine: Machine, anons: AnonTable, pages: number, first = 0): Amap | undefined {
    const block = machine.heap.allocate(AMAP_BYTES, HeapUse.amap);
    if (block === 0) return undefined;
    const amap = new Amap(machine, anons, block);
    amap.hold(first, first + pages);
    return amap;
  }

  /** Returns the anon in `slot`, or 0. */
  get(slot: number): number {
    return this.#slots.get(slot);
  }

  /** Tells which of the slots [first, end), at most 31, have an anon: bit k stands for slot first + k. */
  which(first: number, end: number): number {
    return this.#slots.which(first, end);
  }

  /** Makes `set` at this slot certain to succeed. Returns false when out of kernel memory. */
  reserve(slot: number): boolean {
    return this.#slots.reserve(slot);
  }

  /** Puts an anon into a slot; the reference passes to the amap. What was there is the caller's to drop. */
  set(slot: number, anon: number): boolean {
    return this.#slots.set(slot, anon);
  }

  /** Pages with an anon in [first, end), in order. */
  forEach(first: number, end: number, visit: (slot: number, anon: number) => void): void {
    this.#slots.forEach(first, end, visit);
  }

  /** Records one more entry that holds [first, end). */
  hold(first: number, end: number): void {
    this.#stretches.push({ first, end });
  }

  /** An entry that holds [first, end) was clipped at `at`. */
  clip(first: number, at: number, end: number): void {
    const stretch = this.#stretches[this.#indexOf(first, end)] as Stretch;
    stretch.end = at;
    this.hold(at, end);
  }

  /** Two entries that hold neighbouring stretches became one. */
  join(first: number, at: number, end: number): void {
    this.#stretches.splice(this.#indexOf(at, end), 1);
    (this.#stretches[this.#indexOf(first, at)] as Stretch).end = end;
  }

  /** Tells whether any entry but the one that holds [first, end) holds a part of it. */
  isShared(first: number, end: number): boolean {
    let holders = 0;
    for (const stretch of this.#stretches) if (stretch.first < end && stretch.end > first) holders++;
    return holders > 1;
  }

  /** Lengthens the stretch [first, end) to `newEnd`. Returns false if another entry holds some of the new slots. */
  extend(first: number, end: number, newEnd: number): boolean {
    for (const stretch of this.#stretches) if (stretch.first < newEnd && stretch.end > end) return false;
    (this.#stretches[this.#indexOf(first, end)] as Stretch).end = newEnd;
    return true;
  }

  /** Lengthens the stretch [first, end) downwards to `newFirst`. Returns false below slot 0, or if another entry holds some of the new slots. */
  extendBack(first: number, end: number, newFirst: number): boolean {
    if (newFirst < 0) return false;
    for (const stretch of this.#stretches) if (stretch.first < first && stretch.end > newFirst) return false;
    (this.#stretches[this.#indexOf(first, end)] as Stretch).first = newFirst;
    return true;
  }

  /** Empties the slots [first, end), which one entry alone holds: the anons lose a reference. */
  empty(first: number, end: number): void {
    this.#slots.forEach(first, end, (_slot, anon) => this.#anons.dropReference(anon));
    this.#slots.clearRange(first, end);
  }

  /** The entry that holds [first, end) lets go: anons that nobody else holds are dropped, and with the last entry the amap. */
  drop(first: number, end: number): void {
    this.#stretches.splice(this.#indexOf(first, end), 1);
    this.#releaseUnheld(first, end, 0);
    if (this.#stretches.length > 0) return;
    this.#slots.destroy();
    this.#heap.free(this.#block, AMAP_BYTES, HeapUse.amap);
  }

  #indexOf(first: number, end: number): number {
    const index = this.#stretches.findIndex((stretch) => stretch.first === first && stretch.end === end);
    invariant(index >= 0, 'AM2', () => `no entry holds slots ${first} to ${end}`);
    return index;
  }

  /** Releases what remains of [first, end) after cutting out the stretches from number `from` on. */
  #releaseUnheld(first: number, end: number, from: number): void {
    if (first >= end) return;
    for (let i = from; i < this.#stretches.length; i++) {
      const stretch = this.#stretches[i] as Stretch;
      if (stretch.first >= end || stretch.end <= first) continue;
      this.#releaseUnheld(first, Math.min(end, stretch.first), i + 1);
      this.#releaseUnheld(Math.max(first, stretch.end), end, i + 1);
      return;
    }
    this.empty(first, end);
  }

  /** Copies [first, end) into a new amap, from slot `to` on, that shares the anons. Returns undefined when out of kernel memory, with nothing changed. */
  copy(machine: Machine, first: number, end: number, to = 0): Amap | undefined {
    const copy = Amap.create(machine, this.#anons, end - first, to);
    if (copy === undefined) return undefined;
    let complete = true;
    this.#slots.forEach(first, end, (slot, anon) => {
      if (!complete) return;
      if (copy.set(slot - first + to, anon)) this.#anons.addReference(anon);
      else complete = false;
    });
    if (complete) return copy;
    copy.drop(to, to + end - first);
    return undefined;
  }

  /** Counts the anons into `held` and checks the stretches against those of the entries. Panics at the first broken invariant. */
  check(entries: readonly Stretch[], held: Map<number, number>): void {
    this.#slots.check();
    const key = (stretch: Stretch) => `${stretch.first}-${stretch.end}`;
    const ours = this.#stretches.map(key).sort().join();
    const theirs = entries.map(key).sort().join();
    invariant(ours === theirs, 'AM2', () => `amap holds stretches ${ours}, its entries ${theirs}`);
    this.#slots.forEach(0, Number.MAX_SAFE_INTEGER, (slot, anon) => {
      held.set(anon, (held.get(anon) ?? 0) + 1);
      const covered = this.#stretches.some((stretch) => stretch.first <= slot && slot < stretch.end);
      invariant(covered, 'AM1', () => `slot ${slot} has an anon but no entry holds it`);
    });
  }
}
