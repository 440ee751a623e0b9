// A map entry: one area of a space with the same backing and the same rights throughout. Bounds are page numbers.
//
//   [ start ........... end )
//      |  objectOffset -> object -> its shadow -> ...
//
//   private anonymous   no object until the first fault; after a fork both sides need a copy
//   private file        the file's object and needs-copy: the first fault puts a shadow object on top, even if it only reads
//   shared              the object itself; anonymous memory gets one at the first fault
//
// Invariants (checked by `BsdMap.check`):
//   BE1  an entry that needs a copy is private and has an object
//   BE2  a reserved entry has no rights, no object, and is not wired
//   BE3  a locked entry is wired
// Source: 4.4BSD's vm_map_entry.

import type { Range } from '../../ranges/index.ts';
import type { Inheritance } from '../../system/index.ts';
import type { VmObject } from './vm-object.ts';

/** `growsDownTo` of an area that is no stack. */
export const DOES_NOT_GROW = -1;

/** What an entry is, apart from its bounds. */
export interface EntryAttributes {
  readonly object: VmObject | undefined;
  /** Page of the object that `start` maps. */
  readonly objectOffset: number;
  readonly protection: number;
  /** Most that `protect` may ask for. */
  readonly maxProtection: number;
  readonly sharing: 'private' | 'shared';
  readonly needsCopy: boolean;
  readonly inheritance: Inheritance;
  /** `charged`: memory or swap was promised for each page. `backed`: what was mapped is an object's. */
  readonly commitment: 'reserved' | 'charged' | 'backed';
  /** Whether memory of its own or an object was mapped. */
  readonly backing: 'anonymous' | 'object';
  readonly name: string;
  /** Lowest page to which faults below the area may extend it, or `DOES_NOT_GROW`. */
  readonly growsDownTo: number;
}

/** One area of an address space. */
export class BsdMapEntry implements Range {
  start: number;
  end: number;
  object: VmObject | undefined;
  objectOffset: number;
  protection: number;
  maxProtection: number;
  readonly sharing: 'private' | 'shared';
  /** A shadow object must be put on top before the first write. */
  needsCopy: boolean;
  /** Another space writes into the same anonymous object. */
  sharesObject = false;
  inheritance: Inheritance;
  commitment: 'reserved' | 'charged' | 'backed';
  /** How often its pages are wired: by `lock` at most once, by buffers any number of times. */
  wiredCount = 0;
  isLocked = false;
  readonly backing: 'anonymous' | 'object';
  readonly name: string;
  growsDownTo: number;
  /** The entry's block in the kernel heap. */
  readonly block: number;
  slot: unknown = undefined;

  constructor(start: number, end: number, attributes: EntryAttributes, block: number) {
    this.start = start;
    this.end = end;
    this.object = attributes.object;
    this.objectOffset = attributes.objectOffset;
    this.protection = attributes.protection;
    this.maxProtection = attributes.maxProtection;
    this.sharing = attributes.sharing;
    this.needsCopy = attributes.needsCopy;
    this.inheritance = attributes.inheritance;
    this.commitment = attributes.commitment;
    this.backing = attributes.backing;
    this.name = attributes.name;
    this.growsDownTo = attributes.growsDownTo;
    this.block = block;
  }

  /** Size in pages. */
  get pages(): number {
    return this.end - this.start;
  }

  /** Pages below the area that a stack may still take: its objects have room for them. */
  get room(): number {
    return this.growsDownTo === DOES_NOT_GROW ? 0 : this.start - this.growsDownTo;
  }

  /** Index in the object of `page`. */
  indexOf(page: number): number {
    return page - this.start + this.objectOffset;
  }
}

/** The attributes of an entry, to make another like it. */
export function attributesOf(entry: BsdMapEntry): EntryAttributes {
  return {
    object: entry.object,
    objectOffset: entry.objectOffset,
    protection: entry.protection,
    maxProtection: entry.maxProtection,
    sharing: entry.sharing,
    needsCopy: entry.needsCopy,
    inheritance: entry.inheritance,
    commitment: entry.commitment,
    backing: entry.backing,
    name: entry.name,
    growsDownTo: entry.growsDownTo,
  };
}
