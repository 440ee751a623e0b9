// How a B+tree stays flat: a full node gives half of its slots to a new one; a node with few takes some from a sibling or joins it.

import { largestGap, remeasure } from './b-plus-gaps.ts';
import { FEWEST, type Nodes, SHIFT, SLOTS } from './b-plus-nodes.ts';
import type { Range } from './range-map.ts';

/** Makes room at `at` of `node`, which splits if it is full. Returns the place. */
export function openSlot<T extends Range>(nodes: Nodes<T>, node: number, at: number): number {
  if (nodes.isFull(node)) return openSlot(nodes, ...split(nodes, node, at));
  nodes.openSlot(node, at);
  return at;
}

/** Gives the upper half of a full node to a new one. Returns where the slot that was to be opened at `at` is now. */
function split<T extends Range>(nodes: Nodes<T>, node: number, at: number): [node: number, at: number] {
  const level = nodes.levels[node] as number;
  const right = nodes.make(level);
  const base = node << SHIFT;
  // Ranges that come in order of addresses leave nodes behind that are two thirds full, not half.
  const isInOrder = at === base + SLOTS && (level > 0 || node === nodes.lastLeaf);
  const kept = isInOrder ? SLOTS - FEWEST : SLOTS / 2;
  nodes.handOver(base + kept, base + SLOTS, right << SHIFT);
  nodes.counts[node] = kept;
  nodes.counts[right] = SLOTS - kept;
  if (level === 0) nodes.chain(node, right);
  else nodes.adopt(right << SHIFT, nodes.endOf(right), right);
  hang(nodes, right, node);
  return at <= base + kept ? [node, at] : [right, (right << SHIFT) + at - base - kept];
}

/** Makes `right` the next child after its sibling `node`, and measures both. */
function hang<T extends Range>(nodes: Nodes<T>, right: number, node: number): void {
  if (node === nodes.root) raise(nodes);
  const at = openSlot(nodes, nodes.parents[node] as number, nodes.slotAbove(node) + 1);
  hangAt(nodes, right, at);
  remeasure(nodes, node);
  remeasure(nodes, right);
  remeasure(nodes, at >> SHIFT);
}

/** Makes `kid` the child of the slot `at`, which is new. */
function hangAt<T extends Range>(nodes: Nodes<T>, kid: number, at: number): void {
  nodes.keys[at] = nodes.keys[kid << SHIFT] as number;
  nodes.kids[at] = kid;
  nodes.gaps[at] = largestGap(nodes, kid);
  nodes.parents[kid] = at >> SHIFT;
}

/** Adds a root above the root. */
function raise<T extends Range>(nodes: Nodes<T>): void {
  const root = nodes.make((nodes.levels[nodes.root] as number) + 1);
  hangAt(nodes, nodes.root, root << SHIFT);
  nodes.counts[root] = 1;
  nodes.root = root;
}

/** `node` has lost a slot: if it has too few now, fills it from a sibling, or joins the two. */
export function refill<T extends Range>(nodes: Nodes<T>, node: number): void {
  if (node === nodes.root) {
    if (nodes.counts[node] === 1 && (nodes.levels[node] as number) > 0) lowerRoot(nodes);
    return;
  }
  if ((nodes.counts[node] as number) >= FEWEST) return;
  const parent = nodes.parents[node] as number;
  const at = nodes.slotAbove(node);
  const left = at > parent << SHIFT ? at - 1 : at;
  const [one, two] = [nodes.kids[left] as number, nodes.kids[left + 1] as number];
  const total = (nodes.counts[one] as number) + (nodes.counts[two] as number);
  if (total <= SLOTS) join(nodes, one, two, left + 1);
  else share(nodes, one, two, left + 1);
  remeasure(nodes, one);
  refill(nodes, parent);
}

/** The root has one child, which becomes the root. */
function lowerRoot<T extends Range>(nodes: Nodes<T>): void {
  const { root } = nodes;
  const kid = nodes.kids[root << SHIFT] as number;
  nodes.root = kid;
  nodes.release(root);
  nodes.parents[kid] = nodes.parents[root] as number;
}

/** Moves all of `two`, whose slot in the parent is `slot`, into its left sibling `one`. */
function join<T extends Range>(nodes: Nodes<T>, one: number, two: number, slot: number): void {
  const to = nodes.endOf(one);
  nodes.handOver(two << SHIFT, nodes.endOf(two), to);
  nodes.counts[one] = (nodes.counts[one] as number) + (nodes.counts[two] as number);
  if (nodes.levels[one] === 0) nodes.unchain(two);
  else nodes.adopt(to, nodes.endOf(one), one);
  nodes.closeSlot(slot >> SHIFT, slot);
  nodes.release(two);
}

/** Moves slots between the siblings `one` and `two`, whose slot in the parent is `slot`, until they have as many. */
function share<T extends Range>(nodes: Nodes<T>, one: number, two: number, slot: number): void {
  const isInner = nodes.levels[one] !== 0;
  const [a, b] = [nodes.counts[one] as number, nodes.counts[two] as number];
  const moved = ((a + b) >> 1) - a;
  const oneEnd = nodes.endOf(one);
  const twoBase = two << SHIFT;
  if (moved > 0) {
    nodes.move(twoBase, twoBase + moved, oneEnd);
    if (isInner) nodes.adopt(oneEnd, oneEnd + moved, one);
    nodes.move(twoBase + moved, twoBase + b, twoBase);
    nodes.clear(twoBase + b - moved, twoBase + b);
  } else {
    nodes.move(twoBase, twoBase + b, twoBase - moved);
    nodes.handOver(oneEnd + moved, oneEnd, twoBase);
    if (isInner) nodes.adopt(twoBase, twoBase - moved, two);
  }
  nodes.counts[one] = a + moved;
  nodes.counts[two] = b - moved;
  nodes.keys[slot] = nodes.keys[twoBase] as number;
  remeasure(nodes, two);
}
