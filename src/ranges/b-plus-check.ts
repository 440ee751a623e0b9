// The walk over a whole B+tree that holds its invariants (b-plus-tree.ts) against it.

import { invariant } from '../base/index.ts';
import { largestGap } from './b-plus-gaps.ts';
import { FEWEST, NO_GAP, NO_KEY, NONE, type Nodes, SHIFT, SLOTS } from './b-plus-nodes.ts';
import type { Range } from './range-map.ts';

/** Panics at the first broken invariant. Returns the number of ranges. @param map what the items' slot is */
export function checkNodes<T extends Range>(nodes: Nodes<T>, map: unknown): number {
  const leaves: number[] = [];
  invariant(nodes.parents[nodes.root] === NONE, 'BT2', () => 'the root has a parent');
  const inTree = checkNode(nodes, nodes.root, nodes.levels[nodes.root] as number, leaves);
  const free = new Set(nodes.free);
  invariant(free.size === nodes.free.length && inTree + free.size === nodes.total, 'BT5', () => `${inTree} nodes of ${nodes.total}`);
  checkChain(nodes, leaves);
  return checkItems(nodes, map, leaves);
}

/** Checks all but the items below `node`. Returns the nodes there. */
function checkNode<T extends Range>(nodes: Nodes<T>, node: number, level: number, leaves: number[]): number {
  const base = node << SHIFT;
  const end = nodes.endOf(node);
  const least = node !== nodes.root ? FEWEST : level > 0 ? 2 : 0;
  const isSound = end - base >= least && end - base <= SLOTS && nodes.levels[node] === level;
  invariant(isSound, 'BT3', () => `node ${node} of level ${nodes.levels[node]} for ${level} has ${end - base} slots in use`);
  for (let at = end; at < base + SLOTS; at++) {
    const unused = nodes.keys[at] === NO_KEY && nodes.gaps[at] === NO_GAP && nodes.items[at] === undefined;
    invariant(unused, 'BT1', () => `slot ${at} is not in use and not empty`);
  }
  if (level === 0) {
    leaves.push(node);
    return 1;
  }
  let count = 1;
  for (let at = base; at < end; at++) {
    const kid = nodes.kids[at] as number;
    const isTied = nodes.parents[kid] === node && nodes.keys[at] === nodes.keys[kid << SHIFT] && nodes.gaps[at] === largestGap(nodes, kid);
    invariant(isTied, 'BT2', () => `node ${node} has key ${nodes.keys[at]}, gap ${nodes.gaps[at]} for node ${kid}`);
    invariant(nodes.ends[at] === 0, 'BT1', () => `slot ${at} of the inner node ${node} ends at ${nodes.ends[at]}`);
    count += checkNode(nodes, kid, level - 1, leaves);
  }
  return count;
}

function checkChain<T extends Range>(nodes: Nodes<T>, leaves: readonly number[]): void {
  const chain: number[] = [];
  for (let leaf = nodes.firstLeaf, before = NONE; leaf !== NONE; leaf = nodes.leavesAfter[leaf] as number) {
    const expected = before;
    invariant(nodes.leavesBefore[leaf] === expected, 'BT4', () => `leaf ${leaf} follows ${expected} and says another`);
    chain.push(leaf);
    before = leaf;
  }
  const inOrder = chain.join() === leaves.join() && chain.at(-1) === nodes.lastLeaf;
  invariant(inOrder, 'BT4', () => `leaves ${leaves} are chained as ${chain}`);
}

function checkItems<T extends Range>(nodes: Nodes<T>, map: unknown, leaves: readonly number[]): number {
  let [below, count] = [0, 0];
  for (const leaf of leaves) {
    for (let at = leaf << SHIFT; at < nodes.endOf(leaf); at++) {
      const { start, end, slot } = nodes.items[at] as T;
      const isTied = slot === map && start === nodes.keys[at] && end === nodes.ends[at];
      invariant(isTied, 'BT1', () => `[${start}, ${end}) was inserted as [${nodes.keys[at]}, ${nodes.ends[at]})`);
      const floor = below;
      invariant(start >= floor && start < end, 'RM1', () => `[${start}, ${end}) is empty or overlaps the range below`);
      invariant(nodes.gaps[at] === start - floor, 'BT1', () => `gap ${nodes.gaps[at]} below ${start}`);
      below = end;
      count++;
    }
  }
  return count;
}
