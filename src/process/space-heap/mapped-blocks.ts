// Blocks with a mapping of their own: large ones, whose pages go back when they are freed, and guarded ones, whose end is a page's end.
//
//   large     | header | the block ......................... |                 whole pages, from the space's mmap area
//   guarded   |                   | header | the block | slack | no access |    slack: to the alignment, 0 with placement `exact`
//
//   header, 16 bytes before the block:   mark ^ address | the mapping's start | its bytes | the owner's bytes
//
// A store behind a guarded block meets the page without access: a fault at that very instruction, as long as it begins there. A freed
// guarded block loses its rights and stays for a while, so a use after free faults too. `explain` tells whose page a fault met; it reads the
// areas' names, so the header need not be whole for that.
//
// Source: Electric Fence (Perens 1987); sampling as in GWP-ASan. Cost: a guarded block takes a page or more, two areas and four requests.

import { addressOf, PAGE_SIZE, pageAtOrAfter } from '../../base/index.ts';
import { type AreaReport, PROT_NONE, PROT_READ, PROT_WRITE } from '../../system/index.ts';
import type { Process } from '../process.ts';

/** Where a guarded block lies: at the last multiple of the alignment, or so that its last byte is the page's last. */
export type GuardPlacement = 'aligned' | 'exact';

/** A block as its header tells it. */
export interface MappedBlock {
  readonly kind: 'large' | 'guarded';
  readonly start: number;
  readonly mappedBytes: number;
  readonly bytes: number;
}

const HEADER_BYTES = 16;
const LARGE_MARK = 0x6c61_7267;
const GUARDED_MARK = 0x6775_6172;
/** Freed guarded blocks that keep their addresses. */
const HELD_BLOCKS = 16;
const RW = PROT_READ | PROT_WRITE;

/** The mapped blocks of one process. */
export class MappedBlocks {
  readonly #process: Process;
  /** Freed guarded mappings, oldest first. */
  readonly #held: MappedBlock[] = [];
  /** Bytes of live mappings that this object made, less those that it took back. */
  bytes = 0;

  constructor(process: Process) {
    this.#process = process;
  }

  /** Maps a block of `bytes` bytes at a multiple of `alignment`. 0 if it cannot be had. Throws `GuestFault` for want of memory for the header. */
  giveLarge(bytes: number, alignment: number): number {
    const room = HEADER_BYTES + bytes + Math.max(0, alignment - HEADER_BYTES);
    const start = this.#map(room, `malloc: ${bytes} bytes`);
    if (start === 0) return 0;
    const address = Math.ceil((start + HEADER_BYTES) / alignment) * alignment;
    return this.#finish(address, { kind: 'large', start, mappedBytes: wholePages(room), bytes });
  }

  /** Maps a block that ends where a page without access begins. As `giveLarge`. */
  giveGuarded(bytes: number, alignment: number, placement: GuardPlacement): number {
    const mappedBytes = wholePages(HEADER_BYTES + bytes + alignment) + PAGE_SIZE;
    const start = this.#map(mappedBytes, `guarded: ${bytes} bytes`);
    if (start === 0) return 0;
    const end = start + mappedBytes - PAGE_SIZE;
    const { system, space } = this.#process;
    if (system.protect(space, end, PAGE_SIZE, PROT_NONE) !== 0) {
      system.unmap(space, start, mappedBytes);
      return 0;
    }
    const last = end - bytes;
    const address = placement === 'exact' ? last : last - (last % alignment);
    return this.#finish(address, { kind: 'guarded', start, mappedBytes, bytes });
  }

  /** Returns what the header before `address` tells, or undefined if there is none. */
  find(address: number): MappedBlock | undefined {
    const at = address - HEADER_BYTES;
    if (!(Number.isSafeInteger(address) && at >= 0) || !this.#process.accessible(at, HEADER_BYTES, 'read')) return undefined;
    const header = new DataView(new ArrayBuffer(HEADER_BYTES));
    this.#process.copyIn(at, new Uint8Array(header.buffer));
    const mark = (header.getUint32(0, true) ^ address) >>> 0;
    if (mark !== LARGE_MARK && mark !== GUARDED_MARK) return undefined;
    const [start, mappedBytes, bytes] = [4, 8, 12].map((offset) => header.getUint32(offset, true)) as [number, number, number];
    return { kind: mark === LARGE_MARK ? 'large' : 'guarded', start, mappedBytes, bytes };
  }

  /** Takes a block back: its pages go at once, a guarded one's addresses later. */
  take(block: MappedBlock): void {
    const { system, space } = this.#process;
    this.bytes -= block.mappedBytes;
    if (block.kind === 'large' || system.protect(space, block.start, block.mappedBytes, PROT_NONE) !== 0) {
      system.unmap(space, block.start, block.mappedBytes);
      return;
    }
    system.advise(space, block.start, block.mappedBytes, 'free');
    this.#held.push(block);
    const oldest = this.#held.length > HELD_BLOCKS ? this.#held.shift() : undefined;
    if (oldest !== undefined) system.unmap(space, oldest.start, oldest.mappedBytes);
  }

  /** Makes a large block larger or smaller; its pages move with their addresses if they must. Returns its address, or 0 if it stays as it is. */
  resize(address: number, block: MappedBlock, bytes: number): number {
    const offset = address - block.start;
    const mappedBytes = wholePages(offset + bytes);
    const { system, space } = this.#process;
    // The header's page is there before anything changes: writing it afterwards cannot fail for want of memory.
    this.#process.translate(address - HEADER_BYTES, 1);
    const start =
      mappedBytes === block.mappedBytes ? block.start : system.remap(space, block.start, block.mappedBytes, mappedBytes, 'anywhere');
    if (typeof start === 'string') return 0;
    this.bytes -= block.mappedBytes;
    return this.#finish(start + offset, { kind: 'large', start, mappedBytes, bytes });
  }

  /** Says whose guard page, or which freed block, `address` lies in; undefined if it lies in none. */
  explain(address: number): string | undefined {
    const { system, space } = this.#process;
    const areas = system.areas(space);
    const hit = areas.findIndex(({ start, end }) => address >= start && address < end);
    const area = areas[hit];
    const bytes = area === undefined ? -1 : guardedBytes(area);
    if (area === undefined || bytes < 0 || area.protection !== PROT_NONE) return undefined;
    const block = areas[hit - 1];
    // Areas of the same name and rights may have become one: a guard is one page.
    const isBehind = block !== undefined && block.end === area.start && address < area.start + PAGE_SIZE;
    const isGuard = isBehind && guardedBytes(block) === bytes && block.protection === RW;
    if (!isGuard) return `0x${address.toString(16)} lies in a guarded block of ${bytes} bytes that was freed`;
    const first = this.#blockBefore(area.start, bytes);
    return `0x${address.toString(16)} is ${address - (first + bytes)} bytes behind the end of the block of ${bytes} bytes at 0x${first.toString(16)}`;
  }

  /** How many live blocks there are, and their bytes of addresses. */
  usage(): { readonly largeBlocks: number; readonly guardedBlocks: number; readonly mappedBytes: number } {
    const { system, space } = this.#process;
    const live = system.areas(space).filter(({ protection }) => protection === RW);
    const large = live.filter(({ name }) => name.startsWith('malloc: '));
    const guarded = live.filter((area) => guardedBytes(area) >= 0);
    const mappedBytes = [...large, ...guarded].reduce((sum, { start, end }) => sum + end - start, 0);
    return { largeBlocks: large.length, guardedBlocks: guarded.length, mappedBytes };
  }

  /** The first byte of the guarded block that ends at, or a little before, `guard`: its header lies before it. */
  #blockBefore(guard: number, bytes: number): number {
    for (let address = guard - bytes; address > guard - bytes - PAGE_SIZE; address--)
      if (this.find(address)?.bytes === bytes) return address;
    return guard - bytes;
  }

  #map(size: number, name: string): number {
    const { system, space } = this.#process;
    const start = system.map(space, { size, protection: RW, sharing: 'private', name });
    return typeof start === 'string' ? 0 : start;
  }

  /** Writes the header; if that faults, the block is given back. */
  #finish(address: number, block: MappedBlock): number {
    const header = new DataView(new ArrayBuffer(HEADER_BYTES));
    header.setUint32(0, address ^ (block.kind === 'large' ? LARGE_MARK : GUARDED_MARK), true);
    header.setUint32(4, block.start, true);
    header.setUint32(8, block.mappedBytes, true);
    header.setUint32(12, block.bytes, true);
    try {
      this.#process.copyOut(address - HEADER_BYTES, new Uint8Array(header.buffer));
    } catch (fault) {
      const { system, space } = this.#process;
      system.unmap(space, block.start, block.mappedBytes);
      throw fault;
    }
    this.bytes += block.mappedBytes;
    return address;
  }
}

const wholePages = (bytes: number): number => addressOf(pageAtOrAfter(bytes));

/** The bytes of the guarded block that an area is of; -1 if it is of none. */
function guardedBytes({ name }: AreaReport): number {
  const text = /^guarded: (\d+) bytes$/.exec(name)?.[1];
  return text === undefined ? -1 : Number(text);
}
