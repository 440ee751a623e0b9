// Where a trial takes place: a machine as its script asks for it, files that remember, objects, injected failures; and the processor's side
// of an access, so that every load and store goes through TLB, page-table walk and fault as a program's would.

import { FailurePlan, PAGE_SIZE, type Pfn } from '../../src/base/index.ts';
import { type BlockDevice, FaultyDevice, MemoryDevice, Tlb } from '../../src/machine/index.ts';
import {
  FaultOutcome,
  Machine,
  type MemoryObject,
  type MemorySystem,
  type Pager,
  type Space,
  type SpaceLayout,
} from '../../src/system/index.ts';
import {
  findFrameAllocator,
  findKernelHeap,
  findKernelMap,
  findPageTable,
  findPolicy,
  findSystem,
  kernelMapChoices,
  pageTableNames,
} from '../../src/systems/index.ts';
import { eights } from './eights.ts';
import { ModelObject, Slot } from './model.ts';
import {
  BREAK_FIRST,
  BREAK_LIMIT,
  DEVICE,
  DEVICE_FRAMES,
  EXTRA_DEVICES,
  FIRST_SHARED_MEMORY,
  IMAGE,
  type InjectedFailure,
  OBJECT_COUNT,
  OBJECT_PAGES,
  type Script,
  SPACE_PAGES,
} from './script.ts';

/** Where system and model differ: the trial has found something. */
export class Disagreement extends Error {}

/** Puts another manager, or a manager in another's coat, on a machine: for tests of the torture itself. */
export type MakeSystem = (machine: Machine, made: MemorySystem) => MemorySystem;

/** An object of the script: the system's handle, unless there was no memory for it, and what it must contain. */
export interface StageObject {
  handle: MemoryObject | undefined;
  model: ModelObject;
  /** The file's pages as they are on its device. */
  readonly disk: Buffer[];
  readonly pager: Pager;
}

export const layout: SpaceLayout = {
  low: 0,
  high: SPACE_PAGES * PAGE_SIZE,
  breakStart: BREAK_FIRST * PAGE_SIZE,
  breakLimit: BREAK_LIMIT * PAGE_SIZE,
};

/** Makes a TLB for one space. */
export function newTlb(): Tlb {
  return new Tlb(new ArrayBuffer(8 * SPACE_PAGES), 0, 4 * SPACE_PAGES, SPACE_PAGES);
}

/** Machine, manager, objects and devices of one trial. */
export class Stage {
  readonly machine: Machine;
  readonly system: MemorySystem;
  readonly objects: StageObject[] = [];
  readonly extraDevices: readonly BlockDevice[];
  /** RAM, for comparing. */
  readonly ram: Buffer;
  readonly #plans: Readonly<Record<InjectedFailure['kind'], FailurePlan>>;
  readonly #freeFrames: number;
  readonly #heapBytes: number;

  constructor(script: Script, makeSystem: MakeSystem) {
    const plan = (kind: InjectedFailure['kind']) => new FailurePlan(script.failures.find((failure) => failure.kind === kind)?.at);
    this.#plans = { frames: plan('frames'), heap: plan('heap'), reads: plan('reads'), writes: plan('writes') };
    const { frames, heap, reads, writes } = this.#plans;
    this.machine = new Machine({
      ramBytes: (script.frames + DEVICE_FRAMES) * PAGE_SIZE,
      memoryMap: [
        { start: 0, end: script.frames * PAGE_SIZE, kind: 'usable' },
        { start: script.frames * PAGE_SIZE, end: (script.frames + DEVICE_FRAMES) * PAGE_SIZE, kind: 'permanent' },
      ],
      frameAllocator: findFrameAllocator(script.allocator),
      pageTableFormat: script.largePages === 'promote' ? eights : findPageTable(pageTableNames[0] as string),
      largePages: script.largePages,
      kernelHeap: findKernelHeap(script.kernelHeap),
      ...(script.kernelMap !== kernelMapChoices[0] && { kernelMap: findKernelMap(script.kernelMap) }),
      liveSpaces: 0,
      seed: script.seed,
      swap: new FaultyDevice(new MemoryDevice(script.swapPages), { reads, writes }),
      frameFailures: frames,
      heapFailures: heap,
    });
    this.ram = Buffer.from(this.machine.ram.buffer);
    this.extraDevices = Array.from({ length: EXTRA_DEVICES }, (_, i) => new MemoryDevice(script.swapPages >>> (i + 1), `extra${i}`));
    this.system = makeSystem(this.machine, findSystem(script.system).make(this.machine, findPolicy(script.policy)));
    this.machine.heap.reap();
    this.#freeFrames = this.#framesToUse();
    this.#heapBytes = this.machine.heap.bytesInUse();
    for (let number = 0; number < OBJECT_COUNT; number++) this.objects.push(newObject(number, script.frames));
    for (let number = 0; number < OBJECT_COUNT; number++) this.renew(number);
  }

  /** Failures injected so far. */
  get injected(): number {
    const { frames, heap, reads, writes } = this.#plans;
    return frames.failures + heap.failures + reads.failures + writes.failures;
  }

  /** Lets an object of the script go, if it has one, and makes it anew. Returns what the system says to that. */
  renew(number: number): MemoryObject | string {
    const object = this.objects[number] as StageObject;
    if (object.handle !== undefined) this.release(number);
    const shared = number >= FIRST_SHARED_MEMORY && number !== DEVICE;
    if (shared) object.model = newObject(number, 0).model;
    const made = shared ? this.system.createSharedMemory(OBJECT_PAGES, `shared${number}`) : this.system.createObject(object.pager);
    if (typeof made !== 'string') object.handle = made;
    return made;
  }

  /** Drops the script's own hold of an object. */
  release(number: number): void {
    const object = this.objects[number] as StageObject;
    if (object.handle !== undefined) this.system.releaseObject(object.handle);
    object.handle = undefined;
  }

  /** Lets the system end the objects that nobody refers to and that it keeps all the same, where it does such a thing. */
  endCachedObjects(): void {
    (this.system as MemorySystem & { clearObjectCache?: () => void }).clearObjectCache?.();
  }

  /** Throws unless the pages of a file that were written back are on its device as the model has them. */
  compareDisk(number: number, first = 0, end = OBJECT_PAGES): void {
    const { model, disk } = this.objects[number] as StageObject;
    if (number >= IMAGE) return;
    for (let index = first; index < end; index++) {
      if (!(model.slots[index] as Slot).bytes.equals(disk[index] as Buffer))
        throw new Disagreement(`page ${index} of file ${number} is not on its device`);
    }
  }

  /**
   * Does what the processor does for an access to `page`.
   * @returns the frame, or a `FaultOutcome` as a negative number
   */
  translate(space: Space, page: number, access: 0 | 1): number {
    const { tlb } = space.pmap;
    const cached = access === 1 ? tlb.writeFrame(page) : tlb.readFrame(page);
    if (cached >= 0) return cached;
    const walked = this.machine.pmaps.refill(space.pmap, page, access);
    if (walked >= 0) return walked;
    const outcome = this.system.fault(space, page, access);
    if (outcome !== FaultOutcome.resolved) return -outcome;
    const frame = access === 1 ? tlb.writeFrame(page) : tlb.readFrame(page);
    if (frame < 0) throw new Disagreement(`a resolved fault on page ${page} left it unmapped`);
    return frame;
  }

  /** Frames that are free, or that a kernel map has for its tables and records: it keeps those for the next mapping. */
  #framesToUse(): number {
    const { frames, kernelMap } = this.machine;
    const { tableFrames, recordFrames } = kernelMap?.statistics() ?? { tableFrames: 0, recordFrames: 0 };
    return frames.freeCount + tableFrames + recordFrames;
  }

  /** After everything was given up: throws unless frames, kernel heap and swap are as they were at first. */
  compareWithBeginning(): void {
    for (let number = 0; number < OBJECT_COUNT; number++) this.release(number);
    this.endCachedObjects();
    this.system.check();
    for (let number = 0; number < OBJECT_COUNT; number++) this.compareDisk(number);
    const { heap } = this.machine;
    heap.reap();
    if (heap.bytesInUse() !== this.#heapBytes)
      throw new Disagreement(`${heap.bytesInUse() - this.#heapBytes} bytes of kernel heap are lost`);
    const lost = this.#freeFrames - this.#framesToUse();
    if (lost !== 0) throw new Disagreement(`${lost} frames are lost`);
    const used = this.system.swapDevices().reduce((sum, device) => sum + device.used, 0);
    if (used !== 0) throw new Disagreement(`${used} swap slots are lost`);
  }
}

/** Object `number` before anybody changed it; files have their number and the page's in each byte, the device frames from `deviceFrame` on. */
function newObject(number: number, deviceFrame: number): StageObject {
  const disk =
    number < FIRST_SHARED_MEMORY ? Array.from({ length: OBJECT_PAGES }, (_, page) => Buffer.alloc(PAGE_SIZE, number * 64 + page + 1)) : [];
  const isDevice = number === DEVICE;
  const frames = Array.from({ length: DEVICE_FRAMES }, () => new Slot());
  const slots = Array.from({ length: OBJECT_PAGES }, (_, page) => {
    if (isDevice) return frames[page % DEVICE_FRAMES] as Slot;
    const bytes = disk[page];
    return bytes === undefined ? new Slot() : Slot.of(Buffer.from(bytes));
  });
  const model = new ModelObject(slots, { writable: number !== IMAGE, isDevice });
  return { handle: undefined, model, disk, pager: isDevice ? devicePager(deviceFrame) : pagerOf(number, disk) };
}

function devicePager(first: number): Pager {
  return {
    kind: 'device',
    name: 'device',
    pages: OBJECT_PAGES,
    read: () => 'EIO',
    frameOf: (index) => (first + (index % DEVICE_FRAMES)) as Pfn,
  };
}

function pagerOf(number: number, disk: Buffer[]): Pager {
  const pager: Pager = {
    kind: number === IMAGE ? 'image' : 'file',
    name: `object${number}`,
    pages: OBJECT_PAGES,
    read: (index, into) => void into.set(disk[index] as Buffer),
  };
  return number === IMAGE ? pager : { ...pager, write: (index, from) => void (disk[index] as Buffer).set(from) };
}
