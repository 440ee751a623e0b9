// The shadow map: which bytes have been given to whom, kept beside a subject and sharing no code with any allocator.
//
//   starts   where live blocks begin          an address set
//   owners   whose block begins there         a table of ids for each 64 KiB that has such, an entry for each aligned address
//   blocks   address and size of each id      two columns
//
// SM1  A block lies inside the heap, between its base and the end of the bytes there are.
// SM2  Its address is a multiple of the subject's alignment, and of what memalign asked for.
// SM3  No two live blocks have a byte in common. (Live blocks are disjoint, so the last one that begins before the new one's end decides.)
// SM4  A block keeps its content as long as it lives, over realloc too; calloc's is zero.
//
// Content is written in each block as it is given: a pattern that depends on the id and the offset, so that bytes of another block, or of
// this one moved, are seen. `tags` writes and looks at the first and last 16 bytes, `whole` at all of them.

import { AddressSet } from './address-set.ts';

/** How much of a block's content is written and compared. */
export type ContentCheck = 'tags' | 'whole';

/** What a subject did wrong, by the rule that it broke. */
export type HeapFault = 'outside' | 'misaligned' | 'overlap' | 'content' | 'not-zero' | 'no-room' | 'refused' | 'damage' | 'failed';

/** A finding: a sentence's worth. */
export interface Finding {
  readonly fault: HeapFault;
  readonly what: string;
}

/** What a shadow map must know of a subject. */
export interface ShadowOptions {
  readonly base: number;
  readonly alignment: number;
  readonly contents: ContentCheck;
}

const TAG_BYTES = 16;
const NOWHERE = -1;

/** Keeps the live blocks of one subject. Methods return the first rule that is broken, or undefined. */
export class ShadowMap {
  readonly #options: ShadowOptions;
  readonly #starts = new AddressSet();
  readonly #owners: OwnerTable;
  readonly #addresses: Float64Array;
  readonly #sizes: Float64Array;

  /** @param blocks ids are below it. */
  constructor(blocks: number, options: ShadowOptions) {
    this.#options = options;
    this.#owners = new OwnerTable(options.alignment);
    this.#addresses = new Float64Array(blocks).fill(NOWHERE);
    this.#sizes = new Float64Array(blocks);
  }

  /** Tells whether a block lives. */
  isLive(id: number): boolean {
    return this.#addresses[id] !== NOWHERE;
  }

  /** Returns a live block's address; -1 for one that is not. */
  addressOf(id: number): number {
    return this.#addresses[id] as number;
  }

  /** Returns the bytes that a live block's owner asked for. */
  sizeOf(id: number): number {
    return this.#sizes[id] as number;
  }

  /** Yields the ids of the live blocks that have a byte in [start, end), in address order. */
  *blocksIn(start: number, end: number): Generator<number> {
    const before = this.#starts.atOrBelow(start);
    const reaches = before >= 0 && before + this.#extent(this.#owners.at(before)) > start;
    for (let at = reaches ? before : this.#starts.atOrAbove(start); at >= 0 && at < end; at = this.#starts.atOrAbove(at + 1)) {
      yield this.#owners.at(at);
    }
  }

  /** A block was given: it lives if nothing is wrong with it, and its content is written. @param alignment what was asked for, 1 if nothing */
  given(id: number, address: number, size: number, alignment: number, bytes: Uint8Array): Finding | undefined {
    const finding = this.#placed(address, size, alignment, bytes);
    if (finding !== undefined) return finding;
    this.#enter(id, address, size);
    this.#write(id, 0, bytes);
    return undefined;
  }

  /** As `given`, of a block that must be zero. */
  givenZeroed(id: number, address: number, size: number, bytes: Uint8Array): Finding | undefined {
    const finding = this.#placed(address, size, 1, bytes);
    if (finding !== undefined) return finding;
    for (let i = 0; i < size; i++) {
      if (bytes[address + i] !== 0)
        return { fault: 'not-zero', what: `byte ${i} of ${size} of a block of calloc is ${bytes[address + i]}` };
    }
    this.#enter(id, address, size);
    this.#write(id, 0, bytes);
    return undefined;
  }

  /** A live block was resized: what both sizes have must have stayed. After a finding the block lives no longer. */
  resized(id: number, address: number, size: number, bytes: Uint8Array): Finding | undefined {
    const old = this.sizeOf(id);
    this.#leave(id);
    const finding = this.#placed(address, size, 1, bytes) ?? this.#compare(id, address, old, Math.min(old, size), bytes);
    if (finding !== undefined) return finding;
    this.#enter(id, address, size);
    this.#write(id, old, bytes);
    return undefined;
  }

  /** Compares a live block's content with what was written there. */
  compare(id: number, bytes: Uint8Array): Finding | undefined {
    const size = this.sizeOf(id);
    return this.#compare(id, this.addressOf(id), size, size, bytes);
  }

  /** A block is freed, or will be looked at no more. */
  freed(id: number): void {
    this.#leave(id);
  }

  /** A block of no bytes has a place of its own too. */
  #extent(id: number): number {
    return Math.max(1, this.sizeOf(id));
  }

  #placed(address: number, size: number, alignment: number, bytes: Uint8Array): Finding | undefined {
    const { base, alignment: least } = this.#options;
    const place = (): string => `${size} bytes at ${hex(address)}`;
    if (!(Number.isInteger(address) && address >= base && address + size <= bytes.length)) {
      return { fault: 'outside', what: `${place()} are not inside the heap, which is ${hex(base)} to ${hex(bytes.length)}` };
    }
    const needed = Math.max(least, alignment);
    if (address % needed !== 0) return { fault: 'misaligned', what: `${place()} do not begin at a multiple of ${needed}` };
    const start = this.#starts.atOrBelow(address + Math.max(1, size) - 1);
    if (start < 0) return undefined;
    const owner = this.#owners.at(start);
    if (start + this.#extent(owner) <= address) return undefined;
    const other = `block ${owner} with ${this.sizeOf(owner)} bytes at ${hex(start)}`;
    return {
      fault: 'overlap',
      what: start === address ? `${place()} are given twice: there lives ${other}` : `${place()} overlap ${other}`,
    };
  }

  #enter(id: number, address: number, size: number): void {
    this.#addresses[id] = address;
    this.#sizes[id] = size;
    this.#starts.add(address);
    this.#owners.set(address, id);
  }

  #leave(id: number): void {
    const address = this.addressOf(id);
    this.#starts.remove(address);
    this.#addresses[id] = NOWHERE;
  }

  /** Writes a block's content, of which the first `kept` bytes are there as they were written for a block of that size. */
  #write(id: number, kept: number, bytes: Uint8Array): void {
    const size = this.sizeOf(id);
    const address = this.addressOf(id);
    const isWhole = this.#options.contents === 'whole' || size <= 2 * TAG_BYTES;
    const head = isWhole ? size : TAG_BYTES;
    // With tags, the old last one is no tag any more where the block has grown, and the bytes between were never written.
    const from = this.#options.contents === 'whole' ? Math.min(kept, size) : 0;
    for (let i = from; i < head; i++) bytes[address + i] = pattern(id, i);
    for (let i = Math.max(head, size - TAG_BYTES); i < size; i++) bytes[address + i] = pattern(id, i);
  }

  /** Compares the first `count` bytes at `address` with what was written for a block of `written` bytes. */
  #compare(id: number, address: number, written: number, count: number, bytes: Uint8Array): Finding | undefined {
    const isWhole = this.#options.contents === 'whole' || written <= 2 * TAG_BYTES;
    const head = Math.min(count, isWhole ? written : TAG_BYTES);
    for (let i = 0; i < head; i++) if (bytes[address + i] !== pattern(id, i)) return lost(id, address, i, bytes);
    for (let i = Math.max(head, written - TAG_BYTES); i < count; i++)
      if (bytes[address + i] !== pattern(id, i)) return lost(id, address, i, bytes);
    return undefined;
  }
}

const CHUNK_BYTES = 65_536;

/** Ids by address. What is at an address where no block begins any more is of no account. */
class OwnerTable {
  readonly #step: number;
  readonly #chunks: (Uint32Array | undefined)[] = [];

  /** @param step what addresses are multiples of */
  constructor(step: number) {
    this.#step = step;
  }

  at(address: number): number {
    return (this.#chunks[Math.floor(address / CHUNK_BYTES)] as Uint32Array)[(address % CHUNK_BYTES) / this.#step] as number;
  }

  set(address: number, id: number): void {
    const at = Math.floor(address / CHUNK_BYTES);
    let chunk = this.#chunks[at];
    if (chunk === undefined) {
      chunk = new Uint32Array(CHUNK_BYTES / this.#step);
      this.#chunks[at] = chunk;
    }
    chunk[(address % CHUNK_BYTES) / this.#step] = id;
  }
}

function lost(id: number, address: number, offset: number, bytes: Uint8Array): Finding {
  const found = `${bytes[address + offset]}, not ${pattern(id, offset)}`;
  return { fault: 'content', what: `byte ${offset} of block ${id} at ${hex(address)} is ${found} as its owner left it` };
}

/** Byte `offset` of a block's content: neighbouring blocks and offsets have others. */
function pattern(id: number, offset: number): number {
  return (Math.imul(id + 1, 0x9e37_79b1) >>> 24) ^ (Math.imul(offset, 0x35) & 0xff) ^ 0x5a;
}

function hex(address: number): string {
  return Number.isInteger(address) && address >= 0 ? `0x${address.toString(16)}` : String(address);
}
