// Executables: what a program's file maps into a new address space.
//
//   low   | text | data | bss | brk ->        <- mmap | libc | ld.so | reserve | stack |   high
//
//   text     private, read and execute, from the file        data    private, from the file behind the text
//   bss      anonymous                                       reserve addresses without rights that the stack may grow into
//
// A static executable is five areas; a dynamic one has three more for its interpreter and three for each library. With one entry for
// the kernel's part of the process these are the 6 and 12 map entries that UVM's paper counts for `cat` and `od` (table 1).
// The bytes of such a file are not a real program's: each 32-bit word holds its own offset in the file.

import { type Errno, PAGE_SIZE, pagesFor } from '../../base/index.ts';
import { type Pager, PROT_EXECUTE, PROT_NONE, PROT_READ, PROT_WRITE } from '../../system/index.ts';

/** The sizes, in bytes, of one file's parts. */
export interface ImageFile {
  /** The name of the file that processes share. */
  readonly name: string;
  readonly textBytes: number;
  readonly dataBytes: number;
  readonly bssBytes: number;
}

/** What `exec` loads. */
export interface Executable extends ImageFile {
  /** Dynamic executables: the interpreter (ld.so) and libraries, mapped below the stack. */
  readonly libraries: readonly ImageFile[];
  /** Stack that has its rights from the start, and addresses below that are kept for it. */
  readonly stackBytes: number;
  readonly stackReserveBytes: number;
}

/** One area of an executable in its address space. */
export interface ExecutableArea {
  readonly name: string;
  readonly start: number;
  readonly size: number;
  readonly protection: number;
  /** The file behind it, and the offset there; anonymous without. */
  readonly file?: { readonly image: ImageFile; readonly offset: number };
}

/** Where everything is. */
export interface ExecutableLayout {
  readonly areas: readonly ExecutableArea[];
  /** First address behind the bss: where brk starts. */
  readonly breakStart: number;
}

const KIB = 1024;
const STACK_BYTES = 16 * KIB;
/** NetBSD/i386's default limit of a stack, in 1998. */
const STACK_RESERVE_BYTES = 2048 * KIB;
/** Page 0 stays free, so that null pointers are caught. */
const TEXT_START = PAGE_SIZE;

/** Describes an executable; without libraries it is static. Sizes are rounded up to pages when it is laid out. */
export function describeExecutable(file: ImageFile, libraries: readonly ImageFile[] = []): Executable {
  return { ...file, libraries, stackBytes: STACK_BYTES, stackReserveBytes: STACK_RESERVE_BYTES };
}

const imageFile = (name: string, textKib: number, dataKib: number, bssKib: number): ImageFile => ({
  name,
  textBytes: textKib * KIB,
  dataBytes: dataKib * KIB,
  bssBytes: bssKib * KIB,
});

/** A static program of the size of a small UNIX tool: `cat` of UVM's table 1. */
export const catExecutable: Executable = describeExecutable(imageFile('/bin/cat', 44, 4, 8));
/** A dynamic program with interpreter and C library: `od` of UVM's table 1. */
export const odExecutable: Executable = describeExecutable(imageFile('/usr/bin/od', 16, 4, 4), [
  imageFile('/usr/libexec/ld.so', 40, 4, 8),
  imageFile('/usr/lib/libc.so', 400, 16, 40),
]);

/** Lays an executable out in a space that ends at `high`. */
export function layOutExecutable(executable: Executable, high: number): ExecutableLayout {
  const { stackBytes, stackReserveBytes, libraries } = executable;
  const stack = high - roundUp(stackBytes);
  const reserve = stack - roundUp(stackReserveBytes);
  const program = imageAreas(executable, TEXT_START);
  const areas = [
    ...program,
    { name: '[stack reserve]', start: reserve, size: stack - reserve, protection: PROT_NONE },
    { name: '[stack]', start: stack, size: high - stack, protection: PROT_READ | PROT_WRITE },
  ];
  let end = reserve;
  for (const library of libraries) {
    end -= imageSize(library);
    areas.push(...imageAreas(library, end));
  }
  return { areas: areas.filter(({ size }) => size > 0), breakStart: TEXT_START + imageSize(executable) };
}

const roundUp = (bytes: number): number => pagesFor(bytes) * PAGE_SIZE;
const imageSize = ({ textBytes, dataBytes, bssBytes }: ImageFile): number => roundUp(textBytes) + roundUp(dataBytes) + roundUp(bssBytes);

function imageAreas(image: ImageFile, start: number): ExecutableArea[] {
  const { name } = image;
  const text = roundUp(image.textBytes);
  const data = roundUp(image.dataBytes);
  return [
    { name, start, size: text, protection: PROT_READ | PROT_EXECUTE, file: { image, offset: 0 } },
    { name, start: start + text, size: data, protection: PROT_READ | PROT_WRITE, file: { image, offset: text } },
    { name: '[bss]', start: start + text + data, size: roundUp(image.bssBytes), protection: PROT_READ | PROT_WRITE },
  ];
}

/** Makes the pager of an image file: text and data, each word its own offset. */
export function imagePager({ name, textBytes, dataBytes }: ImageFile): Pager {
  return { kind: 'image', name, pages: pagesFor(textBytes) + pagesFor(dataBytes), read: readOffsets };
}

function readOffsets(index: number, into: Uint8Array): Errno | undefined {
  const words = new DataView(into.buffer, into.byteOffset, into.byteLength);
  for (let at = 0; at < PAGE_SIZE; at += 4) words.setUint32(at, index * PAGE_SIZE + at, true);
  return undefined;
}
