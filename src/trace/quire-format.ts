// Quire's own trace format: small, streamed both ways, and a damaged or cut file is noticed.
//
//   header   "QUIRE-TRACE\r\n" | version 1 | unit: 0 bytes with sizes, 1 pages | page shift (12 for 4 KiB pages) | 0          17 bytes
//   block    payload length u32 | references u32 | FNV-1a of the payload u32 | payload                           little endian
//   ...
//   end      0 u32 | references of the whole file mod 2^32 u32 | 0 u32
//
//   payload  per reference: byte  more (0x80) | low 4 bits of the distance << 3 | backwards (4) | kind, then a varint of the rest if there is more
//                           and in traces of bytes a varint of the size
//
// The distance is to the address before, to 0 at a block's start. Varints have 7 bits a byte, low first, the top bit says that more
// follow. A block has at most 64 KiB. Page streams take 1 to 2 bytes a reference; gzip takes most of that away.

import { UsageError } from '../base/index.ts';
import { type AddressUnit, type ReferenceBatch, ReferenceKind, type ReferenceSink } from './references.ts';
import { TraceParser } from './trace-parser.ts';

/** The first bytes of a file. */
export const QUIRE_MAGIC = 'QUIRE-TRACE\r\n';
const VERSION = 1;
const HEADER_BYTES = 17;
const BLOCK_HEADER_BYTES = 12;
const BLOCK_BYTES = 64 * 1024;
/** Most bytes that one reference takes: 1 + 7 for an address below 2^53, 5 for a size. */
const REFERENCE_BYTES = 13;
/** Parts of a reference's first byte. */
const KIND_MASK = 3;
const BACKWARDS = 4;
const DISTANCE_SHIFT = 3;
const NEAR = 16;
const CONTINUES = 0x80;

/** What a file says of itself. */
export interface QuireTraceHeader {
  readonly unit: AddressUnit;
  /** Base-2 logarithm of the page's size in bytes; of use where the unit is pages. */
  readonly pageShift: number;
}

/** Writes a trace in blocks. */
export class QuireTraceWriter {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #withSizes: boolean;
  readonly #block = new Uint8Array(BLOCK_HEADER_BYTES + BLOCK_BYTES);
  readonly #view = new DataView(this.#block.buffer);
  #length = 0;
  #count = 0;
  #previous = 0;
  #total = 0;

  /** Writes the header. @param write takes bytes that it must use at once. */
  constructor(header: QuireTraceHeader, write: (bytes: Uint8Array) => void) {
    this.#write = write;
    this.#withSizes = header.unit === 'bytes';
    const bytes = new Uint8Array(HEADER_BYTES);
    for (let i = 0; i < QUIRE_MAGIC.length; i++) bytes[i] = QUIRE_MAGIC.charCodeAt(i);
    bytes.set([VERSION, this.#withSizes ? 0 : 1, header.pageShift, 0], QUIRE_MAGIC.length);
    write(bytes);
  }

  /** Adds references. */
  add(batch: ReferenceBatch): void {
    for (let i = 0; i < batch.count; i++) {
      if (this.#length > BLOCK_BYTES - REFERENCE_BYTES) this.#endBlock();
      const address = batch.addresses[i] as number;
      const delta = address - this.#previous;
      this.#previous = address;
      this.#head(Math.abs(delta), delta < 0 ? BACKWARDS : 0, batch.kinds[i] as number);
      if (this.#withSizes) this.#varint(batch.sizes[i] as number);
      this.#count++;
    }
  }

  /** Writes what is left and the end mark. */
  end(): void {
    if (this.#count > 0) this.#endBlock();
    this.#view.setUint32(0, 0, true);
    this.#view.setUint32(4, this.#total >>> 0, true);
    this.#view.setUint32(8, 0, true);
    this.#write(this.#block.subarray(0, BLOCK_HEADER_BYTES));
  }

  /** Forgets the references of the block under way, which may be half a step: for a trace that was interrupted. */
  dropBlock(): void {
    this.#length = 0;
    this.#count = 0;
    this.#previous = 0;
  }

  #head(distance: number, direction: number, kind: number): void {
    const low = distance % NEAR;
    const rest = (distance - low) / NEAR;
    this.#block[BLOCK_HEADER_BYTES + this.#length++] = (rest > 0 ? CONTINUES : 0) | (low << DISTANCE_SHIFT) | direction | kind;
    if (rest > 0) this.#varint(rest);
  }

  #varint(value: number): void {
    const block = this.#block;
    let at = BLOCK_HEADER_BYTES + this.#length;
    let rest = value;
    while (rest >= 0x8000_0000) {
      block[at++] = (rest % CONTINUES) | CONTINUES;
      rest = Math.floor(rest / CONTINUES);
    }
    for (; rest >= CONTINUES; rest >>>= 7) block[at++] = (rest & (CONTINUES - 1)) | CONTINUES;
    block[at++] = rest;
    this.#length = at - BLOCK_HEADER_BYTES;
  }

  #endBlock(): void {
    const payload = this.#block.subarray(BLOCK_HEADER_BYTES, BLOCK_HEADER_BYTES + this.#length);
    this.#view.setUint32(0, this.#length, true);
    this.#view.setUint32(4, this.#count, true);
    this.#view.setUint32(8, checksum(payload), true);
    this.#write(this.#block.subarray(0, BLOCK_HEADER_BYTES + this.#length));
    this.#total += this.#count;
    this.dropBlock();
  }
}

/** Returns the header at the start of a file, or undefined if the file is not of this format. Throws a UsageError for a version or unit not known. */
export function readQuireHeader(name: string, head: Uint8Array): QuireTraceHeader | undefined {
  if (head.length < HEADER_BYTES) return undefined;
  for (let i = 0; i < QUIRE_MAGIC.length; i++) if (head[i] !== QUIRE_MAGIC.charCodeAt(i)) return undefined;
  const [version, unit, pageShift] = head.subarray(QUIRE_MAGIC.length) as unknown as [number, number, number];
  if (version !== VERSION || unit > 1)
    throw new UsageError(`${name}: a Quire trace of version ${version}, unit ${unit}: this program reads version ${VERSION}`);
  return { unit: unit === 0 ? 'bytes' : 'pages', pageShift };
}

/** Parses Quire's own format. */
export class QuireTraceParser extends TraceParser {
  readonly #buffer = new Uint8Array(BLOCK_HEADER_BYTES + BLOCK_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  #withSizes = false;
  #filled = 0;
  /** Bytes of the part under way: the header, a block's header, or a block. */
  #wanted = HEADER_BYTES;
  #part: 'header' | 'block header' | 'block' | 'after the end' = 'header';
  #done = 0;
  #total = 0;
  #at = 0;

  readonly #name: string;

  constructor(name: string, sink: ReferenceSink) {
    super(name, sink);
    this.#name = name;
  }

  override feed(chunk: Uint8Array): void {
    let start = 0;
    while (start < chunk.length) {
      const taken = Math.min(this.#wanted - this.#filled, chunk.length - start);
      this.#buffer.set(chunk.subarray(start, start + taken), this.#filled);
      this.#filled += taken;
      start += taken;
      if (this.#filled === this.#wanted) this.#endPart();
    }
  }

  override end(): void {
    if (this.#part !== 'after the end') this.refuse(`byte ${this.#done + this.#filled}`, 'the file is cut short: its end mark is missing');
    this.flush();
  }

  #endPart(): void {
    const bytes = this.#wanted;
    if (this.#part === 'header') this.#header();
    else if (this.#part === 'block header') this.#blockHeader();
    else if (this.#part === 'block') this.#block();
    else this.refuse(`byte ${this.#done}`, 'bytes after the end mark');
    if (this.#part !== 'block') {
      this.#done += bytes;
      this.#filled = 0;
    }
  }

  #header(): void {
    const header = readQuireHeader(this.#name, this.#buffer);
    if (header === undefined) this.refuse('byte 0', 'expected a Quire trace');
    this.#withSizes = header.unit === 'bytes';
    this.#part = 'block header';
    this.#wanted = BLOCK_HEADER_BYTES;
  }

  #blockHeader(): void {
    const length = this.#view.getUint32(0, true);
    if (length > BLOCK_BYTES) this.refuse(`byte ${this.#done}`, `a block of ${length} bytes: the file is damaged`);
    if (length > 0) {
      this.#part = 'block';
      this.#wanted = BLOCK_HEADER_BYTES + length;
      return;
    }
    const sound = this.#view.getUint32(4, true) === this.#total >>> 0 && this.#view.getUint32(8, true) === 0;
    if (!sound) this.refuse(`byte ${this.#done}`, 'references are missing: the file is damaged');
    this.#part = 'after the end';
    this.#wanted = 1;
  }

  #block(): void {
    const count = this.#view.getUint32(4, true);
    const end = this.#wanted;
    if (checksum(this.#buffer.subarray(BLOCK_HEADER_BYTES, end)) !== this.#view.getUint32(8, true)) this.#refuseBlock();
    this.#at = BLOCK_HEADER_BYTES;
    let address = 0;
    for (let i = 0; i < count; i++) {
      if (this.#at >= end) this.#refuseBlock();
      const head = this.#buffer[this.#at++] as number;
      const kind = head & KIND_MASK;
      let distance = (head >>> DISTANCE_SHIFT) & (NEAR - 1);
      if (head >= CONTINUES) distance += NEAR * this.#varint(end);
      address += (head & BACKWARDS) === 0 ? distance : -distance;
      const size = this.#withSizes ? this.#varint(end) : 1;
      if (!(address >= 0 && address <= Number.MAX_SAFE_INTEGER) || kind > ReferenceKind.fetch) this.#refuseBlock();
      this.emit(address, size, kind as ReferenceKind);
    }
    if (this.#at !== end) this.#refuseBlock();
    this.#total += count;
    this.#part = 'block header';
    this.#wanted = BLOCK_HEADER_BYTES;
  }

  #varint(end: number): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      if (this.#at >= end) this.#refuseBlock();
      const byte = this.#buffer[this.#at++] as number;
      value += (byte & (CONTINUES - 1)) * scale;
      if (byte < CONTINUES) return value;
      scale *= CONTINUES;
    }
  }

  #refuseBlock(): never {
    this.refuse(`byte ${this.#done}`, 'a damaged block: its checksum or length is wrong');
  }
}

/** FNV-1a, 32 bits. */
function checksum(bytes: Uint8Array): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x0100_0193);
  return hash >>> 0;
}
