// What every heap allocator must do, whatever its design: a Map of blocks is the reference, random scripts of calls are the questions.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../base/index.ts';
import { BlockUse } from './allocator.ts';
import type { AllocatorName } from './designs.ts';
import { Heap, type HeapOptions } from './heap.ts';
import type { GrowingBytes, HeapBacking } from './heap-memory.ts';

const KIB = 1024;

/** Sizes that no heap of ours has room for, or that are no sizes. */
const IMPOSSIBLE = [2 ** 31, 2 ** 32 - 65_536, 2 ** 32 - 9, 2 ** 32 - 1, 2 ** 32, 2 ** 53, Infinity, NaN, -1, -8, -(2 ** 31), 0.5, 8.25];

/** Addresses that are visibly none of a block, whatever the heap holds; the heap lies below 1 GiB. */
const NO_ADDRESS = [-8, -1, 1, 0.5, 8, 2 ** 30, 2 ** 31, 2 ** 32 - 8, 2 ** 32, 2 ** 32 + 4096, NaN, Infinity];

/** A host's bytes that grow by whole KiB, into another buffer; growth number `failAt`, counted from 1, is refused. */
class GrowingBuffer implements GrowingBytes {
  buffer: ArrayBuffer;
  growths = 0;
  readonly #failAt: number;
  readonly #maximum: number;

  constructor(bytes: number, maximum: number, failAt = 0) {
    this.buffer = new ArrayBuffer(bytes);
    this.#maximum = maximum;
    this.#failAt = failAt;
  }

  grow(bytes: number): boolean {
    this.growths++;
    const wanted = this.buffer.byteLength + Math.ceil(bytes / KIB) * KIB;
    if (this.growths === this.#failAt || wanted > this.#maximum) return false;
    this.buffer = copied(this.buffer, wanted);
    return true;
  }
}

function copied(buffer: ArrayBuffer, bytes: number): ArrayBuffer {
  const larger = new ArrayBuffer(bytes);
  new Uint8Array(larger).set(new Uint8Array(buffer));
  return larger;
}

/** The backings of the issue; each has room for `bytes` bytes of heap in the end. */
const backings: Readonly<Record<string, (bytes: number) => { backing: HeapBacking; start?: number; limitBytes?: number }>> = {
  'an ArrayBuffer': (bytes) => ({ backing: new ArrayBuffer(bytes) }),
  'a SharedArrayBuffer': (bytes) => ({ backing: new SharedArrayBuffer(bytes) }),
  'a growing WebAssembly.Memory': (bytes) => ({
    backing: new WebAssembly.Memory({ initial: 1, maximum: Math.max(1, bytes / 65_536) }),
  }),
  'a range inside a buffer': (bytes) => {
    const backing = new ArrayBuffer(bytes + 400);
    new Uint8Array(backing).fill(0xa5);
    return { backing, start: 200, limitBytes: bytes };
  },
};

interface Block {
  readonly bytes: number;
  readonly seed: number;
}

/** A heap beside the obvious model of it: which blocks are live, and what each holds. */
class Shadow {
  readonly heap: Heap;
  readonly alignment: number;
  readonly blocks = new Map<number, Block>();
  #seed = 0;

  constructor(heap: Heap, alignment: number) {
    this.heap = heap;
    this.alignment = alignment;
  }

  /** Takes a block that malloc or memalign gave into the model: aligned, apart from all others; and writes all of it. 0 changes nothing. */
  given(address: number, bytes: number, alignment = this.alignment): number {
    if (address === 0) return 0;
    expect(address % alignment).toBe(0);
    expect(this.blocks.has(address)).toBe(false);
    const usable = this.heap.usableSize(address);
    expect(usable).toBeGreaterThanOrEqual(this.heap.checks === 'hardened' ? bytes : Math.max(1, bytes));
    for (const [other, block] of this.blocks)
      if (other < address + usable && address < other + Math.max(1, block.bytes)) expect.fail(`block ${address} overlaps ${other}`);
    this.#write(address, bytes);
    return address;
  }

  free(address: number): void {
    this.expectContent(address);
    this.blocks.delete(address);
    expect(this.heap.free(address)).toBe(true);
  }

  realloc(address: number, bytes: number): number {
    const { bytes: old, seed } = this.#block(address);
    this.expectContent(address);
    const moved = this.heap.realloc(address, bytes);
    if (moved === 0) {
      this.expectContent(address);
      return 0;
    }
    expectBytes(this.heap.bytes, moved, Math.min(old, bytes), seed);
    this.blocks.delete(address);
    return this.given(moved, bytes);
  }

  calloc(count: number, bytes: number): number {
    const address = this.heap.calloc(count, bytes);
    if (address !== 0) expect(this.heap.bytes.subarray(address, address + count * bytes).every((byte) => byte === 0)).toBe(true);
    return this.given(address, count * bytes);
  }

  expectContent(address: number): void {
    const { bytes, seed } = this.#block(address);
    expectBytes(this.heap.bytes, address, bytes, seed);
  }

  /** All contents, the heap's own check, and a walk that tells exactly the live blocks, in order, without overlap. */
  expectWhole(): void {
    for (const address of this.blocks.keys()) this.expectContent(address);
    this.expectSound();
    // Asked for only here: a design may melt blocks that wait before it answers, and the steps of a script should meet them waiting.
    const top = this.heap.top();
    this.expectSound();
    this.heap.walk((address, bytes) => expect(address + bytes).toBeLessThanOrEqual(top));
  }

  expectSound(): void {
    this.heap.check();
    const used: number[] = [];
    let behind = 0;
    this.heap.walk((address, bytes, use) => {
      // No expect() per stretch: there are millions.
      if (!(address >= behind && bytes >= 0)) expect.fail(`${bytes} bytes at ${address}, but the one before ends at ${behind}`);
      behind = address + bytes;
      if (use !== BlockUse.used) return;
      used.push(address);
      if (bytes !== this.heap.usableSize(address)) expect.fail(`walk tells ${bytes} bytes at ${address}, not its usable size`);
    });
    expect(behind).toBeLessThanOrEqual(this.heap.buffer.byteLength);
    expect(used).toEqual([...this.blocks.keys()].sort((a, b) => a - b));
  }

  #block(address: number): Block {
    const block = this.blocks.get(address);
    if (block === undefined) throw new Error(`${address} is no block of the model`);
    return block;
  }

  #write(address: number, bytes: number): void {
    this.#seed = (this.#seed + 37) & 0xff;
    this.blocks.set(address, { bytes, seed: this.#seed });
    const { bytes: memory } = this.heap;
    for (let i = 0; i < bytes; i++) memory[address + i] = this.#seed + i * 7;
  }
}

function expectBytes(memory: Uint8Array, address: number, bytes: number, seed: number): void {
  for (let i = 0; i < bytes; i++)
    if (memory[address + i] !== ((seed + i * 7) & 0xff)) expect.fail(`byte ${i} of the block of ${bytes} bytes at ${address} has changed`);
}

type Step = {
  readonly kind: 'malloc' | 'calloc' | 'memalign' | 'realloc' | 'free';
  readonly pick: number;
  readonly bytes: number;
  readonly alignment: number;
};

const sizes = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 64 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 700 }) },
  { weight: 1, arbitrary: fc.integer({ min: 700, max: 9000 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 127, 128, 255, 256, 257, 511, 512, 513, 1023, 1024, 2047, 4095, 4096, 4097, 8192, 65_536) },
);

const scripts = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom(
      'malloc',
      'malloc',
      'malloc',
      'malloc',
      'calloc',
      'memalign',
      'realloc',
      'realloc',
      'free',
      'free',
      'free',
      'free',
    ),
    pick: fc.nat(),
    bytes: sizes,
    alignment: fc.constantFrom(1, 8, 16, 32, 64, 256, 1024, 4096),
  }),
  { maxLength: 120, size: 'max' },
);

function run(shadow: Shadow, { kind, pick, bytes, alignment }: Step): void {
  const { heap } = shadow;
  const live = [...shadow.blocks.keys()];
  const one = live[pick % Math.max(1, live.length)];
  if (kind === 'malloc') shadow.given(heap.malloc(bytes), bytes);
  else if (kind === 'calloc') shadow.calloc(1 + (pick % 4), bytes >>> 2);
  else if (kind === 'memalign') shadow.given(heap.memalign(alignment, bytes), bytes, Math.max(alignment, shadow.alignment));
  else if (one !== undefined && kind === 'realloc') shadow.realloc(one, bytes);
  else if (one !== undefined) shadow.free(one);
}

function copyOf(heap: Heap): Uint8Array {
  return heap.bytes.slice();
}

/** Whether two byte arrays are equal, without a message of a megabyte if they are not. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Takes blocks of `bytes` bytes until there is no room. */
function fill(heap: Heap, bytes: number): number[] {
  const addresses: number[] = [];
  for (let address = heap.malloc(bytes); address !== 0; address = heap.malloc(bytes)) addresses.push(address);
  return addresses;
}

function shuffled(addresses: readonly number[], seed: number): number[] {
  const random = new Random(seed);
  const result = [...addresses];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [result[i], result[j]] = [result[j] as number, result[i] as number];
  }
  return result;
}

/** How the heaps under test are made, if not by Heap.create with the design's name. */
export type HeapMaker = (backing: HeapBacking | number, options: HeapOptions) => Heap;

/** Describes one design: the contract in allocator.ts on every backing. */
export function describeHeapAllocator(
  allocator: AllocatorName,
  make: HeapMaker = (backing, options) => Heap.create(backing, { ...options, allocator }),
): void {
  describe.each([8, 16] as const)(`heap allocator ${allocator}, aligned to %i`, (alignment) => {
    const heapOf = (backing: HeapBacking | number, options: HeapOptions = {}) => make(backing, { alignment, ...options });
    const shadowOf = (backing: HeapBacking | number, options: HeapOptions = {}) => new Shadow(heapOf(backing, options), alignment);

    describe.each(Object.entries(backings))('over %s', (_name, backingOf) => {
      test('does what the model does, on random scripts', () => {
        fc.assert(
          fc.property(scripts, (steps) => {
            const { backing, ...range } = backingOf(128 * KIB);
            const shadow = shadowOf(backing, range);
            for (const step of steps) {
              run(shadow, step);
              shadow.expectSound();
            }
            shadow.expectWhole();
            for (const address of shadow.blocks.keys()) shadow.free(address);
            shadow.expectWhole();
          }),
          { numRuns: 15 },
        );
      });

      test('gives its blocks up to the last, says 0, and has all of them again when they are freed', () => {
        const { backing, ...range } = backingOf(128 * KIB);
        const heap = heapOf(backing, range);
        for (const bytes of [40, 400, 40]) {
          const fresh = fill(heapOf(128 * KIB), bytes).length;
          let addresses = fill(heap, bytes);
          expect(addresses.length * bytes).toBeGreaterThan(32 * KIB);
          // Blocks that a design lets wait for requests of their size may stand in the way; once it has melted them, little may be missing.
          expect(addresses.length).toBeGreaterThanOrEqual(Math.floor(0.75 * fresh));
          heap.check();
          heap.freeAll(shuffled(addresses, 1));
          heap.top();
          addresses = fill(heap, bytes);
          expect(addresses.length).toBeGreaterThanOrEqual(Math.floor(0.9 * fresh));
          const before = copyOf(heap);
          expect([heap.malloc(bytes), heap.realloc(addresses[3] as number, 64 * KIB)]).toEqual([0, 0]);
          expect(same(copyOf(heap), before)).toBe(true);
          for (const address of shuffled(addresses, bytes)) expect(heap.free(address)).toBe(true);
          heap.check();
        }
      });

      test('writes nothing outside its range', () => {
        const { backing, start = 0, limitBytes = Infinity } = backingOf(128 * KIB);
        const heap = heapOf(backing, limitBytes === Infinity ? {} : { start, limitBytes });
        for (const address of fill(heap, 100)) heap.bytes.fill(1, address, address + heap.usableSize(address));
        heap.check();
        expect(heap.bytes.subarray(0, start).every((byte) => byte === 0xa5)).toBe(true);
        expect(heap.bytes.subarray(start + limitBytes).every((byte) => byte === 0xa5)).toBe(true);
      });
    });

    test('0 bytes are a block of its own, and realloc to 0 keeps one', () => {
      const shadow = shadowOf(64 * KIB);
      const [a, b] = [shadow.given(shadow.heap.malloc(0), 0), shadow.given(shadow.heap.malloc(0), 0)];
      const c = shadow.calloc(0, 8);
      expect(a !== 0 && b !== 0 && c !== 0).toBe(true);
      const d = shadow.realloc(shadow.given(shadow.heap.malloc(500), 500), 0);
      expect(d).not.toBe(0);
      shadow.expectWhole();
      for (const address of [b, d, a, c]) shadow.free(address);
      shadow.expectWhole();
    });

    test('refuses sizes that are none or that no heap has, and changes no byte', () => {
      const memory = new WebAssembly.Memory({ initial: 2, maximum: 4 });
      const heap = heapOf(memory);
      const block = heap.malloc(100);
      heap.malloc(10);
      const before = copyOf(heap);
      for (const bytes of IMPOSSIBLE) {
        expect([heap.malloc(bytes), heap.realloc(block, bytes), heap.memalign(64, bytes)], `size ${bytes}`).toEqual([0, 0, 0]);
        expect([heap.calloc(1, bytes), heap.calloc(3, bytes), heap.realloc(0, bytes)], `size ${bytes}`).toEqual([0, 0, 0]);
      }
      expect(heap.calloc(2 ** 16, 2 ** 16)).toBe(0);
      expect(same(copyOf(heap), before)).toBe(true);
      heap.check();
    });

    test('aligns to every power of two up to 1 MiB, and to nothing else', () => {
      const shadow = shadowOf(8 * KIB * KIB);
      const { heap } = shadow;
      for (let power = 1; power <= KIB * KIB; power *= 2) {
        const address = shadow.given(heap.memalign(power, 100), 100, Math.max(power, alignment));
        expect(address, `alignment ${power}`).not.toBe(0);
        shadow.given(heap.malloc(24), 24);
      }
      shadow.expectWhole();
      const before = copyOf(heap);
      for (const none of [0, 3, 12, 24, -8, 48, 1.5, NaN, 2 ** 31 + 8]) expect(heap.memalign(none, 100), `alignment ${none}`).toBe(0);
      expect([heap.memalign(2 ** 24, 8), heap.memalign(2 ** 31, 8), heap.memalign(2 ** 32, 8)]).toEqual([0, 0, 0]);
      expect(same(copyOf(heap), before)).toBe(true);
      for (const address of shuffled([...shadow.blocks.keys()], 5)) shadow.free(address);
      shadow.expectWhole();
    });

    test('an aligned block is reallocated, and freed, as any other', () => {
      const shadow = shadowOf(256 * KIB);
      for (const power of [16, 64, 1024, 4096]) {
        const address = shadow.given(shadow.heap.memalign(power, 60), 60, power);
        const moved = shadow.realloc(shadow.realloc(address, 3000), 20);
        expect(moved).not.toBe(0);
        shadow.expectWhole();
        shadow.free(moved);
      }
      shadow.expectWhole();
    });

    test('realloc takes every size to every other and keeps the content', () => {
      const all = [0, 1, 7, 8, 12, 13, 20, 64, 100, 255, 256, 500, 1000, 4000, 4096, 10_000];
      const shadow = shadowOf(512 * KIB);
      for (const from of all) {
        for (const to of all) {
          const address = shadow.given(shadow.heap.malloc(from), from);
          const wall = (from + to) % 2 === 0 ? shadow.given(shadow.heap.malloc(30), 30) : 0;
          const moved = shadow.realloc(address, to);
          expect(moved).not.toBe(0);
          shadow.free(moved);
          if (wall !== 0) shadow.free(wall);
          shadow.expectSound();
        }
      }
      expect(shadow.heap.realloc(0, 40)).not.toBe(0);
    });

    test('refuses addresses that are visibly none, and changes no byte', () => {
      const heap = heapOf(new WebAssembly.Memory({ initial: 2 }), { start: 4096 });
      const [a, b, c] = [heap.malloc(64), heap.malloc(64), heap.malloc(64)];
      expect([heap.free(b), heap.free(0), heap.usableSize(0)]).toEqual([true, true, 0]);
      const top = heap.top();
      const before = copyOf(heap);
      for (const address of [...NO_ADDRESS, b, 4096, 4104, a + 4, a + 1, a + 0.5, -a, c + 2 ** 32, 2 * 65_536, top + 64]) {
        expect([heap.free(address), heap.realloc(address, 8), heap.usableSize(address)], `address ${address}`).toEqual([false, 0, 0]);
      }
      expect(same(copyOf(heap), before)).toBe(true);
      heap.check();
      expect([heap.free(a), heap.free(a), heap.free(c), heap.free(c)]).toEqual([true, false, true, false]);
      heap.check();
    });

    test('a refused growth costs one allocation and nothing else, whichever it is', () => {
      const random = new Random(11);
      const wanted = Array.from({ length: 300 }, () => random.below(300));
      for (let k = 1, growths = k; k <= growths && k <= 40; k++) {
        const source = new GrowingBuffer(16 * KIB, 512 * KIB, k);
        const shadow = shadowOf(source, { limitBytes: 512 * KIB });
        wanted.forEach((bytes, i) => {
          const before = source.growths;
          const address = shadow.given(shadow.heap.malloc(bytes), bytes);
          if (before === source.growths) expect(address).not.toBe(0);
          const [first] = shadow.blocks.keys();
          if (i % 4 === 3 && first !== undefined) shadow.realloc(first, 2 * bytes);
          if (i % 5 === 4 && first !== undefined && shadow.blocks.has(first)) shadow.free(first);
        });
        shadow.expectWhole();
        growths = source.growths;
      }
    });

    test('goes on when another has grown the wasm memory under it', () => {
      const memory = new WebAssembly.Memory({ initial: 2, maximum: 16 });
      const shadow = shadowOf(memory);
      const addresses = Array.from({ length: 5 }, () => shadow.given(shadow.heap.malloc(300), 300));
      memory.grow(1);
      shadow.free(addresses[1] as number);
      memory.grow(1);
      shadow.given(shadow.heap.malloc(900), 900);
      memory.grow(1);
      expect(shadow.heap.usableSize(addresses[2] as number)).toBeGreaterThanOrEqual(300);
      memory.grow(1);
      shadow.realloc(addresses[0] as number, 2000);
      memory.grow(1);
      shadow.given(shadow.heap.memalign(1024, 10), 10, 1024);
      memory.grow(1);
      shadow.expectWhole();
      expect(memory.buffer.byteLength).toBe(8 * 65_536);
    });

    test('forgets all blocks at a reset, and is as new', () => {
      const script = (shadow: Shadow) =>
        shuffled(
          Array.from({ length: 50 }, (_, i) => shadow.given(shadow.heap.malloc(i * 9), i * 9)),
          3,
        ).map((address, i) => (i % 2 === 0 ? shadow.realloc(address, i * 20) : address));
      const heap = heapOf(256 * KIB);
      const first = script(new Shadow(heap, alignment));
      const { peakBytes } = heap.statistics();
      heap.reset();
      new Shadow(heap, alignment).expectWhole();
      expect(heap.statistics()).toMatchObject({ allocatedBytes: 0, liveBlocks: 0, peakBytes });
      expect(script(new Shadow(heap, alignment))).toEqual(first);
    });

    test('a copy of the bytes is the same heap, and goes its own way', () => {
      const shadow = shadowOf(128 * KIB, { start: 64 });
      const { heap } = shadow;
      const addresses = Array.from({ length: 40 }, (_, i) => shadow.given(heap.malloc(i * 13), i * 13));
      for (const address of addresses.filter((_, i) => i % 3 === 0)) shadow.free(address);
      const copy = Heap.open(copyOf(heap).buffer, { start: 64 });
      expect(copy.allocator).toBe(heap.allocator);
      expect(copy.statistics()).toEqual(heap.statistics());
      const [ours, theirs] = [heap.malloc(77), copy.malloc(77)];
      expect(theirs).toBe(ours);
      shadow.given(ours, 77);
      const before = copyOf(heap);
      for (const address of shadow.blocks.keys()) expect(copy.free(address)).toBe(true);
      copy.check();
      expect(same(copyOf(heap), before)).toBe(true);
      shadow.expectWhole();
    });

    test('counts: allocated <= active <= resident <= mapped, and the blocks that the model has', () => {
      const shadow = shadowOf(new WebAssembly.Memory({ initial: 1 }), { start: 1024 });
      const random = new Random(17);
      for (let i = 0; i < 200; i++) {
        const bytes = random.below(1000);
        shadow.given(shadow.heap.malloc(bytes), bytes);
        const [first] = shadow.blocks.keys();
        if (i % 3 === 0 && first !== undefined) shadow.free(first);
      }
      const now = shadow.heap.statistics();
      let asked = 0;
      for (const block of shadow.blocks.values()) asked += block.bytes;
      expect(now.liveBlocks).toBe(shadow.blocks.size);
      expect(asked).toBeLessThanOrEqual(now.allocatedBytes);
      expect(now.allocatedBytes).toBeLessThanOrEqual(now.activeBytes);
      expect(now.activeBytes).toBeLessThanOrEqual(now.residentBytes);
      expect(now.residentBytes).toBeLessThanOrEqual(now.mappedBytes);
      expect(now.residentBytes).toBeLessThanOrEqual(now.peakBytes);
      expect(now.fragmentation >= 0 && now.fragmentation <= 1).toBe(true);
      for (const address of shadow.blocks.keys()) expect(shadow.heap.pinning(address, 1)).toContain(address);
    });
  });
}
