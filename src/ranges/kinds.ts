// The designs by name.

import { AaTree } from './aa.ts';
import { AvlTree } from './avl.ts';
import { BPlusTreeMap } from './b-plus-tree.ts';
import { ListMap } from './list.ts';
import { PageScanMap } from './page-scan.ts';
import type { RangeMapKind } from './range-map.ts';
import { RedBlackTree } from './red-black.ts';
import { SortedArrayMap } from './sorted-array.ts';
import { TreeMap } from './tree-map.ts';

/** The default: NetBSD's. */
export const redBlackMap: RangeMapKind = {
  name: 'red-black',
  meaning: 'a red-black tree with gaps, as in NetBSD',
  indexBytes: 0,
  make: () => new TreeMap(new RedBlackTree()),
};

/** All designs, the default first. */
export const rangeMapKinds: readonly RangeMapKind[] = [
  redBlackMap,
  { name: 'avl', meaning: 'an AVL tree with gaps, as in Windows NT', indexBytes: 0, make: () => new TreeMap(new AvlTree()) },
  { name: 'aa', meaning: 'an AA tree with gaps', indexBytes: 0, make: () => new TreeMap(new AaTree()) },
  // A slot has two bounds and a pointer of 4 bytes; a third of the slots is in use at least. There are levels above, and guesses.
  { name: 'b+tree', meaning: "a B+tree with gaps, as Linux's maple tree", indexBytes: 44, make: () => new BPlusTreeMap() },
  { name: 'list', meaning: 'a list with a hint, as in Mach and 4.4BSD', indexBytes: 0, make: () => new ListMap() },
  // The same slot; the array doubles when it is full.
  { name: 'array', meaning: 'a sorted array, searched without branches', indexBytes: 24, make: () => new SortedArrayMap() },
  // The words are the page table's.
  { name: 'page-scan', meaning: 'no areas: a word for each page, as in RDOS', indexBytes: 0, make: () => new PageScanMap() },
];
