// The locals that generated code adds to a function, declared after the guest's own and only if used: each costs the baseline
// compiler a slot. They hold values within one access only, so one of each role serves the whole function.

import { ValueType } from '../binary/index.ts';
import type { ByteWriter } from './byte-writer.ts';

/** What an added local is for. The last five hold a value on its way to memory, one per type. */
export const LocalRole = { base: 0, entry: 1, i32: 2, i64: 3, f32: 4, f64: 5, v128: 6 } as const;

const ROLE_TYPES = [ValueType.i32, ValueType.i32, ValueType.i32, ValueType.i64, ValueType.f32, ValueType.f64, ValueType.v128] as const;

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
    return this.of(type === ValueType.v128 ? LocalRole.v128 : LocalRole.i32 + (ValueType.i32 - type));
  }

  /** Appends one declaration group per added local. */
  emitDeclarations(out: ByteWriter): void {
    for (const role of this.#order) out.ops(1, ROLE_TYPES[role] as number);
  }
}
