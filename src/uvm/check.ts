// The walk over everything UVM knows: maps, amaps, anons, objects, pages, slots. Panics at the first broken invariant.

import { invariant } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import type { Amap } from './amap.ts';
import type { UvmCore } from './core.ts';
import type { UvmObject } from './object.ts';
import type { VmMap } from './vm-map.ts';

/** Checks AM, AN, OB, PQ and VM invariants of all living spaces against each other. */
export function checkUvm(core: UvmCore, maps: Iterable<VmMap>): void {
  const stretches = new Map<Amap, { first: number; end: number }[]>();
  const objects = new Map<UvmObject, number>();
  for (const map of maps) {
    map.check();
    for (const entry of map) {
      if (entry.object !== undefined) objects.set(entry.object, (objects.get(entry.object) ?? 0) + 1);
      if (entry.amap === undefined) continue;
      const list = stretches.get(entry.amap) ?? [];
      list.push({ first: entry.amapOffset, end: entry.amapEnd });
      stretches.set(entry.amap, list);
    }
    checkMappings(core, map);
  }
  const held = new Map<number, number>();
  for (const [amap, list] of stretches) amap.check(list, held);
  core.anons.check(held);
  core.objects.check(objects);
  core.queue.check();
  core.swap.check();
  core.swapped.check(held.keys());
  let anonFrames = 0;
  for (const anon of held.keys()) if (core.anons.frame(anon) !== 0) anonFrames++;
  const counted = core.machine.frames.countOf(FrameKind.anon);
  invariant(anonFrames === counted, 'AN2', () => `${counted} frames belong to anons, ${anonFrames} anons are in memory`);
}

/** Every mapping is of the page that belongs there: the anon's, or the object's where there is no anon; writable only where writing is its own. */
function checkMappings(core: UvmCore, map: VmMap): void {
  const { machine, anons } = core;
  for (const entry of map) {
    for (let page = entry.start; page < entry.end; page++) {
      const frame = machine.pmaps.extract(map.pmap, page);
      if (frame === -1) continue;
      const anon = entry.amap?.get(entry.slotOf(page)) ?? 0;
      const expected = anon !== 0 ? anons.frame(anon) : (entry.object?.pages.get(entry.indexOf(page)) ?? 0);
      invariant(frame === expected, 'UF2', () => `page ${page} maps frame ${frame}, its own is ${expected}`);
      const shared = entry.needsCopy || (anon !== 0 ? anons.references(anon) > 1 : entry.copyOnWrite);
      const writable = machine.pmaps.isWritable(map.pmap, page);
      invariant(!(writable && shared), 'UF2', () => `page ${page} is writable but not the process's own`);
    }
  }
}
