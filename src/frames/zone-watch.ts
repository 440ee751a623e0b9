// Which zone of memory runs short: the marks of an allocator's zones, by the frames that they have.
//
//   free frames of a zone   | .. short: the page daemon wakes .. | .. | .. balanced: it stops .. | .. plenty: its pages are passed over
//                           0                                   low  high                      high + what zones above it may not take
//
// A zone has frames by what boot freed into it, not by its bounds: memory maps have holes. One of a few dozen frames is short below 1/16 of
// them, as a whole machine is (system/page-queue.ts), or nothing would be left of it. An allocator without zones is never short here.
//
// Source: Linux 2.4's balancing of zones. Elsewhere: the marks (zoned-allocator.ts), who wakes the daemon (system/daemon-runs.ts).

import type { FrameAllocator, FrameZone } from './frame-allocator.ts';

/** A zone of a few dozen frames is short below this part of them at most, and balanced above one and a half of it. */
const SMALL_ZONE_DIVISOR = 16;

/** A zone with the marks of this machine. */
export class WatchedZone {
  readonly name: string;
  readonly first: number;
  readonly end: number;
  /** Frames that it had after boot: all that it ever gives. */
  readonly managed: number;
  /** Below this many free frames the daemon is woken. */
  readonly low: number;
  /** The daemon stops at this many. */
  readonly high: number;
  /** From this many on its pages are left alone when another zone is short. */
  readonly plenty: number;
  /** How often the daemon was woken for it. */
  wakes = 0;
  readonly #zone: FrameZone;

  /** @param keptForOthers frames of it that requests for the zones above do not get */
  constructor(zone: FrameZone, keptForOthers: number) {
    const { name, first, end, freeCount } = zone;
    const most = Math.floor(freeCount / SMALL_ZONE_DIVISOR);
    this.#zone = zone;
    this.name = name;
    this.first = first;
    this.end = end;
    this.managed = freeCount;
    this.low = Math.min(zone.low, most);
    this.high = Math.min(zone.high, Math.ceil(1.5 * most));
    this.plenty = this.high + keptForOthers;
  }

  /** Frames that it could give now. */
  get freeCount(): number {
    return this.#zone.freeCount;
  }
}

/** The zones of one machine, from the lowest up; none if its allocator knows of none. */
export class ZoneWatch {
  readonly zones: readonly WatchedZone[];

  /** Looks at the zones after boot has freed all usable frames. */
  constructor({ zones = [] }: FrameAllocator) {
    this.zones = zones.map((zone, i) => {
      const keptForOthers = zones.slice(i + 1).reduce((sum, above) => sum + above.low, 0);
      return new WatchedZone(zone, keptForOthers);
    });
  }

  /** Returns the lowest zone that is short, if any is. */
  short(): WatchedZone | undefined {
    for (const zone of this.zones) if (zone.freeCount < zone.low) return zone;
    return undefined;
  }

  /** Tells whether the zone of `frame` has more free frames than anybody needs of it. */
  hasPlenty(frame: number): boolean {
    for (const zone of this.zones) if (frame >= zone.first && frame < zone.end) return zone.freeCount >= zone.plenty;
    return false;
  }
}
