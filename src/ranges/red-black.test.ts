import { expect, test } from 'vitest';
import { Random } from '../base/index.ts';
import { GapNode, GapTree } from './gap-tree.ts';
import { describeRangeMap, Item } from './range-map.conformance.ts';
import { RedBlackMap } from './red-black.ts';

describeRangeMap('red-black', () => new RedBlackMap<Item>());

/** A tree of [3i, 3i + 1) for i below `count`, inserted in order: the worst order for a tree that does not balance. */
function treeOf(count: number): { tree: GapTree<number>; nodes: GapNode<number>[] } {
  const tree = new GapTree<number>();
  const nodes = Array.from({ length: count }, (_, i) => new GapNode<number>(3 * i, 3 * i + 1, i, tree.nil));
  for (const node of nodes) tree.link(node);
  return { tree, nodes };
}

function depthOf(tree: GapTree<number>, node: GapNode<number>): number {
  let depth = 0;
  for (let at = node; at !== tree.nil; at = at.parent) depth++;
  return depth;
}

test('a tree filled in order is at most 2 log2(n + 1) deep (the red-black bound)', () => {
  const { tree, nodes } = treeOf(1023);
  expect(Math.max(...nodes.map((node) => depthOf(tree, node)))).toBeLessThanOrEqual(20);
  const random = new Random(3);
  for (let i = 0; i < 500; i++) tree.unlink(nodes.splice(random.below(nodes.length), 1)[0] as GapNode<number>);
  tree.check();
  expect(Math.max(...nodes.map((node) => depthOf(tree, node)))).toBeLessThanOrEqual(2 * Math.log2(nodes.length + 1));
});

test('check names the broken invariant', () => {
  const broken: [string, (node: GapNode<number>, tree: GapTree<number>) => void][] = [
    [
      'GT1',
      (node, tree) => {
        node.after = tree.nil;
      },
    ],
    [
      'GT1',
      (node) => {
        node.end = node.start;
      },
    ],
    [
      'GT2',
      (node) => {
        node.gap = 7;
      },
    ],
    [
      'GT2',
      (node) => {
        node.maxGap++;
      },
    ],
    [
      'GT3',
      (node) => {
        node.colour = node.colour === 'red' ? 'black' : 'red';
      },
    ],
    [
      'GT1',
      (node) => {
        node.parent = node;
      },
    ],
    [
      'GT1',
      (node) => {
        node.tree = undefined;
      },
    ],
  ];
  for (const [id, damage] of broken) {
    const { tree, nodes } = treeOf(20);
    tree.check();
    damage(nodes[9] as GapNode<number>, tree);
    expect(() => tree.check(), damage.toString()).toThrow(new RegExp(`^${id}`));
  }
});

test('holes are found next to ranges that were clipped in two', () => {
  const map = new RedBlackMap<Item>();
  const left = new Item(0, 100);
  map.insert(left);
  map.resize(left, 0, 40);
  map.insert(new Item(60, 100));
  map.check();
  expect(map.findHole(20, { low: 0, high: 100, direction: 'top-down' })).toBe(40);
  expect(map.findHole(21, { low: 0, high: 100, direction: 'top-down' })).toBe(-1);
});
