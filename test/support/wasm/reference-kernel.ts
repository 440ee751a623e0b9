// A kernel small enough to be believed, for tests of rewritten code: one address space, guest pages in shuffled frames of a RAM that
// is far too small, the rest kept aside. It implements `QuireImports` (src/wasm/abi.ts) and nothing else of Quire.
//
// It is as unkind as the contract allows: every trap and every call evicts all pages but those that the access needs (GC2), with
// their words, and overwrites the frames that it frees with garbage, so that code which keeps a stale translation is found out. What was
// stored to a page that was only to be read is lost.

import { ACCESS_WRITE, TLB_TABLE_SPAN } from '../../../src/machine/index.ts';
import type { CodeLayout, QuireImports } from '../../../src/wasm/abi.ts';
import type { DataSegments } from '../../../src/wasm/binary/index.ts';
import { SegmentKind } from '../../../src/wasm/binary/index.ts';

const PAGE = 4096;
const WASM_PAGE = 65_536;
const FRAMES = 16;
const GARBAGE = 0xa5;
const SPACE = 2 ** 32;

/** Where the reference kernel puts the tables; the same for each, so that a module rewritten once runs on any of them. */
export const referenceLayout: CodeLayout = { readTable: FRAMES * PAGE, writeTable: FRAMES * PAGE + TLB_TABLE_SPAN };

/** Whether guest page 0 can be accessed. */
export type NullPage = 'mapped' | 'unmapped';

function outOfBounds(): never {
  throw new WebAssembly.RuntimeError('memory access out of bounds');
}

/** One address space and its machine. */
export class ReferenceKernel {
  readonly ram: WebAssembly.Memory;
  /** What code that records told: address, size and access. */
  readonly references: [address: number, size: number, access: number][] = [];
  /** What code whose heap calls are told has told. */
  readonly heapCalls: ('enter' | readonly number[])[] = [];
  /** Calls of the trap so far. */
  traps = 0;
  readonly #maximumPages: number | undefined;
  readonly #nullPage: NullPage;
  #sizeBytes: number;
  readonly #frames: Uint8Array;
  readonly #words: Uint32Array;
  /** Pages that are not in a frame. */
  readonly #aside = new Map<number, Uint8Array>();
  readonly #frameOf = new Map<number, number>();
  readonly #writable = new Set<number>();
  /** Frames 1 to 15, in an order of no pattern. */
  #free = [11, 3, 14, 7, 1, 9, 13, 5, 2, 15, 8, 12, 4, 10, 6];

  constructor(minimumPages: number, maximumPages: number | undefined, nullPage: NullPage = 'mapped') {
    const bytes = FRAMES * PAGE + 2 * TLB_TABLE_SPAN;
    this.ram = new WebAssembly.Memory({ initial: bytes / WASM_PAGE, maximum: bytes / WASM_PAGE });
    this.#frames = new Uint8Array(this.ram.buffer, 0, FRAMES * PAGE);
    this.#words = new Uint32Array(this.ram.buffer, FRAMES * PAGE);
    this.#sizeBytes = minimumPages * WASM_PAGE;
    this.#maximumPages = maximumPages;
    this.#nullPage = nullPage;
    for (const frame of this.#free) this.#spoil(frame);
  }

  /** Current and greatest size in 64 KiB pages. */
  get sizePages(): number {
    return this.#sizeBytes / WASM_PAGE;
  }
  get maximumPages(): number | undefined {
    return this.#maximumPages;
  }

  /** Writes host bytes to the guest, evicting everything. Throws like an out-of-bounds access. */
  write(address: number, bytes: Uint8Array): void {
    this.#pieces(address, bytes.length, (page, start, end, at) => page.set(bytes.subarray(at, at + end - start), start));
  }

  /** Copies guest bytes out, evicting everything. Throws like an out-of-bounds access. */
  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#pieces(address, length, (page, start, end, at) => bytes.set(page.subarray(start, end), at));
    return bytes;
  }

  // Calls back with each page of a range: its bytes, the part of it, and where that lies in the range.
  #pieces(address: number, length: number, visit: (page: Uint8Array, start: number, end: number, at: number) => void): void {
    this.#checkRange(address, length);
    this.#evictAll();
    for (let at = 0; at < length; ) {
      const start = (address + at) % PAGE;
      const end = Math.min(PAGE, start + length - at);
      visit(this.#page(Math.floor((address + at) / PAGE)), start, end, at);
      at += end - start;
    }
  }

  /** Makes pages valid for reading, or for writing too, and no others, so that the next accesses to them hit. Pages out of bounds stay invalid. */
  warm(pages: Iterable<number>, access: number = ACCESS_WRITE): void {
    this.#evictAll();
    for (const page of new Set(pages)) {
      const exists = page >= (this.#nullPage === 'unmapped' ? 1 : 0) && page * PAGE < this.#sizeBytes;
      if (exists) this.#load(page, access);
    }
  }

  /** The imports of an instance, with the data segments of its module. */
  imports(fileBytes: Uint8Array, data: DataSegments): QuireImports & Record<string, unknown> {
    const dropped = Uint8Array.from(data.kind, (kind) => (kind === SegmentKind.passive ? 0 : 1));
    const segment = (i: number): Uint8Array => {
      const start = data.fileOffset[i] as number;
      return fileBytes.subarray(start, dropped[i] === 1 ? start : start + (data.length[i] as number));
    };
    return {
      ram: this.ram,
      trap: (base, offset, size, access) => this.#trap((base >>> 0) + (offset >>> 0), size, access),
      size: () => this.sizePages,
      optimize: () => undefined,
      // It has no window.
      enter: () => 1,
      grow: (delta) => this.#grow(delta >>> 0),
      copy: (destination, source, length) => {
        this.#checkRange(source >>> 0, length >>> 0);
        this.#checkRange(destination >>> 0, length >>> 0);
        this.write(destination >>> 0, this.read(source >>> 0, length >>> 0));
      },
      fill: (destination, value, length) => {
        this.#checkRange(destination >>> 0, length >>> 0);
        this.write(destination >>> 0, new Uint8Array(length >>> 0).fill(value));
      },
      init: (i, destination, source, length) => {
        const bytes = segment(i);
        if ((source >>> 0) + (length >>> 0) > bytes.length) outOfBounds();
        this.write(destination >>> 0, bytes.subarray(source >>> 0, (source >>> 0) + (length >>> 0)));
      },
      drop: (i) => {
        dropped[i] = 1;
        this.#evictAll();
      },
      reference: (base, offset, size, access) => {
        this.references.push([(base >>> 0) + (offset >>> 0), size >>> 0, access]);
      },
      heapEnter: () => {
        this.heapCalls.push('enter');
      },
      heapLeave: (...call) => {
        this.heapCalls.push(call);
      },
    };
  }

  #trap(address: number, size: number, access: number): void {
    this.traps++;
    this.#checkRange(address, size);
    if (this.#nullPage === 'unmapped' && address < PAGE) outOfBounds();
    this.#evictAll();
    for (let page = Math.floor(address / PAGE); page <= Math.floor((address + size - 1) / PAGE); page++) this.#load(page, access);
  }

  #checkRange(address: number, length: number): void {
    if (address + length > this.#sizeBytes) outOfBounds();
  }

  #grow(delta: number): number {
    const before = this.sizePages;
    const limit = Math.min(this.#maximumPages ?? SPACE / WASM_PAGE, SPACE / WASM_PAGE);
    if (before + delta > limit) return -1;
    this.#sizeBytes += delta * WASM_PAGE;
    this.#evictAll();
    return before;
  }

  #page(page: number): Uint8Array {
    let bytes = this.#aside.get(page);
    if (bytes === undefined) {
      bytes = new Uint8Array(PAGE);
      this.#aside.set(page, bytes);
    }
    return bytes;
  }

  #load(page: number, access: number): void {
    // The first free frame, and the freed ones go to the end: a page seldom comes back to the frame that it left.
    const frame = this.#free.shift() as number;
    this.#frames.set(this.#page(page), frame * PAGE);
    this.#frameOf.set(page, frame);
    const word = (((frame - page) << 12) - 1) >>> 0;
    this.#words[page] = word;
    if (access !== ACCESS_WRITE) return;
    this.#words[TLB_TABLE_SPAN / 4 + page] = word;
    this.#writable.add(page);
  }

  #evictAll(): void {
    for (const [page, frame] of this.#frameOf) {
      if (this.#writable.has(page)) this.#aside.set(page, this.#frames.slice(frame * PAGE, (frame + 1) * PAGE));
      this.#words[page] = 0;
      this.#words[TLB_TABLE_SPAN / 4 + page] = 0;
      this.#spoil(frame);
      this.#free.push(frame);
    }
    this.#frameOf.clear();
    this.#writable.clear();
  }

  #spoil(frame: number): void {
    this.#frames.fill(GARBAGE, frame * PAGE, (frame + 1) * PAGE);
  }
}
