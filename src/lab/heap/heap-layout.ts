// Where things lie in a heap at one moment: as cells of equal size for a map, and block by block for one page: who pins it?
//
//   cell   used bytes | free bytes | own bytes    of as many bytes as a cell has; what is missing is tags and slack of the walk

import { BlockUse } from '../../heap/malloc/index.ts';
import { MallocOperation } from '../../trace/index.ts';
import { HEAP_PAGE_BYTES } from './heap-profile.ts';
import type { HeapReplay } from './heap-replay.ts';

/** A heap in equal cells. */
export interface HeapLayout {
  readonly operations: number;
  /** First byte of the first cell. */
  readonly start: number;
  readonly cellBytes: number;
  /** Bytes by cell. Where the subject cannot be walked, `used` is what was asked for and the others are 0. */
  readonly used: Float64Array;
  readonly free: Float64Array;
  readonly own: Float64Array;
  /** Whether the subject was walked. */
  readonly source: 'walk' | 'shadow';
}

/** A live block on a page. */
export interface PinningBlock {
  /** Number of the block in the trace, and the line and the operation (from 0) that gave it. */
  readonly id: number;
  readonly line: number;
  readonly operation: number;
  readonly address: number;
  readonly bytes: number;
  /** How many of them are on the page. */
  readonly bytesOnPage: number;
}

/** Least bytes of a cell: of blocks and their tags, less says nothing. */
const LEAST_CELL = 16;

/** Returns the heap of a replay, from its base to its highest end so far, in at most `cells` cells whose size is a power of two. */
export function layoutOf({ subject, shadow, heapBytes, position }: HeapReplay, cells: number): HeapLayout {
  const cellBytes = Math.max(LEAST_CELL, 2 ** Math.ceil(Math.log2(Math.max(1, heapBytes / cells))));
  const count = Math.max(1, Math.ceil(heapBytes / cellBytes));
  const [used, free, own] = [new Float64Array(count), new Float64Array(count), new Float64Array(count)];
  const columns = { [BlockUse.used]: used, [BlockUse.free]: free, [BlockUse.own]: own };
  const spread = (column: Float64Array, address: number, bytes: number): void => {
    const end = Math.min(address + bytes - subject.base, count * cellBytes);
    for (let at = address - subject.base; at < end; ) {
      const cell = Math.floor(at / cellBytes);
      const next = Math.min(end, (cell + 1) * cellBytes);
      column[cell] = (column[cell] as number) + next - at;
      at = next;
    }
  };
  if (subject.walk === undefined) {
    for (const id of shadow.blocksIn(0, Number.POSITIVE_INFINITY)) spread(used, shadow.addressOf(id), shadow.sizeOf(id));
  } else subject.walk((address, bytes, use) => spread(columns[use], address, bytes));
  return { operations: position, start: subject.base, cellBytes, used, free, own, source: subject.walk === undefined ? 'shadow' : 'walk' };
}

/** Returns the live blocks with a byte on a page, in address order. @param page address / 4096 */
export function pinsOf({ shadow, trace, position }: HeapReplay, page: number): PinningBlock[] {
  const start = page * HEAP_PAGE_BYTES;
  const end = start + HEAP_PAGE_BYTES;
  const ids = new Set(shadow.blocksIn(start, end));
  const given = new Map<number, number>();
  for (let i = 0; i < position && given.size < ids.size; i++) {
    const operation = trace.operations[i] as MallocOperation;
    const id = trace.ids[i] as number;
    if (operation !== MallocOperation.free && operation !== MallocOperation.realloc && ids.has(id)) given.set(id, i);
  }
  return Array.from(ids, (id) => {
    const address = shadow.addressOf(id);
    const bytes = shadow.sizeOf(id);
    const operation = given.get(id) as number;
    const bytesOnPage = Math.min(end, address + bytes) - Math.max(start, address);
    return { id, line: trace.lines[operation] as number, operation, address, bytes, bytesOnPage: Math.max(0, bytesOnPage) };
  });
}
