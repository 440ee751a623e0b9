// Stacks that grow by faults: an access below an area that was mapped with `growsDown` makes the area larger, down to its limit.
//
//   | area below |  guard gap  | .. room to grow .. | stack ........ |
//                   >= 1 page    limit <= page        start moves down
//
// A stack's objects are made as large as the stack may grow, as 4.4BSD maps all of a stack's room when a program starts: so the entry
// only moves its start. Where the room below in its objects is not its own, the new pages are an entry of their own.
// Source: 4.4BSD's vm_grow; the guard gap is Linux's.

import { EventType } from '../../base/index.ts';
import { forEachVisible } from './chain.ts';
import { exceeds, exceedsLocked } from './commitment.ts';
import type { BsdCore } from './core.ts';
import { attributesOf, type BsdMapEntry, DOES_NOT_GROW } from './map-entry.ts';
import type { BsdMap } from './vm-map.ts';

/** Pages that stay free between a stack and the area below it. */
const GUARD_PAGES = 1;

/**
 * Extends the stack above `page`, which is in no area, down to it.
 * @returns `unlocked` if the stack is locked and its new part, an entry of its own, not yet; `refused` if there is no such stack, its limit or the space's is reached or the gap would go; `noMemory` with nothing changed.
 */
export function growDown(core: BsdCore, space: BsdMap, page: number): 'grown' | 'unlocked' | 'refused' | 'noMemory' {
  const stack = space.findNext(page);
  if (stack === undefined || stack.growsDownTo === DOES_NOT_GROW || page < stack.growsDownTo) return 'refused';
  const below = space.previous(stack);
  const pages = stack.start - page;
  if (below !== undefined && below.end + GUARD_PAGES > page) return 'refused';
  const locked = stack.isLocked ? pages : 0;
  if (stack.commitment === 'reserved' || exceeds(space, pages, pages) !== 0 || exceedsLocked(space, locked)) return 'refused';
  if (canMoveStart(stack, pages)) {
    space.resize(stack, page, stack.end);
    if (stack.object !== undefined) stack.objectOffset -= pages;
  } else if (!insertBelow(space, stack, page)) return 'noMemory';
  core.machine.events.emit(EventType.grow, space.pmap.id, page, pages);
  return stack.isLocked ? 'unlocked' : 'grown';
}

/** Tells whether the objects have room below the stack that nobody has used. */
function canMoveStart(stack: BsdMapEntry, pages: number): boolean {
  if (stack.wiredCount > 0 || stack.sharesObject) return false;
  if (stack.object === undefined) return true;
  if (stack.objectOffset < pages) return false;
  let used = 0;
  forEachVisible(stack, stack.start - pages, stack.start, () => used++);
  return used === 0;
}

function insertBelow(space: BsdMap, stack: BsdMapEntry, page: number): boolean {
  const block = space.reserveEntry();
  if (block === 0) return false;
  space.insert(page, stack.start, { ...attributesOf(stack), object: undefined, objectOffset: 0, needsCopy: false }, block);
  stack.growsDownTo = DOES_NOT_GROW;
  return true;
}
