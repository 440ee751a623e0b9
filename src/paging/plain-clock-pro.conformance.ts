// CLOCK-Pro once more, in both forms, as plainly as the headers of clock-pro.ts and clock-pro-authors.ts read: one array is the clock, hands
// are nodes of it, and counts are made by looking.

import type { MakePlain } from './replacement-policy.conformance.ts';
import type { Refer } from './replay.conformance.ts';

/** A page on a kernel's ring, or what is left of one. */
interface RingNode {
  readonly page: number;
  readonly identity: number;
  is: 'hot' | 'cold' | 'gone';
  inTest: boolean;
}

/** The form for a kernel, with a cold target of 10 % or one that adapts. */
export const plainClockPro =
  (share: 'fixed' | 'adaptive'): MakePlain =>
  ({ bits, identityOf, bitAtLoad }) => {
    /** From the hot hand on: a new page goes to the end, and the hand moves when its page does. */
    const ring: RingNode[] = [];
    /** Those that are gone, in the order in which they went. */
    let gone: RingNode[] = [];
    let coldHand: RingNode | undefined;
    let testHand: RingNode | undefined;
    let target = 0;
    const lastLoaded: number[] = [];

    const count = (is: RingNode['is']): number => ring.filter((node) => node.is === is).length;
    const size = (): number => count('hot') + count('cold');
    const find = (page: number): RingNode | undefined => ring.find((node) => node.page === page && node.is !== 'gone');
    const after = (node: RingNode): RingNode => ring[(ring.indexOf(node) + 1) % ring.length] as RingNode;
    const coldTarget = (): number => {
      if (target === 0) return Math.max(1, Math.floor(size() / 10));
      return Math.min(target, Math.max(1, Math.floor((95 * size()) / 100)));
    };
    const adapt = (by: number): void => {
      if (share === 'adaptive') target = Math.max(1, coldTarget() + by);
    };
    const enter = (node: RingNode): void => {
      ring.push(node);
      coldHand ??= node;
      testHand ??= node;
    };
    const leave = (node: RingNode): void => {
      const next = ring.length === 1 ? undefined : after(node);
      if (coldHand === node) coldHand = next;
      if (testHand === node) testHand = next;
      ring.splice(ring.indexOf(node), 1);
      gone = gone.filter((each) => each !== node);
    };
    const endTest = (node: RingNode): void => {
      if (!node.inTest) return;
      adapt(-1);
      node.inTest = false;
      if (node.is === 'gone') leave(node);
    };
    const turnOneCold = (): void => {
      for (;;) {
        const node = ring.shift() as RingNode;
        ring.push(node);
        if (node.is !== 'hot') endTest(node);
        else if (!bits.referenced.delete(node.page)) {
          node.is = 'cold';
          return;
        }
      }
    };
    const balance = (): void => {
      while (count('hot') > Math.max(0, size() - coldTarget())) turnOneCold();
    };
    const forgetOne = (): void => {
      for (const before = gone.length; gone.length === before; ) {
        const node = testHand as RingNode;
        testHand = after(node);
        endTest(node);
      }
    };
    const evict = (node: RingNode): number => {
      if (node.inTest) {
        while (gone.length >= size()) forgetOne();
        const left: RingNode = { page: node.page, identity: node.identity, is: 'gone', inTest: true };
        const at = ring.indexOf(node);
        ring.splice(at === 0 ? ring.length : at, 0, left);
        gone.push(left);
      }
      leave(node);
      return node.page;
    };
    return {
      loaded: (page) => {
        const identity = identityOf(page);
        const known = gone.findLast((node) => node.identity === identity);
        if (known !== undefined) {
          leave(known);
          adapt(1);
        }
        enter({ page, identity, is: known === undefined ? 'cold' : 'hot', inTest: known === undefined });
        balance();
        if (bitAtLoad === 'clear') return;
        const earlier = lastLoaded.length === 8 ? lastLoaded.shift() : undefined;
        if (earlier !== undefined && find(earlier) !== undefined) bits.referenced.delete(earlier);
        lastLoaded.push(page);
      },
      removed: (page) => leave(find(page) as RingNode),
      victim: () => {
        for (;;) {
          if (count('cold') === 0) turnOneCold();
          while (coldHand?.is !== 'cold') coldHand = after(coldHand as RingNode);
          const node = coldHand;
          if (!bits.referenced.delete(node.page)) return evict(node);
          leave(node);
          enter(node);
          if (node.inTest) adapt(1);
          node.is = node.inTest ? 'hot' : 'cold';
          node.inTest = !node.inTest;
          balance();
        }
      },
    };
  };

/** A page on the authors' clock. */
interface ClockNode {
  readonly page: number;
  isResident: boolean;
  isHot: boolean;
  inTest: boolean;
  bit: boolean;
}

/** The authors' form, with cold pages between two shares of the frames. */
export const plainClockProAuthors =
  (least: number, most: number) =>
  (frames: number): Refer => {
    /** Oldest first. */
    const clock: ClockNode[] = [];
    let hotHand: ClockNode | undefined;
    let coldHand: ClockNode | undefined;
    let testHand: ClockNode | undefined;
    let credits = 0;
    let last: number | undefined;
    const fewest = Math.max(1, Math.min(2, frames - 1));
    const leastCold = Math.max(fewest, Math.trunc(least * frames));
    const mostCold = Math.max(fewest, Math.trunc(most * frames));

    const hotCount = (): number => clock.filter(({ isHot }) => isHot).length;
    const ghosts = (): number => clock.filter(({ isResident }) => !isResident).length;
    const resident = (): number => clock.length - ghosts();
    const find = (page: number): ClockNode | undefined => clock.find((node) => node.page === page);
    const after = (node: ClockNode): ClockNode => clock[(clock.indexOf(node) + 1) % clock.length] as ClockNode;
    const before = (node: ClockNode): ClockNode => clock.at(clock.indexOf(node) - 1) as ClockNode;
    const ask = (frame: 1 | -1): void => {
      if (least !== most) credits += frame;
    };
    const handsLeave = (node: ClockNode): void => {
      const next = clock.length === 1 ? undefined : after(node);
      if (hotHand === node) hotHand = next;
      if (coldHand === node) coldHand = next;
      if (testHand === node) testHand = next;
    };
    const remove = (node: ClockNode): void => {
      handsLeave(node);
      clock.splice(clock.indexOf(node), 1);
    };
    const renew = (node: ClockNode): void => {
      node.inTest = node.bit = false;
      if (clock.length === 1) return;
      remove(node);
      clock.push(node);
    };
    const makeHot = (node: ClockNode): void => {
      node.isHot = true;
      hotHand ??= node;
    };
    const insert = (page: number, as: 'hot' | 'cold'): void => {
      const node = { page, isResident: true, isHot: false, inTest: as === 'cold', bit: false };
      clock.push(node);
      testHand ??= node;
      if (as === 'hot') makeHot(node);
      else coldHand ??= node;
    };
    const forgetUntouched = (ghost: ClockNode): void => {
      ask(-1);
      remove(ghost);
    };
    /** Ends the test of a page that the test hand passes. */
    const pass = (node: ClockNode): void => {
      testHand = after(node);
      if (!node.isHot) node.inTest = node.bit = false;
    };
    const limitGhosts = (): void => {
      if (ghosts() <= frames) return;
      while (testHand?.isResident) pass(testHand);
      forgetUntouched(testHand as ClockNode);
    };
    const stepTestHand = (): void => {
      const node = testHand as ClockNode;
      if (node.isResident) pass(node);
      else forgetUntouched(node);
      limitGhosts();
    };
    const runHotHand = (candidate: ClockNode): { readonly passed: boolean; readonly demoted: boolean } => {
      let passed = hotCount() === 0;
      let demoted = false;
      while ((!passed && !demoted) || (hotCount() > 0 && !hotHand?.isHot)) {
        const node = hotHand as ClockNode;
        if (!node.isHot) {
          if (node === candidate) passed = true;
          hotHand = after(node);
        } else {
          if (!node.bit) {
            node.isHot = false;
            demoted = true;
          }
          renew(node);
          if (demoted) coldHand ??= node;
        }
        if (before(hotHand as ClockNode) === testHand) stepTestHand();
      }
      return { passed, demoted };
    };
    const seekCold = (): void => {
      if (resident() === hotCount()) coldHand = undefined;
      else while (!coldHand?.isResident || coldHand.isHot) coldHand = after(coldHand as ClockNode);
    };
    const promote = (node: ClockNode): void => {
      const cold = frames - hotCount();
      if ((credits > 0 && cold >= mostCold) || (credits < 0 && cold <= leastCold)) credits = 0;
      if (credits < 0) {
        renew(node);
        makeHot(node);
        credits++;
        return;
      }
      const wantsCold = credits > 0;
      const { passed, demoted } = runHotHand(node);
      if (passed && (!demoted || wantsCold)) {
        node.bit = false;
        if (demoted) credits--;
        return;
      }
      renew(node);
      if (!wantsCold) makeHot(node);
      else {
        (coldHand as ClockNode).bit = true;
        node.inTest = true;
        credits--;
      }
    };
    const freeOne = (): void => {
      for (; coldHand?.inTest && coldHand.bit; seekCold()) promote(coldHand);
      const node = coldHand as ClockNode;
      coldHand = after(node);
      node.isResident = false;
      if (!node.inTest) remove(node);
      seekCold();
      limitGhosts();
    };
    const load = (page: number): void => {
      const free = frames - resident();
      if (free > 0) {
        insert(page, free > leastCold ? 'hot' : 'cold');
        return;
      }
      freeOne();
      const ghost = find(page);
      if (ghost === undefined) {
        insert(page, 'cold');
        return;
      }
      const { passed, demoted } = runHotHand(ghost);
      if (clock.includes(ghost)) remove(ghost);
      const isLate = passed && !demoted;
      if (!isLate) ask(1);
      insert(page, isLate ? 'cold' : 'hot');
    };
    return (page) => {
      if (page === last) return true;
      last = page;
      const node = find(page);
      if (node?.isResident) {
        node.bit = true;
        return true;
      }
      load(page);
      return false;
    };
  };
