// The requests about memory that stays where it is: locks, residency, swap devices; and moving pages without copying them.

import { PAGE_SIZE } from '../../src/base/index.ts';
import { type KernelLoan, type PageMover, PROT_READ, PROT_WRITE } from '../../src/system/index.ts';
import { boundsErrors, placeIn, placeOf, settleLocked, wholeRangeExpected } from './areas.ts';
import { inherited, type ModelPage, Slot } from './model.ts';
import { EXTRA_DEVICES, SPACE_PAGES, type StepOf } from './script.ts';
import { Disagreement } from './stage.ts';
import type { Actor, Expected, Loan, Trial } from './trial.ts';

/** Kernel loans at once. */
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
  const answer = mover.lendToKernel(space, page * PAGE_SIZE + offset, size);
  const expected: Expected =
    size < 1 || page + pages > SPACE_PAGES ? ['EINVAL', 'EFAULT'] : slots.includes(undefined) ? ['EFAULT'] : 'success';
  if (!trial.settle(expected, answer, 'lendToKernel', mayBeWired(trial))) return;
  begun(
    trial,
    answer as KernelLoan,
    'space',
    (slots as Slot[]).map((slot) => slot.snapshot()),
  );
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
  if (chosen === undefined) return;
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
  const errors = boundsErrors(page, pages) ?? [...(slots.includes(undefined) ? ['EFAULT'] : []), ...(place < 0 ? ['ENOMEM'] : [])];
  if (overlapsItself(from, to, page, pages, place)) return;
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
  const errors = boundsErrors(page, pages) ?? [...(range === undefined ? ['EFAULT'] : []), ...(place < 0 ? ['ENOMEM'] : [])];
  if (overlapsItself(from, to, page, pages, place)) return;
  const answer = moverOf(trial)?.pass(from.space, page * PAGE_SIZE, pages * PAGE_SIZE, to.space, mode, placeOf(how, target).place);
  if (answer === undefined || !trial.settle(errors.length > 0 ? errors : 'success', answer, 'pass')) return;
  trial.samePlace(answer, place, 'pass');
  if (mode === 'move') from.model.unmap(page, pages);
  for (const [i, each] of (range as ModelPage[]).entries()) {
    to.model.pages.set(place + i, mode === 'move' ? each : (inherited(each, mode) as ModelPage));
  }
}
