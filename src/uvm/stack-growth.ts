// Stacks that grow by faults: an access below an area that was mapped with `growsDown` makes the area larger, down to its limit.
//
//   | area below |  guard gap  | .. room to grow .. | stack ........ |
//                   >= 1 page    limit <= page        start moves down
//
// Without the gap, a stack that runs out would run on into what lies below it; with it, that is a fault.
// Source: uvm_grow and VM_GROWSDOWN; here the amap has room below (`newAmapOffset`), so the area stays one entry.

import { EventType } from '../base/index.ts';
import { isWithinLimits } from './commitment.ts';
import type { UvmCore } from './core.ts';
import { DOES_NOT_GROW, type VmMapEntry } from './map-entry.ts';
import { clearNeedsCopy } from './needs-copy.ts';
import { attributesOf, type VmMap } from './vm-map.ts';

/** Pages that stay free between a stack and the area below it. */
const GUARD_PAGES = 1;

/**
 * Extends the stack above `page`, which is in no area, down to it.
 * @returns `grown`; `unlocked` if the stack is locked and its new part, an entry of its own, not yet; `refused` if there is no such stack, its limit or the space's is reached or the gap would go; `noMemory` with nothing changed.
 */
export function growDown(core: UvmCore, space: VmMap, page: number): 'grown' | 'unlocked' | 'refused' | 'noMemory' {
  const stack = space.findNext(page);
  if (stack === undefined || !mayGrowTo(space, stack, page)) return 'refused';
  const pages = stack.start - page;
  if (!isWithinLimits(space, { mapped: pages, charged: pages, locked: stack.wired ? pages : 0 })) return 'refused';
  if (!extend(core, space, stack, page) && !insertBelow(space, stack, page)) return 'noMemory';
  core.machine.events.emit(EventType.grow, space.pmap.id, page, pages);
  return stack.wired ? 'unlocked' : 'grown';
}

function mayGrowTo(space: VmMap, stack: VmMapEntry, page: number): boolean {
  if (stack.growsDownTo === DOES_NOT_GROW || page < stack.growsDownTo || stack.commitment !== 'charged') return false;
  if (stack.loanPart !== undefined) return false;
  const below = space.previous(stack);
  return below === undefined || below.end + GUARD_PAGES <= page;
}

/** Fails where another holder of the amap has grown into the same slots: then a copy, if one is due anyway, has room. */
function extend(core: UvmCore, space: VmMap, stack: VmMapEntry, page: number): boolean {
  if (stack.wired) return false;
  return space.extendDown(stack, page) || (stack.needsCopy && clearNeedsCopy(core, stack) && space.extendDown(stack, page));
}

function insertBelow(space: VmMap, stack: VmMapEntry, page: number): boolean {
  const block = space.reserveEntry();
  if (block !== 0) space.insert(page, stack.start, { ...attributesOf(stack), wired: false }, block);
  return block !== 0;
}
