// A map entry: one area of a space with the same backing and the same rights throughout. Bounds are page numbers.
//
//   [ start ........... end )
//      |  amapOffset  -> amap     upper layer: pages of the process's own (optional)
//      |  objectOffset -> object  lower layer: pages of the mapped object (optional)
//
// Invariants (checked by `VmMap.check`):
//   ME1  needsCopy implies copyOnWrite
//   ME2  an area that is not copy-on-write and has no object has an amap (shared anonymous memory)
//   ME3  a reserved area is private, anonymous, without rights, without an amap and not wired
//   ME4  memory that is private and writable, or anonymous, is charged unless it is reserved
// Source: UVM's vm_map_entry; NT's reserved and committed memory.

import type { Range } from '../ranges/index.ts';
import type { Inheritance, WritableLoan } from '../system/index.ts';
import type { Amap } from './amap.ts';
import type { UvmObject } from './object.ts';

/** How faults come: decides which neighbours a fault looks at. */
export type AccessPattern = 'normal' | 'random' | 'sequential';

/**
 * What was promised for an area's pages: nothing (`reserved`), memory or swap for each (`charged`), or nothing because they come from an
 * object (`backed`). A private area of an object is charged from the time on when it may be written.
 */
export type Commitment = 'reserved' | 'charged' | 'backed';

/** `growsDownTo` of an area that does not grow. */
export const DOES_NOT_GROW = -1;
/** An entry's part in a writable loan (writable-loan.ts), and the lender's rights, which it has again when the loan ends. */
export interface LoanPart {
  readonly loan: WritableLoan;
  readonly side: 'lender' | 'borrower';
  readonly protection: number;
  readonly maxProtection: number;
}

/** What an entry is, apart from its bounds. */
export interface EntryAttributes {
  readonly object: UvmObject | undefined;
  /** Page of the object that `start` maps. */
  objectOffset: number;
  readonly protection: number;
  /** Most that `protect` may ask for. */
  readonly maxProtection: number;
  /** Writes are the process's own. */
  readonly copyOnWrite: boolean;
  readonly name: string;
  readonly advice: AccessPattern;
  /** What a child gets of it. */
  readonly inheritance: Inheritance;
  readonly commitment: Commitment;
  /** Its pages may not leave memory (mlock). */
  readonly wired: boolean;
  /** Lowest page to which faults below the area may extend it, or `DOES_NOT_GROW`. */
  readonly growsDownTo: number;
  /** Set while the area is lent with the right to write, on both sides. */
  readonly loanPart?: LoanPart | undefined;
}

/** One area of an address space. */
export class VmMapEntry implements Range {
  start: number;
  end: number;
  readonly object: UvmObject | undefined;
  objectOffset: number;
  amap: Amap | undefined;
  /** Slot of the amap that `start` maps. */
  amapOffset = 0;
  protection: number;
  maxProtection: number;
  readonly copyOnWrite: boolean;
  /** The amap must be copied, or made, before the first write. */
  needsCopy: boolean;
  readonly name: string;
  advice: AccessPattern;
  inheritance: Inheritance;
  /** Changed through the map, which counts what is charged and locked. */
  commitment: Commitment;
  wired: boolean;
  growsDownTo: number;
  loanPart: LoanPart | undefined;
  /** The entry's block in the kernel heap. */
  readonly block: number;

  constructor(start: number, end: number, attributes: EntryAttributes, block: number) {
    this.start = start;
    this.end = end;
    this.object = attributes.object;
    this.objectOffset = attributes.objectOffset;
    this.protection = attributes.protection;
    this.maxProtection = attributes.maxProtection;
    this.copyOnWrite = attributes.copyOnWrite;
    this.needsCopy = attributes.copyOnWrite;
    this.name = attributes.name;
    this.advice = attributes.advice;
    this.inheritance = attributes.inheritance;
    this.commitment = attributes.commitment;
    this.wired = attributes.wired;
    this.growsDownTo = attributes.growsDownTo;
    this.loanPart = attributes.loanPart;
    this.block = block;
  }

  /** Slot of the amap that holds `page`. */
  slotOf(page: number): number {
    return page - this.start + this.amapOffset;
  }

  /** Index in the object of `page`. */
  indexOf(page: number): number {
    return page - this.start + this.objectOffset;
  }

  /** End of the amap slots that the entry holds. */
  get amapEnd(): number {
    return this.amapOffset + (this.end - this.start);
  }

  /** Slot for `start` in a new amap. */
  get newAmapOffset(): number {
    return newAmapOffset(this.start, this);
  }

  /** Tells whether `next` begins where this entry ends and continues it in every respect but the amap and needs-copy. */
  continuesInto(next: VmMapEntry): boolean {
    return (
      this.end === next.start &&
      this.object === next.object &&
      (this.object === undefined || this.indexOf(next.start) === next.objectOffset) &&
      this.protection === next.protection &&
      this.maxProtection === next.maxProtection &&
      this.copyOnWrite === next.copyOnWrite &&
      this.name === next.name &&
      this.advice === next.advice &&
      this.inheritance === next.inheritance &&
      this.commitment === next.commitment &&
      this.wired === next.wired &&
      this.growsDownTo === next.growsDownTo &&
      this.loanPart === next.loanPart
    );
  }
}

/** Slot for page `start`, the first of an area, in a new amap: an area that grows down leaves room below. */
export function newAmapOffset(start: number, { growsDownTo }: Pick<EntryAttributes, 'growsDownTo'>): number {
  return growsDownTo === DOES_NOT_GROW ? 0 : start - growsDownTo;
}
