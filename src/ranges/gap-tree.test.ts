import { describe, expect, test } from 'vitest';
import { Random } from '../base/index.ts';
import { AaTree } from './aa.ts';
import { AvlTree } from './avl.ts';
import { GapNode, type GapTree } from './gap-tree.ts';
import { rangeMapKinds } from './index.ts';
import { Item } from './range-map.conformance.ts';
import { RedBlackTree } from './red-black.ts';

/** Trees, with the factor of log2(n + 2) that their depth keeps below, and the name of their own invariant. */
const trees = [
  { name: 'red-black', make: () => new RedBlackTree<number>(), factor: 2, invariant: 'RB1' },
  { name: 'AVL', make: () => new AvlTree<number>(), factor: 1.4405, invariant: 'AV1' },
  { name: 'AA', make: () => new AaTree<number>(), factor: 2, invariant: 'AA1' },
] as const;

/** A tree of [3i, 3i + 1) for i below `count`, inserted in order: the worst order for a tree that does not balance. */
function treeOf(make: () => GapTree<number>, count: number): { tree: GapTree<number>; nodes: GapNode<number>[] } {
  const tree = make();
  const nodes = Array.from({ length: count }, (_, i) => new GapNode<number>(3 * i, 3 * i + 1, i, tree.nil));
  for (const node of nodes) tree.link(node);
  return { tree, nodes };
}

function depthOf(tree: GapTree<number>, node: GapNode<number>): number {
  let depth = 0;
  for (let at = node; at !== tree.nil; at = at.parent) depth++;
  return depth;
}

describe.each(trees)('$name', ({ make, factor, invariant }) => {
  test('is as flat as its kind promises, when filled in order and after half of it went', () => {
    const { tree, nodes } = treeOf(make, 1023);
    expect(Math.max(...nodes.map((node) => depthOf(tree, node)))).toBeLessThanOrEqual(factor * Math.log2(1025));
    const random = new Random(3);
    for (let i = 0; i < 500; i++) tree.unlink(nodes.splice(random.below(nodes.length), 1)[0] as GapNode<number>);
    tree.check();
    expect(Math.max(...nodes.map((node) => depthOf(tree, node)))).toBeLessThanOrEqual(factor * Math.log2(nodes.length + 2));
  });

  test.each<[string, (node: GapNode<number>, tree: GapTree<number>) => void]>([
    ['GT1', (node, tree) => Object.assign(node, { after: tree.nil })],
    ['GT1', (node) => Object.assign(node, { end: node.start })],
    ['GT2', (node) => Object.assign(node, { gap: 7 })],
    ['GT2', (node) => Object.assign(node, { maxGap: node.maxGap + 1 })],
    [invariant, (node) => Object.assign(node, { rank: node.rank === 0 ? 1 : node.rank - 1 })],
    ['GT1', (node) => Object.assign(node, { parent: node })],
    ['GT1', (node) => Object.assign(node, { tree: undefined })],
  ])('check names the broken invariant: %s by %s', (id, damage) => {
    const { tree, nodes } = treeOf(make, 20);
    tree.check();
    damage(nodes[9] as GapNode<number>, tree);
    expect(() => tree.check()).toThrow(new RegExp(`^${id}`));
  });
});

test.each(rangeMapKinds)('holes of $name are found next to ranges that were clipped in two', (kind) => {
  const map = kind.make<Item>();
  const left = new Item(0, 100);
  map.insert(left);
  map.resize(left, 0, 40);
  map.insert(new Item(60, 100));
  map.check();
  expect(map.findHole(20, { low: 0, high: 100, direction: 'top-down' })).toBe(40);
  expect(map.findHole(21, { low: 0, high: 100, direction: 'top-down' })).toBe(-1);
});
