// Map-entry passing: whole areas go to another place, in the same space or another, without a look at their pages.
//
//   share   both places hold the same amap and object: each sees what the other writes, in private areas too
//   copy    as fork does: copied page by page when either side writes
//   move    the entry itself goes, its layers and its mappings with it; what finds no page table is unmapped and faults again
//
// `copy` gives the receiver an area of its own, also of shared memory. Locks move with `move` and are not passed on otherwise.
// Areas in a writable loan are not passed (EINVAL): they belong to two spaces.
// Cost: O(entries); `move` O(mapped pages) more, a few nanoseconds each. Source: Cranor and Parulkar 1999, section 7; uvm_map_extract.

import { addressOf, type Errno, EventType, type VirtAddr } from '../base/index.ts';
import { choosePlace, type PageRange, type Place, pageRange } from '../system/index.ts';
import { everyArea } from './areas.ts';
import { growthOf, isWithinLimits } from './commitment.ts';
import type { UvmCore } from './core.ts';
import { abandonTwin, insertTwin, prepareTwin, type Twin, type TwinRequest, twinAttributes } from './fork.ts';
import { DOES_NOT_GROW, type VmMapEntry } from './map-entry.ts';
import { removeRange } from './placement.ts';
import { attributesOf, type VmMap } from './vm-map.ts';

/** Pages of one space, to be passed. */
export interface Passage {
  readonly from: VmMap;
  readonly start: number;
  readonly size: number;
  readonly to: VmMap;
  readonly place: Place | undefined;
}

/** How an area is passed. */
export type PassMode = 'share' | 'copy' | 'move';

/** A passage whose bounds were checked and whose place was chosen: pages. */
interface Route {
  readonly from: VmMap;
  readonly range: PageRange;
  readonly to: VmMap;
  readonly target: number;
  readonly mode: PassMode;
}

/** Passes a range, as `PageMover.pass` says. ENOMEM: more memory may help. */
export function passEntries(core: UvmCore, passage: Passage, mode: PassMode): VirtAddr | Errno {
  const { from, to } = passage;
  const range = pageRange(from.layout, passage.start, passage.size);
  if (typeof range === 'string') return range;
  const { first, end } = range;
  const pages = end - first;
  const refusal = checkPassable(from, range);
  if (refusal !== undefined) return refusal;
  const target = choosePlace(to, pages, passage.place);
  if (typeof target === 'string') return target;
  if (from === to && target < end && target + pages > first) return 'EINVAL';
  const route: Route = { from, range, to, target, mode };
  if (!isAffordable(route)) return 'ENOMEM';
  if (!from.clipRange(first, end)) return 'ENOMEM';
  const twins = prepareTwins(core, route);
  if (twins === undefined || !to.clipRange(target, target + pages)) {
    for (const twin of twins ?? []) abandonTwin(twin);
    from.mergeRange(first, end);
    return 'ENOMEM';
  }
  removeRange(core, to, target, target + pages);
  for (const twin of twins) {
    if (mode === 'move') moveEntry(core, twin);
    else insertTwin(core, twin);
  }
  core.machine.events.emit(EventType.map, to.pmap.id, target, pages);
  from.mergeRange(first, end);
  to.mergeRange(target, target + pages);
  return addressOf(target);
}

/** Tells why [first, end) may not be passed, if so. */
function checkPassable(space: VmMap, { first, end }: PageRange): Errno | undefined {
  let refusal: Errno | undefined;
  const isMapped = everyArea(space, first, end, ({ loanPart }) => {
    if (loanPart !== undefined) refusal = 'EINVAL';
    return refusal === undefined;
  });
  return refusal ?? (isMapped ? undefined : 'EFAULT');
}

/** Tells whether the receiver stays within its limits. */
function isAffordable({ from, range, to, target, mode }: Route): boolean {
  const pages = range.end - range.first;
  if (from === to && mode === 'move') return true;
  const growth = growthOf(to, target, pages, { commitment: 'backed', wired: false });
  let { charged, locked } = growth;
  everyArea(from, range.first, range.end, (entry, first, end) => {
    const { commitment, wired } = mode === 'move' ? entry : twinAttributes(entry, mode);
    if (commitment === 'charged') charged += end - first;
    if (wired) locked += end - first;
    return true;
  });
  return isWithinLimits(to, { mapped: growth.mapped, charged, locked });
}

/** The entries of a range that is mapped throughout and clipped at its bounds. */
export function entriesOf(space: VmMap, { first, end }: PageRange): VmMapEntry[] {
  const entries: VmMapEntry[] = [];
  everyArea(space, first, end, (entry) => entries.push(entry) > 0);
  return entries;
}

/** Gets what the new entries take. Returns undefined, with nothing taken, when out of kernel memory. */
function prepareTwins(core: UvmCore, { from, range, to, target, mode }: Route): Twin[] | undefined {
  const twins: Twin[] = [];
  for (const entry of entriesOf(from, range)) {
    const request = { from, entry, to, start: target + (entry.start - range.first) };
    const twin = mode === 'move' ? prepareMove(request) : prepareTwin(core, request, mode);
    if (twin === undefined) {
      for (const each of twins) abandonTwin(each);
      return undefined;
    }
    twins.push(twin);
  }
  return twins;
}

function prepareMove({ from, entry, to, start }: TwinRequest): Twin | undefined {
  const block = to.reserveEntry();
  if (block === 0) return undefined;
  return { from, entry, to, start, inheritance: entry.inheritance, attributes: attributesOf(entry), block, amap: undefined };
}

/** Puts the entry's layers under its new place: their counts stay. */
function moveEntry(core: UvmCore, { from, entry, to, start, attributes, block }: Twin): void {
  const moved = to.insert(start, start + (entry.end - entry.start), attributes, block);
  moved.amap = entry.amap;
  moved.amapOffset = entry.amapOffset;
  moved.needsCopy = entry.needsCopy;
  moved.growsDownTo = DOES_NOT_GROW;
  core.machine.pmaps.move(from.pmap, entry.start, entry.end, to.pmap, start);
  from.remove(entry);
}
