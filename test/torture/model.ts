// The reference model: what each byte of each space must be, by the plainest means. No laziness, no paging, no map entries: a space is a
// map from page numbers to pages, a fork copies every private byte.
//
//   ModelPage -> Slot: the bytes, in one array per page. Shared areas and objects hold the same slot.
//
// The only sharing it knows beside that is what users can see: a private page of a file shows the file until its first write (POSIX
// leaves this open; UVM, and Linux, do so). An array that was never written is left out: zeros. One that was copied is not changed
// any more, which spares copies that nobody would look at.

import { PAGE_SIZE } from '../../src/base/index.ts';
import { type Inheritance, PROT_ALL, PROT_EXECUTE, PROT_READ, PROT_WRITE } from '../../src/system/index.ts';

/** More pages than any stack of a script grows at once. */
const MOST_GROWTH = 64;

const ZEROS = Buffer.alloc(PAGE_SIZE);

/** The content of a page, for all who share it. */
export class Slot {
  #bytes: Buffer | undefined;
  /** The file's page that a private page shows until it is written. */
  #behind: Slot | undefined;
  /** Copies were made of the array: it is never changed again. */
  #frozen = false;

  constructor(behind?: Slot) {
    this.#behind = behind;
  }

  static of(bytes: Buffer): Slot {
    const slot = new Slot();
    slot.#bytes = bytes;
    return slot;
  }

  /** For looking at only. */
  get bytes(): Buffer {
    return this.#behind?.bytes ?? this.#bytes ?? ZEROS;
  }

  /** For changing: from now on the page is its own. */
  own(): Buffer {
    if (this.#behind !== undefined || this.#bytes === undefined || this.#frozen) {
      this.#bytes = Buffer.from(this.bytes);
      this.#behind = undefined;
      this.#frozen = false;
    }
    return this.#bytes;
  }

  /** Makes it zeros. */
  clear(): void {
    this.#bytes = undefined;
    this.#behind = undefined;
    this.#frozen = false;
  }

  /** Takes over the content of a copy made before. */
  restore(copy: Slot): void {
    this.#bytes = copy.#bytes;
    this.#behind = copy.#behind;
    this.#frozen = true;
  }

  /** What a private copy made now is. A page that shows a file goes on doing so in the copy. */
  copy(): Slot {
    return this.#behind !== undefined ? new Slot(this.#behind) : this.#frozenCopy();
  }

  /** A copy that shows no file any more. */
  snapshot(): Slot {
    return this.#behind !== undefined ? this.#behind.snapshot() : this.#frozenCopy();
  }

  #frozenCopy(): Slot {
    const copy = new Slot();
    copy.#bytes = this.#bytes;
    copy.#frozen = true;
    this.#frozen = true;
    return copy;
  }
}

/** A file, an image or shared memory. */
export class ModelObject {
  readonly slots: Slot[];
  readonly writable: boolean;
  /** A device's own frames: never copied, never lent. */
  readonly isDevice: boolean;

  constructor(slots: Slot[], { writable, isDevice }: Pick<ModelObject, 'writable' | 'isDevice'>) {
    this.slots = slots;
    this.writable = writable;
    this.isDevice = isDevice;
  }
}

/** A writable loan, and what the lender has to get back. */
export interface ModelLoan {
  readonly lender: ModelSpace;
  readonly borrower: ModelSpace;
}

/** One page of a space. */
export interface ModelPage {
  slot: Slot;
  protection: number;
  /** Rights that it may be given. */
  mostRights: number;
  readonly sharing: 'private' | 'shared';
  /** What is behind it, and which page of that. */
  readonly object: ModelObject | undefined;
  readonly index: number;
  inheritance: Inheritance;
  locked: boolean;
  reserved: boolean;
  /** Counts as committed memory. */
  charged: boolean;
  /** Lowest page to which faults below make its area larger, or -1. */
  growsTo: number;
  /** First page of a stack that nobody changed: it must grow. Others with `growsTo` may: which part of a split stack grows is left open. */
  isStackStart: boolean;
  /** The writable loan that it is in, on either side, and the lender's rights. */
  lent: { readonly loan: ModelLoan; readonly protection: number; readonly mostRights: number } | undefined;
}

/** What a new area is. */
export interface ModelArea {
  readonly protection: number;
  readonly sharing: 'private' | 'shared';
  readonly object: ModelObject | undefined;
  readonly offset: number;
  readonly reserved: boolean;
  /** Lowest page to which it grows, if it is a stack. */
  readonly growsTo?: number;
}

/** Rights that pages of an object may be given. */
export function mostRights(object: ModelObject | undefined, sharing: 'private' | 'shared'): number {
  return sharing === 'shared' && object?.writable === false ? PROT_READ | PROT_EXECUTE : PROT_ALL;
}

/** One address space. */
export class ModelSpace {
  readonly pages = new Map<number, ModelPage>();
  breakEnd: number;
  /** New areas with rights are locked. */
  locksNew = false;

  constructor(breakEnd: number) {
    this.breakEnd = breakEnd;
  }

  /** Maps fresh pages over whatever was there. */
  map(first: number, count: number, { object, offset, protection, sharing, reserved, growsTo = -1 }: ModelArea): void {
    const charged = !reserved && (object === undefined || (sharing === 'private' && (protection & PROT_WRITE) !== 0));
    const fixed = { protection, sharing, object, reserved, mostRights: mostRights(object, sharing), locked: false, charged, growsTo };
    // A child gets a copy of what is private; what is shared, it shares.
    const inheritance = sharing === 'shared' ? 'share' : 'copy';
    for (let i = 0; i < count; i++) {
      const index = offset + i;
      const slot = object === undefined ? new Slot() : sharing === 'shared' ? (object.slots[index] as Slot) : new Slot(object.slots[index]);
      this.pages.set(first + i, { ...fixed, slot, index, inheritance, isStackStart: growsTo >= 0 && i === 0, lent: undefined });
    }
  }

  /** What an access to `page`, which is not mapped, does to the stack above it, if there is one. */
  growthTo(page: number): { readonly stack: number; readonly outcome: 'grows' | 'may' | 'refused' } {
    let stack = page + 1;
    while (stack < page + MOST_GROWTH && !this.pages.has(stack)) stack++;
    const above = this.pages.get(stack);
    const allowed = above !== undefined && above.growsTo >= 0 && page >= above.growsTo && !above.reserved && !this.pages.has(page - 1);
    if (!allowed) return { stack, outcome: 'refused' };
    return { stack, outcome: above.isStackStart && above.lent === undefined ? 'grows' : 'may' };
  }

  /** Makes the stack that begins at `stack` begin at `page`. */
  growDown(page: number, stack: number): void {
    const above = this.pages.get(stack) as ModelPage;
    for (let at = page; at < stack; at++) {
      this.pages.set(at, { ...above, slot: new Slot(), index: 0, isStackStart: at === page, charged: true });
    }
    above.isStackStart = false;
  }

  /** Pages that count in one way or another. */
  count(counts: (page: ModelPage) => boolean): number {
    let pages = 0;
    for (const page of this.pages.values()) if (counts(page)) pages++;
    return pages;
  }

  /** Maps private anonymous pages with the content of `slots`. */
  mapSlots(first: number, slots: readonly Slot[], protection: number): void {
    this.map(first, slots.length, { protection, sharing: 'private', object: undefined, offset: 0, reserved: false });
    for (const [i, slot] of slots.entries()) (this.pages.get(first + i) as ModelPage).slot = slot;
  }

  unmap(first: number, count: number): void {
    for (let i = 0; i < count; i++) this.pages.delete(first + i);
  }

  /** The pages of a range, `undefined` where nothing is mapped. */
  range(first: number, count: number): (ModelPage | undefined)[] {
    return Array.from({ length: count }, (_, i) => this.pages.get(first + i));
  }

  /** The pages of a range, if all are mapped. */
  wholeRange(first: number, count: number): ModelPage[] | undefined {
    const pages = this.range(first, count);
    return pages.includes(undefined) ? undefined : (pages as ModelPage[]);
  }

  /** Tells whether the range is private anonymous memory. */
  isPrivateAnonymous(first: number, count: number): boolean {
    return this.range(first, count).every((page) => page?.sharing === 'private' && page.object === undefined && page.lent === undefined);
  }

  isFree(first: number, count: number): boolean {
    for (let i = 0; i < count; i++) if (this.pages.has(first + i)) return false;
    return true;
  }

  /** The highest place in [low, high) where `count` pages are free, or -1. */
  highestHole(count: number, low: number, high: number): number {
    let free = 0;
    for (let page = high - 1; page >= low; page--) {
      free = this.pages.has(page) ? 0 : free + 1;
      if (free === count) return page;
    }
    return -1;
  }

  fork(): ModelSpace {
    const child = new ModelSpace(this.breakEnd);
    for (const [number, page] of this.pages) {
      if (page.lent !== undefined) continue;
      const copy = inherited(page, page.inheritance);
      if (copy !== undefined) child.pages.set(number, copy);
    }
    return child;
  }

  /** Whether the page allows the access, and if so the slot. */
  access(number: number, kind: 'read' | 'write'): Slot | undefined {
    const page = this.pages.get(number);
    return page !== undefined && (page.protection & (kind === 'read' ? PROT_READ : PROT_WRITE)) !== 0 ? page.slot : undefined;
  }
}

/** What a child gets of a page that it inherits as `inheritance` says, and what another place gets of a page that is passed on. */
export function inherited(page: ModelPage, inheritance: Inheritance): ModelPage | undefined {
  const { slot } = page;
  const child = { ...page, locked: false };
  switch (inheritance) {
    case 'none':
      return undefined;
    case 'zero':
      return {
        ...child,
        ...{ sharing: 'private', object: undefined, index: 0, mostRights: PROT_ALL, slot: new Slot(), charged: !page.reserved },
      };
    case 'share':
      // Reserved addresses have nothing to share.
      return page.reserved ? { ...child, slot: new Slot() } : child;
    case 'copy':
      if (page.object?.isDevice) return { ...child, inheritance };
      return {
        ...child,
        inheritance,
        sharing: 'private',
        charged: page.charged || (page.protection & PROT_WRITE) !== 0,
        slot: page.sharing === 'shared' && page.object !== undefined ? new Slot(slot) : slot.copy(),
      };
  }
}
