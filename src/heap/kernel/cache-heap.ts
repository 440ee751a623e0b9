// A kernel heap of object caches: each kind of record has a cache of its own, and magazines before it if the design says so.
//
//   allocate(16, anon)    -> cache anon-16       slabs of anons only
//   allocate(56, mapEntry)-> cache mapEntry-64   named caches: the first sizes up to 1 KiB that a use asks for, eight each
//   allocate(700, loan)   -> cache general-1024  general caches: whatever is larger, or comes in many sizes
//
// Records of one kind lie together and come and go together, so that slabs empty; and a block remembers its use, so that a wrong one is
// noticed. What it costs is a begun slab for each kind. Blocks are zeroed when they are given: a kernel whose records are all zeros when
// they are freed could let the cache keep them so (object-cache.ts has constructors for that), this one's are not.
//
// Empty slabs and magazines are kept until `reap`, and nothing is refused before the heap has reaped itself.
// KH3 to KH5 are those of the contract; OC (object-cache.ts) and MG (magazines.ts) are those below. Besides:
//   CH1  a use's size is always of the same cache; a magazine is an object of a magazine cache, and these hold nothing else
// Source: Bonwick 1994; Bonwick and Adams 2001.

import { type FailurePlan, invariant, type PhysAddr, physAddr } from '../../base/index.ts';
import type { PhysicalMemory } from '../../frames/index.ts';
import {
  HeapAccounts,
  type HeapUse,
  heapUseNames,
  type KernelHeap,
  type KernelHeapCosts,
  type KernelHeapKind,
  panicBlockSize,
  zeroWords,
} from './kernel-heap.ts';
import { Magazines, magazineBytes } from './magazines.ts';
import { type ObjectCache, ObjectCaches } from './object-cache.ts';
import { classByGrains, classSizes, GRAIN, MAX_BLOCK } from './size-classes.ts';

/** Largest object of a named cache, and named caches of a use. */
const MOST_NAMED_BYTES = 1024;
const MOST_NAMED = 8;
/** Sizes in grains, with 0. */
const GRAIN_SIZES = MAX_BLOCK / GRAIN + 1;

/** A cache and its magazines. */
interface Store {
  readonly cache: ObjectCache;
  readonly magazines: Magazines | undefined;
}

class CacheHeap implements KernelHeap {
  readonly name: string;
  readonly #memory: PhysicalMemory;
  readonly #words: Uint32Array;
  readonly #failure: FailurePlan | undefined;
  readonly #accounts = new HeapAccounts();
  readonly #given = this.#accounts.given;
  readonly #back = this.#accounts.back;
  readonly #caches: ObjectCaches;
  /** Caches of magazines by size; none for a design without. */
  readonly #sources: readonly ObjectCache[];
  readonly #stores: Store[] = [];
  /** By use and size in grains: number of the store + 1, 0 = not asked for yet. */
  readonly #numbers = new Int16Array(heapUseNames.length * GRAIN_SIZES);
  readonly #named = new Int32Array(heapUseNames.length);
  /** By class: number of the general cache's store + 1. */
  readonly #general = new Int32Array(classSizes.length);
  readonly #classes = classByGrains();

  constructor(name: 'caches' | 'magazines', memory: PhysicalMemory, failure: FailurePlan | undefined) {
    this.name = name;
    this.#memory = memory;
    this.#words = memory.ram.words;
    this.#failure = failure;
    this.#caches = new ObjectCaches(memory, (count) => this.#accounts.addFrames(count));
    const sizes = name === 'magazines' ? magazineBytes : [];
    this.#sources = sizes.map((size) => this.#caches.create({ name: `magazine-${size}`, size }));
  }

  get frames(): number {
    return this.#accounts.frames;
  }

  bytesInUse(use?: HeapUse): number {
    return this.#accounts.bytesInUse(use);
  }

  costs(): KernelHeapCosts {
    const costs = this.#accounts.costs();
    if (this.#sources.length === 0) return costs;
    let [hits, misses] = [0, 0];
    for (const { magazines } of this.#stores) {
      hits += magazines?.counts.hits ?? 0;
      misses += magazines?.counts.misses ?? 0;
    }
    return { ...costs, magazineHits: hits, magazineMisses: misses };
  }

  allocate(sizeBytes: number, use: HeapUse): PhysAddr {
    const store = this.#storeFor(sizeBytes, use);
    if (this.#failure?.next() === true) return physAddr(0);
    const block = takeFrom(store) || this.#takeAfterReaping(store);
    if (block === 0) return physAddr(0);
    const bytes = store.cache.objectBytes;
    zeroWords(this.#words, block >>> 2, bytes >>> 2);
    this.#given[use] = (this.#given[use] as number) + bytes;
    if (bytes !== sizeBytes) this.#accounts.addRounding(bytes - sizeBytes);
    return physAddr(block);
  }

  free(address: number, sizeBytes: number, use: HeapUse): void {
    const { cache, magazines } = this.#storeFor(sizeBytes, use);
    (magazines ?? cache).expectGiven(address);
    const bytes = cache.objectBytes;
    if ((this.#given[use] as number) - (this.#back[use] as number) < bytes) this.#accounts.expectUse(use, bytes, address);
    this.#back[use] = (this.#back[use] as number) + bytes;
    if (magazines !== undefined) magazines.free(address);
    else cache.free(address);
  }

  reap(): number {
    for (const { magazines } of this.#stores) magazines?.purge();
    const frames = this.#caches.reap();
    this.#accounts.reapedFrames += frames;
    return frames;
  }

  check(): void {
    this.#caches.check();
    const magazinesBySize = magazineBytes.map(() => 0);
    let bytes = 0;
    for (const { cache, magazines } of this.#stores) {
      const held = magazines?.check();
      bytes += (cache.used - (held?.objects ?? 0)) * cache.objectBytes;
      if (held !== undefined) magazinesBySize[held.size] = (magazinesBySize[held.size] as number) + held.magazines;
    }
    for (const [size, source] of this.#sources.entries()) {
      const found = magazinesBySize[size];
      invariant(source.used === found, 'CH1', () => `${source.name}: ${source.used} are given, ${found} are in use`);
    }
    this.#accounts.check(this.#memory, bytes);
  }

  /** Frames may be idle in other caches. */
  #takeAfterReaping(store: Store): number {
    return this.reap() > 0 ? takeFrom(store) : 0;
  }

  #storeFor(sizeBytes: number, use: HeapUse): Store {
    if (!(sizeBytes >= 1 && sizeBytes <= MAX_BLOCK)) panicBlockSize(sizeBytes);
    const grains = (sizeBytes + GRAIN - 1) >>> 4;
    const number = this.#numbers[use * GRAIN_SIZES + grains] as number;
    return this.#stores[(number || this.#chooseStore(grains, use)) - 1] as Store;
  }

  /** Returns the number of the store for a size that a use asks for the first time. */
  #chooseStore(grains: number, use: HeapUse): number {
    const number =
      grains * GRAIN <= MOST_NAMED_BYTES && (this.#named[use] as number) < MOST_NAMED
        ? this.#nameStore(grains, use)
        : this.#generalStore(grains);
    this.#numbers[use * GRAIN_SIZES + grains] = number;
    return number;
  }

  #nameStore(grains: number, use: HeapUse): number {
    this.#named[use] = (this.#named[use] as number) + 1;
    return this.#makeStore(`${heapUseNames[use]}-${grains * GRAIN}`, grains * GRAIN);
  }

  #generalStore(grains: number): number {
    const sizeClass = this.#classes[grains] as number;
    const size = classSizes[sizeClass] as number;
    this.#general[sizeClass] ||= this.#makeStore(`general-${size}`, size);
    return this.#general[sizeClass] as number;
  }

  #makeStore(name: string, size: number): number {
    const cache = this.#caches.create({ name, size });
    const magazines = this.#sources.length === 0 ? undefined : new Magazines(cache, this.#sources, this.#memory);
    return this.#stores.push({ cache, magazines });
  }
}

function takeFrom({ cache, magazines }: Store): number {
  return magazines === undefined ? cache.allocate() : magazines.allocate();
}

/** Bonwick's object caches, without magazines. */
export const cachesHeap: KernelHeapKind = {
  name: 'caches',
  meaning: 'object caches by use, coloured',
  make: (memory, failure) => new CacheHeap('caches', memory, failure),
};

/** The same behind magazines. */
export const magazinesHeap: KernelHeapKind = {
  name: 'magazines',
  meaning: 'the same behind magazines',
  make: (memory, failure) => new CacheHeap('magazines', memory, failure),
};
