// Why a policy chose its victim, in a sentence: its rule, applied to what its queues were just before.
//
// The queues come from the policies themselves (`Replayed.describe`), before the reference and after it; the sentences are here, one rule
// for each policy, so that policies hold nothing that only people need.

import type { PolicyQueue } from '../paging/index.ts';

/** A choice, as far as a rule needs to know it. */
export interface Choice {
  readonly victim: number;
  /** The page that is loaded instead. */
  readonly loaded: number;
  /** Before the reference, and after it. */
  readonly before: readonly PolicyQueue[];
  readonly after: readonly PolicyQueue[];
  /** How a page is called. */
  readonly nameOf: (page: number) => string;
}

type Reason = (choice: Choice) => string;

/** A policy's rule in a sentence, and its application to a choice. */
interface Rule {
  readonly text: string;
  readonly reason: Reason;
}

const byTheHand: Reason = (choice) => secondChance(choice, 'is passed by the hand', 'are passed by the hand');

const rules: Readonly<Record<string, Rule>> = {
  fifo: { text: 'the page that was loaded first goes', reason: () => 'it was loaded before all the others' },
  lru: { text: 'the page whose last use is longest ago goes', reason: () => 'all the others were used after its last use' },
  mru: { text: 'the page that was used last goes', reason: () => 'it was used last of all' },
  'second-chance': {
    text: 'the oldest page goes, but one that was used again since it was loaded or spared is spared once: it loses its bit and counts as new',
    reason: (choice) => secondChance(choice, 'goes to the tail', 'go to the tail'),
  },
  clock: {
    text: 'a hand goes round the pages and takes the first whose bit is clear, clearing bits as it passes; a hit sets the bit',
    reason: byTheHand,
  },
  'clock-r1': { text: 'clock, with the bit set by the reference that loads a page as well', reason: byTheHand },
  lfu: { text: 'the page with the fewest uses since it was loaded goes; of equals, the one that has had as many for longest', reason: lfu },
  '2q': {
    text: 'new pages wait in A1in, a quarter of the frames; those that come again after they left it go to Am, which is LRU',
    reason: twoQueue,
  },
  arc: { text: 'T1 has pages seen once, T2 those seen again; what was evicted too early moves the target between them', reason: arc },
  sieve: {
    text: 'a hand goes from old pages to new and takes the first that was not visited, taking marks as it passes; pages stay in place',
    reason: sieve,
  },
  s3fifo: { text: 'new pages wait in S, a tenth of the frames; those with two hits, or that come again soon, go to M', reason: s3fifo },
  belady: { text: 'the page whose next use is farthest away goes: the optimum', reason: belady },
};

/** Returns why the victim went, as a part of a sentence that follows "since", or undefined if the policy's rule is not known here. */
export function reasonOf(policy: string, choice: Choice): string | undefined {
  return rules[policy]?.reason(choice);
}

/** Returns a policy's rule in a sentence, or undefined if it is not known here. */
export function ruleOf(policy: string): string | undefined {
  return rules[policy]?.text;
}

/** Tells whether a policy's evictions can be explained. */
export function canExplain(policy: string): boolean {
  return ruleOf(policy) !== undefined;
}

function queueNamed(queues: readonly PolicyQueue[], name: string): PolicyQueue {
  const queue = queues.find((each) => each.name === name);
  if (queue === undefined) throw new Error(`the policy has no queue ${name}`);
  return queue;
}

function markOf({ pages, marks }: PolicyQueue, page: number): number {
  return marks?.values[pages.indexOf(page)] ?? 0;
}

/** Returns the pages that were looked at before `page`, from the hand on and round the queue. */
function passedBefore(queue: PolicyQueue, page: number): number[] {
  const start = queue.hand === undefined ? 0 : queue.pages.indexOf(queue.hand);
  const looked = [...queue.pages.slice(start), ...queue.pages.slice(0, start)];
  return looked.slice(0, looked.indexOf(page));
}

/** Pages in a sentence: `page 3`, `pages 3 and 5`, `pages 3, 5, 7 and 20 more`. */
function pagesText(pages: readonly number[], nameOf: Choice['nameOf']): string {
  const shown = pages.slice(0, 5).map(nameOf);
  const rest = pages.length - shown.length;
  if (rest > 0) return `pages ${shown.join(', ')} and ${rest} more`;
  const last = shown.at(-1) as string;
  return shown.length === 1 ? `page ${last}` : `pages ${shown.slice(0, -1).join(', ')} and ${last}`;
}

function secondChance({ victim, before, nameOf }: Choice, passes: string, pass: string): string {
  const queue = before[0] as PolicyQueue;
  const passed = passedBefore(queue, victim);
  if (markOf(queue, victim) === 1) return 'the bits of all pages are set: each is cleared, and the search is back where it began';
  if (passed.length === 0) return 'its bit is clear and the search begins at it';
  const one = passed.length === 1;
  return `${pagesText(passed, nameOf)} ${one ? 'has its bit' : 'have their bits'} set, ${one ? 'loses it' : 'lose them'} and ${one ? passes : pass}; its bit is the first that is clear`;
}

function sieve({ victim, before, nameOf }: Choice): string {
  const queue = before[0] as PolicyQueue;
  const passed = passedBefore(queue, victim);
  if (markOf(queue, victim) === 1) return 'all pages are visited: each loses its mark, and the hand is back where it began';
  if (passed.length === 0) return 'it is not visited and the hand is at it';
  return `${pagesText(passed, nameOf)} ${passed.length === 1 ? 'is' : 'are'} visited, and the hand takes the mark and goes on; it is the first that is not`;
}

function lfu({ victim, before }: Choice): string {
  const queue = before[0] as PolicyQueue;
  const count = markOf(queue, victim);
  const alike = (queue.marks?.values ?? []).filter((value) => value === count).length;
  const lowest = `its count, ${count}, is the lowest`;
  return alike === 1 ? lowest : `${lowest}, and of the ${alike} pages with it, it reached it first`;
}

function twoQueue({ victim, before, after }: Choice): string {
  const { pages, share = 0 } = queueNamed(before, 'A1in');
  if (!pages.includes(victim)) return `A1in has ${pages.length} of its ${share} frames, so Am gives the page whose last use is longest ago`;
  const trace = queueNamed(after, 'A1out').pages.includes(victim) ? '; its id stays in A1out' : '';
  if (pages.length > share) return `A1in has ${pages.length} frames and should have ${share}, so its oldest goes${trace}`;
  return `Am is empty, so A1in gives its oldest${trace}`;
}

function arc({ victim, loaded, before, after }: Choice): string {
  const t1 = queueNamed(before, 'T1').pages.length;
  const target = queueNamed(after, 'T1').share ?? 0;
  const old = queueNamed(before, 'T1').share ?? 0;
  const moved = target === old ? '' : `, moved from ${targetText(old)} since the page to load was in ${target > old ? 'B1' : 'B2'}`;
  const state = `T1 has ${t1} frames and its target is ${targetText(target)}${moved}`;
  if (!queueNamed(before, 'T1').pages.includes(victim))
    return `${state}: T2 gives the page whose last use is longest ago, and its id stays in B2`;
  const isGhost = queueNamed(after, 'B1').pages.includes(victim);
  if (!isGhost) return 'T1 fills all frames and B1 is empty: its page whose last use is longest ago goes without a trace';
  const isTie = t1 === target && queueNamed(before, 'B2').pages.includes(loaded);
  const why = t1 > target ? 'T1 is too large' : isTie ? 'at the target T1 gives way to a page from B2' : 'T2 is empty';
  return `${state}; ${why}: its page whose last use is longest ago goes, and its id stays in B1`;
}

/** ARC's target is a real number. */
function targetText(target: number): string {
  return Number.isInteger(target) ? String(target) : target.toFixed(2);
}

function s3fifo({ victim, before, after, nameOf }: Choice): string {
  const small = queueNamed(before, 'S');
  const main = queueNamed(before, 'M');
  const from = small.pages.includes(victim) ? small : main;
  const passed = passedBefore(from, victim);
  const state = `S has ${small.pages.length} of its ${small.share} frames, M ${main.pages.length} of its ${main.share}`;
  if (from === small && queueNamed(after, 'G').pages.includes(victim)) {
    const promoted = passed.length === 0 ? '' : `; ${pagesText(passed, nameOf)} had 2 hits or more and went to M`;
    return `${state}: S gives its oldest page with fewer than 2 hits, and its id stays in G${promoted}`;
  }
  if (from === small && markOf(small, victim) >= 2)
    return `${state}: all of S had 2 hits or more and went to M, which gave the first without a hit since`;
  const again = passed.length === 0 ? '' : `; ${pagesText(passed, nameOf)} had hits and went round again with one less`;
  return `${state}: M gives its oldest page without a hit left${again}`;
}

function belady({ victim, before }: Choice): string {
  return queueNamed(before, 'done').pages.includes(victim) ? 'it is never used again' : 'its next use is the farthest away';
}
