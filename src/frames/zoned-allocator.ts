// Zones: memory by what it is good for. Each is a buddy system of its own, and the scarce ones are kept for those who need them.
//
//   | dma      < 16 MiB | normal      < 896 MiB | high ............ |      who asks for any frame gets one from the right
//     ISA devices         the kernel's linear map   everybody
//
//   watermarks of a zone:  min < low < high       size / 128, from 20 to 255 frames; twice and three times that
//
//   allocate    1. the zones from the wanted one down, each keeping `low` and the `low` of those above it
//               2. the same, keeping `min`: memory is short, the page daemon should have run
//               3. the same, keeping nothing: what the kernel needs in order to free
//
//   ZA1  zones are disjoint and cover the range; freeCount = the sum of theirs
//
// The sum of marks protects the lower zones: what falls through from above leaves them more than what is meant for them does.
// Metadata: the buddy systems', 9 bytes per frame. Cost: the buddy system's and a few comparisons.
// Source: Linux 2.4's alloc_pages (marks and their sum). Elsewhere: who is woken below a mark (system/daemon-runs.ts).

import { invariant, type Pfn } from '../base/index.ts';
import { BuddyAllocator, buddyAllocator } from './buddy-allocator.ts';
import {
  ANYWHERE,
  expectWords,
  type FrameAllocator,
  type FrameAllocatorKind,
  type FrameZone,
  type MetadataRegion,
  panicNotGiven,
  type RunConstraints,
} from './frame-allocator.ts';
import { type FreeView, findRun, frameByFrame, longestRun } from './run-search.ts';

/** The zones, the most wanted first. */
export const ZONE_NAMES = ['dma', 'normal', 'high'] as const;

/** A zone's name. */
export type ZoneName = (typeof ZONE_NAMES)[number];

/** First frame beyond each zone: 16 MiB, what ISA's 24 address lines reach; 896 MiB, what i386 kernels map linearly. */
const ZONE_ENDS: Readonly<Record<ZoneName, number>> = { dma: 4096, normal: 229_376, high: Number.POSITIVE_INFINITY };

/** Linux 2.4's: `min` is this part of a zone, within bounds, in frames. */
const BALANCE_RATIO = 128;
const BALANCE_LEAST = 20;
const BALANCE_MOST = 255;

/** What of a zone is kept: `low` in plenty, `min` when memory is short, `none` for whoever frees more than he takes. */
export type Reserve = 'low' | 'min' | 'none';

const RESERVES: readonly Reserve[] = ['low', 'min', 'none'];

/** One zone: its frames, its marks and its buddy system. */
export interface Zone extends FrameZone {
  readonly name: ZoneName;
  /** Frames that are kept, by reserve. */
  readonly marks: Readonly<Record<Reserve, number>>;
  readonly frames: BuddyAllocator;
}

/** Returns the zones that have frames of the range: name, first frame, count. */
function zonesOf(first: number, count: number): { name: ZoneName; first: number; count: number }[] {
  let from = first;
  return ZONE_NAMES.map((name) => {
    const end = Math.max(from, Math.min(first + count, ZONE_ENDS[name]));
    const zone = { name, first: from, count: end - from };
    from = end;
    return zone;
  }).filter((zone) => zone.count > 0);
}

function anyBelow({ below: _, ...constraints }: RunConstraints): RunConstraints {
  return constraints;
}

/** Bytes for any range of `count` frames, wherever it begins: each zone has its own heads and rounds its last word up. */
const bytesFor = (count: number): number => buddyAllocator.metadataBytes(count) + (ZONE_NAMES.length - 1) * buddyAllocator.metadataBytes(3);

/** Frames in zones. Made by `zonedAllocator`. */
export class ZonedAllocator implements FrameAllocator {
  readonly name = 'zones';
  readonly metadataBytes: number;
  /** Those with frames, from `dma` up. */
  readonly zones: readonly Zone[];
  readonly #first: number;
  readonly #count: number;
  readonly #view: FreeView;
  /** Words that no zone needs, as the range lies in fewer of them. */
  readonly #rest: Uint32Array;

  constructor(first: Pfn, count: number, { words }: MetadataRegion) {
    const needed = bytesFor(count) / 4;
    expectWords(words, needed, 'ZA1');
    let at = 0;
    this.zones = zonesOf(first, count).map((part) => {
      const frames = new BuddyAllocator(part.first as Pfn, part.count, { words: words.subarray(at) });
      at += frames.metadataBytes / 4;
      const min = Math.min(BALANCE_MOST, Math.max(BALANCE_LEAST, Math.floor(part.count / BALANCE_RATIO)));
      const marks = { low: 2 * min, min, none: 0 };
      return {
        name: part.name,
        first: part.first,
        end: part.first + part.count,
        marks,
        low: marks.low,
        high: 3 * min,
        frames,
        get freeCount() {
          return frames.freeCount;
        },
      };
    });
    this.metadataBytes = 4 * needed;
    this.#rest = words.subarray(at, needed).fill(0);
    this.#first = first;
    this.#count = count;
    this.#view = frameByFrame(first, count, (index) => this.isFree((first + index) as Pfn));
  }

  get freeCount(): number {
    let free = 0;
    for (const zone of this.zones) free += zone.frames.freeCount;
    return free;
  }

  allocate(): Pfn | -1 {
    for (const reserve of RESERVES) {
      const frame = this.allocateIn('high', reserve);
      if (frame !== -1) return frame;
    }
    return -1;
  }

  /** Takes a frame of `zone` or, where that has none to spare, of one below it. Returns -1 if all of them are down to the reserve. */
  allocateIn(zone: ZoneName, reserve: Reserve): Pfn | -1 {
    let kept = 0;
    for (let at = this.zones.length - 1; at >= 0; at--) {
      const { name, marks, frames } = this.zones[at]!;
      if (ZONE_ENDS[name] > ZONE_ENDS[zone]) continue;
      kept += marks[reserve];
      if (frames.freeCount > kept) return frames.allocate();
    }
    return -1;
  }

  /** From the highest zone that has such a run; one that lies in two zones last. */
  allocateRun(count: number, constraints: RunConstraints = ANYWHERE): Pfn | -1 {
    const { below = Number.POSITIVE_INFINITY } = constraints;
    for (let at = this.zones.length - 1; at >= 0; at--) {
      const { first, end, frames } = this.zones[at]!;
      if (first >= below) continue;
      // A zone that lies below the limit as a whole need not hear of it: a single block will do.
      const run = frames.allocateRun(count, below < end ? constraints : anyBelow(constraints));
      if (run !== -1) return run;
    }
    const start = this.zones.length > 1 ? findRun(this.#view, count, constraints) : -1;
    if (start === -1) return -1;
    for (let frame = this.#first + start; frame < this.#first + start + count; frame++) this.#zoneOf(frame)?.frames.take(frame as Pfn);
    return (this.#first + start) as Pfn;
  }

  free(frame: Pfn): void {
    const zone = this.#zoneOf(frame);
    if (zone === undefined) panicNotGiven(frame);
    zone.frames.free(frame);
  }

  /** Tells how a zone stands: below which of its marks its free frames are. */
  pressure({ frames, marks, high }: Zone): 'balanced' | 'below high' | 'below low' | 'below min' {
    const free = frames.freeCount;
    if (free < marks.min) return 'below min';
    if (free < marks.low) return 'below low';
    return free < high ? 'below high' : 'balanced';
  }

  largestFree(): number {
    return longestRun(this.#view);
  }

  isFree(frame: Pfn): boolean {
    return this.#zoneOf(frame)?.frames.isFree(frame) ?? false;
  }

  check(): void {
    let next = this.#first;
    for (const { first, end, frames } of this.zones) {
      invariant(first === next && end > first, 'ZA1', () => `a zone begins at ${first}, the one before ends at ${next}`);
      frames.check();
      next = end;
    }
    invariant(next === this.#first + this.#count, 'ZA1', () => `the zones end at ${next}`);
    const isUntouched = this.#rest.every((word) => word === 0);
    invariant(isUntouched, 'ZA1', () => 'words that no zone needs were written');
  }

  #zoneOf(frame: number): Zone | undefined {
    for (const zone of this.zones) if (frame >= zone.first && frame < zone.end) return zone;
    return undefined;
  }
}

/** Zones by address, each a buddy system: any frame comes from the highest. */
export const zonedAllocator: FrameAllocatorKind = {
  name: 'zones',
  metadataBytes: bytesFor,
  make: (first, count, metadata) => new ZonedAllocator(first, count, metadata),
};
