// A memory object: pages, and what lies behind those that are not in memory. Objects stack up in chains:
//
//   entry -> shadow 2 -> shadow 1 -> file         a page is the first one found from the top;
//            [ . b . ]   [ . B C ]   [ a b c ]    writes go into the top object
//
//   vnode      pages of a file or image, in the object hash by their pager, kept in the object cache when nobody refers to them
//   device     permanent frames; has no pages of its own
//   anonymous  memory of one process, or a shadow; swap behind it
//   shared     anonymous memory that several spaces write; never collapsed
//
// Invariants (quoted by `checkBsdVm`):
//   BO1  the frame's record names object and index; index is below pageCount
//   BO2  references = map entries + objects that shadow it + handles; without any it is cached or does not exist
//   BO3  only anonymous objects shadow others, and their window lies inside the shadowed object
//   BO4  a page marked copy-on-write (FRAME_READ_ONLY) has no writable mapping
//   BO5  the pages of a device are permanent frames: never brought in, evicted or written back
// Source: 4.4BSD's vm_object.c; Cranor and Parulkar 1999, section 5.1.

import type { RadixIndex } from '../../heap/index.ts';
import type { MemoryObject, Pager } from '../../system/index.ts';
import type { SwapPager } from './swap-pager.ts';

/** The structures that tie an object to a file: the pager, what it needs for a vnode, the hash entry. Kernel-heap addresses. */
export interface VnodePager {
  readonly pager: Pager;
  readonly pagerBlock: number;
  readonly vnodeBlock: number;
  readonly hashBlock: number;
}

/** A memory object. Its fields belong to `ObjectTable` and `Collapser`. */
export class VmObject implements MemoryObject {
  readonly id: number;
  readonly kind: 'vnode' | 'device' | 'anonymous' | 'shared';
  readonly name: string;
  /** Size in pages; an anonymous object can grow. */
  pageCount: number;
  /** Page index -> frame. */
  readonly pages: RadixIndex;
  readonly block: number;
  references = 1;
  /** References that are neither entries nor shadows: the creator's. */
  handles = 0;
  /** The object that is looked into for pages that this one lacks, and which of its pages is this one's page 0. */
  shadow: VmObject | undefined;
  shadowOffset = 0;
  readonly vnode: VnodePager | undefined;
  /** Made at the first page-out. */
  swap: SwapPager | undefined;
  /** Which page of the swap pager is page 0: collapse takes over the pager of the object below. */
  pagingOffset = 0;
  /** A page of the shadowed object that was not covered when last looked: while that holds, there is nothing to bypass. */
  uncovered = 0;

  constructor(
    identity: { readonly id: number; readonly kind: VmObject['kind']; readonly name: string; readonly pageCount: number },
    pages: RadixIndex,
    block: number,
    vnode: VnodePager | undefined,
  ) {
    this.id = identity.id;
    this.kind = identity.kind;
    this.name = identity.name;
    this.pageCount = identity.pageCount;
    this.pages = pages;
    this.block = block;
    this.shadow = undefined;
    this.vnode = vnode;
    this.swap = undefined;
  }

  /** Tells whether the object itself has page `index`, in memory or on swap. */
  has(index: number): boolean {
    return this.pages.get(index) !== 0 || this.isOnSwap(index);
  }

  /** Tells whether the object's swap pager holds the content of page `index`. */
  isOnSwap(index: number): boolean {
    return this.swap?.holds(index + this.pagingOffset) === true;
  }
}
