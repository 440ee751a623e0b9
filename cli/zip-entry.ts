// The one file in a ZIP archive, as it is read: Android's malloc traces, among others, are packed so.
//
//   local header   "PK\3\4" | .. | flags u16 at 6 | method u16 at 8 | .. | packed size u32 at 18 | .. | name's length u16 at 26, extra's at 28
//   name | extra | packed bytes | what follows: another file's header, or the directory
//
// Source: PKWARE's APPNOTE, 4.3.7. Refused are archives of several files, encrypted ones, and those that were written as a stream, whose
// sizes come only behind the bytes.

import { UsageError } from '../src/base/index.ts';

/** The first bytes of an archive. */
export const ZIP_MAGIC: readonly number[] = [0x50, 0x4b, 3, 4];

const HEADER_BYTES = 30;
const ENCRYPTED = 1;
const SIZES_FOLLOW = 8;
/** The size of a file that has its real one elsewhere (ZIP64). */
const NO_SIZE = 0xffff_ffff;
const methods: Readonly<Record<number, 'stored' | 'deflated'>> = { 0: 'stored', 8: 'deflated' };

/** The packed file. */
export interface ZipEntry {
  readonly method: 'stored' | 'deflated';
  /** Its packed bytes. They throw a UsageError if the archive ends before, or has another file. */
  readonly chunks: AsyncGenerator<Uint8Array>;
}

/** Opens the file in an archive. @param name the archive's, for the messages of the UsageErrors that what cannot be read gets */
export async function openZip(chunks: AsyncGenerator<Uint8Array>, name: string): Promise<ZipEntry> {
  const bytes = new ByteSource(chunks);
  const header = await bytes.take(HEADER_BYTES);
  if (header.length < HEADER_BYTES) throw new UsageError(`${name} is cut short inside the archive's first header`);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const flags = view.getUint16(6, true);
  const method = methods[view.getUint16(8, true)];
  const packedBytes = view.getUint32(18, true);
  if ((flags & (ENCRYPTED | SIZES_FOLLOW)) !== 0 || packedBytes === NO_SIZE || method === undefined) {
    throw new UsageError(`${name} is an archive of a kind that is not read here: unpack it and give the file`);
  }
  await bytes.take(view.getUint16(26, true) + view.getUint16(28, true));
  return { method, chunks: entryBytes(bytes, packedBytes, name) };
}

async function* entryBytes(bytes: ByteSource, packedBytes: number, name: string): AsyncGenerator<Uint8Array> {
  let left = packedBytes;
  while (left > 0) {
    const piece = await bytes.some(left);
    if (piece.length === 0) throw new UsageError(`${name} is cut short inside the archive's file`);
    left -= piece.length;
    yield piece;
  }
  const next = await bytes.take(ZIP_MAGIC.length);
  if (next.length === ZIP_MAGIC.length && ZIP_MAGIC.every((byte, i) => next[i] === byte)) {
    throw new UsageError(`${name} is an archive of several files: unpack it and give one of them`);
  }
}

/** Chunks, taken in other pieces than they come in. */
class ByteSource {
  readonly #chunks: AsyncGenerator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncGenerator<Uint8Array>) {
    this.#chunks = chunks;
  }

  /** Returns some bytes, up to `most`; none at the end. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return this.#rest;
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  /** Returns `count` bytes; fewer at the end. */
  async take(count: number): Promise<Uint8Array> {
    const taken = new Uint8Array(count);
    let length = 0;
    while (length < count) {
      const piece = await this.some(count - length);
      if (piece.length === 0) break;
      taken.set(piece, length);
      length += piece.length;
    }
    return taken.subarray(0, length);
  }
}
