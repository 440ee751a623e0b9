// The policies that a kernel can run, once more, as plainly as their definitions read: arrays, searches, no cleverness. For replays each of
// them is put behind a memory of so many frames here, with the bits that hardware would set.

import { Random } from '../base/index.ts';
import { type MakePlain, SettableBits } from './replacement-policy.conformance.ts';
import type { Refer } from './replay.conformance.ts';

/** Takes `page` out of `list`; tells whether it was there. */
export function take(list: number[], page: number): boolean {
  const at = list.indexOf(page);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

/** Returns how a plain policy replays: hits set bits, a full memory asks for a victim, and ticks come as often as there are frames. */
export function replaying(make: MakePlain, bitAtLoad: 'clear' | 'set'): (frames: number) => Refer {
  return (frames) => {
    const bits = new SettableBits();
    const policy = make({ bits, identityOf: (page) => page, bitAtLoad });
    const resident = new Set<number>();
    let now = 0;
    return (page, access) => {
      if (now > 0 && now % frames === 0) policy.tick?.();
      now++;
      const isHit = resident.has(page);
      if (!isHit) {
        if (resident.size === frames) resident.delete(policy.victim());
        policy.loaded(page);
        resident.add(page);
        bits.modified.delete(page);
        bits.referenced.delete(page);
      }
      if (isHit || bitAtLoad === 'set') bits.referenced.add(page);
      if (access === 'write') bits.modified.add(page);
      return isHit;
    };
  };
}

/** First in, first out. */
export const plainFifo: MakePlain = () => {
  const queue: number[] = [];
  return {
    loaded: (page) => void queue.push(page),
    removed: (page) => void take(queue, page),
    victim: () => queue.shift() as number,
  };
};

/** The oldest page without its bit; those passed go to the end. The clock is the same in another form. */
export const plainSecondChance: MakePlain = ({ bits }) => {
  const queue: number[] = [];
  return {
    loaded: (page) => void queue.push(page),
    removed: (page) => void take(queue, page),
    victim: () => {
      while (bits.referenced.delete(queue[0] as number)) queue.push(queue.shift() as number);
      return queue.shift() as number;
    },
  };
};

/** Any page. The generator is the only thing that it has in common with the real one. */
export const plainRandom: MakePlain = () => {
  const random = new Random(1);
  const pages: number[] = [];
  const fillGap = (at: number): number => {
    const page = pages[at] as number;
    const last = pages.pop() as number;
    if (at < pages.length) pages[at] = last;
    return page;
  };
  return {
    loaded: (page) => void pages.push(page),
    removed: (page) => void fillGap(pages.indexOf(page)),
    victim: () => fillGap(random.below(pages.length)),
  };
};

/** The lowest page of the lowest class, all of them sorted at each victim. */
export const plainNru: MakePlain = ({ bits }) => {
  const wasUsed = new Map<number, boolean>();
  return {
    loaded: (page) => void wasUsed.set(page, false),
    removed: (page) => void wasUsed.delete(page),
    victim: () => {
      const classOf = (page: number): number => (wasUsed.get(page) ? 2 : 0) + (bits.modified.has(page) ? 1 : 0);
      for (const page of wasUsed.keys()) if (bits.referenced.delete(page)) wasUsed.set(page, true);
      const [victim] = [...wasUsed.keys()].sort((a, b) => classOf(a) - classOf(b) || a - b) as [number];
      wasUsed.delete(victim);
      return victim;
    },
    tick: () => {
      for (const page of wasUsed.keys()) {
        bits.referenced.delete(page);
        wasUsed.set(page, false);
      }
    },
  };
};

/** The lowest of counters that every tick renews. */
const plainCounting =
  (atLoad: number, next: (counter: number, bit: number) => number): MakePlain =>
  ({ bits }) => {
    const counters = new Map<number, number>();
    return {
      loaded: (page) => void counters.set(page, atLoad),
      removed: (page) => void counters.delete(page),
      victim: () => {
        const [[victim]] = [...counters].sort(([a, x], [b, y]) => x - y || a - b) as [[number, number]];
        counters.delete(victim);
        return victim;
      },
      tick: () => {
        for (const [page, counter] of counters) counters.set(page, next(counter, bits.referenced.delete(page) ? 1 : 0));
      },
    };
  };

/** Eight bits, shifted to the right. */
export const plainAging = plainCounting(128, (counter, bit) => (counter >> 1) + 128 * bit);

/** Counts for ever. */
export const plainNfu = plainCounting(1, (counter, bit) => counter + bit);

/** The first clean page that was not used for half a memory of loads; time is loads. */
export const plainWsClock: MakePlain = ({ bits }) => {
  const ring: number[] = []; // the hand is at the first
  const usedAt = new Map<number, number>();
  let now = 0;
  const give = (page: number): number => {
    take(ring, page);
    return page;
  };
  return {
    loaded: (page) => {
      usedAt.set(page, now++);
      ring.push(page);
    },
    removed: (page) => void take(ring, page),
    victim: () => {
      const passed: number[] = [];
      const old: number[] = [];
      for (let looks = Math.min(64, ring.length); looks > 0; looks--) {
        const page = ring[0] as number;
        const isUsed = bits.referenced.delete(page);
        if (isUsed) usedAt.set(page, now);
        const isOld = now - (usedAt.get(page) as number) > ring.length / 2;
        if (isOld && !bits.modified.has(page)) return give(page);
        if (isOld) old.push(page);
        passed.push(page);
        ring.push(ring.shift() as number);
      }
      const oldestUse = Math.min(...passed.map((page) => usedAt.get(page) as number));
      return give(old[0] ?? (passed.find((page) => usedAt.get(page) === oldestUse) as number));
    },
  };
};

/** Three generations, each an array in order of arrival, the oldest first. */
export const plainMglru: MakePlain = ({ bits }) => {
  let generations: number[][] = [[], [], []];
  const removed = (page: number): void => generations.forEach((pages) => void take(pages, page));
  const retireEmpty = (): void => {
    for (let walks = 0; generations[0]?.length === 0; walks++) {
      generations.shift();
      // One walk finds all that was used.
      const used = walks > 0 ? [] : generations.flat().filter((page) => bits.referenced.delete(page));
      generations = [...generations.map((pages) => pages.filter((page) => !used.includes(page))), used];
    }
  };
  return {
    loaded: (page) => void generations.at(-1)?.push(page),
    removed,
    victim: () => {
      for (;;) {
        retireEmpty();
        const page = generations[0]?.shift() as number;
        if (!bits.referenced.delete(page)) return page;
        generations.at(-1)?.push(page);
      }
    },
    demoted: (page) => {
      bits.referenced.delete(page);
      removed(page);
      generations[0]?.push(page);
    },
  };
};

/** Pages in use, and a third that wait for a second look. */
export const plainUvm: MakePlain = ({ bits }) => {
  const active: number[] = [];
  const inactive: number[] = [];
  const deactivate = (page: number): void => {
    bits.referenced.delete(page);
    take(active, page);
    inactive.push(page);
  };
  return {
    loaded: (page) => void active.push(page),
    removed: (page) => {
      take(active, page);
      take(inactive, page);
    },
    victim: () => {
      for (;;) {
        while (100 * inactive.length < 33 * (active.length + inactive.length)) deactivate(active[0] as number);
        const page = inactive.shift() as number;
        if (!bits.referenced.delete(page)) return page;
        active.push(page);
      }
    },
    demoted: (page) => {
      if (active.includes(page)) deactivate(page);
    },
  };
};
