// A trial under way: the stage, the spaces that live with their models, the loans; and how an answer is judged.
//
// ENOMEM (and a fault's outOfMemory) is right at any time if the script says that memory is tight, or if a failure was injected during
// the step; otherwise only where the model expects it. ENOSYS means a call that is not there: the step counts for nothing.
// What failed must have changed nothing: bytes and `check()` show that later.

import { PAGE_SIZE } from '../../src/base/index.ts';
import { FaultOutcome, type KernelLoan, PROT_READ, type Space, type WritableLoan } from '../../src/system/index.ts';
import { type ModelLoan, type ModelPage, ModelSpace, type Slot } from './model.ts';
import { BREAK_FIRST, type Script } from './script.ts';
import { Disagreement, layout, type MakeSystem, newTlb, Stage } from './stage.ts';

/** What a request may answer: success, or one of these errors. */
export type Expected = 'success' | readonly string[];

/** A space and what must be in it. */
export interface Actor {
  readonly space: Space;
  readonly model: ModelSpace;
}

/** Pages lent to the kernel, and what they must go on containing. */
export interface Loan {
  readonly loan: KernelLoan;
  readonly lender: 'space' | 'kernel';
  readonly content: readonly Slot[];
}

/** One frame in this many may be pinned by locks and loans: with more, faults could rightly run out of memory. */
const PINNED_SHARE = 12;

/** One trial. */
export class Trial {
  readonly script: Script;
  readonly stage: Stage;
  readonly actors: Actor[] = [];
  readonly loans: Loan[] = [];
  readonly writableLoans: { readonly loan: WritableLoan; readonly model: ModelLoan }[] = [];
  /** Failures injected before the present step. */
  #injectedBefore = 0;

  constructor(script: Script, makeSystem: MakeSystem) {
    this.script = script;
    this.stage = new Stage(script, makeSystem);
  }

  /** Begins a step. Returns whether there is a space to work on. */
  begin(): boolean {
    this.#injectedBefore = this.stage.injected;
    if (this.actors.length > 0) return true;
    const space = this.stage.system.createSpace(layout, newTlb());
    if (!this.settle('success', space, 'createSpace')) return false;
    this.actors.push({ space: space as Space, model: new ModelSpace(BREAK_FIRST) });
    return true;
  }

  actor(number: number): Actor {
    return this.actors[number % this.actors.length] as Actor;
  }

  /** A failure was injected during this step. */
  get #failureInjected(): boolean {
    return this.stage.injected > this.#injectedBefore;
  }

  /** Whether some request of the trial may run out of memory. */
  get mayEverLack(): boolean {
    return this.script.memory === 'tight' || this.script.failures.length > 0;
  }

  get #mayLack(): boolean {
    return this.script.memory === 'tight' || this.#failureInjected;
  }

  /**
   * Compares an answer with what was expected, and throws if it is another.
   * @param possible errors that are right as well, for reasons that the model does not know
   * @returns whether the request succeeded, so that the model is to do the same
   */
  settle(expected: Expected, answer: unknown, what: string, possible: readonly string[] = []): boolean {
    const should = expected === 'success' ? 'succeed' : `fail with ${expected.join(' or ')}`;
    if (typeof answer !== 'string') {
      if (expected === 'success') return true;
      throw new Disagreement(`${what} succeeded, but should ${should}`);
    }
    const foreseen = possible.includes(answer) || (expected !== 'success' && expected.includes(answer));
    const excused = answer === 'ENOMEM' ? this.#mayLack : answer === 'ENOSYS' || (answer === 'EIO' && this.#failureInjected);
    if (foreseen || excused) return false;
    throw new Disagreement(`${what} failed with ${answer}, but should ${should}`);
  }

  /** Throws unless `answer` is the address of `page`. */
  samePlace(answer: unknown, page: number, what: string): void {
    if (answer !== page * PAGE_SIZE) throw new Disagreement(`${what} answered page ${Number(answer) / PAGE_SIZE}, not ${page}`);
  }

  load({ space, model }: Actor, page: number, offset: number, size: number): void {
    eachPart(page, offset, size, (at, from, end) => {
      const frame = this.#translate({ space, model }, at, 0);
      const slot = model.access(at, 'read');
      if (!this.#accessSettled(model, at, slot, frame, 'load')) return false;
      this.compare((slot as Slot).bytes, frame, from, end, `page ${at}`);
      return true;
    });
  }

  store({ space, model }: Actor, page: number, offset: number, size: number, value: number): void {
    eachPart(page, offset, size, (at, from, end) => {
      const frame = this.#translate({ space, model }, at, 1);
      const slot = model.access(at, 'write');
      if (!this.#accessSettled(model, at, slot, frame, 'store')) return false;
      const bytes = (slot as Slot).own();
      for (let i = from; i < end; i++) bytes[i] = value + i;
      bytes.copy(this.stage.ram, frame * PAGE_SIZE + from, from, end);
      return true;
    });
  }

  /** Does what the processor does; a stack above a page that is not mapped may grow down to it, and the model's then does too. */
  #translate({ space, model }: Actor, page: number, access: 0 | 1): number {
    const isBelow = !model.pages.has(page);
    const frame = this.stage.translate(space, page, access);
    if (!isBelow) return frame;
    const { stack, outcome } = model.growthTo(page);
    // Memory may lack before the stack has grown, or afterwards for the page.
    const isOpen = outcome === 'may' || (outcome === 'grows' && frame === -FaultOutcome.outOfMemory);
    if (isOpen ? this.stage.system.allows(space, page * PAGE_SIZE, PAGE_SIZE, 0) : outcome === 'grows') {
      model.growDown(page, stack);
      this.#lockGrown({ space, model }, page, stack);
    }
    return frame;
  }

  /** A locked stack's new part is locked as far as memory allows: the manager says which pages are. */
  #lockGrown({ space, model }: Actor, page: number, stack: number): void {
    if (!model.pages.get(stack)?.locked) return;
    const part = this.stage.system.areas(space).find(({ start }) => start === page * PAGE_SIZE);
    const isLocked = (part?.lockedPages ?? 0) > 0;
    for (const each of model.wholeRange(page, stack - page) ?? []) each.locked = isLocked;
  }

  /** Tells whether an access went through; throws if it did or did not against the model. */
  #accessSettled(model: ModelSpace, page: number, slot: Slot | undefined, frame: number, what: string): boolean {
    if (slot !== undefined && frame >= 0) return true;
    const excused = (frame === -FaultOutcome.outOfMemory && this.#mayLack) || (frame === -FaultOutcome.ioError && this.#failureInjected);
    if (excused && (slot !== undefined || model.growthTo(page).outcome !== 'refused')) return false;
    const expected = model.pages.has(page) ? -FaultOutcome.protection : -FaultOutcome.unmapped;
    if (slot === undefined && frame === expected) return false;
    throw new Disagreement(
      `${what} of page ${page} ended as ${nameOf(frame)}, not as ${slot === undefined ? nameOf(expected) : 'resolved'}`,
    );
  }

  /** Tells whether a page, which may be read, contains `bytes` and not what the model says; where both fail, the next comparison tells. */
  readsAs({ space, model }: Actor, page: number, bytes: Buffer): boolean {
    const frame = this.stage.translate(space, page, 0);
    if (frame < 0) return false;
    const content = this.stage.ram.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    return !content.equals(model.access(page, 'read')?.bytes ?? bytes) && content.equals(bytes);
  }

  compare(expected: Buffer, frame: number, from: number, end: number, what: string): void {
    const { ram } = this.stage;
    const start = frame * PAGE_SIZE;
    if (expected.compare(ram, start + from, start + end, from, end) === 0) return;
    let at = from;
    while (expected[at] === ram[start + at]) at++;
    throw new Disagreement(`byte ${at} of ${what} is ${ram[start + at]}, must be ${expected[at]}`);
  }

  /** Compares every byte that may be read, and every loan. */
  verify(): void {
    for (const actor of this.actors) {
      this.compareUsage(actor);
      for (const [page, { protection }] of actor.model.pages) if ((protection & PROT_READ) !== 0) this.load(actor, page, 0, PAGE_SIZE);
    }
    for (const loan of this.loans) this.verifyLoan(loan);
  }

  /** Throws unless the lent pages still contain what they did. */
  verifyLoan({ loan, content }: Loan): void {
    for (const [i, slot] of content.entries()) {
      const from = i === 0 ? loan.offset : 0;
      const end = Math.min(PAGE_SIZE, loan.offset + loan.size - i * PAGE_SIZE);
      this.compare(slot.bytes, loan.frames[i] as number, from, end, `page ${i} of a loan`);
    }
  }

  /** Throws unless the space takes what the model's does. */
  compareUsage({ space, model }: Actor): void {
    const { addressBytes, committedBytes, lockedBytes } = this.stage.system.usage(space);
    const taken = [addressBytes, committedBytes, lockedBytes].map((bytes) => bytes / PAGE_SIZE).join(', ');
    const should = [() => true, isCharged, isLocked].map((counts) => model.count(counts)).join(', ');
    if (taken !== should) throw new Disagreement(`the space has ${taken} pages mapped, committed and locked, must have ${should}`);
  }

  /** Ends a writable loan: what the lender still has is its own again, and the borrower has none of it. */
  endWritableLoan(number: number): void {
    const [{ loan, model }] = this.writableLoans.splice(number, 1) as [(typeof this.writableLoans)[number]];
    this.stage.system.mover?.endWritableLoan(loan);
    for (const [page, { lent }] of model.borrower.pages) if (lent?.loan === model) model.borrower.pages.delete(page);
    for (const page of model.lender.pages.values()) {
      if (page.lent?.loan !== model) continue;
      const { protection, mostRights } = page.lent;
      Object.assign(page, { protection, mostRights, lent: undefined });
    }
  }

  endLoan(number: number): void {
    const [loan] = this.loans.splice(number, 1) as [Loan];
    this.verifyLoan(loan);
    this.stage.system.mover?.endKernelLoan(loan.loan);
  }

  exit(number: number): void {
    const [actor] = this.actors.splice(number, 1) as [Actor];
    this.stage.system.destroySpace(actor.space);
  }

  /** Pages that are locked, in all spaces. */
  get lockedPages(): number {
    let locked = 0;
    for (const { model } of this.actors) for (const page of model.pages.values()) if (page.locked) locked++;
    return locked;
  }

  /** Tells whether locks and loans may pin `pages` more. */
  mayPin(pages: number): boolean {
    let pinned = pages + this.lockedPages;
    for (const { content } of this.loans) pinned += content.length;
    return pinned <= this.script.frames / PINNED_SHARE;
  }

  /** Gives everything up and looks whether everything is back. */
  end(): void {
    this.#injectedBefore = this.stage.injected;
    this.verify();
    this.stage.system.check();
    while (this.loans.length > 0) this.endLoan(0);
    while (this.actors.length > 0) this.exit(0);
    while (this.writableLoans.length > 0) this.endWritableLoan(0);
    this.stage.compareWithBeginning();
  }
}

const isCharged = (page: ModelPage) => page.charged;
const isLocked = (page: ModelPage) => page.locked;

/** Calls `access` for the bytes [from, end) of each page of an access, until it says that the access ended. */
function eachPart(page: number, offset: number, size: number, access: (page: number, from: number, end: number) => boolean): void {
  for (let at = offset; at < offset + size; ) {
    const base = Math.floor(at / PAGE_SIZE);
    const end = Math.min(offset + size, (base + 1) * PAGE_SIZE);
    if (!access(page + base, at - base * PAGE_SIZE, end - base * PAGE_SIZE)) return;
    at = end;
  }
}

function nameOf(frame: number): string {
  return frame >= 0 ? 'resolved' : (Object.entries(FaultOutcome).find(([, outcome]) => outcome === -frame)?.[0] ?? String(frame));
}
