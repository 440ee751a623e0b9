// The locals that generated code adds to a function, declared after the guest's own and only if used: each costs the baseline
// compiler a slot. All but those of groups hold values within one access only, so one of each role serves the whole function.

import { ValueType } from '../binary/index.ts';

/** Groups of accesses that can live at the same place. */
export const MAXIMUM_GROUPS = 6;

import type { ByteWriter } from './byte-writer.ts';

/**
 * What an added local is for. From `i32` to `v128` they hold a value on its way to memory, one per type; from `group` on one for each slot of a
 * group of accesses.
 */
export const LocalRole = { base: 0, entry: 1, i32: 2, i64: 3, f32: 4, f64: 5, v128: 6, group: 7 } as const;

const { i32, i64, f32, f64, v128 } = ValueType;
const ROLE_TYPES = [i32, i32, i32, i64, f32, f64, v128, ...new Array<number>(MAXIMUM_GROUPS).fill(i32)];

/** The added locals of the function being rewritten. */
export class FunctionLocals {
  readonly #slots = new Int32Array(ROLE_TYPES.length);
  readonly #order: number[] = [];
  #guestCount = 0;

  /** Begins a function with `guestCount` parameters and locals of its own. */
  reset(guestCount: number): void {
    this.#guestCount = guestCount;
    this.#slots.fill(-1);
    this.#order.length = 0;
  }

  /** Number of groups that `emitDeclarations` will write. */
  get groupCount(): number {
    return this.#order.length;
  }

  /** Returns the local with that role. */
  of(role: number): number {
    const known = this.#slots[role] as number;
    if (known >= 0) return known;
    const index = this.#guestCount + this.#order.push(role) - 1;
    this.#slots[role] = index;
    return index;
  }

  /** Returns the local that holds values of `type` on their way to memory. */
  ofValue(type: number): number {
    return this.of(type === v128 ? LocalRole.v128 : LocalRole.i32 + (i32 - type));
  }

  /** Appends one declaration group per added local. */
  emitDeclarations(out: ByteWriter): void {
    for (const role of this.#order) out.ops(1, ROLE_TYPES[role] as number);
  }
}
