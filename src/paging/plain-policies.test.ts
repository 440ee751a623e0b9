// The policies once more, as plainly as their definitions read: arrays, searches, no cleverness. The fast ones must miss at the same places.

import { expect, test } from 'vitest';
import { aging, nfu } from './aging.ts';
import { arc } from './arc.ts';
import { belady } from './belady.ts';
import { car } from './car.ts';
import { clock, clockR1 } from './clock.ts';
import { clockPro, clockProAdaptive } from './clock-pro.ts';
import { clockProAuthors, clockProAuthorsAdaptive } from './clock-pro-authors.ts';
import { clock2 } from './clock2.ts';
import { fifo } from './fifo.ts';
import { livePolicies, replayPolicies } from './index.ts';
import { lfu } from './lfu.ts';
import { linux } from './linux.ts';
import { lirs } from './lirs.ts';
import { lirsLcs } from './lirs-lcs.ts';
import { lru } from './lru.ts';
import { lruK } from './lru-k.ts';
import { mglru } from './mglru.ts';
import { mru } from './mru.ts';
import { nru } from './nru.ts';
import { plainClockPro, plainClockProAuthors } from './plain-clock-pro.conformance.ts';
import {
  plainAging,
  plainFifo,
  plainMglru,
  plainNfu,
  plainNru,
  plainRandom,
  plainSecondChance,
  plainUvm,
  plainWsClock,
  replaying,
  take,
} from './plain-live-policies.conformance.ts';
import { random } from './random.ts';
import { describeLiveAgainstPlain, type MakePlain } from './replacement-policy.conformance.ts';
import type { AnyPolicyKind, PolicyKind } from './replacement-policy.ts';
import * as replays from './replay.conformance.ts';
import { s3fifo } from './s3fifo.ts';
import { secondChance } from './second-chance.ts';
import { sieve } from './sieve.ts';
import { slru, slru2 } from './slru.ts';
import { tinylfu } from './tinylfu.ts';
import { twoQueue } from './two-queue.ts';
import { uvm } from './uvm.ts';
import { vms } from './vms.ts';
import { wsclock } from './wsclock.ts';

type Refer = replays.Refer;

/** The policies compared so far: none may be missing in the end. */
const compared = new Set<AnyPolicyKind>();

function describeAgainstPlain(kind: AnyPolicyKind, plain: (frames: number, trace: readonly number[]) => Refer): void {
  compared.add(kind);
  replays.describeAgainstPlain(kind, plain);
}

/** Compares a policy that sees bits live and in replays. @param bitAtLoad of a page's bit in replays */
function describeBothAgainstPlain(kind: PolicyKind, make: MakePlain, bitAtLoad: 'clear' | 'set'): void {
  describeLiveAgainstPlain(kind, make);
  describeAgainstPlain(kind, replaying(make, bitAtLoad));
}

describeBothAgainstPlain(fifo, plainFifo, 'clear');
describeBothAgainstPlain(secondChance, plainSecondChance, 'clear');
describeBothAgainstPlain(clock, plainSecondChance, 'clear');
describeBothAgainstPlain(clockR1, plainSecondChance, 'set');
describeBothAgainstPlain(random, plainRandom, 'clear');
describeBothAgainstPlain(nru, plainNru, 'set');
describeBothAgainstPlain(aging, plainAging, 'set');
describeBothAgainstPlain(nfu, plainNfu, 'set');
describeBothAgainstPlain(wsclock, plainWsClock, 'set');
describeBothAgainstPlain(mglru, plainMglru, 'set');
describeBothAgainstPlain(uvm, plainUvm, 'clear');
describeBothAgainstPlain(clockPro, plainClockPro('fixed'), 'clear');
describeBothAgainstPlain(clockProAdaptive, plainClockPro('adaptive'), 'clear');
describeLiveAgainstPlain(clockPro, plainClockPro('fixed'), 'set');
describeLiveAgainstPlain(clockProAdaptive, plainClockPro('adaptive'), 'set');

describeAgainstPlain(clockProAuthors, plainClockProAuthors(0.05, 0.05));
describeAgainstPlain(clockProAuthorsAdaptive, plainClockProAuthors(0.01, 0.95));

const first = (list: readonly number[]): number => list[0] as number;

describeAgainstPlain(lru, (frames) => {
  const queue: number[] = [];
  return (page) => {
    const isHit = take(queue, page);
    if (!isHit && queue.length === frames) queue.shift();
    queue.push(page);
    return isHit;
  };
});

describeAgainstPlain(mru, (frames) => {
  const queue: number[] = [];
  return (page) => {
    const isHit = take(queue, page);
    if (!isHit && queue.length === frames) queue.pop();
    queue.push(page);
    return isHit;
  };
});

/** A clock as slots and an index: the new page takes the victim's slot, and the hand goes on. */
const clockOf =
  (most: number, atLoad: number) =>
  (frames: number): Refer => {
    const slots: number[] = [];
    const counts = new Map<number, number>();
    let hand = 0;
    return (page) => {
      const count = counts.get(page);
      if (count !== undefined) {
        counts.set(page, Math.min(most, count + 1));
        return true;
      }
      if (slots.length < frames) slots.push(page);
      else {
        for (let at = slots[hand] as number; (counts.get(at) ?? 0) > 0; at = slots[hand] as number) {
          counts.set(at, (counts.get(at) ?? 0) - 1);
          hand = (hand + 1) % frames;
        }
        counts.delete(slots[hand] as number);
        slots[hand] = page;
        hand = (hand + 1) % frames;
      }
      counts.set(page, atLoad);
      return false;
    };
  };

describeAgainstPlain(clock, clockOf(1, 0));
describeAgainstPlain(clock2, clockOf(3, 0));

describeAgainstPlain(lfu, (frames) => {
  const resident = new Map<number, { count: number; since: number }>();
  let now = 0;
  return (page) => {
    now++;
    const known = resident.get(page);
    if (known === undefined && resident.size === frames) {
      const order = [...resident].sort(([, a], [, b]) => a.count - b.count || a.since - b.since);
      resident.delete(order[0]?.[0] as number);
    }
    resident.set(page, { count: (known?.count ?? 0) + 1, since: now });
    return known !== undefined;
  };
});

describeAgainstPlain(belady, (frames, trace) => {
  const resident = new Set<number>();
  let now = -1;
  return (page) => {
    now++;
    if (resident.has(page)) return true;
    if (resident.size === frames) {
      const nextUse = (other: number): number => {
        const at = trace.indexOf(other, now + 1);
        return at < 0 ? trace.length + trace.lastIndexOf(other, now) : at;
      };
      const farthest = [...resident].reduce((best, other) => (nextUse(other) > nextUse(best) ? other : best));
      resident.delete(farthest);
    }
    resident.add(page);
    return false;
  };
});

describeAgainstPlain(sieve, (frames) => {
  const queue: number[] = []; // oldest first
  const visited = new Set<number>();
  let hand: number | undefined;
  return (page) => {
    if (queue.includes(page)) {
      visited.add(page);
      return true;
    }
    if (queue.length === frames) {
      let at = hand === undefined ? 0 : queue.indexOf(hand);
      while (visited.delete(queue[at] as number)) at = (at + 1) % queue.length;
      hand = queue[at + 1];
      queue.splice(at, 1);
    }
    queue.push(page);
    return false;
  };
});

describeAgainstPlain(twoQueue, (frames) => {
  const inQueue: number[] = [];
  const main: number[] = [];
  const out: number[] = [];
  return (page) => {
    if (inQueue.includes(page)) return true;
    if (take(main, page)) {
      main.push(page);
      return true;
    }
    const wasOut = take(out, page);
    if (inQueue.length + main.length === frames) {
      if (inQueue.length > Math.floor(frames / 4) || main.length === 0) {
        out.push(inQueue.shift() as number);
        if (out.length > Math.floor(frames / 2)) out.shift();
      } else main.shift();
    }
    (wasOut ? main : inQueue).push(page);
    return false;
  };
});

describeAgainstPlain(arc, (frames) => {
  const t1: number[] = [];
  const t2: number[] = [];
  const b1: number[] = [];
  const b2: number[] = [];
  let target = 0;
  const replace = (isInB2: boolean): void => {
    const isT1 = t1.length >= 1 && (t1.length > target || (isInB2 && t1.length === target));
    if (isT1 || t2.length === 0) b1.push(t1.shift() as number);
    else b2.push(t2.shift() as number);
  };
  return (page) => {
    if (take(t1, page) || take(t2, page)) {
      t2.push(page);
      return true;
    }
    const isFull = t1.length + t2.length === frames;
    const isInB1 = b1.includes(page);
    const isInB2 = b2.includes(page);
    if (isInB1) target = Math.min(frames, target + Math.max(1, b2.length / b1.length));
    if (isInB2) target = Math.max(0, target - Math.max(1, b1.length / b2.length));
    if (isInB1 || isInB2) {
      take(b1, page);
      take(b2, page);
      if (isFull) replace(isInB2);
      t2.push(page);
      return false;
    }
    if (isFull && t1.length + b1.length >= frames) {
      if (b1.length === 0) t1.shift();
      else {
        b1.shift();
        replace(false);
      }
    } else if (isFull) {
      if (t1.length + t2.length + b1.length + b2.length >= 2 * frames) b2.shift();
      replace(false);
    }
    t1.push(page);
    return false;
  };
});

const slruOf =
  (shares: readonly number[]) =>
  (frames: number): Refer => {
    const segments = shares.map((share) => ({ room: Math.trunc(share * frames), pages: [] as number[] }));
    return (page) => {
      const at = segments.findIndex(({ pages }) => pages.includes(page));
      if (at >= 0) {
        take(segments[at]?.pages as number[], page);
        segments[Math.min(at + 1, segments.length - 1)]?.pages.push(page);
        for (let i = at + 1; i >= 0; i--) {
          const segment = segments[i];
          if (segment === undefined) continue;
          // The lowest is only looked at when a page fell into it.
          if (i === 0 && (segments[1]?.pages.length ?? 0) < (segments[1]?.room ?? 0)) break;
          let hasSpilt = false;
          while (segment.pages.length > segment.room) {
            const oldest = segment.pages.shift() as number;
            segments[i - 1]?.pages.push(oldest);
            hasSpilt = true;
          }
          if (!hasSpilt) break;
        }
        return true;
      }
      const total = segments.reduce((sum, { pages }) => sum + pages.length, 0);
      const withRoom = segments.find(({ pages, room }) => pages.length < room);
      if (withRoom === undefined && total === frames) segments.find(({ pages }) => pages.length > 0)?.pages.shift();
      (withRoom ?? segments[0])?.pages.push(page);
      return false;
    };
  };

describeAgainstPlain(slru, slruOf([0.25, 0.25, 0.25, 0.25]));
describeAgainstPlain(slru2, slruOf([0.2, 0.8]));

describeAgainstPlain(s3fifo, (frames) => {
  const small: number[] = [];
  const main: number[] = [];
  const ghosts: number[] = [];
  const hits = new Map<number, number>();
  const smallRoom = Math.max(1, Math.floor(frames / 10));
  const hitsOf = (page: number): number => hits.get(page) ?? 0;
  const evict = (): void => {
    if (main.length > frames - smallRoom || small.length === 0) {
      for (;;) {
        const page = main.shift() as number;
        if (hitsOf(page) === 0) return;
        hits.set(page, Math.min(3, hitsOf(page)) - 1);
        main.push(page);
      }
    }
    while (small.length > 0) {
      const page = small.shift() as number;
      if (hitsOf(page) <= 1) {
        ghosts.push(page);
        if (ghosts.length > Math.floor((frames * 9) / 10)) ghosts.shift();
        return;
      }
      hits.set(page, 0);
      main.push(page);
    }
  };
  return (page) => {
    if (small.includes(page) || main.includes(page)) {
      hits.set(page, hitsOf(page) + 1);
      return true;
    }
    const wasGhost = take(ghosts, page);
    while (small.length + main.length === frames) evict();
    hits.set(page, 0);
    (wasGhost ? main : small).push(page);
    return false;
  };
});

describeAgainstPlain(lirs, (frames) => {
  const queueRoom = Math.max(2, Math.trunc(frames / 100));
  const stack: number[] = []; // bottom first
  const queue: number[] = [];
  const lir = new Set<number>();
  let last: number | undefined;
  return (page) => {
    if (page === last) return true;
    last = page;
    const isHit = lir.has(page) || queue.includes(page);
    if (!isHit) {
      const free = frames - lir.size - queue.length;
      if (free === 0) queue.shift();
      else if (free > queueRoom) lir.add(page);
    }
    const wasInStack = take(stack, page);
    stack.push(page);
    if (!lir.has(page)) {
      take(queue, page);
      if (wasInStack) {
        lir.add(page);
        const demoted = first(stack.filter((other) => lir.has(other)));
        lir.delete(demoted);
        queue.push(demoted);
      } else queue.push(page);
    }
    while (stack.length > 0 && !lir.has(first(stack))) stack.shift();
    return isHit;
  };
});

describeAgainstPlain(lirsLcs, (frames) => {
  const queueRoom = Math.max(1, Math.trunc(frames / 100));
  const stack: number[] = []; // bottom first
  const queue: number[] = [];
  const ghosts: number[] = []; // in the order in which they became ghosts
  const lir = new Set<number>();
  const isResident = (page: number): boolean => queue.includes(page) || (stack.includes(page) && !ghosts.includes(page));
  const toTop = (page: number): void => {
    take(stack, page);
    stack.push(page);
  };
  const prune = (): void => {
    while (stack.length > 1 && !lir.has(first(stack))) take(ghosts, stack.shift() as number);
  };
  const makeRoomInQueue = (): void => {
    while (queue.length >= queueRoom) {
      const oldest = queue.shift() as number;
      if (stack.includes(oldest)) ghosts.push(oldest);
    }
  };
  const makeRoomForLir = (): void => {
    if (lir.size < frames - queueRoom) return;
    prune();
    const demoted = stack.shift() as number;
    lir.delete(demoted);
    makeRoomInQueue();
    queue.push(demoted);
    prune();
  };
  const refer = (page: number): boolean => {
    if (lir.has(page)) {
      toTop(page);
      prune();
      return true;
    }
    const isHit = isResident(page);
    if (isHit && !stack.includes(page)) {
      take(queue, page);
      queue.push(page);
      makeRoomForLir();
      stack.push(page);
    } else if (stack.includes(page)) {
      // Resident or a ghost.
      toTop(page);
      take(queue, page);
      makeRoomForLir();
      take(ghosts, page);
      lir.add(page);
    } else if (lir.size < frames - queueRoom) {
      lir.add(page);
      stack.push(page);
    } else {
      makeRoomInQueue();
      stack.push(page);
      queue.push(page);
    }
    return isHit;
  };
  return (page) => {
    if (frames === queueRoom) return false;
    const isHit = refer(page);
    while (stack.length > 2 * frames && ghosts.length > 0) take(stack, ghosts.shift() as number);
    return isHit;
  };
});

describeAgainstPlain(lruK, (frames) => {
  const uses = new Map<number, number[]>();
  const resident = new Set<number>();
  let now = 0;
  return (page) => {
    now++;
    const isHit = resident.has(page);
    if (!isHit && resident.size === frames) {
      const rank = (other: number): number => {
        const times = uses.get(other) ?? [];
        return times.length > 1 ? 1000 + (times.at(-2) ?? 0) : (times.at(-1) ?? 0);
      };
      resident.delete([...resident].reduce((best, other) => (rank(other) < rank(best) ? other : best)));
    }
    resident.add(page);
    uses.set(page, [...(uses.get(page) ?? []), now]);
    return isHit;
  };
});

describeAgainstPlain(car, (frames) => {
  const t1: number[] = [];
  const t2: number[] = [];
  const b1: number[] = [];
  const b2: number[] = [];
  const bits = new Set<number>();
  let target = 0;
  const replace = (): void => {
    for (;;) {
      const isT1 = t1.length >= Math.max(1, target) || t2.length === 0;
      const page = (isT1 ? t1 : t2).shift() as number;
      if (!bits.delete(page)) {
        (isT1 ? b1 : b2).push(page);
        return;
      }
      t2.push(page);
    }
  };
  return (page) => {
    if (t1.includes(page) || t2.includes(page)) {
      bits.add(page);
      return true;
    }
    const isGhost = b1.includes(page) || b2.includes(page);
    if (t1.length + t2.length === frames) {
      replace();
      if (!isGhost && t1.length + b1.length === frames) b1.shift();
      else if (!isGhost && t1.length + t2.length + b1.length + b2.length === 2 * frames) b2.shift();
    }
    if (b1.includes(page)) target = Math.min(frames, target + Math.max(1, b2.length / b1.length));
    else if (isGhost) target = Math.max(0, target - Math.max(1, b1.length / b2.length));
    take(b1, page);
    take(b2, page);
    (isGhost ? t2 : t1).push(page);
    return false;
  };
});

describeAgainstPlain(vms, (frames) => {
  const resident: number[] = [];
  const free: number[] = [];
  const most = Math.max(1, Math.floor((frames * 3) / 4));
  return (page) => {
    if (resident.includes(page)) return true;
    const isSoft = take(free, page);
    if (!isSoft && resident.length + free.length === frames) (free.length > 0 ? free : resident).shift();
    resident.push(page);
    if (resident.length > most) free.push(resident.shift() as number);
    return isSoft;
  };
});

describeAgainstPlain(linux, (frames) => {
  const inactive: number[] = [];
  const active: number[] = [];
  const bits = new Set<number>();
  const shadows = new Map<number, number>();
  let age = 0;
  const evict = (): void => {
    for (;;) {
      while (inactive.length < active.length) {
        bits.delete(first(active));
        inactive.push(active.shift() as number);
      }
      const page = inactive.shift() as number;
      if (!bits.delete(page)) {
        shadows.set(page, age++);
        return;
      }
      active.push(page);
      age++;
    }
  };
  return (page) => {
    if (active.includes(page) || inactive.includes(page)) {
      bits.add(page);
      return true;
    }
    if (active.length + inactive.length === frames) evict();
    const shadow = shadows.get(page);
    if (shadow !== undefined && age - shadow <= active.length) {
      active.push(page);
      age++;
    } else inactive.push(page);
    return false;
  };
});

describeAgainstPlain(tinylfu, (frames) => {
  const window: number[] = [];
  const probation: number[] = [];
  const guarded: number[] = [];
  const counts = new Map<number, number>();
  const countOf = (page: number): number => counts.get(page) ?? 0;
  const windowRoom = Math.max(1, Math.floor(frames / 100));
  const guardedRoom = Math.floor(0.8 * (frames - windowRoom));
  let now = 0;
  return (page) => {
    if (now > 0 && now % (10 * frames) === 0) for (const [other, count] of counts) counts.set(other, count >> 1);
    now++;
    counts.set(page, Math.min(15, countOf(page) + 1));
    if (take(window, page)) {
      window.push(page);
      return true;
    }
    if (take(probation, page) || take(guarded, page)) {
      guarded.push(page);
      if (guarded.length > guardedRoom) probation.push(guarded.shift() as number);
      return true;
    }
    const isFull = window.length + probation.length + guarded.length === frames;
    window.push(page);
    if (window.length > windowRoom) {
      const candidate = window.shift() as number;
      const main = probation.length > 0 ? probation : guarded;
      if (!isFull) probation.push(candidate);
      else if (main.length > 0 && countOf(candidate) > countOf(first(main))) {
        main.shift();
        probation.push(candidate);
      }
    }
    return false;
  };
});

test('every policy is compared with a plain one', () => {
  expect([...livePolicies, ...replayPolicies].filter((kind) => !compared.has(kind)).map(({ name }) => name)).toEqual([]);
});
