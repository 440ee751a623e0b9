// The requests that make, change and end areas: what each must answer, and what the model does when the manager did it.

import { PAGE_SIZE } from '../../src/base/index.ts';
import { type MapRequest, PROT_READ, PROT_WRITE, type Space } from '../../src/system/index.ts';
import { type ModelArea, type ModelPage, type ModelSpace, mostRights, Slot } from './model.ts';
import {
  BREAK_FIRST,
  BREAK_LIMIT,
  FIRST_SHARED_MEMORY,
  MAX_SPACES,
  OBJECT_COUNT,
  OBJECT_PAGES,
  type Placing,
  SPACE_PAGES,
  type StepOf,
} from './script.ts';
import { Disagreement, newTlb, type StageObject } from './stage.ts';
import type { Actor, Expected, Trial } from './trial.ts';

/** What brk gives. */
const heapArea: ModelArea = { protection: PROT_READ | PROT_WRITE, sharing: 'private', object: undefined, offset: 0, reserved: false };

/** EINVAL for a range that is none. */
export function boundsErrors(page: number, pages: number): readonly string[] | undefined {
  return pages >= 1 && page + pages <= SPACE_PAGES ? undefined : ['EINVAL'];
}

/** What a request must answer that wants all of a range mapped. */
export function wholeRangeExpected(page: number, pages: number, range: readonly ModelPage[] | undefined): Expected {
  return boundsErrors(page, pages) ?? (range === undefined ? ['ENOMEM'] : 'success');
}

/** Where a new area must go, or -1 if it fits nowhere. */
export function placeIn(model: ModelSpace, how: Placing, page: number, pages: number): number {
  if (how === 'fixed') return page + pages <= SPACE_PAGES ? page : -1;
  const inArea = page >= BREAK_LIMIT && page + pages <= SPACE_PAGES;
  if (how === 'hint' && inArea && model.isFree(page, pages)) return page;
  return model.highestHole(pages, BREAK_LIMIT, SPACE_PAGES);
}

/** The place of a request. */
export function placeOf(how: Placing, page: number): Pick<MapRequest, 'place'> {
  return how === 'anywhere' ? {} : { place: { how, address: page * PAGE_SIZE } };
}

function success(errors: readonly string[]): Expected {
  return errors.length > 0 ? errors : 'success';
}

export function map(trial: Trial, { space, model }: Actor, step: StepOf<'map'>): void {
  const object = step.object < 0 ? undefined : (trial.stage.objects[step.object % OBJECT_COUNT] as StageObject);
  if (object !== undefined && object.handle === undefined) return;
  // Reserving is for private anonymous memory.
  const reserved = step.commitment === 'reserved' && object === undefined && step.sharing === 'private';
  const protection = reserved ? 0 : step.protection;
  const place = placeIn(model, step.how, step.page, step.pages);
  const locks = model.locksNew && protection !== 0;
  if (locks && !trial.mayPin(step.pages)) return;
  const isStack =
    step.grows !== undefined && step.grows > 0 && object === undefined && step.sharing === 'private' && !reserved && place >= 0;
  const growsTo = isStack ? Math.max(0, place - (step.grows ?? 0)) : -1;
  const errors: string[] = [];
  if (object?.model.isDevice && step.sharing === 'private') errors.push('EINVAL');
  if (step.pages < 1 || (object !== undefined && step.offset + step.pages > OBJECT_PAGES)) errors.push('EINVAL');
  else if (place < 0) errors.push('ENOMEM');
  if (object !== undefined && (protection & ~mostRights(object.model, step.sharing)) !== 0) errors.push('EACCES');
  const answer = trial.stage.system.map(space, {
    size: step.pages * PAGE_SIZE,
    protection,
    sharing: step.sharing,
    ...placeOf(step.how, step.page),
    ...(object?.handle !== undefined && { object: object.handle, offset: step.offset * PAGE_SIZE }),
    ...(reserved && { commitment: 'reserved' }),
    ...(isStack && { growsDown: { limit: growsTo * PAGE_SIZE } }),
  });
  if (!trial.settle(success(errors), answer, 'map')) return;
  trial.samePlace(answer, place, 'map');
  model.map(place, step.pages, { protection, sharing: step.sharing, object: object?.model, offset: step.offset, reserved, growsTo });
  if (locks) lockNew(model, place, step.pages);
}

/** Locks pages that were mapped just now. */
function lockNew(model: ModelSpace, first: number, pages: number): void {
  for (const each of model.wholeRange(first, pages) ?? []) {
    each.locked = true;
    settleLocked(each);
  }
}

export function unmap(trial: Trial, { space, model }: Actor, { page, pages }: StepOf<'unmap'>): void {
  const answer = trial.stage.system.unmap(space, page * PAGE_SIZE, pages * PAGE_SIZE);
  if (trial.settle(boundsErrors(page, pages) ?? 'success', answer, 'unmap')) model.unmap(page, pages);
}

export function protect(trial: Trial, { space, model }: Actor, { page, pages, protection }: StepOf<'protect'>): void {
  const range = model.range(page, pages);
  // What a reserved page may be given is for `commit` to say.
  if (range.some((each) => each?.reserved)) return;
  // Locked pages are made the process's own as far as memory allows: when it may lack, nobody knows from when on they show no file.
  if (trial.mayEverLack && range.some((each) => each?.locked && each.object !== undefined)) return;
  const refused = (each: ModelPage | undefined) => each !== undefined && (protection & ~each.mostRights) !== 0;
  const errors = boundsErrors(page, pages) ?? [
    ...(range.includes(undefined) ? ['ENOMEM'] : []),
    ...(range.some(refused) ? ['EACCES'] : []),
  ];
  const answer = trial.stage.system.protect(space, page * PAGE_SIZE, pages * PAGE_SIZE, protection);
  if (!trial.settle(success(errors), answer, 'protect')) return;
  for (const each of range as ModelPage[]) {
    each.protection = protection;
    if (each.sharing === 'private' && (protection & PROT_WRITE) !== 0) each.charged = true;
    if (each.locked) settleLocked(each);
  }
}

/** A locked private page that may be written is made the process's own at once: its program must never fault on it. */
export function settleLocked(page: ModelPage): void {
  if (page.sharing === 'private' && (page.protection & PROT_WRITE) !== 0) page.slot.own();
}

export function brk(trial: Trial, { space, model }: Actor, { end }: StepOf<'brk'>): void {
  const locks = model.locksNew && end > model.breakEnd;
  if (locks && !trial.mayPin(end - model.breakEnd)) return;
  const errors: string[] = [];
  if (end < BREAK_FIRST) errors.push('EINVAL');
  else if (end > BREAK_LIMIT || (end > model.breakEnd && !model.isFree(model.breakEnd, end - model.breakEnd))) errors.push('ENOMEM');
  const answer = trial.stage.system.grow(space, end * PAGE_SIZE);
  if (!trial.settle(success(errors), answer, 'brk')) return;
  trial.samePlace(answer, end, 'brk');
  if (end > model.breakEnd) model.map(model.breakEnd, end - model.breakEnd, heapArea);
  else model.unmap(end, model.breakEnd - end);
  if (locks) lockNew(model, model.breakEnd, end - model.breakEnd);
  model.breakEnd = end;
}

export function sync(trial: Trial, { space, model }: Actor, { page, pages }: StepOf<'sync'>): void {
  const range = model.wholeRange(page, pages);
  const answer = trial.stage.system.sync(space, page * PAGE_SIZE, pages * PAGE_SIZE);
  if (!trial.settle(wholeRangeExpected(page, pages, range), answer, 'sync')) return;
  for (const { sharing, object, index } of range ?? []) {
    const number = trial.stage.objects.findIndex((each) => each.model === object);
    if (sharing === 'shared' && number >= 0) trial.stage.compareDisk(number, index, index + 1);
  }
}

export function fork(trial: Trial, { space, model }: Actor): void {
  if (trial.actors.length === MAX_SPACES) return;
  const child = trial.stage.system.fork(space, newTlb());
  if (trial.settle('success', child, 'fork')) trial.actors.push({ space: child as Space, model: model.fork() });
}

/** Lets an object go and makes it anew; a file only if nobody maps it, since two objects over one file would not know of each other. */
export function renew(trial: Trial, number: number): void {
  const { model, handle } = trial.stage.objects[number] as StageObject;
  const mapped = trial.actors.some((actor) => [...actor.model.pages.values()].some((page) => page.object === model));
  if (mapped && number < FIRST_SHARED_MEMORY) return;
  trial.stage.release(number);
  trial.stage.endCachedObjects();
  if (handle !== undefined) trial.stage.compareDisk(number);
  trial.settle('success', trial.stage.renew(number), 'createObject');
}

export function remap(trial: Trial, { space, model }: Actor, step: StepOf<'remap'>): void {
  const { page, pages, newPages, how, target } = step;
  const range = model.wholeRange(page, pages);
  if (!trial.mayPin(Math.max(newPages - pages, 0))) return;
  if (range?.some((each) => each.lent !== undefined)) return;
  // And whether areas that differ only in what a child gets of them are one.
  if (range?.some((each) => each.inheritance !== range[0]?.inheritance)) return;
  const errors = remapErrors(model, step, range);
  const place = how === 'fixed' ? ({ how, address: target * PAGE_SIZE } as const) : how;
  const answer = trial.stage.system.remap(space, page * PAGE_SIZE, pages * PAGE_SIZE, newPages * PAGE_SIZE, place);
  // Pages that look alike may still be several areas, which the model does not know.
  if (answer === 'EFAULT' && pages > 1) return;
  if (!trial.settle(success(errors), answer, 'remap')) return;
  const to = (answer as number) / PAGE_SIZE;
  const stays = newPages <= pages || model.isFree(page + pages, newPages - pages);
  const wrong = how === 'fixed' ? to !== target : (stays && page + newPages <= SPACE_PAGES) !== (to === page);
  if (wrong || (to !== page && how === 'anywhere' && !model.isFree(to, newPages)))
    throw new Disagreement(`remap of page ${page} answered page ${to}`);
  moveAndResize(model, step, range as ModelPage[], to);
}

function remapErrors(model: ModelSpace, { page, pages, newPages, how, target }: StepOf<'remap'>, range: ModelPage[] | undefined): string[] {
  if (boundsErrors(page, pages) !== undefined || newPages < 1) return ['EINVAL'];
  const errors: string[] = [];
  if (range === undefined || !range.every((each, i) => continues(range[0] as ModelPage, each, i))) errors.push('EFAULT', 'ENOMEM');
  if (how === 'fixed') {
    if (target < page + pages && page < target + newPages) errors.push('EINVAL');
    if (target + newPages > SPACE_PAGES) errors.push('EINVAL', 'ENOMEM');
  }
  const end = page + newPages;
  const blocked = newPages > pages && (end > SPACE_PAGES || !model.isFree(page + pages, newPages - pages));
  if (blocked && how === 'here') errors.push('ENOMEM');
  if (blocked && how === 'anywhere' && model.highestHole(newPages, BREAK_LIMIT, SPACE_PAGES) < 0) errors.push('ENOMEM');
  const first = range?.[0];
  if (first?.object !== undefined && first.index + newPages > OBJECT_PAGES) errors.push('EINVAL', 'ENOMEM');
  return errors;
}

/** Tells whether page `i` of an area that begins with `first` can be `page`. */
function continues(first: ModelPage, page: ModelPage, i: number): boolean {
  return (
    page.protection === first.protection &&
    page.sharing === first.sharing &&
    page.object === first.object &&
    (page.object === undefined || page.index === first.index + i) &&
    page.reserved === first.reserved
  );
}

function moveAndResize(model: ModelSpace, { page, pages, newPages, how, target }: StepOf<'remap'>, range: ModelPage[], to: number): void {
  const { protection, sharing, object, index, inheritance, reserved, charged, growsTo } = range[0] as ModelPage;
  model.unmap(page, pages);
  if (how === 'fixed') model.unmap(target, newPages);
  if (newPages > pages) model.map(to + pages, newPages - pages, { protection, sharing, object, offset: index + pages, reserved });
  // What is added goes on as the last page, if it can be brought in.
  if (newPages > pages && range.at(-1)?.locked === true && protection !== 0) lockNew(model, to + pages, newPages - pages);
  for (const [i, each] of range.slice(0, newPages).entries()) model.pages.set(to + i, each);
  for (const each of model.wholeRange(to, newPages) ?? []) {
    Object.assign(each, { inheritance, charged });
    // An area that has moved stays as large as it is.
    if (to !== page) Object.assign(each, { growsTo: -1, isStackStart: false });
    else each.growsTo = growsTo;
  }
}

export function advise(trial: Trial, actor: Actor, { page, pages, advice }: StepOf<'advise'>): void {
  const { space, model } = actor;
  const range = model.range(page, pages);
  if (advice === 'free' && range.some((each) => each !== undefined && ((each.protection & PROT_READ) === 0 || each.lent !== undefined)))
    return;
  const errors = boundsErrors(page, pages) ?? [
    ...(range.includes(undefined) ? ['ENOMEM'] : []),
    ...(advice === 'free' && !range.every((each) => each === undefined || mayBeFreed(each)) ? ['EINVAL'] : []),
  ];
  const answer = trial.stage.system.advise(space, page * PAGE_SIZE, pages * PAGE_SIZE, advice);
  const done = trial.settle(success(errors), answer, 'advise');
  // What is mapped is advised even if a part is not.
  if (advice !== 'free' || (!done && (answer !== 'ENOMEM' || !range.includes(undefined)))) return;
  for (const [i, each] of range.entries()) if (each !== undefined && mayBeFreed(each)) freed(trial, actor, page + i, each);
}

function mayBeFreed({ sharing, object, locked }: ModelPage): boolean {
  return sharing === 'private' && object === undefined && !locked;
}

/** The page is zeros now; or, if another space shares it or the request failed half way, perhaps as it was. */
function freed(trial: Trial, actor: Actor, number: number, page: ModelPage): void {
  const before = page.slot.snapshot();
  page.slot.clear();
  if (trial.readsAs(actor, number, before.bytes)) page.slot.restore(before);
}

export function inherit(trial: Trial, { space, model }: Actor, { page, pages, inheritance }: StepOf<'inherit'>): void {
  const range = model.wholeRange(page, pages);
  const answer = trial.stage.system.inherit(space, page * PAGE_SIZE, pages * PAGE_SIZE, inheritance);
  if (!trial.settle(wholeRangeExpected(page, pages, range), answer, 'inherit')) return;
  for (const each of range ?? []) each.inheritance = inheritance;
}

/** Commits, or gives up, a range of private anonymous memory. */
export function commit(trial: Trial, { space, model }: Actor, step: StepOf<'commit'> | StepOf<'decommit'>): void {
  const { page, pages } = step;
  const { system } = trial.stage;
  const range = model.range(page, pages);
  const expected = boundsErrors(page, pages) ?? (model.isPrivateAnonymous(page, pages) ? 'success' : ['ENOMEM']);
  const answer =
    step.do === 'commit'
      ? system.commit(space, page * PAGE_SIZE, pages * PAGE_SIZE, step.protection)
      : system.decommit(space, page * PAGE_SIZE, pages * PAGE_SIZE);
  if (!trial.settle(expected, answer, step.do)) return;
  for (const each of range as ModelPage[]) {
    if (step.do === 'commit') Object.assign(each, { reserved: false, protection: step.protection, charged: true });
    // Others who share the page keep it.
    else Object.assign(each, { reserved: true, protection: 0, locked: false, charged: false, slot: new Slot() });
  }
}
