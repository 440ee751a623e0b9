// The one place that names concrete designs by string: what `--policy`, `--frames`, `--page-table`, `--ranges`, `--kernel-heap`, `--kernel-map`,
// `--large-pages`, `--system`, `--class-limits` can say.

import { type FailurePlan, UsageError } from '../base/index.ts';
import {
  atomicBitmapAllocator,
  bitmapAllocator,
  buddyAllocator,
  cachedBuddyAllocator,
  type FrameAllocatorKind,
  flatBitmapAllocator,
  listAllocator,
  slabAllocator,
  stackAllocator,
  treeAllocator,
  zonedAllocator,
} from '../frames/index.ts';
import { type KernelHeapKind, kernelHeapKinds } from '../heap/index.ts';
import {
  aarch64,
  amd64,
  amd64FiveLevel,
  type BlockDevice,
  i386,
  inverted,
  type MemoryRange,
  mips,
  type PageTableFormat,
  pae,
  sv32,
  sv39,
  sv48,
  type TlbDesign,
} from '../machine/index.ts';
import { livePolicies, type PolicyKind, replayPolicies } from '../paging/index.ts';
import { type KernelMapKind, kernelMapKinds, type LargePages } from '../pmap/index.ts';
import { type RangeMapKind, rangeMapKinds } from '../ranges/index.ts';
import { Machine, type MemorySystem, type SwapReadAhead } from '../system/index.ts';
import { defaultTuning, netbsdTuning, Uvm, type UvmTuning } from '../uvm/index.ts';
import { BsdVm } from './bsdvm/index.ts';

/** A memory manager by name. */
export interface SystemKind {
  readonly name: string;
  /** The sets of limits for classes of pages that it knows, the default first. */
  readonly classLimits: readonly string[];
  make(machine: Machine, policy: PolicyKind, settings?: SystemSettings): MemorySystem;
}

/** What may be set of a memory manager. */
interface SystemSettings {
  /** One of its own; default: none. */
  readonly classLimits?: string;
  /** Default: the manager's own. */
  readonly swapReadAhead?: SwapReadAhead;
}

/** UVM's limits by class of page (anonymous, file, image), by name. */
const tunings = new Map<string, UvmTuning>([
  ['none', defaultTuning],
  ['netbsd', netbsdTuning],
]);
/** Names that `--class-limits` can say, the default first. */
export const classLimitNames: readonly string[] = [...tunings.keys()];

const frameAllocatorKinds: readonly FrameAllocatorKind[] = [
  bitmapAllocator,
  stackAllocator,
  flatBitmapAllocator,
  listAllocator,
  buddyAllocator,
  cachedBuddyAllocator,
  treeAllocator,
  slabAllocator,
  atomicBitmapAllocator,
  zonedAllocator,
];
const systemKinds: readonly SystemKind[] = [
  {
    name: 'uvm',
    classLimits: classLimitNames,
    make: (machine, policy, { classLimits = 'none', ...settings } = {}) =>
      new Uvm(machine, policy, { ...(tunings.get(classLimits) as UvmTuning), ...settings }),
  },
  { name: 'bsdvm', classLimits: ['none'], make: (machine, policy, { swapReadAhead } = {}) => new BsdVm(machine, policy, swapReadAhead) },
];

const pageTableFormats: readonly PageTableFormat[] = [i386, pae, amd64, amd64FiveLevel, sv32, sv39, sv48, aarch64, mips, inverted];

/** Names that `findPolicy` knows, the default first. */
export const policyNames: readonly string[] = livePolicies.map((kind) => kind.name);
/** Names that `findFrameAllocator` knows, the default first. */
export const frameAllocatorNames: readonly string[] = frameAllocatorKinds.map((kind) => kind.name);
/** Names that `findPageTable` knows, the default first. */
export const pageTableNames: readonly string[] = pageTableFormats.map((format) => format.name);
/** Names that `findRangeMap` knows, the default first. */
export const rangeMapNames: readonly string[] = rangeMapKinds.map((kind) => kind.name);
/** Names that `findKernelHeap` knows, the default first. */
export const kernelHeapNames: readonly string[] = kernelHeapKinds.map((kind) => kind.name);
/** What `--kernel-map` can say: frames by their physical addresses, the default, or a kernel map. */
export const kernelMapChoices: readonly string[] = ['identity', ...kernelMapKinds.map((kind) => kind.name)];
/** Names that `findKernelMap` knows. */
export const kernelMapNames: readonly string[] = kernelMapKinds.map((kind) => kind.name);
/** What a machine may do about large pages, the default first. */
export const largePageChoices: readonly LargePages[] = ['never', 'promote'];
/** Names that `findSystem` knows, the default first. */
export const systemNames: readonly string[] = systemKinds.map((kind) => kind.name);

/** Returns the replacement policy called `name` that a kernel can run, or throws a UsageError that says why there is none and lists the names. */
export function findPolicy(name: string): PolicyKind {
  const replayed = replayPolicies.find((kind) => kind.name === name);
  if (replayed === undefined || replayed.sees === 'bits' || policyNames.includes(name)) return findByName('policy', livePolicies, name);
  const needs = replayed.sees === 'future' ? 'must know the references to come' : 'must see every reference, which hardware does not tell';
  throw new UsageError(`policy '${name}' ${needs}: replay a trace with it, or choose one of ${policyNames.join(', ')}`);
}
/** Returns the frame allocator called `name`, or throws a UsageError that lists the names. */
export const findFrameAllocator = (name: string): FrameAllocatorKind => findByName('frame allocator', frameAllocatorKinds, name);
/** Returns the page-table format called `name`, or throws a UsageError that lists the names. */
export const findPageTable = (name: string): PageTableFormat => findByName('page-table format', pageTableFormats, name);
/** Returns the range map called `name`, or throws a UsageError that lists the names. */
export const findRangeMap = (name: string): RangeMapKind => findByName('range map', rangeMapKinds, name);
/** Returns the design of kernel heap called `name`, or throws a UsageError that lists the names. */
export const findKernelHeap = (name: string): KernelHeapKind => findByName('kernel heap', kernelHeapKinds, name);
/** Returns the kernel map called `name`, or throws a UsageError that lists the names. */
export const findKernelMap = (name: string): KernelMapKind => findByName('kernel map', kernelMapKinds, name);
/** Returns the memory manager called `name`, or throws a UsageError that lists the names. */
export const findSystem = (name: string): SystemKind => findByName('memory system', systemKinds, name);

function findByName<T extends { readonly name: string }>(what: string, kinds: readonly T[], name: string): T {
  const found = kinds.find((kind) => kind.name === name);
  if (found !== undefined) return found;
  throw new UsageError(`there is no ${what} '${name}': choose one of ${kinds.map((kind) => kind.name).join(', ')}`);
}

/** A machine described by names. */
export interface MachineDescription {
  readonly ramBytes: number;
  /** Which of it is usable; default: all. */
  readonly memoryMap?: readonly MemoryRange[];
  /** See `frameAllocatorNames`, `policyNames`, `systemNames`. */
  readonly frames: string;
  readonly policy: string;
  readonly system: string;
  /** See `pageTableNames`; default: the first. */
  readonly pageTable?: string;
  /** See `largePageChoices`; default: the first. */
  readonly largePages?: LargePages;
  /** TLBs that the references of the live program go through; default: none. */
  readonly tlbDesigns?: readonly TlbDesign[];
  /** What keeps the areas of a space: see `rangeMapNames`; default: the first. */
  readonly ranges?: string;
  /** Where the kernel keeps its own records: see `kernelHeapNames`, or a design of the caller's; default: the first. */
  readonly kernelHeap?: string | KernelHeapKind;
  /** How the kernel reaches frames: see `kernelMapChoices`; default: the first. */
  readonly kernelMap?: string;
  /** Programs that will run on it at the same time. */
  readonly liveSpaces: number;
  /** Whether their stacks may have frames side by side, which makes programs faster; default `on`. */
  readonly stackRuns?: 'on' | 'off';
  /** A swap device of priority 0. */
  readonly swap?: BlockDevice;
  /** Swap devices that are put into use after it, each with its priority: the highest is filled first. */
  readonly swapDevices?: readonly SwapDeviceRequest[];
  /** See `classLimitNames`; default: none. */
  readonly classLimits?: string;
  /** Pages that come in from swap with a missing one; default: the manager's own, `adaptive` for uvm, `off` for bsdvm as in 4.4BSD. */
  readonly swapReadAhead?: SwapReadAhead;
  readonly seed: number;
  /** Injected failures of frame allocation. */
  readonly frameFailures?: FailurePlan;
  /** Injected failures of kernel-heap allocation. */
  readonly heapFailures?: FailurePlan;
}

/** A device that is to hold swap. */
export interface SwapDeviceRequest {
  readonly device: BlockDevice;
  readonly priority: number;
}

/** Builds a machine and its memory manager. Throws a `UsageError` for an unknown name, too little RAM, or swap that the manager cannot take. */
export function buildMachine(description: MachineDescription): { readonly machine: Machine; readonly system: MemorySystem } {
  const {
    frames,
    policy,
    pageTable = pageTableNames[0] as string,
    ranges = rangeMapNames[0] as string,
    kernelHeap = kernelHeapNames[0] as string,
    kernelMap = kernelMapChoices[0] as string,
    system: systemName,
    swapDevices = [],
    classLimits = 'none',
    swapReadAhead,
    ...options
  } = description;
  const systemKind = findSystem(systemName);
  requireClassLimits(systemKind, classLimits);
  const policyKind = findPolicy(policy);
  const machine = new Machine({
    stackRuns: 'on',
    ...options,
    frameAllocator: findFrameAllocator(frames),
    pageTableFormat: findPageTable(pageTable),
    rangeMap: findRangeMap(ranges),
    kernelHeap: typeof kernelHeap === 'string' ? findKernelHeap(kernelHeap) : kernelHeap,
    ...(kernelMap !== kernelMapChoices[0] && { kernelMap: findKernelMap(kernelMap) }),
  });
  const system = systemKind.make(machine, policyKind, { classLimits, ...(swapReadAhead !== undefined && { swapReadAhead }) });
  for (const { device, priority } of swapDevices) addSwap(system, device, priority);
  return { machine, system };
}

function requireClassLimits({ name, classLimits }: SystemKind, wanted: string): void {
  if (classLimits.includes(wanted)) return;
  if (!classLimitNames.includes(wanted)) {
    throw new UsageError(`there are no class limits '${wanted}': choose one of ${classLimitNames.join(', ')}`);
  }
  throw new UsageError(`memory system '${name}' has no limits by class of page: leave '${wanted}' out, or choose the memory system uvm`);
}

function addSwap(system: MemorySystem, device: BlockDevice, priority: number): void {
  const error = system.swapOn(device, priority);
  if (error === 0) return;
  const why = {
    EEXIST: 'it is in use already',
    ENOMEM: 'it has more pages than are left to be numbered',
    ENOSYS: `memory system '${system.name}' takes no more devices`,
  };
  throw new UsageError(`${device.name} cannot be used for swap: ${error in why ? why[error as keyof typeof why] : error}`);
}
