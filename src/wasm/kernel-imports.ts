// What rewritten code calls: the functions of the `quire` module (abi.ts), over one process.

import { GuestFault, type Process } from '../process/index.ts';
import { FaultOutcome } from '../system/index.ts';
import type { FunctionOptimizer, HeapObserver, QuireImports, ReferenceObserver } from './abi.ts';
import { WASM_PAGE_BYTES } from './address-layout.ts';
import { type ModuleInfo, SegmentKind } from './binary/index.ts';
import { isStackExhausted } from './program-exit.ts';

/** Called at each trap, for live progress; cheap, since traps are counted in millions. */
export type TrapObserver = () => void;

/** Who hears of what a program does. */
export interface ProgramObservers {
  readonly trap: TrapObserver;
  /** Called by code that tells of first calls. */
  readonly optimize: FunctionOptimizer;
  /** Called by code that records. */
  readonly reference: ReferenceObserver;
  /** Called by code whose heap calls are told. */
  readonly heap: HeapObserver;
  /** Called by code with a window, where the stack reaches its end. */
  readonly enter: QuireImports['enter'];
}

/** Makes the imports of one program. `growLimit` is the byte address that memory.grow may reach. */
export function kernelImports(
  process: Process,
  memory: WebAssembly.Memory,
  info: ModuleInfo,
  growLimit: number,
  observers: ProgramObservers,
): QuireImports {
  const segments = new SegmentStore(process, info);
  const pages = () => process.space.breakEnd / WASM_PAGE_BYTES;
  return {
    ram: memory,
    trap: (base, offset, size, access) => {
      observers.trap();
      try {
        process.trap((base >>> 0) + (offset >>> 0), size, access === 0 ? 0 : 1);
      } catch (error) {
        throw seenFromProgram(error);
      }
    },
    size: pages,
    enter: (stackPointer) => {
      try {
        return observers.enter(stackPointer);
      } catch (error) {
        throw seenFromProgram(error);
      }
    },
    grow: (delta) => {
      process.reserveStack();
      const old = pages();
      const end = (old + (delta >>> 0)) * WASM_PAGE_BYTES;
      if (end > growLimit) return -1;
      return typeof process.system.grow(process.space, end) === 'string' ? -1 : old;
    },
    copy: (destination, source, length) => process.move(destination >>> 0, source >>> 0, length >>> 0),
    fill: (destination, value, length) => process.fill(destination >>> 0, value & 0xff, length >>> 0),
    init: (segment, destination, source, length) => segments.copyOut(segment, destination >>> 0, source >>> 0, length >>> 0),
    drop: (segment) => segments.drop(segment),
    optimize: observers.optimize,
    reference: observers.reference,
    heapEnter: observers.heap.enter,
    heapLeave: observers.heap.leave,
  };
}

/**
 * Returns what to throw into the program for what the kernel threw. The kernel runs on the program's stack: where that ends inside the
 * kernel, the engine's error names only kernel frames, so one is made here, where the program's frames are on top.
 */
function seenFromProgram(error: unknown): unknown {
  return error instanceof GuestFault || !isStackExhausted(error) ? error : new RangeError('the call stack was exhausted inside the kernel');
}

/** The data segments that memory.init can still read. Active ones count as dropped once the program has started. */
class SegmentStore {
  readonly #process: Process;
  readonly #info: ModuleInfo;
  readonly #dropped = new Set<number>();

  constructor(process: Process, info: ModuleInfo) {
    this.#process = process;
    this.#info = info;
  }

  drop(segment: number): void {
    this.#dropped.add(segment);
  }

  copyOut(segment: number, destination: number, source: number, length: number): void {
    const { data, bytes } = this.#info;
    const available = data.kind[segment] === SegmentKind.passive && !this.#dropped.has(segment) ? (data.length[segment] as number) : 0;
    if (source + length > available) throw new GuestFault(FaultOutcome.unmapped, source, length, 'read');
    this.#process.require(destination, length, 'write');
    const from = (data.fileOffset[segment] as number) + source;
    this.#process.copyOut(destination, bytes.subarray(from, from + length));
  }
}
