// A running program's calls of malloc and its family as a malloc trace.
//
// Only the outermost call counts: a calloc that calls malloc is one calloc. Calls that gave nothing changed nothing and are left out. What
// the compiler has inlined, or what has no name, is not seen: a block that is given twice has been freed in between by such a call, and
// one that is freed and was never given came from one.

import { MallocOperation, type MallocTrace, MallocTraceBuilder } from '../src/trace/index.ts';
import { type HeapObserver, heapCallNames } from '../src/wasm/index.ts';

/** Writes down what a program asks of its heap. */
export class HeapRecorder {
  /** To be told of every call. */
  readonly observer: HeapObserver;
  /** Calls that gave nothing. */
  failed = 0;
  /** Calls that must have been made, and were not seen; and calls on blocks that an unseen one gave. */
  unseen = 0;
  readonly #builder = new MallocTraceBuilder();
  #depth = 0;

  constructor() {
    this.observer = {
      enter: () => {
        this.#depth++;
      },
      leave: (call, first, second, result) => {
        this.#depth--;
        if (this.#depth === 0) this.#record(call, first >>> 0, second >>> 0, result >>> 0);
      },
    };
  }

  /** Operations so far. */
  get operations(): number {
    return this.#builder.length;
  }

  /** Returns the trace. */
  trace(name: string): MallocTrace {
    return this.#builder.build(name);
  }

  #record(call: number, first: number, second: number, result: number): void {
    this.#builder.line++;
    switch (heapCallNames[call]) {
      case 'free':
        if (first !== 0) this.#free(first);
        return;
      case 'realloc':
        this.#resize(first, second, result);
        return;
      case 'malloc':
        this.#given(MallocOperation.malloc, first, result);
        return;
      case 'calloc':
        this.#given(MallocOperation.calloc, first * second, result);
        return;
      default:
        this.#given(MallocOperation.memalign, second, result, first);
    }
  }

  #given(operation: MallocOperation, bytes: number, address: number, alignment = 1): void {
    if (address === 0) {
      this.failed++;
      return;
    }
    if (this.#builder.allocate(operation, address, bytes, alignment) === undefined) return;
    this.#free(address);
    this.unseen++;
    this.#builder.allocate(operation, address, bytes, alignment);
  }

  #resize(address: number, bytes: number, result: number): void {
    if (address === 0) this.#given(MallocOperation.malloc, bytes, result);
    else if (result === 0 && bytes === 0) this.#free(address);
    else if (result === 0) this.failed++;
    else if (this.#builder.reallocate(address, result, bytes) !== undefined) {
      this.unseen++;
      // What it was is not known; what it is now is.
      this.#given(MallocOperation.malloc, bytes, result);
    }
  }

  #free(address: number): void {
    if (this.#builder.free(address) !== undefined) this.unseen++;
  }
}
