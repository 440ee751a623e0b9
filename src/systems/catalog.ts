// The one place that names concrete designs by string: what `--policy`, `--frames`, `--system` can say.

import { type FailurePlan, UsageError } from '../base/index.ts';
import { bitmapAllocator, type FrameAllocatorKind, stackAllocator } from '../frames/index.ts';
import { type BlockDevice, i386, type PageTableFormat } from '../machine/index.ts';
import { livePolicies, type PolicyKind, replayPolicies } from '../paging/index.ts';
import { Machine, type MemorySystem } from '../system/index.ts';
import { Uvm } from '../uvm/index.ts';
import { BsdVm } from './bsdvm/index.ts';

/** A memory manager by name. */
export interface SystemKind {
  readonly name: string;
  make(machine: Machine, policy: PolicyKind): MemorySystem;
}

const frameAllocatorKinds: readonly FrameAllocatorKind[] = [bitmapAllocator, stackAllocator];
const systemKinds: readonly SystemKind[] = [
  { name: 'uvm', make: (machine, policy) => new Uvm(machine, policy) },
  { name: 'bsdvm', make: (machine, policy) => new BsdVm(machine, policy) },
];

/** The page-table format of live runs. */
export const pageTableFormat: PageTableFormat = i386;

/** Names that `findPolicy` knows, the default first. */
export const policyNames: readonly string[] = livePolicies.map((kind) => kind.name);
/** Names that `findFrameAllocator` knows, the default first. */
export const frameAllocatorNames: readonly string[] = frameAllocatorKinds.map((kind) => kind.name);
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
  /** See `frameAllocatorNames`, `policyNames`, `systemNames`. */
  readonly frames: string;
  readonly policy: string;
  readonly system: string;
  /** Programs that will run on it at the same time. */
  readonly liveSpaces: number;
  readonly swap?: BlockDevice;
  readonly seed: number;
  /** Injected failures of frame allocation. */
  readonly frameFailures?: FailurePlan;
}

/** Builds a machine and its memory manager. Throws a `UsageError` for an unknown name or too little RAM. */
export function buildMachine(description: MachineDescription): { readonly machine: Machine; readonly system: MemorySystem } {
  const { frames, policy, system, ...options } = description;
  const systemKind = findSystem(system);
  const policyKind = findPolicy(policy);
  const machine = new Machine({ ...options, frameAllocator: findFrameAllocator(frames), pageTableFormat });
  return { machine, system: systemKind.make(machine, policyKind) };
}
