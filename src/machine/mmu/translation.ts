// One translation told step by step, exactly as the architecture defines it: for `quire walk`, for fault reports, and as the definition that
// the fast walks (walk.ts, hashed-mmu.ts) are tested against. It reads an image of physical memory and changes nothing.
//
//   address -> [ table, index, entry, every field by its name ] for each level -> frame and physical address, or the exact fault
//
// Rules beyond the formats' bits, as the live machine has them:
//   x86      CR0.WP and EFER.NXE are set; no SMEP, SMAP or protection keys. Reserved bits are those of the tables in amd64.ts and i386.ts
//   riscv    mstatus.SUM and MXR are clear: the kernel does not reach the pages of programs. A and D are set by the hardware
//   aarch64  the lower half of addresses (TTBR0); TCR_EL1.HA and HD are set, so DBM grants stores; a table's APTable, UXNTable and PXNTable count
//   mips     what the refill handler and the kernel behind it do: P and W grant
// Source: the manuals named in each format's file. Cost: thousands of objects and big integers for each address; not for hot paths.

import { PAGE_SHIFT, PAGE_SIZE } from '../../base/index.ts';
import { ACCESS_EXECUTE, ACCESS_WRITE, type Access } from './fault.ts';
import type { AccessMode, TranslationFault } from './fault-registers.ts';
import {
  type EntryField,
  type PageTableFormat,
  type PageTableLevel,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_EXECUTE,
  PTE_USER,
  PTE_WRITE,
  tableFlags,
  vpnBits,
} from './format.ts';
import { hashedAnchor, hashedShape } from './hashed-mmu.ts';

/** Physical memory, or a file of it. */
export interface PhysicalImage {
  readonly bytes: number;
  /** Returns the little-endian 32-bit word at `address`, a multiple of 4; undefined outside the image. */
  word(address: number): number | undefined;
}

/** What to translate. */
export interface TranslationRequest {
  readonly format: PageTableFormat;
  /** Physical address of the root table; of an inverted table: of its anchors. */
  readonly root: number;
  readonly address: bigint;
  readonly access: Access;
  readonly mode: AccessMode;
  /** Number of the space: a tag of inverted tables, an ASID. */
  readonly space: number;
}

/** A field of an entry, read. */
export interface NamedBits {
  readonly name: string;
  readonly low: number;
  readonly width: number;
  readonly value: bigint;
}

/** One entry that the walk looked at. */
export interface TranslationStep {
  /** 0 is the root. In an inverted table: the place in the chain, from 0. */
  readonly level: number;
  /** What the manual calls the table. */
  readonly name: string;
  /** Physical address of the table; of a chained entry, of the entry. */
  readonly table: number;
  readonly index: number;
  readonly entryAddress: number;
  readonly entry: bigint;
  readonly fields: readonly NamedBits[];
  /** What the entry does: `table`, `page`, `absent`, `reserved`; in a chain `other` is another page's. */
  readonly role: 'table' | 'page' | 'absent' | 'reserved' | 'other';
}

/** Where an address leads. */
export interface TranslationTarget {
  readonly frame: bigint;
  readonly physical: bigint;
  readonly pageBytes: number;
  /** Rights of the access's mode over all levels. */
  readonly rights: { readonly write: boolean; readonly user: boolean; readonly execute: boolean };
  /** Marks in the leaf, before this access. Undefined where the format has none. */
  readonly accessed?: boolean;
  readonly dirty?: boolean;
}

/** How a translation went. */
export interface Translation {
  readonly steps: readonly TranslationStep[];
  readonly end:
    | { readonly how: 'page'; readonly target: TranslationTarget }
    | {
        readonly how: 'fault';
        readonly kind: TranslationFault;
        readonly level: number;
        readonly why: string;
        readonly target?: TranslationTarget;
      }
    /** The image ends before the table. */
    | { readonly how: 'outside'; readonly address: number };
}

/** Returns why `address` is none that `format` translates, as a sentence's end; undefined if it is one. */
export function whyNotCanonical(format: PageTableFormat, address: bigint): string | undefined {
  const bits = BigInt(vpnBits(format) + PAGE_SHIFT);
  if (address >> bits === 0n) {
    const negative = isSignExtended(format) && (address >> (bits - 1n)) & 1n;
    return negative ? `bits 63 to ${bits} must equal bit ${bits - 1n}, which is 1` : undefined;
  }
  if (!isSignExtended(format)) return `addresses have ${bits} bits`;
  const top = ((1n << 64n) - 1n) >> (bits - 1n);
  return address < 1n << 64n && address >> (bits - 1n) === top ? undefined : `bits 63 to ${bits} must equal bit ${bits - 1n}`;
}

function isSignExtended(format: PageTableFormat): boolean {
  return vpnBits(format) + PAGE_SHIFT > 32 && (format.architecture === 'x86' || format.architecture === 'riscv');
}

/** Translates an address that `whyNotCanonical` has nothing against. */
export function translate(image: PhysicalImage, request: TranslationRequest): Translation {
  return request.format.architecture === 'hashed' ? translateHashed(image, request) : translateRadix(image, request);
}

/** What all levels together grant. */
interface Grants {
  write: boolean;
  user: boolean;
  execute: boolean;
}

function translateRadix(image: PhysicalImage, request: TranslationRequest): Translation {
  const { format, address } = request;
  const vpn = (address >> BigInt(PAGE_SHIFT)) & ((1n << BigInt(vpnBits(format))) - 1n);
  const grants: Grants = { write: true, user: true, execute: true };
  const steps: TranslationStep[] = [];
  let table = BigInt(request.root);
  for (const [level, at] of format.levels.entries()) {
    const index = Number((vpn >> BigInt(at.shift)) & ((1n << BigInt(at.indexBits)) - 1n));
    const entryAddress = Number(table) + index * format.entryBytes;
    const entry = readEntry(image, entryAddress, format.entryBytes);
    if (entry === undefined) return { steps, end: { how: 'outside', address: entryAddress } };
    const role = roleOf(format, level, entry);
    const isTable = role === 'table';
    steps.push({
      level,
      name: at.name ?? `level ${level}`,
      table: Number(table),
      index,
      entryAddress,
      entry,
      fields: namedBits(fieldsOf(format, level, role), entry),
      role,
    });
    if (role === 'absent')
      return {
        steps,
        end: { how: 'fault', kind: 'not present', level, why: `the entry of ${at.name ?? `level ${level}`} is not present` },
      };
    const reserved = role === 'reserved' ? reservedName(format) : whyReserved(format, level, entry, isTable);
    if (reserved !== undefined) return { steps, end: { how: 'fault', kind: 'reserved', level, why: reserved } };
    lower(grants, format, level, entry, isTable);
    if (!isTable) return { steps, end: conclude(request, at, level, entry, vpn, grants) };
    table = frameField(format, entry) << BigInt(PAGE_SHIFT);
  }
  throw new Error('the last level has only leaves');
}

function readEntry(image: PhysicalImage, address: number, bytes: 4 | 8): bigint | undefined {
  const low = image.word(address);
  const high = bytes === 8 ? image.word(address + 4) : 0;
  return low === undefined || high === undefined ? undefined : (BigInt(high) << 32n) | BigInt(low);
}

function bitOf(entry: bigint, bit: number): boolean {
  return bit >= 0 && ((entry >> BigInt(bit)) & 1n) === 1n;
}

function frameField(format: PageTableFormat, entry: bigint): bigint {
  return (entry >> BigInt(format.frameShift)) & ((1n << BigInt(format.frameBits)) - 1n);
}

function roleOf(format: PageTableFormat, level: number, entry: bigint): TranslationStep['role'] {
  if (!bitOf(entry, format.bits.present)) return 'absent';
  const isLast = level === format.levels.length - 1;
  const isTable = format.tableOnes.every((bit) => bitOf(entry, bit)) && !format.tableZeros.some((bit) => bitOf(entry, bit));
  if (isLast) {
    // RISC-V: a pointer at the last level. AArch64: a page descriptor has the bit of a table descriptor.
    if (format.architecture === 'riscv') return isTable ? 'reserved' : 'page';
    return format.architecture === 'aarch64' && !isTable ? 'reserved' : 'page';
  }
  if (isTable) return 'table';
  return format.levels[level]?.large === true ? 'page' : 'reserved';
}

function reservedName(format: PageTableFormat): string {
  if (format.architecture === 'riscv') return 'the last level names a table';
  return format.architecture === 'x86' ? 'PS is set where there are no large pages' : 'the descriptor is neither a table nor a page here';
}

/** Returns which reserved form a present entry has, if any. */
function whyReserved(format: PageTableFormat, level: number, entry: bigint, isTable: boolean): string | undefined {
  const at = format.levels[level] as PageTableLevel;
  const isLarge = !isTable && level < format.levels.length - 1;
  if (format.architecture === 'riscv') return whyReservedRiscv(format, at, entry, isTable);
  if (format.architecture !== 'x86') return undefined;
  if (format.name === 'pae') {
    if ((entry >> 52n) & 0x7ffn) return 'bits 52 to 62 are reserved';
    if (level === 0 && (entry & 0x1e6n || bitOf(entry, 63))) return 'bits 1, 2, 5 to 8 and 63 of a pointer entry are reserved';
  }
  // The first address bits of a large page are zero; bit 12 of its entry is PAT.
  if (isLarge && (entry >> 13n) & ((1n << BigInt(at.shift - 1)) - 1n)) return `bits 13 to ${11 + at.shift} of a large page are reserved`;
  return undefined;
}

function whyReservedRiscv(format: PageTableFormat, at: PageTableLevel, entry: bigint, isTable: boolean): string | undefined {
  const { accessed, dirty, user, write } = format.bits;
  if (isTable)
    return [accessed, dirty, user].some((bit) => bitOf(entry, bit)) ? 'D, A or U is set in an entry that names a table' : undefined;
  if (bitOf(entry, write) && !bitOf(entry, 1)) return 'W without R is reserved';
  if (format.entryBytes === 8 && entry >> 54n) return 'bits 54 to 63 are reserved without Svnapot and Svpbmt';
  const misaligned = frameField(format, entry) & ((1n << BigInt(at.shift)) - 1n);
  return misaligned ? `a page of 2^${at.shift} frames begins at a multiple of that` : undefined;
}

/** Takes from `grants` what this entry does not grant. */
function lower(grants: Grants, format: PageTableFormat, level: number, entry: bigint, isTable: boolean): void {
  if (format.architecture === 'aarch64' && isTable) {
    if (bitOf(entry, 61)) grants.user = false;
    if (bitOf(entry, 62)) grants.write = false;
    if (bitOf(entry, 60)) grants.execute = false;
    return;
  }
  const checked = isTable ? tableFlags(format, level) : PTE_WRITE | PTE_USER | PTE_EXECUTE;
  const has = (flag: number, bit: number): boolean =>
    (checked & flag) === 0 || bit === -1 || bitOf(entry, bit) !== ((format.inverted & flag) !== 0);
  grants.write &&= has(PTE_WRITE, format.bits.write) || isWritableWithoutMark(format, entry);
  grants.user &&= has(PTE_USER, format.bits.user);
  grants.execute &&= has(PTE_EXECUTE, format.bits.execute);
}

/** AArch64: a page that is not read-only may be written also without DBM, which is where its dirty mark would be kept. */
function isWritableWithoutMark(format: PageTableFormat, entry: bigint): boolean {
  return format.architecture === 'aarch64' && !bitOf(entry, format.bits.dirty);
}

/** The leaf is found: is the access allowed? */
function conclude(
  request: TranslationRequest,
  at: PageTableLevel,
  level: number,
  entry: bigint,
  vpn: bigint,
  grants: Grants,
): Translation['end'] {
  const { format, address, access } = request;
  const pages = 1n << BigInt(at.shift);
  const frame = (frameField(format, entry) & ~(pages - 1n)) + (vpn & (pages - 1n));
  const { accessed, dirty } = format.bits;
  const target: TranslationTarget = {
    frame,
    physical: (frame << BigInt(PAGE_SHIFT)) | (address & BigInt(PAGE_SIZE - 1)),
    pageBytes: Number(pages) * PAGE_SIZE,
    rights: grants,
    ...(accessed !== -1 && { accessed: bitOf(entry, accessed) !== ((format.inverted & PTE_ACCESSED) !== 0) }),
    ...(dirty !== -1 && { dirty: bitOf(entry, dirty) !== ((format.inverted & PTE_DIRTY) !== 0) }),
  };
  const why = whyForbidden(request, entry, grants, access);
  return why === undefined ? { how: 'page', target } : { how: 'fault', kind: 'protection', level, why, target };
}

function whyForbidden({ format, mode }: TranslationRequest, entry: bigint, grants: Grants, access: Access): string | undefined {
  if (mode === 'user' && !grants.user) return 'the page is not for programs';
  if (mode === 'kernel' && format.architecture === 'riscv' && grants.user) return 'the page is for programs: SUM is clear';
  if (access === ACCESS_WRITE && !grants.write) return 'the page is read-only';
  if (access !== ACCESS_EXECUTE) return undefined;
  if (mode === 'user' || format.architecture !== 'aarch64') return grants.execute ? undefined : 'the page is no-execute';
  // PXN for the kernel; and what programs can write, it never executes.
  return bitOf(entry, 53) || (grants.user && grants.write) ? 'the page is no-execute for the kernel' : undefined;
}

function fieldsOf(format: PageTableFormat, level: number, role: TranslationStep['role']): readonly EntryField[] {
  if (role === 'table') return format.fields.table;
  const isLast = level === format.levels.length - 1;
  if (role === 'page' && !isLast) return format.fields.large ?? format.fields.leaf;
  return isLast ? format.fields.leaf : format.fields.table;
}

function namedBits(fields: readonly EntryField[], entry: bigint): NamedBits[] {
  return fields.map(([name, low, width]) => ({ name, low, width, value: (entry >> BigInt(low)) & ((1n << BigInt(width)) - 1n) }));
}

/** Fields of the tag words of an inverted table's entry. */
const TAGS: readonly EntryField[] = [
  ['page', 32, 32],
  ['space', 64, 32],
  ['next', 96, 32],
];

function translateHashed(image: PhysicalImage, request: TranslationRequest): Translation {
  const { format, root, address, space } = request;
  const vpn = Number(address >> BigInt(PAGE_SHIFT));
  const { anchorBits } = hashedShape(image.bytes / PAGE_SIZE);
  const index = hashedAnchor(space, vpn, anchorBits);
  const steps: TranslationStep[] = [];
  const anchorAddress = root + index * 4;
  const anchor = image.word(anchorAddress);
  if (anchor === undefined) return { steps, end: { how: 'outside', address: anchorAddress } };
  const first: EntryField = ['first', 0, 32];
  const isEmpty = anchor === 0;
  steps.push({
    level: 0,
    name: 'anchors',
    table: root,
    index,
    entryAddress: anchorAddress,
    entry: BigInt(anchor),
    fields: namedBits([first], BigInt(anchor)),
    role: isEmpty ? 'absent' : 'table',
  });
  for (let at = anchor * 16, place = 1; at !== 0; place++) {
    const words = [0, 4, 8, 12].map((offset) => image.word(at + offset));
    if (words.includes(undefined)) return { steps, end: { how: 'outside', address: at } };
    const entry = (words as number[]).reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
    const isIts = words[1] === vpn && words[2] === space;
    const role = !isIts ? 'other' : bitOf(entry, format.bits.present) ? 'page' : 'absent';
    steps.push({
      level: place,
      name: 'chain',
      table: at,
      index: 0,
      entryAddress: at,
      entry,
      fields: namedBits([...format.fields.leaf, ...TAGS], entry),
      role,
    });
    if (role === 'page') {
      const grants: Grants = { write: true, user: true, execute: true };
      lower(grants, format, 0, entry, false);
      return { steps, end: conclude(request, { indexBits: 0, shift: 0 }, 0, entry, BigInt(vpn), grants) };
    }
    at = (words[3] as number) * 16;
    // A chain longer than memory has entries goes round in a circle.
    if (place > image.bytes / 16) break;
  }
  return { steps, end: { how: 'fault', kind: 'not present', level: 0, why: 'no entry of the chain is for this page of this space' } };
}
