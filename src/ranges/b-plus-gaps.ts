// What the nodes of a B+tree must know about what is below them: the first key, and the largest gap, by which a hole of a size is found in
// O(log n). A change goes up as far as anything is different there.

import { isFirstSlot, NO_GAP, NONE, type Nodes, SHIFT } from './b-plus-nodes.ts';
import type { Range } from './range-map.ts';

/** Writes the first key of `from` above it, where `old` stood. */
export function rekey<T extends Range>(nodes: Nodes<T>, from: number, old: number): void {
  for (let node = from; node !== nodes.root; ) {
    const at = nodes.slotAbove(node, old);
    nodes.keys[at] = nodes.keys[node << SHIFT] as number;
    if (!isFirstSlot(at)) return;
    node = at >> SHIFT;
  }
}

/** Measures the gap below the range at `at`, which came or has a new bound or neighbour. @param old what the nodes above know, NO_GAP if nothing */
export function regap<T extends Range>(nodes: Nodes<T>, at: number, old: number = nodes.gaps[at] as number): void {
  const gap = gapBelow(nodes, at);
  nodes.gaps[at] = gap;
  tellGap(nodes, at >> SHIFT, old, gap);
}

/** A gap of `from` was `old` and is `now`, NO_GAP if it came or went: tells those above. Most gaps are not the largest of their node: then O(1). */
export function tellGap<T extends Range>(nodes: Nodes<T>, from: number, old: number, now: number): void {
  let [node, was, is] = [from, old, now];
  while (node !== nodes.root) {
    const at = nodes.slotAbove(node);
    const largest = nodes.gaps[at] as number;
    if (was < largest && is <= largest) return;
    was = largest;
    is = is >= largest ? is : largestGap(nodes, node);
    if (is === largest) return;
    nodes.gaps[at] = is;
    node = at >> SHIFT;
  }
}

function gapBelow<T extends Range>(nodes: Nodes<T>, at: number): number {
  const below = nodes.placeBefore(at);
  return (nodes.keys[at] as number) - (below === NONE ? 0 : (nodes.ends[below] as number));
}

/** Writes the largest gap of `from` above it, as far up as anything changes. */
export function remeasure<T extends Range>(nodes: Nodes<T>, from: number): void {
  for (let node = from; node !== nodes.root; ) {
    const largest = largestGap(nodes, node);
    const at = nodes.slotAbove(node);
    if (nodes.gaps[at] === largest) return;
    nodes.gaps[at] = largest;
    node = at >> SHIFT;
  }
}

/** Returns the largest gap of `node`, NO_GAP if it uses no slot. */
export function largestGap<T extends Range>(nodes: Nodes<T>, node: number): number {
  const { gaps } = nodes;
  let largest = NO_GAP;
  for (let at = nodes.endOf(node) - 1; at >= node << SHIFT; at--) {
    const gap = gaps[at] as number;
    if (gap > largest) largest = gap;
  }
  return largest;
}

/** Returns the first range above the one at `place` with a gap of `size` below it. */
export function nextGap<T extends Range>(nodes: Nodes<T>, place: number, size: number): T | undefined {
  for (let at = place; ; at = nodes.slotAbove(at >> SHIFT)) {
    const node = at >> SHIFT;
    const found = gapUp(nodes, at + 1, nodes.endOf(node), size);
    if (found !== NONE) return lowestGap(nodes, found, size);
    if (node === nodes.root) return undefined;
  }
}

/** Returns the last range below the one at `place` with a gap of `size` below it. */
export function previousGap<T extends Range>(nodes: Nodes<T>, place: number, size: number): T | undefined {
  for (let at = place; ; at = nodes.slotAbove(at >> SHIFT)) {
    const node = at >> SHIFT;
    const found = gapDown(nodes, at, node << SHIFT, size);
    if (found !== NONE) return highestGap(nodes, found, size);
    if (node === nodes.root) return undefined;
  }
}

/** Returns the last range of all with a gap of `size` below it. */
export function lastGap<T extends Range>(nodes: Nodes<T>, size: number): T | undefined {
  const found = gapDown(nodes, nodes.endOf(nodes.root), nodes.root << SHIFT, size);
  return found === NONE ? undefined : highestGap(nodes, found, size);
}

/** Returns the first slot of [from, end) with a gap of `size`, or NONE. */
function gapUp<T extends Range>({ gaps }: Nodes<T>, from: number, end: number, size: number): number {
  for (let at = from; at < end; at++) if ((gaps[at] as number) >= size) return at;
  return NONE;
}

/** Returns the last slot of [base, end) with a gap of `size`, or NONE. */
function gapDown<T extends Range>({ gaps }: Nodes<T>, end: number, base: number, size: number): number {
  for (let at = end - 1; at >= base; at--) if ((gaps[at] as number) >= size) return at;
  return NONE;
}

/** Returns the lowest range with a gap of `size` at or below slot `from`, which has one. */
function lowestGap<T extends Range>(nodes: Nodes<T>, from: number, size: number): T | undefined {
  let at = from;
  for (let level = nodes.levels[from >> SHIFT] as number; level > 0; level--) {
    const kid = nodes.kids[at] as number;
    at = gapUp(nodes, kid << SHIFT, nodes.endOf(kid), size);
  }
  return nodes.items[at];
}

/** Returns the highest range with a gap of `size` at or below slot `from`, which has one. */
function highestGap<T extends Range>(nodes: Nodes<T>, from: number, size: number): T | undefined {
  let at = from;
  for (let level = nodes.levels[from >> SHIFT] as number; level > 0; level--) {
    const kid = nodes.kids[at] as number;
    at = gapDown(nodes, nodes.endOf(kid), kid << SHIFT, size);
  }
  return nodes.items[at];
}
