// The requests about memory that stays where it is: locks, residency, swap devices; and moving pages without copying them.

import { PAGE_SIZE } from '../../src/base/index.ts';
import { type KernelLoan, type PageMover, PROT_READ, PROT_WRITE, type WritableLoan } from '../../src/system/index.ts';
import { boundsErrors, placeIn, placeOf, settleLocked, wholeRangeExpected } from './areas.ts';
import { inherited, type ModelLoan, type ModelPage, type ModelSpace, Slot } from './model.ts';
import { EXTRA_DEVICES, SPACE_PAGES, type StepOf } from './script.ts';
import { Disagreement } from './stage.ts';
import type { Actor, Expected, Loan, Trial } from './trial.ts';

const RW = PROT_READ | PROT_WRITE;

/** Kernel loans at once, and writable loans at once. */
const MAX_LOANS = 3;

export function lock(trial: Trial, { space, model }: Actor, { page, pages }: StepOf<'lock'>): void {
  if (!trial.mayPin(pages)) return;
  const { system } = trial.stage;
  const range = model.range(page, pages);
  const errors = boundsErrors(page, pages) ?? [
    ...(range.includes(undefined) ? ['ENOMEM'] : []),
    ...(range.some((each) => each?.protection === 0) ? ['EACCES'] : []),
  ];
  const answer = system.lock(space, page * PAGE_SIZE, pages * PAGE_SIZE);
  if (!trial.settle(errors.length > 0 ? errors : 'success', answer, 'lock')) return;
  for (const [i, each] of range.entries()) {
    (each as ModelPage).locked = true;
    settleLocked(each as ModelPage);
    if (!system.isResident(space, page + i)) throw new Disagreement(`page ${page + i} is locked but not in memory`);
  }
}

export function unlock(trial: Trial, { space, model }: Actor, { page, pages }: StepOf<'unlock'>): void {
  const range = model.wholeRange(page, pages);
  const answer = trial.stage.system.unlock(space, page * PAGE_SIZE, pages * PAGE_SIZE);
  if (!trial.settle(wholeRangeExpected(page, pages, range), answer, 'unlock')) return;
  for (const each of range ?? []) each.locked = false;
}

export function lockAll(trial: Trial, { space, model }: Actor, { scope }: StepOf<'lockAll'>): void {
  const lockable = [...model.pages.values()].filter((each) => !each.locked && each.protection !== 0);
  if (scope !== 'future' && !trial.mayPin(lockable.length)) return;
  if (!trial.settle('success', trial.stage.system.lockAll(space, scope), 'lockAll')) return;
  if (scope !== 'current') model.locksNew = true;
  if (scope === 'future') return;
  for (const each of lockable) {
    each.locked = true;
    settleLocked(each);
  }
}

export function unlockAll(trial: Trial, { space, model }: Actor): void {
  trial.stage.system.unlockAll(space);
  model.locksNew = false;
  for (const each of model.pages.values()) each.locked = false;
}

/** Sets a limit, goes up to it and tries to go beyond. */
export function limit(trial: Trial, { space, model }: Actor, { page, pages, of, room }: StepOf<'limit'>): void {
  if (model.locksNew) return;
  trial.compareUsage({ space, model });
  const { system } = trial.stage;
  if (of === 'lockedBytes') {
    const range = model.wholeRange(page, pages) ?? [];
    const more = range.filter((each) => !each.locked).length;
    if (more === 0 || range.some((each) => each.protection === 0)) return;
    system.limit(space, { lockedBytes: (model.count((each) => each.locked) + more - 1) * PAGE_SIZE });
    trial.settle(['ENOMEM'], system.lock(space, page * PAGE_SIZE, pages * PAGE_SIZE), 'lock beyond the limit');
  } else {
    const taken = model.count(of === 'addressBytes' ? () => true : (each) => each.charged);
    system.limit(space, { [of]: (taken + room) * PAGE_SIZE });
    const map = (size: number) => system.map(space, { size: size * PAGE_SIZE, protection: PROT_READ | PROT_WRITE, sharing: 'private' });
    trial.settle(['ENOMEM'], map(room + 1), `map beyond the limit`);
    const place = placeIn(model, 'anywhere', 0, room);
    if (trial.settle(place < 0 ? ['ENOMEM'] : 'success', map(room), 'map up to the limit')) model.mapSlots(place, newSlots(room), RW);
  }
  system.limit(space, {});
  trial.compareUsage({ space, model });
}

function newSlots(count: number): Slot[] {
  return Array.from({ length: count }, () => new Slot());
}

export function residency(trial: Trial, { space, model }: Actor, { page, pages }: StepOf<'residency'>): void {
  const range = model.wholeRange(page, pages);
  const { system } = trial.stage;
  const into = new Uint8Array(pages);
  const answer = system.residency(space, page * PAGE_SIZE, pages * PAGE_SIZE, into);
  if (!trial.settle(wholeRangeExpected(page, pages, range), answer, 'residency')) return;
  for (const [i, each] of (range ?? []).entries()) {
    const resident = system.isResident(space, page + i);
    if ((into[i] === 1) !== resident) throw new Disagreement(`residency says ${into[i]} of page ${page + i}`);
    if (each.locked && !resident) throw new Disagreement(`page ${page + i} is locked but not in memory`);
  }
}

export function swapOn(trial: Trial, { device, priority }: StepOf<'swapOn'>): void {
  const { system, extraDevices } = trial.stage;
  const chosen = extraDevices[device % EXTRA_DEVICES];
  if (chosen === undefined) return;
  const used = system.swapDevices().some((each) => each.device === chosen);
  trial.settle(used ? ['EEXIST'] : 'success', system.swapOn(chosen, priority), 'swapOn');
}

export function swapOff(trial: Trial, { device }: StepOf<'swapOff'>): void {
  const { system, extraDevices } = trial.stage;
  const chosen = extraDevices[device % EXTRA_DEVICES];
  if (chosen === undefined) return;
  const used = system.swapDevices().some((each) => each.device === chosen);
  trial.settle(used ? 'success' : ['ENOENT'], system.swapOff(chosen), 'swapOff');
}

function moverOf(trial: Trial): PageMover | undefined {
  return trial.stage.system.mover;
}

/** Adds a loan with the content that the pages have now. */
function begun(trial: Trial, loan: KernelLoan, lender: Loan['lender'], content: readonly Slot[]): void {
  if (loan.frames.length !== content.length) throw new Disagreement(`a loan has ${loan.frames.length} frames, not ${content.length}`);
  const begunLoan = { loan, lender, content };
  trial.verifyLoan(begunLoan);
  trial.loans.push(begunLoan);
}

/** Wired pages are not lent. Which other pages lie in the same frame, the model does not know. */
function mayBeWired(trial: Trial): readonly string[] {
  return trial.lockedPages > 0 ? ['EINVAL'] : [];
}

export function lendToKernel(trial: Trial, { space, model }: Actor, { page, offset, size }: StepOf<'kernelLoan'>): void {
  const pages = Math.ceil((offset + size) / PAGE_SIZE);
  const mover = moverOf(trial);
  if (mover === undefined || trial.loans.length === MAX_LOANS || !trial.mayPin(pages)) return;
  const slots = Array.from({ length: pages }, (_, i) => model.access(page + i, 'read'));
  // What is lent is brought in by faults, which stacks grow by.
  if (slots.some((slot, i) => slot === undefined && model.growthTo(page + i).outcome !== 'refused')) return;
  const isDevice = hasDevice(model, page, pages);
  const answer = mover.lendToKernel(space, page * PAGE_SIZE + offset, size);
  const expected: Expected = size < 1 || page + pages > SPACE_PAGES ? ['EINVAL', 'EFAULT'] : lendErrors(slots, isDevice);
  if (!trial.settle(expected, answer, 'lendToKernel', mayBeWired(trial))) return;
  begun(
    trial,
    answer as KernelLoan,
    'space',
    (slots as Slot[]).map((slot) => slot.snapshot()),
  );
}

/** Devices are not lent, nor what may not be read. */
function lendErrors(slots: readonly (Slot | undefined)[], isDevice: boolean): Expected {
  const errors = [...(slots.includes(undefined) ? ['EFAULT'] : []), ...(isDevice ? ['EINVAL'] : [])];
  return errors.length > 0 ? errors : 'success';
}

function hasDevice(model: ModelSpace, page: number, pages: number): boolean {
  return model.range(page, pages).some((each) => each?.object?.isDevice);
}

export function kernelPages(trial: Trial, { size }: StepOf<'kernelPages'>): void {
  const pages = Math.ceil(size / PAGE_SIZE);
  const mover = moverOf(trial);
  if (mover === undefined || trial.loans.length === MAX_LOANS || !trial.mayPin(pages)) return;
  const answer = mover.kernelPages(size);
  if (!trial.settle(size < 1 ? ['EINVAL'] : 'success', answer, 'kernelPages')) return;
  begun(
    trial,
    answer as KernelLoan,
    'kernel',
    Array.from({ length: pages }, () => new Slot()),
  );
}

export function transfer(trial: Trial, { space, model }: Actor, { loan, how, target }: StepOf<'transfer'>): void {
  const chosen = trial.loans[loan % Math.max(1, trial.loans.length)];
  // Whether what is passed to a space that locks its new areas is locked, the contract leaves open.
  if (chosen === undefined || model.locksNew) return;
  const { content } = chosen;
  trial.verifyLoan(chosen);
  const place = placeIn(model, how, target, content.length);
  const answer = moverOf(trial)?.transfer(chosen.loan, space, placeOf(how, target).place);
  // A space may have a frame only if all of it was lent: the rest is the lender's.
  const { size } = chosen.loan;
  const errors = [...(chosen.lender === 'space' && size % PAGE_SIZE !== 0 ? ['EINVAL'] : []), ...(place < 0 ? ['ENOMEM'] : [])];
  if (!trial.settle(errors.length > 0 ? errors : 'success', answer, 'transfer', mayBeWired(trial))) return;
  trial.samePlace(answer, place, 'transfer');
  trial.loans.splice(trial.loans.indexOf(chosen), 1);
  model.mapSlots(place, content, PROT_READ | PROT_WRITE);
}

export function lend(trial: Trial, from: Actor, to: Actor, step: StepOf<'lend'>): void {
  const { page, pages, how, target } = step;
  const slots = Array.from({ length: pages }, (_, i) => from.model.access(page + i, 'read'));
  const place = placeIn(to.model, how, target, pages);
  const errors = boundsErrors(page, pages) ?? [
    ...(slots.includes(undefined) ? ['EFAULT'] : []),
    ...(hasDevice(from.model, page, pages) ? ['EINVAL'] : []),
    ...(place < 0 ? ['ENOMEM'] : []),
  ];
  if (to.model.locksNew || overlapsItself(from, to, page, pages, place)) return;
  const answer = moverOf(trial)?.lendToSpace(from.space, page * PAGE_SIZE, pages * PAGE_SIZE, to.space, placeOf(how, target).place);
  if (answer === undefined || !trial.settle(errors.length > 0 ? errors : 'success', answer, 'lendToSpace', mayBeWired(trial))) return;
  trial.samePlace(answer, place, 'lendToSpace');
  to.model.mapSlots(
    place,
    (slots as Slot[]).map((slot) => slot.snapshot()),
    PROT_READ | PROT_WRITE,
  );
}

/** What becomes of pages that are put over themselves, the contract leaves open. */
function overlapsItself(from: Actor, to: Actor, page: number, pages: number, place: number): boolean {
  return from === to && place < page + pages && page < place + pages;
}

export function pass(trial: Trial, from: Actor, to: Actor, step: StepOf<'pass'>): void {
  const { page, pages, mode, how, target } = step;
  const range = from.model.wholeRange(page, pages);
  const place = placeIn(to.model, how, target, pages);
  const errors = boundsErrors(page, pages) ?? [
    ...(range === undefined ? ['EFAULT'] : []),
    ...(isLent(from.model, page, pages) ? ['EINVAL'] : []),
    ...(place < 0 ? ['ENOMEM'] : []),
  ];
  if (to.model.locksNew || overlapsItself(from, to, page, pages, place)) return;
  const answer = moverOf(trial)?.pass(from.space, page * PAGE_SIZE, pages * PAGE_SIZE, to.space, mode, placeOf(how, target).place);
  if (answer === undefined || !trial.settle(errors.length > 0 ? errors : 'success', answer, 'pass')) return;
  trial.samePlace(answer, place, 'pass');
  if (mode === 'move') from.model.unmap(page, pages);
  for (const [i, each] of (range as ModelPage[]).entries()) {
    const passed = mode === 'move' ? each : (inherited(each, mode) as ModelPage);
    to.model.pages.set(place + i, Object.assign(passed, { growsTo: -1, isStackStart: false }));
  }
}

function isLent(model: ModelSpace, page: number, pages: number): boolean {
  return model.range(page, pages).some((each) => each?.lent !== undefined);
}

export function lendWritable(trial: Trial, from: Actor, to: Actor, step: StepOf<'lendWritable'>): void {
  const { page, pages, how, target } = step;
  if (trial.writableLoans.length === MAX_LOANS || to.model.locksNew) return;
  const range = from.model.range(page, pages);
  const place = placeIn(to.model, how, target, pages);
  const unlendable = (each: ModelPage | undefined) =>
    each !== undefined && (each.sharing === 'shared' || each.locked || each.lent !== undefined);
  const errors = boundsErrors(page, pages) ?? [
    ...(from === to || range.some(unlendable) ? ['EINVAL'] : []),
    ...(range.some((each) => each === undefined || (each.protection & RW) !== RW) ? ['EFAULT'] : []),
    ...(place < 0 ? ['ENOMEM'] : []),
  ];
  const answer = moverOf(trial)?.lendWritable(from.space, page * PAGE_SIZE, pages * PAGE_SIZE, to.space, placeOf(how, target).place);
  if (answer === undefined || !trial.settle(errors.length > 0 ? errors : 'success', answer, 'lendWritable')) return;
  const loan = answer as WritableLoan;
  trial.samePlace(loan.borrowerStart, place, 'lendWritable');
  const model: ModelLoan = { lender: from.model, borrower: to.model };
  trial.writableLoans.push({ loan, model });
  for (const [i, each] of (range as ModelPage[]).entries()) {
    const { protection, mostRights } = each;
    const lent = { loan: model, protection, mostRights };
    to.model.pages.set(place + i, { ...each, lent, growsTo: -1, isStackStart: false });
    Object.assign(each, { lent, protection: 0, mostRights: 0 });
  }
}
