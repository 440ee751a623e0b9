// The walk over everything UVM knows: maps, amaps, anons, objects, pages, slots. Panics at the first broken invariant.

import { invariant, type Pfn } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import type { Amap } from './amap.ts';
import type { UvmCore } from './core.ts';
import type { KernelLoans } from './loan.ts';
import type { VmMapEntry } from './map-entry.ts';
import type { UvmObject } from './object.ts';
import type { VmMap } from './vm-map.ts';
import { backingFrame } from './wired-pages.ts';

/** Checks AM, AN, LN, OB, PQ, VM and WI invariants of all living spaces against each other. */
export function checkUvm(core: UvmCore, loans: KernelLoans): void {
  const stretches = new Map<Amap, { first: number; end: number }[]>();
  const objects = new Map<UvmObject, number>();
  for (const map of core.maps) {
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
  loans.check();
  core.queue.check();
  checkWires(core);
  checkNeedsCopy(core);
  core.swap.check();
  core.swapped.check(held.keys());
  let anonFrames = 0;
  for (const anon of held.keys()) {
    const frame = core.anons.frame(anon);
    if (frame !== 0 && core.machine.frames.table.kind(frame) === FrameKind.anon) anonFrames++;
  }
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
      const expected = backingFrame(core, entry, page);
      invariant(frame === expected, 'UF2', () => `page ${page} maps frame ${frame}, its own is ${expected}`);
      const shared = entry.needsCopy || (anon !== 0 ? anons.references(anon) > 1 : entry.copyOnWrite);
      const writable = machine.pmaps.isWritable(map.pmap, page);
      invariant(!(writable && shared), 'UF2', () => `page ${page} is writable but not the process's own`);
      const lent = machine.frames.table.loanCount(frame) > 0;
      invariant(!(writable && lent), 'LN2', () => `page ${page} is writable but frame ${frame} is on loan`);
    }
  }
}

/** A frame's wire count is the number of pages of wired entries that it backs. */
function checkWires(core: UvmCore): void {
  const { table } = core.machine.frames;
  const wires = new Map<Pfn, number>();
  for (const map of core.maps) {
    for (const entry of map) {
      for (let page = entry.start; entry.wired && page < entry.end; page++) {
        const frame = backingFrame(core, entry, page);
        invariant(frame !== 0, 'WI1', () => `page ${page} of space ${map.pmap.id} is locked but not in memory`);
        wires.set(frame, (wires.get(frame) ?? 0) + 1);
      }
    }
  }
  for (let frame = 0 as Pfn; frame < table.count; frame++) {
    const expected = table.kind(frame) === FrameKind.permanent ? 0 : (wires.get(frame) ?? 0);
    invariant(table.wireCount(frame) === expected, 'WI1', () => `frame ${frame} is wired ${table.wireCount(frame)} times, not ${expected}`);
  }
}

/** Entries that hold the same slots of an amap all need a copy, or all share it on purpose. */
function checkNeedsCopy(core: UvmCore): void {
  const holders = new Map<Amap, VmMapEntry[]>();
  for (const map of core.maps) {
    for (const entry of map) {
      if (entry.amap === undefined) continue;
      const others = holders.get(entry.amap) ?? [];
      const unlike = others.find(
        (other) => other.needsCopy !== entry.needsCopy && other.amapOffset < entry.amapEnd && entry.amapOffset < other.amapEnd,
      );
      invariant(unlike === undefined, 'AM3', () => `the entry at ${entry.start} shares an amap with one that needs a copy of it`);
      holders.set(entry.amap, [...others, entry]);
    }
  }
}
