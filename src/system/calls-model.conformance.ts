// The whole mmap family against a flat model: several processes map, remap, protect, advise, lock, commit, set inheritance, fork and exit
// at random, in a RAM smaller than what they use. Each byte must be what the model says, each refusal must be due, and check() must hold.
// The same with the k-th frame, heap block or swap operation failing: then a request may be refused, and must have changed nothing.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, type MakeSystem, smallMachineOf } from '../../test/support/uvm-machine.ts';
import { TestFile } from '../../test/support/uvm-probe.ts';
import { FailurePlan, PAGE_SIZE, Random } from '../base/index.ts';
import { FaultyDevice, MemoryDevice, Tlb } from '../machine/index.ts';
import { handful } from '../machine/mmu/made-up-formats.conformance.ts';
import { livePolicies, type PolicyKind } from '../paging/index.ts';
import { GuestFault, Process } from '../process/index.ts';
import { type Advice, type Inheritance, PROT_NONE, PROT_READ, PROT_WRITE, type Space, type SpaceLayout } from './index.ts';

const RW = PROT_READ | PROT_WRITE;
const SPACE_PAGES = 512;
const FIRST = 64;
const ARENA = 96;
const FILE_PAGES = 24;
const MAX_PROCESSES = 3;
const small: SpaceLayout = {
  ...layout,
  high: SPACE_PAGES * PAGE_SIZE,
  breakStart: 16 * PAGE_SIZE,
  breakLimit: 48 * PAGE_SIZE,
};

/** The content behind a page: shared by the spaces that share the page. */
interface Cell {
  bytes: Uint8Array;
  /** Private, and still the file's own. */
  ofFile: boolean;
}

interface ModelPage {
  cell: Cell;
  protection: number;
  sharing: 'private' | 'shared';
  backing: 'file' | 'anonymous';
  inheritance: Inheritance;
  locked: boolean;
  reserved: boolean;
  /** Handed to a child by `share`: `free` may keep its content. */
  given: boolean;
}

interface Actor {
  readonly process: Process;
  readonly pages: Map<number, ModelPage>;
}

interface Plans {
  readonly frames?: FailurePlan;
  readonly heap?: FailurePlan;
  readonly reads?: FailurePlan;
  readonly writes?: FailurePlan;
}

/** What is tried: seeds of random scenarios; each failure below `dense`, then one in eleven. */
interface Extent {
  readonly seeds: readonly number[];
  readonly dense: number;
}

interface Setting {
  readonly policy: PolicyKind;
  readonly frames: number;
  readonly plans?: Plans;
  /** `promote`: on a format whose large pages have 8 pages. */
  readonly largePages?: 'promote';
}

const zeros = (): Cell => ({ bytes: new Uint8Array(PAGE_SIZE), ofFile: false });

class Scenario {
  readonly random: Random;
  readonly file = new TestFile(FILE_PAGES, 'file');
  readonly fileModel = this.file.pages.map((page) => page.slice());
  readonly plans: Plans;
  readonly small;
  readonly object;
  readonly actors: Actor[] = [];
  refused = 0;

  constructor(make: MakeSystem, seed: number, { policy, frames, plans = {}, largePages }: Setting) {
    this.random = new Random(seed);
    this.plans = plans;
    this.small = smallMachineOf(make, {
      frames,
      policy,
      seed,
      liveSpaces: 0,
      ...(largePages !== undefined && { largePages, pageTable: handful }),
      swap: new FaultyDevice(new MemoryDevice(1024), {
        ...(plans.reads !== undefined && { reads: plans.reads }),
        ...(plans.writes !== undefined && { writes: plans.writes }),
      }),
      ...(plans.frames !== undefined && { frameFailures: plans.frames }),
      ...(plans.heap !== undefined && { heapFailures: plans.heap }),
    });
    this.object = this.certainly(() => this.small.system.createObject(this.file.pager));
    this.adopt(
      this.certainly(() => this.small.system.createSpace(small, this.newTlb())),
      new Map(),
    );
  }

  private newTlb(): Tlb {
    return new Tlb(new ArrayBuffer(8 * SPACE_PAGES), 0, 4 * SPACE_PAGES, SPACE_PAGES);
  }

  private get injected(): number {
    return Object.values(this.plans).reduce((sum, plan: FailurePlan) => sum + plan.failures, 0);
  }

  private adopt(space: Space, pages: Map<number, ModelPage>): void {
    this.actors.push({ process: new Process(this.small.machine, this.small.system, space, () => 0), pages });
  }

  /** Runs a request that may fail only because of an injected failure. */
  private request<T>(action: () => T | string): T | string {
    const before = this.injected;
    const result = quietly(action);
    if (typeof result !== 'string') return result;
    this.refused++;
    if (this.injected === before) throw new Error(`${result} without a failure`);
    this.small.system.check();
    return result;
  }

  private certainly<T>(action: () => T | string): T {
    const result = this.request(action);
    const again = typeof result === 'string' ? action() : result;
    if (typeof again === 'string') throw new Error(again);
    return again;
  }

  step(): void {
    const actor = this.actors[this.random.below(this.actors.length)] as Actor;
    const roll = this.random.below(100);
    if (roll < 30) this.write(actor);
    else if (roll < 48) this.read(actor);
    else if (roll < 56) this.map(actor);
    else if (roll < 59) this.unmap(actor);
    else if (roll < 63) this.protect(actor);
    else if (roll < 69) this.inherit(actor);
    else if (roll < 73) this.lock(actor);
    else if (roll < 76) this.unlock(actor);
    else if (roll < 82) this.advise(actor);
    else if (roll < 88) this.remap(actor);
    else if (roll < 92) this.commit(actor);
    else if (roll < 94) this.residency(actor);
    else if (roll < 98) this.fork(actor);
    else if (this.actors.length > 1) this.exit(actor);
  }

  private page(): number {
    return FIRST + this.random.below(ARENA);
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.random.below(values.length)] as T;
  }

  private range(): [start: number, size: number, first: number, pages: number] {
    const [first, pages] = [this.page(), 1 + this.random.below(10)];
    return [first * PAGE_SIZE, pages * PAGE_SIZE, first, pages];
  }

  /** Tells, where there are large pages, whether the next request is to suit them: one in `share` is. */
  private isForLarge(share: number): boolean {
    return this.small.machine.pmaps.largePages !== undefined && this.random.below(share) === 0;
  }

  /** A range of two large pages. */
  private largeRange(): [start: number, size: number, first: number, pages: number] {
    const first = FIRST + 8 * this.random.below(ARENA / 8 - 1);
    return [first * PAGE_SIZE, 16 * PAGE_SIZE, first, 16];
  }

  private pagesOf({ pages }: Actor, first: number, count: number): (ModelPage | undefined)[] {
    return Array.from({ length: count }, (_, i) => pages.get(first + i));
  }

  /** Expects `errno` exactly if it is due; otherwise the request may fail only by injection. Returns whether it was carried out. */
  private expectResult(due: string | 0, action: () => unknown): boolean {
    if (due !== 0) {
      const result = quietly(action);
      // A failure injected into a request that was to be refused anyway may give another reason.
      if (this.injected === 0) expect(result).toBe(due);
      else expect(typeof result).toBe('string');
      return false;
    }
    return typeof this.request(action) !== 'string';
  }

  private space(actor: Actor): Space {
    return actor.process.space as Space;
  }

  /** With large pages, one write in four fills a large page. */
  private write(actor: Actor): void {
    const page = this.page();
    if (!this.isForLarge(4)) this.writeTo(actor, page);
    else for (let i = 0; i < 8; i++) this.writeTo(actor, page - (page % 8) + i);
  }

  private writeTo(actor: Actor, page: number): void {
    const { process, pages } = actor;
    const found = pages.get(page);
    const [offset, value] = [this.random.below(PAGE_SIZE), this.random.below(256)];
    const store = () => {
      process.copyOut(page * PAGE_SIZE + offset, Uint8Array.of(value));
      return 0;
    };
    if (((found?.protection ?? 0) & PROT_WRITE) === 0) {
      expect(typeof quietly(store)).toBe('string');
      return;
    }
    if (typeof this.request(store) === 'string') store();
    becomeOwn(found as ModelPage);
    (found as ModelPage).cell.bytes[offset] = value;
  }

  private read(actor: Actor): void {
    const page = this.page();
    const found = actor.pages.get(page);
    if (((found?.protection ?? 0) & PROT_READ) !== 0) this.compare(actor, page, found as ModelPage);
    else expect(typeof quietly(() => actor.process.copyIn(page * PAGE_SIZE, new Uint8Array(1)))).toBe('string');
  }

  private compare({ process }: Actor, page: number, { cell }: ModelPage): void {
    const bytes = new Uint8Array(PAGE_SIZE);
    const copy = () => {
      process.copyIn(page * PAGE_SIZE, bytes);
      return 0;
    };
    if (typeof this.request(copy) === 'string') copy();
    if (!equal(bytes, cell.bytes)) throw new Error(`page ${page} differs from the model`);
  }

  private map(actor: Actor): void {
    const isLarge = this.isForLarge(2);
    const [start, size, first, pages] = isLarge ? this.largeRange() : this.range();
    const sharing = !isLarge && this.random.below(3) === 0 ? 'shared' : 'private';
    const backing = !isLarge && this.random.below(3) === 0 ? 'file' : 'anonymous';
    const reserved = sharing === 'private' && backing === 'anonymous' && this.random.below(4) === 0;
    const protection = reserved ? PROT_NONE : this.pick([PROT_READ, RW, RW]);
    const offset = this.random.below(FILE_PAGES - pages);
    const done = this.expectResult(0, () =>
      this.small.system.map(this.space(actor), {
        size,
        protection,
        sharing,
        place: { how: 'fixed', address: start },
        ...(reserved && { commitment: 'reserved' as const }),
        ...(backing === 'file' && { object: this.object, offset: offset * PAGE_SIZE }),
      }),
    );
    if (!done) return;
    const inheritance = sharing === 'private' ? 'copy' : 'share';
    for (let i = 0; i < pages; i++) {
      const cell = backing === 'file' ? this.fileCell(offset + i, sharing) : zeros();
      actor.pages.set(first + i, { cell, protection, sharing, backing, inheritance, locked: false, reserved, given: false });
    }
  }

  private fileCell(index: number, sharing: 'private' | 'shared'): Cell {
    return { bytes: this.fileModel[index] as Uint8Array, ofFile: sharing === 'private' };
  }

  private unmap(actor: Actor): void {
    const [start, size, first, pages] = this.range();
    if (this.expectResult(0, () => this.small.system.unmap(this.space(actor), start, size))) {
      for (let i = 0; i < pages; i++) actor.pages.delete(first + i);
    }
  }

  private protect(actor: Actor): void {
    const [start, size, first, pages] = this.range();
    const protection = this.pick([PROT_NONE, PROT_READ, RW]);
    const range = this.pagesOf(actor, first, pages);
    const hole = range.indexOf(undefined);
    const refusal = range.findIndex((page) => page?.reserved === true && protection !== PROT_NONE);
    const due = refusal >= 0 && (hole < 0 || refusal < hole) ? 'EACCES' : hole >= 0 ? 'ENOMEM' : 0;
    if (this.expectResult(due, () => this.small.system.protect(this.space(actor), start, size, protection))) {
      for (const page of range as ModelPage[]) {
        page.protection = protection;
        if (page.locked) becomeOwn(page);
      }
    }
  }

  private inherit(actor: Actor): void {
    const [start, size, first, pages] = this.range();
    const inheritance = this.pick(['none', 'share', 'copy', 'zero'] as const);
    const range = this.pagesOf(actor, first, pages);
    const due = range.includes(undefined) ? 'ENOMEM' : 0;
    if (this.expectResult(due, () => this.small.system.inherit(this.space(actor), start, size, inheritance))) {
      for (const page of range) if (page !== undefined) page.inheritance = inheritance;
    }
  }

  private lock(actor: Actor): void {
    const [start, size, first, pages] = this.range();
    const range = this.pagesOf(actor, first, pages);
    const result = quietly(() => this.small.system.lock(this.space(actor), start, size));
    if (range.includes(undefined)) expect(result).toBe('ENOMEM');
    else if (range.some((page) => page?.protection === PROT_NONE)) expect(result).toBe('EACCES');
    else if (result === 0) {
      for (const page of range as ModelPage[]) {
        page.locked = true;
        becomeOwn(page);
      }
    } else {
      expect(['ENOMEM', 'EIO']).toContain(result);
      // Which pages of the file it had copied by then is not the model's to say.
      if (range.some((page) => page?.cell.ofFile === true && (page.protection & PROT_WRITE) !== 0)) throw new NotModelled();
    }
  }

  private unlock(actor: Actor): void {
    const [start, size, first, pages] = this.range();
    if (this.random.below(4) === 0) {
      this.small.system.unlockAll(this.space(actor));
      for (const page of actor.pages.values()) page.locked = false;
      return;
    }
    const range = this.pagesOf(actor, first, pages);
    const due = range.includes(undefined) ? 'ENOMEM' : 0;
    if (this.expectResult(due, () => this.small.system.unlock(this.space(actor), start, size))) {
      for (const page of range) (page as ModelPage).locked = false;
    }
  }

  private advise(actor: Actor): void {
    const [start, size, first, pages] = this.range();
    const advice: Advice = this.pick(['normal', 'random', 'sequential', 'willNeed', 'dontNeed', 'free']);
    const range = this.pagesOf(actor, first, pages);
    const keeps = (page: ModelPage | undefined) =>
      page !== undefined && (page.sharing === 'shared' || page.backing === 'file' || page.locked);
    // What a child shares may stay or go: not asked for here.
    if (advice === 'free' && range.some((page) => page?.given === true)) return;
    const due = advice === 'free' && range.some(keeps) ? 'EINVAL' : range.includes(undefined) ? 'ENOMEM' : 0;
    const done = this.expectResult(due, () => this.small.system.advise(this.space(actor), start, size, advice));
    // ENOMEM for a hole: the rest is advised all the same (if no failure came between).
    if (advice !== 'free' || !(done || (due === 'ENOMEM' && this.injected === 0))) return;
    for (const page of range) if (page !== undefined) page.cell = zeros();
  }

  private remap(actor: Actor): void {
    const [start, , first, oldPages] = this.range();
    // Which page of a file comes behind an area's last is known only while that one is the file's own.
    const last = actor.pages.get(first + oldPages - 1);
    const isKnown = last?.backing !== 'file' || this.fileModel.some((page) => page === last.cell.bytes);
    const newPages = 1 + this.random.below(isKnown ? 12 : oldPages);
    const target = this.page();
    const place = this.pick([
      'here',
      { how: 'fixed', address: target * PAGE_SIZE },
      { how: 'fixed', address: target * PAGE_SIZE },
    ] as const);
    const space = this.space(actor);
    const result = quietly(() => this.small.system.remap(space, start, oldPages * PAGE_SIZE, newPages * PAGE_SIZE, place));
    if (typeof result === 'string') {
      expect(['EFAULT', 'EINVAL', 'ENOMEM', 'EIO']).toContain(result);
      return;
    }
    const to = result / PAGE_SIZE;
    const moved = this.pagesOf(actor, first, oldPages) as ModelPage[];
    expect(moved).not.toContain(undefined);
    expect(to).toBe(place === 'here' ? first : target);
    for (let i = 0; i < oldPages; i++) actor.pages.delete(first + i);
    for (let i = 0; i < newPages; i++) actor.pages.set(to + i, moved[i] ?? this.next(moved.at(-1) as ModelPage, i - oldPages + 1));
  }

  /** The page `distance` pages behind `last` in the same area. */
  private next(last: ModelPage, distance: number): ModelPage {
    // Without rights it cannot be brought in.
    const fresh = { ...last, given: false, locked: last.locked && last.protection !== PROT_NONE };
    if (last.backing === 'anonymous') return { ...fresh, cell: zeros() };
    const index = (this.fileModel as Uint8Array[]).indexOf(last.cell.bytes);
    return { ...fresh, cell: this.fileCell(index + distance, last.sharing) };
  }

  private commit(actor: Actor): void {
    const [start, size, first, pages] = this.range();
    const range = this.pagesOf(actor, first, pages);
    const isFit = range.every((page) => page !== undefined && page.sharing === 'private' && page.backing === 'anonymous');
    const due = isFit ? 0 : 'ENOMEM';
    if (this.random.below(2) === 0) {
      const protection = this.pick([PROT_READ, RW]);
      if (!this.expectResult(due, () => this.small.system.commit(this.space(actor), start, size, protection))) return;
      for (const page of range) Object.assign(page as ModelPage, { protection, reserved: false });
    } else {
      if (!this.expectResult(due, () => this.small.system.decommit(this.space(actor), start, size))) return;
      for (const page of range)
        Object.assign(page as ModelPage, { protection: PROT_NONE, reserved: true, locked: false, cell: zeros(), given: false });
    }
  }

  private residency(actor: Actor): void {
    const [start, size, first, pages] = this.range();
    const range = this.pagesOf(actor, first, pages);
    const into = new Uint8Array(pages).fill(9);
    const result = this.small.system.residency(this.space(actor), start, size, into);
    expect(result).toBe(range.includes(undefined) ? 'ENOMEM' : 0);
    range.forEach((page, i) => {
      expect(result === 0 ? [0, 1] : [9]).toContain(into[i]);
      if (page?.locked === true && result === 0) expect(into[i]).toBe(1);
    });
  }

  private fork(actor: Actor): void {
    if (this.actors.length === MAX_PROCESSES) return;
    const child = this.request(() => this.small.system.fork(this.space(actor), this.newTlb()));
    if (typeof child === 'string') return;
    const pages = new Map<number, ModelPage>();
    for (const [number, page] of actor.pages) if (page.inheritance !== 'none') pages.set(number, childOf(page));
    this.adopt(child, pages);
  }

  private exit(actor: Actor): void {
    this.small.system.destroySpace(this.space(actor));
    this.actors.splice(this.actors.indexOf(actor), 1);
  }

  /** Every page of every process has its content; what is used adds up; then all is given back. */
  finish(): void {
    const { system, machine } = this.small;
    for (const actor of this.actors) {
      const pages = [...actor.pages];
      const usage = system.usage(this.space(actor));
      expect(usage.addressBytes).toBe(pages.length * PAGE_SIZE);
      expect(usage.lockedBytes).toBe(pages.filter(([, page]) => page.locked).length * PAGE_SIZE);
      for (const [number, page] of pages) if ((page.protection & PROT_READ) !== 0) this.compare(actor, number, page);
    }
    while (this.actors.length > 0) this.exit(this.actors[0] as Actor);
    system.releaseObject(this.object);
    system.check();
    system.clearObjectCache?.();
    machine.heap.reap();
    expect([machine.heap.bytesInUse(), machine.frames.freeCount, system.swapSlots.used]).toEqual([0, machine.frames.managed, 0]);
    expect(this.file.pages.every((page, i) => equal(page, this.fileModel[i] as Uint8Array))).toBe(true);
  }

  play(steps: number, checkEvery: number): void {
    try {
      for (let step = 0; step < steps; step++) {
        this.step();
        if (step % checkEvery === 0) this.small.system.check();
      }
    } catch (error) {
      if (error instanceof NotModelled) return;
      throw error;
    }
    this.finish();
  }
}

/** A private page of a file that may be written is copied at its first write, or when it is locked. */
function becomeOwn({ cell, protection }: ModelPage): void {
  if (cell.ofFile && (protection & PROT_WRITE) !== 0) Object.assign(cell, { bytes: cell.bytes.slice(), ofFile: false });
}

/** The scenario came to what the model cannot say. */
class NotModelled extends Error {}

function childOf(page: ModelPage): ModelPage {
  const child = { ...page, locked: false };
  switch (page.inheritance) {
    case 'share':
      page.given = page.sharing === 'private';
      return { ...child, given: page.given };
    case 'zero':
      return { ...child, cell: zeros(), sharing: 'private', backing: 'anonymous', given: false };
    default: {
      const ofFile = page.cell.ofFile || (page.sharing === 'shared' && page.backing === 'file');
      const bytes = ofFile ? page.cell.bytes : page.cell.bytes.slice();
      return { ...child, cell: { bytes, ofFile }, sharing: 'private', given: false };
    }
  }
}

/** Returns what `action` returns, or what the fault that ended it says. */
function quietly<T>(action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    if (error instanceof GuestFault) return error.message;
    throw error;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const policy = livePolicies[0] as PolicyKind;

/** Declares the comparison of the whole mmap family with the flat model, without and with failures. */
export function describeCalls(make: MakeSystem, { seeds, dense }: Extent): void {
  describe('the mmap family and the flat model', () => {
    afterEach(checkMachines);

    it.each(seeds)('agree on every byte and every refusal, seed %i', (seed) => {
      for (let part = 0; part < 6; part++) new Scenario(make, 100 * seed + part, { policy, frames: part < 3 ? 100 : 56 }).play(500, 25);
    });

    it.each(seeds.slice(0, 4))('agree with large pages, seed %i', (seed) => {
      let promotions = 0;
      for (let part = 0; part < 4; part++) {
        const scenario = new Scenario(make, 700 * seed + part, { policy, frames: part < 2 ? 400 : 136, largePages: 'promote' });
        scenario.play(500, 25);
        promotions += scenario.small.machine.pmaps.largePages?.promotions ?? 0;
      }
      expect(promotions).toBeGreaterThan(0);
    });

    it.each(livePolicies)('agree under $name', (each: PolicyKind) => {
      for (const seed of seeds.slice(0, 3)) new Scenario(make, seed, { policy: each, frames: 100 }).play(400, 50);
    });
  });

  describe('the mmap family when memory fails', () => {
    afterEach(checkMachines);

    it.each(['frames', 'heap', 'reads', 'writes'] as const)('refuses, and has changed nothing, at the k-th failure of %s', (kind) => {
      let failures = 0;
      for (let k = 0; ; k += k < dense ? 1 : 11) {
        const plans = { [kind]: new FailurePlan(k) };
        try {
          new Scenario(make, 17, { policy, frames: 46, plans }).play(260, 130);
        } catch (error) {
          throw new Error(`k = ${k}: ${String(error)}`, { cause: error });
        }
        if (plans[kind]?.failures === 0) break;
        failures++;
      }
      // Pages may go out in clusters: then write operations are few.
      expect(failures).toBeGreaterThan(kind === 'writes' ? 1 : 10);
    });

    it('refuses, and has changed nothing, at the k-th failure of a frame, with large pages', () => {
      let dissolved = 0;
      for (let k = 1; ; k += dense > 100 ? 2 : 5) {
        const plans = { frames: new FailurePlan(k) };
        const scenario = new Scenario(make, 17, { policy, frames: 110, plans, largePages: 'promote' });
        scenario.play(300, 150);
        if (plans.frames.failures === 0) break;
        dissolved += scenario.small.machine.pmaps.largePages?.dissolved ?? 0;
      }
      expect(dissolved).toBeGreaterThan(0);
    });
  });
}
