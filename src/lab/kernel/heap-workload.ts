// What a kernel asks of its heap. Three workloads are recorded from UVM itself, which runs on a heap that writes down every call; two are
// drawn at random.
//
//   fork    a parent with 16 areas and 512 pages forks 60 times; each child writes to 48 pages and lives until the next but one is born
//   map     areas of 1 to 8 pages come and go at random, 300 at a time, and of each one page is written
//   fault   4 MiB of memory are touched page by page, and unmapped, twice
//   churn   2,000 blocks of 1 byte to 4 KiB, small ones most of the time: one at random goes, another comes
//   large   600 objects of 600 bytes likewise: a size that leaves room in a page, as the records of files and processes have
//
// Every block that was given comes back at the end, so that a workload can be replayed again and again.

import { MIB, PAGE_SIZE, Random } from '../../base/index.ts';
import { HeapUse, type KernelHeap, type KernelHeapCosts, type KernelHeapKind, slabHeap } from '../../heap/index.ts';
import type { Space } from '../../system/index.ts';
import { Arena } from '../arena.ts';

/** Calls of a heap, in order. */
export interface HeapWorkload {
  readonly name: string;
  readonly meaning: string;
  /** Number of the block that is asked for, or ~number of the one that is given back. */
  readonly steps: Int32Array;
  /** By block. */
  readonly sizes: Int32Array;
  readonly uses: Uint8Array;
}

/** A workload that can be made. */
export interface HeapWorkloadKind {
  readonly name: string;
  readonly meaning: string;
  make(seed: number): HeapWorkload;
}

/** Writes down calls by block. */
class Recorder {
  readonly #steps: number[] = [];
  readonly #sizes: number[] = [];
  readonly #uses: HeapUse[] = [];
  readonly #given = new Map<number, number>();

  gave(key: number, size: number, use: HeapUse): void {
    const block = this.#sizes.push(size) - 1;
    this.#uses.push(use);
    this.#given.set(key, block);
    this.#steps.push(block);
  }

  tookBack(key: number): void {
    const block = this.#given.get(key);
    if (block === undefined) return;
    this.#given.delete(key);
    this.#steps.push(~block);
  }

  finish({ name, meaning }: HeapWorkloadKind): HeapWorkload {
    for (const key of [...this.#given.keys()]) this.tookBack(key);
    return { name, meaning, steps: Int32Array.from(this.#steps), sizes: Int32Array.from(this.#sizes), uses: Uint8Array.from(this.#uses) };
  }
}

/** A heap that tells a recorder what it gives. */
class RecordedHeap implements KernelHeap {
  readonly name = 'recorded';
  readonly #heap: KernelHeap;
  readonly #recorder: Recorder;

  constructor(heap: KernelHeap, recorder: Recorder) {
    this.#heap = heap;
    this.#recorder = recorder;
  }

  get frames(): number {
    return this.#heap.frames;
  }

  bytesInUse(use?: HeapUse): number {
    return this.#heap.bytesInUse(use);
  }

  allocate(sizeBytes: number, use: HeapUse): ReturnType<KernelHeap['allocate']> {
    const block = this.#heap.allocate(sizeBytes, use);
    if (block !== 0) this.#recorder.gave(block, sizeBytes, use);
    return block;
  }

  free(address: number, sizeBytes: number, use: HeapUse): void {
    this.#recorder.tookBack(address);
    this.#heap.free(address, sizeBytes, use);
  }

  reap(): number {
    return this.#heap.reap();
  }

  costs(): KernelHeapCosts {
    return this.#heap.costs();
  }

  check(): void {
    this.#heap.check();
  }
}

/** Records what UVM asks of its heap while `work` runs. */
function recorded(kind: HeapWorkloadKind, work: (arena: Arena) => void): HeapWorkload {
  const recorder = new Recorder();
  const kernelHeap: KernelHeapKind = {
    name: 'recorded',
    meaning: 'writes down every call',
    make: (memory, failure) => new RecordedHeap(slabHeap.make(memory, failure), recorder),
  };
  work(new Arena({ system: 'uvm', ramBytes: 64 * MIB, kernelHeap }));
  return recorder.finish(kind);
}

function forks(arena: Arena): void {
  const [areas, pages, written] = [16, 32, 48];
  const parent = arena.createSpace();
  const starts = Array.from({ length: areas }, () => arena.map(parent, { size: pages * PAGE_SIZE }));
  const write = (space: Space, page: number): void => {
    arena.touch(space, (starts[page % areas] as number) + (Math.floor(page / areas) % pages) * PAGE_SIZE, 'write');
  };
  for (let page = 0; page < areas * pages; page++) write(parent, page);
  const children: Space[] = [];
  for (let fork = 0; fork < 60; fork++) {
    const child = arena.fork(parent);
    for (let page = 0; page < written; page++) write(child, fork * 7 + page);
    children.push(child);
    if (children.length > 2) arena.destroySpace(children.shift() as Space);
  }
  for (const child of children) arena.destroySpace(child);
  arena.destroySpace(parent);
}

function maps(arena: Arena, seed: number): void {
  const random = new Random(seed);
  const space = arena.createSpace();
  const areas: { start: number; size: number }[] = [];
  for (let step = 0; step < 4000; step++) {
    if (areas.length >= 300) {
      const [gone] = areas.splice(random.below(areas.length), 1) as [{ start: number; size: number }];
      arena.unmap(space, gone.start, gone.size);
    }
    const size = (1 + random.below(8)) * PAGE_SIZE;
    // Neighbours of the same rights would become one area.
    const protection = step % 2 === 0 ? {} : { inheritance: 'share' as const };
    const start = arena.map(space, { size, ...protection });
    arena.touch(space, start, 'write');
    areas.push({ start, size });
  }
  arena.destroySpace(space);
}

function faults(arena: Arena): void {
  const space = arena.createSpace();
  for (const _ of [1, 2]) {
    const start = arena.map(space, { size: 4 * MIB });
    for (let at = 0; at < 4 * MIB; at += PAGE_SIZE) arena.touch(space, start + at, 'write');
    arena.unmap(space, start, 4 * MIB);
  }
  arena.destroySpace(space);
}

/** Blocks come until `most` are given; then one at random goes for each that comes. */
function atRandom(
  kind: HeapWorkloadKind,
  random: Random,
  most: number,
  draw: () => { readonly size: number; readonly use: HeapUse },
): HeapWorkload {
  const recorder = new Recorder();
  const alive: number[] = [];
  for (let block = 0; block < 10 * most; block++) {
    const { size, use } = draw();
    recorder.gave(block, size, use);
    if (alive.length < most) alive.push(block);
    else {
      const at = random.below(alive.length);
      recorder.tookBack(alive[at] as number);
      alive[at] = block;
    }
  }
  return recorder.finish(kind);
}

/** Each power of two from 16 to 4,096 is half as likely as the one below. */
function anySize(random: Random): number {
  let top = 16;
  while (top < PAGE_SIZE && random.below(2) === 0) top *= 2;
  return top - random.below(top / 2);
}

/** The workloads by name. */
export const heapWorkloads: readonly HeapWorkloadKind[] = [
  {
    name: 'fork',
    meaning: 'a parent of 512 pages forks 60 times, and children write',
    make() {
      return recorded(this, forks);
    },
  },
  {
    name: 'map',
    meaning: 'areas come and go, 300 at a time',
    make(seed) {
      return recorded(this, (arena) => maps(arena, seed));
    },
  },
  {
    name: 'fault',
    meaning: '4 MiB touched page by page, twice',
    make() {
      return recorded(this, faults);
    },
  },
  {
    name: 'churn',
    meaning: '2,000 blocks of all sizes come and go at random',
    make(seed) {
      const random = new Random(seed);
      const uses = Object.values(HeapUse);
      return atRandom(this, random, 2000, () => ({ size: anySize(random), use: uses[random.below(uses.length)] as HeapUse }));
    },
  },
  {
    name: 'large',
    meaning: '600 objects of 600 bytes come and go at random',
    make(seed) {
      return atRandom(this, new Random(seed), 600, () => ({ size: 600, use: HeapUse.object }));
    },
  },
];
