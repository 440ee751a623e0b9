// What does a heap's design cost in pages? A malloc trace on the heap of a process, on a machine with little memory: the allocator's own words
// and the blocks lie in pages that are faulted in, evicted and read back. The owner writes each block whole when it is given, or its
// new part when it has grown, and does not look at it again: what comes beyond that is the allocator's doing.

import { PAGE_SIZE, pagesFor, UsageError } from '../../base/index.ts';
import type { AllocatorName } from '../../heap/malloc/index.ts';
import { MemoryDevice, Tlb } from '../../machine/index.ts';
import { GuestFault, Process, SpaceHeap } from '../../process/index.ts';
import type { MemorySystem } from '../../system/index.ts';
import { buildMachine, policyNames } from '../../systems/index.ts';
import { MallocOperation, type MallocTrace } from '../../trace/index.ts';

/** The machine on which a heap lies. */
export interface SpaceSettings {
  /** A memory manager, by name. */
  readonly system: string;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly alignment: 8 | 16;
  /** Bytes that the break area may take. */
  readonly limitBytes: number;
  /** Hears now and then of the operations so far. */
  readonly progress?: (operations: number) => void;
}

/** One allocator on one trace, in pages. Pages in and out are the machine's: those of the page tables' and the manager's own are not among them. */
export interface SpaceCost {
  readonly allocator: string;
  readonly operations: number;
  /** How it ended: with the trace; or memory and swap were full, and the process was killed. */
  readonly end: 'done' | 'killed';
  /** Requests that were answered with 0. */
  readonly refused: number;
  readonly faults: number;
  readonly pagesIn: number;
  readonly pagesOut: number;
  readonly peakResidentPages: number;
  /** Most pages of the break area, and of large blocks' mappings, each at its own time. */
  readonly peakBreakPages: number;
  readonly peakMappedPages: number;
  /** Pages of the trace's peak payload, were it without gaps. */
  readonly payloadPages: number;
}

const BREAK_START = 0x100_0000;
const SPACE_END = 0xf000_0000;
const PROGRESS_EVERY = 4096;

/** Replays a trace on the heap of a process. Throws a UsageError if the machine cannot be had, or is too small for an empty heap. */
export function spaceCost(trace: MallocTrace, allocator: AllocatorName, peakPayloadBytes: number, settings: SpaceSettings): SpaceCost {
  const { process, system } = processOn(settings);
  const heap = SpaceHeap.create(process, { allocator, alignment: settings.alignment, limitBytes: settings.limitBytes });
  if (typeof heap === 'string') throw new UsageError(`${settings.memoryBytes} bytes of memory are too few for an empty ${allocator} heap`);
  const replay = new SpaceReplay(trace, heap, process);
  const end = replay.run(settings.progress);
  const { faults, swapPagesIn, swapPagesOut } = system.statistics();
  return {
    allocator,
    operations: replay.position,
    end,
    refused: replay.refused,
    faults,
    pagesIn: swapPagesIn,
    pagesOut: swapPagesOut,
    peakResidentPages: process.peakResident,
    peakBreakPages: replay.peakBreakBytes / PAGE_SIZE,
    peakMappedPages: replay.peakMappedBytes / PAGE_SIZE,
    payloadPages: pagesFor(peakPayloadBytes),
  };
}

function processOn({ system: name, memoryBytes, swapBytes, limitBytes }: SpaceSettings): { process: Process; system: MemorySystem } {
  const { machine, system } = buildMachine({
    ramBytes: memoryBytes,
    frames: 'bitmap',
    policy: policyNames[0] as string,
    system: name,
    liveSpaces: 0,
    seed: 1,
    ...(swapBytes > 0 && { swap: new MemoryDevice(pagesFor(swapBytes)) }),
  });
  const entries = pagesFor(SPACE_END);
  const tlb = new Tlb(new ArrayBuffer(8 * entries), 0, 4 * entries, entries);
  const breakLimit = BREAK_START + PAGE_SIZE * pagesFor(limitBytes);
  const space = system.createSpace({ low: PAGE_SIZE, high: SPACE_END, breakStart: BREAK_START, breakLimit }, tlb);
  if (typeof space === 'string') throw new UsageError(`${memoryBytes} bytes of memory are too few for an address space`);
  return { process: new Process(machine, system, space, () => 0), system };
}

class SpaceReplay {
  position = 0;
  refused = 0;
  peakBreakBytes = 0;
  peakMappedBytes = 0;
  readonly #trace: MallocTrace;
  readonly #heap: SpaceHeap;
  readonly #process: Process;
  readonly #addresses: Float64Array;
  /** Bytes of the blocks; what is not written is not known to be there. */
  readonly #sizes: Float64Array;

  constructor(trace: MallocTrace, heap: SpaceHeap, process: Process) {
    this.#trace = trace;
    this.#heap = heap;
    this.#process = process;
    this.#addresses = new Float64Array(trace.blocks);
    this.#sizes = new Float64Array(trace.blocks);
  }

  run(progress?: (operations: number) => void): SpaceCost['end'] {
    try {
      while (this.position < this.#trace.length) {
        this.#step(this.position);
        this.position++;
        if (this.position % PROGRESS_EVERY === 0) progress?.(this.position);
      }
      return 'done';
    } catch (error) {
      if (error instanceof GuestFault) return 'killed';
      throw error;
    }
  }

  #step(i: number): void {
    const { operations, ids, sizes, alignments } = this.#trace;
    const id = ids[i] as number;
    const size = sizes[i] as number;
    const heap = this.#heap;
    switch (operations[i] as MallocOperation) {
      case MallocOperation.malloc:
        this.#given(id, heap.malloc(size), size, 0);
        break;
      case MallocOperation.calloc:
        this.#given(id, heap.calloc(1, size), size, 0);
        break;
      case MallocOperation.memalign:
        this.#given(id, heap.memalign(2 ** (alignments[i] as number), size), size, 0);
        break;
      case MallocOperation.realloc: {
        const moved = heap.realloc(this.#addresses[id] as number, size);
        if (moved === 0) this.refused++;
        else this.#given(id, moved, size, Math.min(size, this.#sizes[id] as number));
        break;
      }
      case MallocOperation.free:
        heap.free(this.#addresses[id] as number);
        this.#addresses[id] = 0;
        this.#follow();
    }
  }

  /** Writes what is new in a block. */
  #given(id: number, address: number, size: number, kept: number): void {
    if (address === 0) this.refused++;
    this.#addresses[id] = address;
    this.#sizes[id] = address === 0 ? 0 : size;
    if (address !== 0 && size > kept) this.#process.fill(address + kept, id & 0xff, size - kept);
    this.#follow();
  }

  #follow(): void {
    const { breakStart, breakEnd } = this.#process.space;
    this.peakBreakBytes = Math.max(this.peakBreakBytes, breakEnd - breakStart);
    this.peakMappedBytes = Math.max(this.peakMappedBytes, this.#heap.mappedBytes);
  }
}
