// Failure injection over a whole scenario (design, section 8): the k-th frame, kernel-heap block, swap read or swap write fails,
// for every k that the scenario reaches (beyond some: one in several). Each request then either works or says why not, and in that case
// changed nothing: the flat model decides. Only the step that the failure hits may fail. At the end everything is given back.
import { describe, expect, it } from 'vitest';
import { ModelSpace } from '../../test/support/memory-model.ts';
import type { MakeSystem, TestedSystem } from '../../test/support/uvm-machine.ts';
import { TestFile } from '../../test/support/uvm-probe.ts';
import { FailurePlan, PAGE_SIZE, Random } from '../base/index.ts';
import { bitmapAllocator } from '../frames/index.ts';
import { type KernelHeapKind, kernelHeapKinds, slabHeap } from '../heap/index.ts';
import { aarch64, FaultyDevice, i386, inverted, MemoryDevice, type PageTableFormat, Tlb } from '../machine/index.ts';
import { handful } from '../machine/mmu/made-up-formats.conformance.ts';
import { livePolicies, type PolicyKind } from '../paging/index.ts';
import type { LargePages } from '../pmap/index.ts';
import { GuestFault, Process } from '../process/index.ts';
import { type RangeMapKind, rangeMapKinds, redBlackMap } from '../ranges/index.ts';
import { Machine, type Space, type SpaceLayout } from './index.ts';

const STEPS = 300;
const FRAMES = 42;
/** A space of 1,024 pages, so that its TLB is small and machines are cheap. */
const SPACE_PAGES = 1024;
const BREAK_PAGE = 16;
const AREA_PAGE = 128;
const AREA_PAGES = 72;
const layout: SpaceLayout = {
  low: 0,
  high: SPACE_PAGES * PAGE_SIZE,
  breakStart: BREAK_PAGE * PAGE_SIZE,
  breakLimit: 64 * PAGE_SIZE,
};
/** Which failures are tried: every k below `dense`, then one in `stride`. */
interface Steps {
  readonly dense: number;
  readonly stride: number;
}

interface Plans {
  readonly frames: FailurePlan;
  readonly heap: FailurePlan;
  readonly reads: FailurePlan;
  readonly writes: FailurePlan;
}

const noFailures = (): Plans => ({
  frames: new FailurePlan(),
  heap: new FailurePlan(),
  reads: new FailurePlan(),
  writes: new FailurePlan(),
});

interface Designs {
  readonly pageTableFormat?: PageTableFormat;
  readonly rangeMap?: RangeMapKind;
  readonly kernelHeap?: KernelHeapKind;
  readonly largePages?: LargePages;
  readonly frames?: number;
}

interface Actor {
  readonly process: Process;
  readonly model: ModelSpace;
}

const newTlb = () => new Tlb(new ArrayBuffer(8 * SPACE_PAGES), 0, 4 * SPACE_PAGES, SPACE_PAGES);

class Scenario {
  readonly random = new Random(11);
  readonly file = new TestFile(16, 'file');
  /** What the file's pages must be: the arrays that the models share. */
  readonly fileModel = this.file.pages.map((page) => page.slice());
  readonly plans: Plans;
  readonly machine: Machine;
  readonly system: TestedSystem;
  readonly object;
  readonly freeAtStart: number;
  readonly actors: Actor[] = [];
  failedSteps = 0;

  constructor(
    make: MakeSystem,
    plans: Plans,
    policy: PolicyKind,
    { pageTableFormat = i386, rangeMap = redBlackMap, kernelHeap = slabHeap, largePages = 'never', frames = FRAMES }: Designs = {},
  ) {
    this.plans = plans;
    this.machine = new Machine({
      ramBytes: frames * PAGE_SIZE,
      largePages,
      frameAllocator: bitmapAllocator,
      pageTableFormat,
      rangeMap,
      kernelHeap,
      liveSpaces: 0,
      seed: 1,
      swap: new FaultyDevice(new MemoryDevice(512), { reads: plans.reads, writes: plans.writes }),
      frameFailures: plans.frames,
      heapFailures: plans.heap,
    });
    // Where all spaces share one page table, it is there for good.
    this.freeAtStart = this.machine.frames.freeCount;
    this.system = make(this.machine, policy);
    this.object = this.certainly(() => this.system.createObject(this.file.pager));
    this.adopt(
      this.certainly(() => this.system.createSpace(layout, newTlb())),
      new ModelSpace(),
    );
  }

  /** What was injected so far. */
  private get injected(): number {
    const { frames, heap, reads, writes } = this.plans;
    return frames.failures + heap.failures + reads.failures + writes.failures;
  }

  /** Runs a request that must work the second time, if a failure was injected the first time. */
  private certainly<T>(request: () => T | string): T {
    const result = this.request(request);
    const again = typeof result === 'string' ? request() : result;
    if (typeof again === 'string') throw new Error(again);
    return again;
  }

  /** Runs a request. It may fail only if a failure was injected meanwhile. */
  private request<T>(action: () => T): T | string {
    const before = this.injected;
    const result = withoutGuestFault(action);
    if (typeof result !== 'string') return result;
    this.failedSteps++;
    expect(this.injected, `${result} without a failure`).toBeGreaterThan(before);
    this.system?.check();
    return result;
  }

  private adopt(space: Space, model: ModelSpace): void {
    this.actors.push({ process: new Process(this.machine, this.system, space, () => 0), model });
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      const actor = this.actors[this.random.below(this.actors.length)] as Actor;
      const roll = this.random.below(100);
      if (step % 90 === 0) this.map(actor, AREA_PAGE, 40, 'private', 'anonymous');
      else if (roll < 60) this.write(actor);
      else if (roll < 82) this.read(actor);
      else if (roll < 87) {
        const [sharing, backing] = [
          this.random.below(3) === 0 ? 'shared' : 'private',
          this.random.below(2) === 0 ? 'file' : 'anonymous',
        ] as const;
        this.map(actor, this.area(), 1 + this.random.below(16), sharing, backing);
      } else if (roll < 89) this.unmap(actor);
      else if (roll < 92) this.protect(actor);
      else if (roll < 95) this.grow(actor);
      else if (roll < 98) this.fork(actor);
      else if (this.actors.length > 1) this.exit(actor);
    }
    this.verify();
    this.end();
  }

  private area(): number {
    return AREA_PAGE + this.random.below(AREA_PAGES);
  }

  private space(actor: Actor): Space {
    return actor.process.space as Space;
  }

  /** Writes two bytes on two sides of a page boundary, or says that it cannot. With large pages, one write in four fills one. */
  private write(actor: Actor): void {
    const page = this.random.below(8) === 0 ? BREAK_PAGE + this.random.below(6) : this.area();
    const fills = this.machine.pmaps.largePages !== undefined && this.random.below(4) === 0;
    if (!fills) this.writeAcross(actor, page);
    else for (let i = 0; i < 8; i++) this.writeAcross(actor, page - (page % 8) + i);
  }

  private writeAcross({ process, model }: Actor, page: number): void {
    const address = page * PAGE_SIZE - 1;
    const bytes = Uint8Array.of(this.random.below(256), this.random.below(256));
    const allowed = [page - 1, page].map((each) => mayWrite(model, each));
    if (allowed.includes(false)) {
      // The first page becomes the process's own before the second is found wanting.
      if (allowed[0] === true) model.access(page - 1, 'write');
      expectFault(process, address, 2, 1);
      return;
    }
    const store = () => {
      process.trap(address, 2, 1);
      const { tlb } = process.space.pmap;
      if (!tlb.writes(page - 1) || !tlb.writes(page)) throw new Error('GC2: both words must be valid at once');
      process.copyOut(address, bytes);
      return 0;
    };
    // One page may have become writable when the other failed: only a write that works leaves no doubt.
    if (typeof this.request(store) === 'string') store();
    // Both pages become writable before either is written: a private copy of a file's page is taken from the file as it was.
    const [below, above] = [model.access(page - 1, 'write'), model.access(page, 'write')] as [Uint8Array, Uint8Array];
    below[PAGE_SIZE - 1] = bytes[0] as number;
    above[0] = bytes[1] as number;
  }

  private read(actor: Actor): void {
    const page = this.area();
    const expected = actor.model.access(page, 'read');
    if (expected !== undefined) this.compare(actor, page, expected);
    else expectFault(actor.process, page * PAGE_SIZE, 1, 0);
  }

  private compare({ process }: Actor, page: number, expected: Uint8Array): void {
    const bytes = new Uint8Array(PAGE_SIZE);
    const copy = () => {
      process.copyIn(page * PAGE_SIZE, bytes);
      return 0;
    };
    if (typeof this.request(copy) === 'string') copy();
    if (!equal(bytes, expected)) throw new Error(`page ${page} differs from the model`);
  }

  private map(actor: Actor, first: number, pages: number, sharing: 'private' | 'shared', backing: 'file' | 'anonymous'): void {
    const offset = this.random.below(17 - Math.min(16, pages));
    const result = this.request(() =>
      this.system.map(this.space(actor), {
        size: pages * PAGE_SIZE,
        protection: 3,
        sharing,
        place: { how: 'fixed', address: first * PAGE_SIZE },
        ...(backing === 'file' && { object: this.object, offset: offset * PAGE_SIZE }),
      }),
    );
    if (typeof result === 'string') return;
    actor.model.map(first, pages, 3, sharing, backing === 'file' ? this.fileModel : undefined, offset);
  }

  private unmap(actor: Actor): void {
    const [first, pages] = [this.area(), 1 + this.random.below(12)];
    if (typeof this.request(() => this.system.unmap(this.space(actor), first * PAGE_SIZE, pages * PAGE_SIZE)) === 'string') return;
    actor.model.unmap(first, pages);
  }

  private protect(actor: Actor): void {
    const [first, pages] = [this.area(), 1 + this.random.below(6)];
    const protection = [0, 1, 3][this.random.below(3)] as number;
    const range = Array.from({ length: pages }, (_, i) => actor.model.pages.get(first + i));
    if (range.includes(undefined)) return;
    if (typeof this.request(() => this.system.protect(this.space(actor), first * PAGE_SIZE, pages * PAGE_SIZE, protection)) === 'string')
      return;
    for (const page of range) if (page !== undefined) page.protection = protection;
  }

  private grow(actor: Actor): void {
    const now = actor.process.space.breakEnd / PAGE_SIZE;
    const target = BREAK_PAGE + this.random.below(8);
    if (typeof this.request(() => this.system.grow(this.space(actor), target * PAGE_SIZE)) === 'string') return;
    if (target > now) actor.model.map(now, target - now, 3, 'private');
    else actor.model.unmap(target, now - target);
  }

  private fork(actor: Actor): void {
    if (this.actors.length === 3) return;
    const child = this.request(() => this.system.fork(this.space(actor), newTlb()));
    if (typeof child !== 'string') this.adopt(child, actor.model.fork());
  }

  private exit(actor: Actor): void {
    this.system.destroySpace(this.space(actor));
    this.actors.splice(this.actors.indexOf(actor), 1);
  }

  private verify(): void {
    for (const actor of this.actors) {
      for (const page of [...actor.model.pages.keys()]) {
        const expected = actor.model.access(page, 'read');
        if (expected !== undefined) this.compare(actor, page, expected);
      }
    }
  }

  private end(): void {
    while (this.actors.length > 0) this.exit(this.actors[0] as Actor);
    this.system.releaseObject(this.object);
    this.system.check();
    this.system.clearObjectCache?.();
    const { heap, frames, pmaps } = this.machine;
    heap.reap();
    pmaps.reapTables();
    expect([heap.bytesInUse(), frames.freeCount, this.system.swapSlots.used]).toEqual([0, this.freeAtStart, 0]);
    expect(this.file.pages.every((page, i) => equal(page, this.fileModel[i] as Uint8Array))).toBe(true);
  }
}

function expectFault(process: Process, address: number, size: number, access: 0 | 1): void {
  const said = withoutGuestFault(() => process.trap(address, size, access));
  if (typeof said !== 'string') throw new Error(`access ${access} at ${address} should have failed`);
}

function mayWrite(model: ModelSpace, page: number): boolean {
  return ((model.pages.get(page)?.protection ?? 0) & 2) !== 0;
}

/** Returns what `action` returns, or what the fault that ended it says. */
function withoutGuestFault<T>(action: () => T): T | string {
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

/** Declares failure injection over a scenario of the basic calls. */
export function describeFailures(make: MakeSystem, { dense, stride }: Steps): void {
  describe('a scenario of 300 steps in a RAM too small for it', () => {
    const policy = livePolicies[0] as PolicyKind;

    it('runs without failures, and swaps, copies and writes back on the way', () => {
      const plans = noFailures();
      const scenario = new Scenario(make, plans, policy);
      scenario.run();
      expect(scenario.failedSteps).toBe(0);
      const { swapPagesIn, swapPagesOut, case1B, case2B, pagerWrites } = scenario.system.statistics();
      for (const count of [swapPagesIn, swapPagesOut, case1B, case2B, pagerWrites]) expect(count).toBeGreaterThan(4);
    });

    it.each(['frames', 'heap', 'reads', 'writes'] as const)('survives the k-th failure of %s, for every k', (kind) => {
      let failures = 0;
      let failedSteps = 0;
      for (let k = 0; ; k += k < dense ? 1 : stride) {
        const plans = { ...noFailures(), [kind]: new FailurePlan(k) };
        const scenario = new Scenario(make, plans, policy);
        try {
          scenario.run();
        } catch (error) {
          throw new Error(`k = ${k}: ${String(error)}`, { cause: error });
        }
        if (plans[kind].failures === 0) break;
        failures++;
        failedSteps += scenario.failedSteps;
      }
      expect(failures).toBeGreaterThan(10);
      // A failed read reaches the program (at times in a step that was to fail anyway); the others are often made good by trying again.
      if (kind === 'reads') expect(failedSteps).toBeGreaterThan(failures / 2);
    });

    it.each(livePolicies)('survives a frame that fails under $name', (each: PolicyKind) => {
      for (let k = 0; k < 400; k += 23) new Scenario(make, { ...noFailures(), frames: new FailurePlan(k) }, each).run();
    });

    it.each([aarch64, inverted])('survives a frame or a heap block that fails on page tables of format $name', (pageTableFormat) => {
      // The first frames are for the machine, without which there is no scenario.
      for (let k = 1; k < 400; k += 19) {
        new Scenario(make, { ...noFailures(), frames: new FailurePlan(k) }, policy, { pageTableFormat }).run();
        new Scenario(make, { ...noFailures(), heap: new FailurePlan(k) }, policy, { pageTableFormat }).run();
      }
    });

    it('survives a frame that fails with large pages', () => {
      let demotions = 0;
      for (let k = 1; k < 600; k += 13) {
        const plans = { ...noFailures(), frames: new FailurePlan(k) };
        const scenario = new Scenario(make, plans, policy, { pageTableFormat: handful, largePages: 'promote', frames: 100 });
        scenario.run();
        demotions += scenario.machine.pmaps.largePages?.demotions ?? 0;
      }
      expect(demotions).toBeGreaterThan(0);
    });

    it.each(rangeMapKinds.slice(1))('survives a heap block that fails over range map $name', (rangeMap) => {
      for (let k = 0; k < 400; k += 37) new Scenario(make, { ...noFailures(), heap: new FailurePlan(k) }, policy, { rangeMap }).run();
    });

    it.each(kernelHeapKinds.slice(1))('survives a frame or a heap block that fails over the kernel heap $name', (kernelHeap) => {
      for (let k = 1; k < 400; k += 71) {
        new Scenario(make, { ...noFailures(), frames: new FailurePlan(k) }, policy, { kernelHeap }).run();
        new Scenario(make, { ...noFailures(), heap: new FailurePlan(k) }, policy, { kernelHeap }).run();
      }
    });
  });
}
