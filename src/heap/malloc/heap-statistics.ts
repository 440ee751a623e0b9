// What a heap's bytes are used for, counted by one walk. Each counter is defined by addresses, so that two designs can be compared.

import { BlockUse, type HeapAllocator } from './allocator.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

const PAGE = 4096;

/** Counters of one heap. allocated <= active <= resident <= mapped, and resident <= peak. */
export interface HeapStatistics {
  /** Blocks that are given. */
  readonly liveBlocks: number;
  /** Bytes that the owners of the live blocks may use: what they asked for, and what rounding gave them. */
  readonly allocatedBytes: number;
  /** Bytes of the heap on those 4 KiB pages of the buffer that hold a byte of a live block: what cannot be paged out for good. */
  readonly activeBytes: number;
  /** From the heap's start to the end of what is in use: live blocks, free blocks between them, the allocator's own bytes. */
  readonly residentBytes: number;
  /** What the backing has for the heap now. */
  readonly mappedBytes: number;
  /** The highest `residentBytes` ever. */
  readonly peakBytes: number;
  /** Stretches inside the resident bytes that can be given. */
  readonly freeBlocks: number;
  readonly freeBytes: number;
  readonly largestFreeBytes: number;
  /** 1 - largest free stretch / all free bytes, inside the resident bytes: 0 = one hole or none, towards 1 = many small ones. */
  readonly fragmentation: number;
  /** The rest of the resident bytes: header, the allocator's words, tags, what cannot be given because of alignment. */
  readonly metadataBytes: number;
}

/** Walks the heap and counts. */
export function statisticsOf(memory: HeapMemory, allocator: HeapAllocator): HeapStatistics {
  let [liveBlocks, allocatedBytes, activeBytes, freeBlocks, freeBytes, largestFreeBytes] = [0, 0, 0, 0, 0, 0];
  let behindActive = memory.start;
  const top = allocator.top();
  allocator.walk((address, bytes, use) => {
    if (use === BlockUse.used) {
      liveBlocks++;
      allocatedBytes += bytes;
      const from = Math.max(behindActive, address - (address % PAGE));
      const to = Math.min(top, Math.ceil((address + bytes) / PAGE) * PAGE);
      activeBytes += Math.max(0, to - from);
      behindActive = Math.max(behindActive, to);
    } else if (use === BlockUse.free) {
      freeBlocks++;
      freeBytes += bytes;
      largestFreeBytes = Math.max(largestFreeBytes, bytes);
    }
  });
  const residentBytes = top - memory.start;
  const noted = ((memory.words[(memory.start >>> 2) + HeapHeader.PEAK] as number) >>> 0) - memory.start;
  return {
    liveBlocks,
    allocatedBytes,
    activeBytes,
    residentBytes,
    mappedBytes: memory.end - memory.start,
    peakBytes: Math.max(noted, residentBytes),
    freeBlocks,
    freeBytes,
    largestFreeBytes,
    fragmentation: freeBytes === 0 ? 0 : 1 - largestFreeBytes / freeBytes,
    metadataBytes: residentBytes - allocatedBytes - freeBytes,
  };
}

/** Returns the addresses of the live blocks that have a byte among the `bytes` bytes at `address`, lowest first. */
export function blocksIn(allocator: HeapAllocator, address: number, bytes: number): number[] {
  const found: number[] = [];
  allocator.walk((block, size, use) => {
    if (use === BlockUse.used && block < address + bytes && address < block + size) found.push(block);
  });
  return found;
}
