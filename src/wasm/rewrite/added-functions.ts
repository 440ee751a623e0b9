// The functions that a rewritten module has and the original had not, and where they stand in its index space:
//
//   | guest's imports | Quire's imports | guest's own functions | originals | helpers, in order of first use |
//
// Originals are the bodies of functions whose calls are told (heap-calls.ts): at their own index stands a wrapper.
// So a guest function index i becomes i (imported) or i + number of Quire's imports (own). Types are appended after the guest's.

import { type FunctionType, type ModuleInfo, ValueType } from '../binary/index.ts';
import type { HeapCall } from './heap-calls.ts';
import { isLoad, KIND_COUNT, kindName, kindType } from './memory-access.ts';

const { i32 } = ValueType;

const signature = (parameters: readonly number[], results: readonly number[] = []): FunctionType => ({ parameters, results });

/** Whether the code tells the kernel of every access, which then none of it inlines. */
export type Recording = 'off' | 'on';

/** Whether functions that should be optimized before they run tell the kernel of their first calls (first-calls.ts). */
export type FirstCallChoice = 'untold' | 'told';

/** Quire's imports, in index order, as `QuireImports` in abi.ts declares them. */
const HOST_FUNCTIONS = [
  { name: 'trap', type: signature([i32, i32, i32, i32]) },
  { name: 'size', type: signature([], [i32]) },
  { name: 'grow', type: signature([i32], [i32]) },
  { name: 'copy', type: signature([i32, i32, i32]) },
  { name: 'fill', type: signature([i32, i32, i32]) },
  { name: 'init', type: signature([i32, i32, i32, i32]) },
  { name: 'drop', type: signature([i32]) },
  // Only code with a window has this.
  { name: 'enter', type: signature([i32], [i32]) },
  // Only code that tells of first calls has this.
  { name: 'optimize', type: signature([ValueType.funcref]) },
  // Only code that records has these.
  { name: 'reference', type: signature([i32, i32, i32, i32]) },
  { name: 'heapEnter', type: signature([]) },
  { name: 'heapLeave', type: signature([i32, i32, i32, i32]) },
] as const;

/** The name of one of Quire's imported functions. */
export type HostFunction = (typeof HOST_FUNCTIONS)[number]['name'];

/**
 * Helpers 0 to KIND_COUNT - 1 are the access kinds, at any offset; from HELPER_NEAR on come the same again, shorter, for where a wrapped
 * sum of base and offset cannot be valid (codegen-access.ts). Then those that are no accesses.
 */
export const HELPER_NEAR = KIND_COUNT;
export const HELPER_COPY = 2 * KIND_COUNT;
export const HELPER_FILL = HELPER_COPY + 1;
export const HELPER_INIT = HELPER_COPY + 2;
/** How many there are. */
export const HELPER_COUNT = HELPER_COPY + 3;

/** Returns the access kind that a helper below `HELPER_COPY` performs. */
export const kindOfHelper = (helper: number): number => (helper < HELPER_NEAR ? helper : helper - HELPER_NEAR);

/** Returns a helper's signature: (base[, value], offset), the instruction's operands and then its immediate. */
export function helperType(helper: number): FunctionType {
  if (helper === HELPER_INIT) return signature([i32, i32, i32, i32]);
  if (helper >= HELPER_COPY) return signature([i32, i32, i32]);
  const kind = kindOfHelper(helper);
  const type = kindType[kind] as number;
  return isLoad(kind) ? signature([i32, i32], [type]) : signature([i32, type, i32]);
}

/** Returns the name that a helper has in the name section. */
export function helperName(helper: number): string {
  if (helper < HELPER_COPY) return `quire:${kindName(kindOfHelper(helper))}`;
  return `quire:memory-${helper === HELPER_COPY ? 'copy' : helper === HELPER_FILL ? 'fill' : 'init'}`;
}

/** What the rewritten module does. */
interface AddedFor {
  readonly recording: Recording;
  readonly heapCalls: readonly HeapCall[];
  readonly window: 'used' | 'none';
  readonly firstCalls: FirstCallChoice;
}

/** Function indices of a rewritten module. Helpers are taken into it when they are first asked for. */
export class AddedFunctions {
  readonly #importedCount: number;
  readonly #totalCount: number;
  readonly #slots = new Int32Array(HELPER_COUNT).fill(-1);
  /** The helpers in use, in index order. */
  readonly helpers: number[] = [];
  readonly recording: Recording;
  /** The functions that have a wrapper. */
  readonly heapCalls: readonly HeapCall[];
  /** Quire's imports, in index order. */
  readonly hosts: readonly (typeof HOST_FUNCTIONS)[number][];

  constructor(module: ModuleInfo, { recording, heapCalls, window, firstCalls }: AddedFor) {
    this.recording = recording;
    this.heapCalls = heapCalls;
    this.hosts = HOST_FUNCTIONS.filter(({ name }) => {
      if (name === 'reference') return recording === 'on';
      if (name === 'enter') return window === 'used';
      if (name === 'optimize') return firstCalls === 'told';
      return heapCalls.length > 0 || (name !== 'heapEnter' && name !== 'heapLeave');
    });
    this.#importedCount = module.importedFunctionCount;
    this.#totalCount = module.functionTypes.length;
  }

  /** Returns the new index of a function of the original module. */
  renumber(functionIndex: number): number {
    return functionIndex < this.#importedCount ? functionIndex : functionIndex + this.hosts.length;
  }

  /** Returns the original index of a function of the rewritten module, or undefined if Quire added it. */
  originalIndex(newIndex: number): number | undefined {
    if (newIndex < this.#importedCount) return newIndex;
    const original = newIndex - this.hosts.length;
    if (original < this.#importedCount) return undefined;
    if (original >= this.#totalCount) return this.heapCalls[original - this.#totalCount]?.functionIndex;
    return this.heapCalls.some(({ functionIndex }) => functionIndex === original) ? undefined : original;
  }

  /** Returns the index of one of Quire's imports. */
  host(name: HostFunction): number {
    return this.#importedCount + this.hosts.findIndex((entry) => entry.name === name);
  }

  /** Returns the new index of the body that the wrapper of heap call `at` calls. */
  original(at: number): number {
    return this.#totalCount + this.hosts.length + at;
  }

  /** Returns the index of a helper, which becomes part of the module. */
  helper(helper: number): number {
    let slot = this.#slots[helper] as number;
    if (slot < 0) {
      slot = this.helpers.push(helper) - 1;
      this.#slots[helper] = slot;
    }
    return this.original(this.heapCalls.length) + slot;
  }
}
