import { expect, test } from 'vitest';
import { PageLists } from './page-list.ts';

test('pages move between lists in order', () => {
  const lists = new PageLists(10, 2);
  for (const page of [3, 0, 9]) lists.append(page, 0);
  lists.moveToTail(3, 1);
  lists.insertBefore(5, 9, 0);
  expect([lists.head(0), lists.nextAround(0), lists.nextAround(5), lists.nextAround(9)]).toEqual([0, 5, 9, 0]);
  expect([lists.length(0), lists.length(1), lists.listOf(5), lists.listOf(3), lists.listOf(7)]).toEqual([3, 1, 0, 1, -1]);
  lists.remove(3);
  expect([lists.head(1), lists.has(3), lists.has(10), lists.has(-1)]).toEqual([-1, false, false, false]);
  lists.check();
});

test('check finds a page that was put on two lists, or on one twice', () => {
  const lists = new PageLists(4, 2);
  lists.append(1, 0);
  lists.append(1, 1);
  expect(() => lists.check()).toThrow(/^PL/);
  const twice = new PageLists(4, 1);
  twice.append(1, 0);
  twice.append(1, 0);
  expect(() => twice.check()).toThrow(/^PL/);
});
