// The walk over everything the BSD VM knows: maps, objects, chains, pages, wires, slots. Panics at the first broken invariant.

import { invariant, type Pfn } from '../../base/index.ts';
import { FRAME_MODIFIED, FRAME_READ_ONLY, FrameKind } from '../../frames/index.ts';
import { visibleFrame } from './chain.ts';
import type { BsdCore } from './core.ts';
import type { BsdMapEntry } from './map-entry.ts';
import type { BsdMap } from './vm-map.ts';
import type { VmObject } from './vm-object.ts';

/** Checks BM, BO, SP, BF, BW and PQ invariants of all living spaces against each other. */
export function checkBsdVm(core: BsdCore): void {
  const references = new Map<VmObject, number>();
  const count = (object: VmObject | undefined) => {
    if (object !== undefined) references.set(object, (references.get(object) ?? 0) + 1);
  };
  for (const map of core.maps) {
    map.check();
    for (const entry of map) count(entry.object);
  }
  for (const object of core.objects.all()) count(object.shadow);
  const slots = new Set<number>();
  let anonymousPages = 0;
  for (const object of core.objects.all()) {
    checkObject(core, object, (references.get(object) ?? 0) + object.handles);
    object.swap?.check(slots);
    if (object.vnode === undefined) anonymousPages += object.pages.count;
  }
  const { used } = core.swap.slots;
  invariant(slots.size === used, 'SP1', () => `${used} slots are used, swap pagers have ${slots.size}`);
  const counted = core.machine.frames.countOf(FrameKind.anon);
  invariant(anonymousPages === counted, 'BO1', () => `${counted} frames are anonymous, objects have ${anonymousPages}`);
  for (const map of core.maps) for (const entry of map) checkMappings(core, map, entry);
  checkWires(core);
  core.queue.check();
  core.swap.check();
}

function checkObject({ machine, objects }: BsdCore, object: VmObject, referred: number): void {
  const { table } = machine.frames;
  const name = () => `object ${object.id} (${object.kind})`;
  invariant(object.references === referred, 'BO2', () => `${name()} counts ${object.references} references, found ${referred}`);
  const isAlive = referred > 0 || objects.isCached(object);
  invariant(
    isAlive && !(referred > 0 && objects.isCached(object)),
    'BO2',
    () => `${name()} has ${referred} references and is in the wrong state`,
  );
  const { shadow } = object;
  if (shadow !== undefined) {
    const fits = object.kind !== 'vnode' && object.shadowOffset >= 0 && object.shadowOffset + object.pageCount <= shadow.pageCount;
    invariant(fits, 'BO3', () => `${name()} shadows ${object.pageCount} pages from ${object.shadowOffset} of ${shadow.pageCount}`);
  }
  object.pages.check();
  let inside = 0;
  object.pages.forEach(0, object.pageCount, (index, word) => {
    const frame = word as Pfn;
    inside++;
    const kind = object.vnode === undefined ? FrameKind.anon : FrameKind.object;
    const isOwn = table.kind(frame) === kind && table.owner(frame) === object.id && table.index(frame) === index;
    invariant(isOwn, 'BO1', () => `page ${index} of ${name()} is in frame ${frame}, which does not name it`);
    const isClean = object.vnode === undefined || object.vnode.pager.write !== undefined || !table.hasFlag(frame, FRAME_MODIFIED);
    invariant(isClean, 'BO1', () => `page ${index} of ${name()}, which cannot be written, is dirty`);
  });
  invariant(inside === object.pages.count, 'BO1', () => `${name()} has pages beyond its end`);
}

/** Every mapping is of the page that the entry sees; writable only where it is the top object's and needs no copy. */
function checkMappings({ machine }: BsdCore, map: BsdMap, entry: BsdMapEntry): void {
  const { pmaps, frames } = machine;
  if (entry.object?.kind === 'device') return;
  for (let page = entry.start; page < entry.end; page++) {
    const frame = pmaps.extract(map.pmap, page);
    if (frame === -1) continue;
    const expected = visibleFrame(entry, page);
    invariant(frame === expected, 'BF2', () => `page ${page} maps frame ${frame}, its own is ${expected}`);
    if (!pmaps.isWritable(map.pmap, page)) continue;
    const isOwn = !entry.needsCopy && entry.object?.pages.get(entry.indexOf(page)) === frame;
    invariant(isOwn, 'BF2', () => `page ${page} is writable but not the process's own`);
    invariant(!frames.table.hasFlag(frame, FRAME_READ_ONLY), 'BO4', () => `page ${page} is writable but marked copy-on-write`);
  }
}

function checkWires({ machine, maps }: BsdCore): void {
  const { table } = machine.frames;
  const wires = new Map<number, number>();
  for (const map of maps) {
    for (const entry of map) {
      if (entry.wiredCount === 0 || entry.object?.kind === 'device') continue;
      for (let page = entry.start; page < entry.end; page++) {
        const frame = visibleFrame(entry, page);
        invariant(frame !== 0, 'BW2', () => `page ${page} is wired but not in memory`);
        wires.set(frame, (wires.get(frame) ?? 0) + 1);
      }
    }
  }
  for (let frame = 0 as Pfn; frame < table.count; frame++) {
    const kind = table.kind(frame);
    if (kind !== FrameKind.anon && kind !== FrameKind.object) continue;
    const expected = wires.get(frame) ?? 0;
    invariant(
      table.wireCount(frame) === expected,
      'BW1',
      () => `frame ${frame} is wired ${table.wireCount(frame)} times, found ${expected}`,
    );
  }
}
