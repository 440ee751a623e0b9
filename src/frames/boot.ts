// Boot: from what the firmware says to a working physical memory.
//
//   memory map -> usable frames -> first fit for [ frame table | allocator metadata ] -> the end of RAM spared, the rest freed into the allocator
//
// The two share one run of frames, so the overhead of both is real RAM: 32 bytes of table and the allocator's own bytes per frame
// of RAM, holes included. Frame 0 is never used: address 0 means "none", and generated code keeps its scratch bytes there.

import { type FailurePlan, KIB, PAGE_SHIFT, PAGE_SIZE, type Pfn, pagesFor, UsageError } from '../base/index.ts';
import { type FrameRange, type MemoryKind, type MemoryRange, normalizeMemoryMap, type Ram } from '../machine/index.ts';
import type { FrameAllocator, FrameAllocatorKind } from './frame-allocator.ts';
import { FRAME_RECORD_BYTES, FrameKind, FrameTable } from './frame-table.ts';
import { PhysicalMemory } from './physical-memory.ts';
import { Reservations, reservationBytes } from './reservations.ts';

/** What physical memory is booted from. */
export interface BootOptions {
  readonly ram: Ram;
  /** Default: all of RAM is usable. */
  readonly memoryMap?: readonly MemoryRange[];
  readonly allocator: FrameAllocatorKind;
  /** How many frames at the end of RAM are given out last, if they are usable (physical-memory.ts); default 0. */
  readonly sparedFrames?: number;
  /** Asked once by every allocation. */
  readonly failure?: FailurePlan;
  /** Frames of a reservation (reservations.ts), a power of two; 0, the default: none are made. */
  readonly reservationFrames?: number;
}

/** What the frames of each kind of memory become. */
const KIND_OF_MEMORY: Record<MemoryKind, FrameKind> = {
  usable: FrameKind.free,
  permanent: FrameKind.permanent,
  reserved: FrameKind.reserved,
  mmio: FrameKind.reserved,
  bad: FrameKind.reserved,
};

/**
 * Boots physical memory. Throws `UsageError` if the memory map is malformed (see `normalizeMemoryMap`), or leaves no run of usable
 * frames for the metadata and a frame to give beside it; the message says what is needed.
 */
export function bootPhysicalMemory(options: BootOptions): PhysicalMemory {
  const { ram, allocator: kind, reservationFrames = 0 } = options;
  const ramBytes = ram.frameCount * PAGE_SIZE;
  const ranges = normalizeMemoryMap(options.memoryMap ?? [{ start: 0, end: ramBytes, kind: 'usable' }], ramBytes);
  const reservationWords = reservationBytes(ram.frameCount, reservationFrames) / 4;
  const tableFrames = metadataFrames(ram.frameCount, kind, reservationFrames);
  const placed = placeMetadata(ranges, tableFrames, ram.frameCount, kind);

  const words = ram.words.subarray((placed * PAGE_SIZE) / 4, ((placed + tableFrames) * PAGE_SIZE) / 4).fill(0);
  const tableWords = (ram.frameCount * FRAME_RECORD_BYTES) / 4;
  const table = new FrameTable(words.subarray(0, tableWords), ram.frameCount);
  const allocator = kind.make(0 as Pfn, ram.frameCount, {
    words: words.subarray(tableWords + reservationWords),
    frames: { words: ram.words, shift: PAGE_SHIFT - 2 },
  });

  for (const { first, end, kind: memory } of ranges) setKinds(table, first, end, KIND_OF_MEMORY[memory]);
  setKinds(table, placed, placed + tableFrames, FrameKind.frameTable);
  table.setKind(0 as Pfn, FrameKind.reserved);
  const firstSpared = (ram.frameCount - (options.sparedFrames ?? 0)) as Pfn;
  freeUsable(table, allocator, firstSpared);
  const records = words.subarray(tableWords, tableWords + reservationWords);
  return new PhysicalMemory({
    ram,
    table,
    allocator,
    firstSpared,
    ...(kind.keepsRecords !== undefined && { keepsRecords: kind.keepsRecords }),
    ...(options.failure !== undefined && { failure: options.failure }),
    ...(reservationFrames > 0 && { reservations: new Reservations(records, ram.frameCount, reservationFrames) }),
  });
}

/** Returns the frames that frame table, reservations and the allocator's metadata take on a machine of `frameCount` frames. */
function metadataFrames(frameCount: number, kind: FrameAllocatorKind, reservationFrames = 0): number {
  const records = reservationBytes(frameCount, reservationFrames);
  return pagesFor(frameCount * FRAME_RECORD_BYTES + records + kind.metadataBytes(frameCount));
}

/** Returns the first frame of the lowest usable run that holds the metadata, if a usable frame is left beside it. */
function placeMetadata(ranges: readonly FrameRange[], needed: number, frameCount: number, kind: FrameAllocatorKind): number {
  const usable = ranges.filter((range) => range.kind === 'usable').map((range) => ({ first: Math.max(range.first, 1), end: range.end }));
  const fit = usable.find((range) => range.end - range.first >= needed);
  const total = usable.reduce((sum, range) => sum + Math.max(0, range.end - range.first), 0);
  if (fit !== undefined && total > needed) return fit.first;
  const longest = usable.reduce((most, range) => Math.max(most, range.end - range.first), 0);
  throw new UsageError(
    `RAM of ${frameCount * 4} KiB has too little usable memory: its frame table and ${kind.name} allocator need ${needed} usable frames ` +
      `in a row and one more (longest run ${longest}, usable ${total}); the minimum is ${minimumRam(kind) / KIB} KiB, all usable`,
  );
}

/** Returns the smallest RAM, in bytes, that can be booted when all of it is usable: frame 0, the metadata, one frame to give. */
function minimumRam(kind: FrameAllocatorKind): number {
  let frames = 3;
  while (frames < metadataFrames(frames, kind) + 2) frames++;
  return frames * PAGE_SIZE;
}

function setKinds(table: FrameTable, first: number, end: number, kind: FrameKind): void {
  for (let frame = first; frame < end; frame++) table.setKind(frame as Pfn, kind);
}

/** Frees every usable frame below `firstSpared` into the allocator, the highest first, so that a stack gives the lowest first as well; spares the others. */
function freeUsable(table: FrameTable, allocator: FrameAllocator, firstSpared: Pfn): void {
  for (let frame = table.count - 1; frame > 0; frame--) {
    if (table.kind(frame as Pfn) !== FrameKind.free) continue;
    if (frame < firstSpared) allocator.free(frame as Pfn);
    else table.setKind(frame as Pfn, FrameKind.spared);
  }
}
