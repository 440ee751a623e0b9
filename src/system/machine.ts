// A machine: the hardware and the kernel floors that every memory manager stands on, put together once.
//
//   memory: [ RAM frames ....... | stack runs | read TLB | void | write TLB | void ]     one WebAssembly.Memory of fixed size
//
// The stack runs are frames like all others, but given out last (the spared area of frames/): a live program's stack finds them side by side.
//
// `check()` walks everything the machine and its manager know: after each test all live machines are checked.

import { EventRing, type FailurePlan, KIB, MIB, PAGE_SIZE, type Pfn, UsageError } from '../base/index.ts';
import { bootPhysicalMemory, type FrameAllocatorKind, FrameKind, type PhysicalMemory } from '../frames/index.ts';
import { type KernelHeap, type KernelHeapKind, slabHeap } from '../heap/index.ts';
import {
  type BlockDevice,
  LiveTlbs,
  largePageFrames,
  type MemoryRange,
  type Mmu,
  makeMmu,
  type PageTableFormat,
  Ram,
  TLB_TABLE_SPAN,
  Tlb,
  type TlbDesign,
  WatchedTlb,
} from '../machine/index.ts';
import { type KernelMap, type KernelMapKind, type LargePages, MappedRam, PhysicalMap } from '../pmap/index.ts';
import { type RangeMapKind, redBlackMap } from '../ranges/index.ts';

/** Largest RAM of a live run: the TLB tables of a space lie above it in the same 4 GiB memory. */
export const MAX_RAM_BYTES = 2048 * MIB;
/**
 * Smallest RAM of a machine. What must be in memory at once: frame 0 and the frame table (2 frames), the kernel's reserve (5), page
 * tables of a process (4), one slab for each size of kernel object (6), and the pages held for the access under way (up to 8). A
 * process runs in 23 frames, forks and copies in 27, under every policy (measured: minimum-ram.test.ts); 32 leave some air.
 */
export const MIN_RAM_BYTES = 128 * KIB;
/** The same for RAM with holes: frames that the allocator must have after boot. */
const MIN_MANAGED_FRAMES = 28;
/** Bytes in a WebAssembly page, the unit of `WebAssembly.Memory`. */
const WASM_PAGE = 65536;
/** Read and write tables of one space. */
const TABLES_PER_SPACE = 2;
/** Of RAM, the stack runs of all spaces together are at most one part in this many: the rest is where page tables and heap come first ... */
const STACK_RUNS_DIVISOR = 16;
/** ... and each has at most 1 MiB, as much as most programs reserve for their stack. */
const STACK_RUN_FRAMES = MIB / PAGE_SIZE;
/** A smaller machine has none: what is locked for a stack would be a large part of what programs run in. */
const STACK_RUNS_LEAST_RAM = 512 * KIB;

/** What a machine is built from. */
export interface MachineOptions {
  /** Bytes of RAM, rounded down to whole frames; from `MIN_RAM_BYTES` to `MAX_RAM_BYTES`. */
  readonly ramBytes: number;
  readonly frameAllocator: FrameAllocatorKind;
  readonly pageTableFormat: PageTableFormat;
  /** What keeps the areas of a space in order; default: the red-black tree. */
  readonly rangeMap?: RangeMapKind;
  /** Where the kernel keeps its own records; default: slabs. */
  readonly kernelHeap?: KernelHeapKind;
  /** By which addresses the kernel reaches frames; default: their physical ones. */
  readonly kernelMap?: KernelMapKind;
  /** Live spaces that need TLB tables; each takes `2 * TLB_TABLE_SPAN` of addresses. 0 for none. */
  readonly liveSpaces: number;
  /** Whether full leaf tables of frames in a row become large pages, and pages get frames for that; default: never. */
  readonly largePages?: LargePages;
  /** TLBs that the references of a live program go through, told by `liveTlbs.refer`; default: none. */
  readonly tlbDesigns?: readonly TlbDesign[];
  /** Whether live spaces get stack runs; default `off`. */
  readonly stackRuns?: 'on' | 'off';
  /** Boot memory map; default: all of RAM usable. */
  readonly memoryMap?: readonly MemoryRange[];
  /** The swap device; without one nothing anonymous can be paged out. */
  readonly swap?: BlockDevice;
  /** Seed of everything random in the machine. */
  readonly seed: number;
  /** Injected failures of frame allocation. */
  readonly frameFailures?: FailurePlan;
  /** Injected failures of kernel-heap allocation. */
  readonly heapFailures?: FailurePlan;
}

/** Frames side by side: [first, end). */
export interface FrameRun {
  readonly first: Pfn;
  readonly end: Pfn;
}

/** Hardware, frames, kernel heap, pmap and events of one machine. */
export class Machine {
  /** The memory that rewritten programs import; undefined for a machine without live spaces. */
  readonly memory: WebAssembly.Memory | undefined;
  readonly ram: Ram;
  readonly frames: PhysicalMemory;
  readonly heap: KernelHeap;
  readonly mmu: Mmu;
  readonly pmaps: PhysicalMap;
  /** By which addresses the kernel reaches frames; undefined for their physical ones. */
  readonly kernelMap: KernelMap | undefined;
  /** Models of TLBs that watch live space 0. */
  readonly liveTlbs: LiveTlbs | undefined;
  readonly swap: BlockDevice | undefined;
  readonly rangeMap: RangeMapKind;
  readonly events = new EventRing();
  readonly seed: number;
  readonly #tablesStart: number;
  readonly #liveSpaces: number;
  readonly #stackRunFrames: number;

  /** Boots. Throws a `UsageError` for too little or too much RAM, and for a memory map that leaves too little of it. */
  constructor(options: MachineOptions) {
    const ramBytes = Math.floor(options.ramBytes / PAGE_SIZE) * PAGE_SIZE;
    if (!(ramBytes >= MIN_RAM_BYTES && ramBytes <= MAX_RAM_BYTES)) {
      throw new UsageError(
        `RAM of ${options.ramBytes} bytes is not possible: give between ${MIN_RAM_BYTES / KIB} KiB and ${MAX_RAM_BYTES / MIB} MiB`,
      );
    }
    this.#tablesStart = Math.ceil(ramBytes / WASM_PAGE) * WASM_PAGE;
    this.#liveSpaces = options.liveSpaces;
    this.#stackRunFrames = options.stackRuns === 'on' ? stackRunFrames(ramBytes, options.liveSpaces) : 0;
    const total = this.#tablesStart + options.liveSpaces * TABLES_PER_SPACE * TLB_TABLE_SPAN;
    this.memory = options.liveSpaces > 0 ? allocateMemory(total) : undefined;
    const MachineRam = options.kernelMap === undefined ? Ram : MappedRam;
    this.ram = new MachineRam(this.memory?.buffer ?? new ArrayBuffer(ramBytes), ramBytes / PAGE_SIZE, this.memory);
    const { largePages = 'never', pageTableFormat } = options;
    this.frames = bootPhysicalMemory({
      ram: this.ram,
      allocator: options.frameAllocator,
      reservationFrames: largePages === 'promote' ? largeFramesOf(pageTableFormat) : 0,
      sparedFrames: options.liveSpaces * this.#stackRunFrames,
      ...(options.memoryMap !== undefined && { memoryMap: options.memoryMap }),
      ...(options.frameFailures !== undefined && { failure: options.frameFailures }),
    });
    if (this.frames.managed < MIN_MANAGED_FRAMES) {
      throw new UsageError(
        `the memory map leaves ${this.frames.managed} frames to use, ${MIN_MANAGED_FRAMES} are needed: give more usable RAM`,
      );
    }
    this.heap = (options.kernelHeap ?? slabHeap).make(this.frames, options.heapFailures);
    this.mmu = this.#makeMmu(pageTableFormat);
    this.pmaps = new PhysicalMap({ mmu: this.mmu, frames: this.frames, heap: this.heap, events: this.events, largePages });
    this.kernelMap = options.kernelMap && this.#makeKernelMap(options.kernelMap);
    this.liveTlbs = options.tlbDesigns && this.#watchTlb(options.tlbDesigns, options.seed);
    this.swap = options.swap;
    this.rangeMap = options.rangeMap ?? redBlackMap;
    this.seed = options.seed;
  }

  #makeMmu(format: PageTableFormat): Mmu {
    const mmu = makeMmu(this.ram, format, (frames) => this.frames.allocateRun(frames, FrameKind.pageTable));
    if (mmu !== undefined) return mmu;
    throw new UsageError(
      `RAM has not enough frames in a row for the one page table of format ${format.name}: give more, or another format`,
    );
  }

  #makeKernelMap(kind: KernelMapKind): KernelMap {
    const map = kind.make({ mmu: this.mmu, memory: this.frames, frames: this.ram.frameCount });
    if (map === 'ENOMEM')
      throw new UsageError(`RAM has not enough frames for the tables of the kernel map ${kind.name}: give more, or another map`);
    if (this.ram instanceof MappedRam) this.ram.attach(map);
    return map;
  }

  #watchTlb(designs: readonly TlbDesign[], seed: number): LiveTlbs {
    if (this.mmu.softwareTlb !== undefined) {
      throw new UsageError(`the TLB of format ${this.mmu.format.name} is its own: choose another format to try others on`);
    }
    return new LiveTlbs(designs, this.pmaps.largePages?.pages ?? 0, seed);
  }

  /** Byte addresses of the TLB tables of live space `index`, and of the end of its stack run if it has one: what its program's code is made for. */
  tlbTables(index: number): { readonly readTable: number; readonly writeTable: number; readonly stackEnd?: number } {
    if (index >= this.#liveSpaces) throw new UsageError(`this machine was built for ${this.#liveSpaces} live spaces`);
    const readTable = this.#tablesStart + index * TABLES_PER_SPACE * TLB_TABLE_SPAN;
    const run = this.stackRun(index);
    return { readTable, writeTable: readTable + TLB_TABLE_SPAN, ...(run !== undefined && { stackEnd: run.end * PAGE_SIZE }) };
  }

  /**
   * The frames [first, end) that the stack of live space `index` should get, its top page the last of them. Undefined where there is none, and
   * where the hardware's TLB is small: what goes past it would not be seen there.
   */
  stackRun(index: number): FrameRun | undefined {
    if (this.#stackRunFrames === 0 || this.mmu.softwareTlb !== undefined) return undefined;
    const end = this.ram.frameCount - index * this.#stackRunFrames;
    return { first: (end - this.#stackRunFrames) as Pfn, end: end as Pfn };
  }

  /** The TLB of live space `index`, over its tables. */
  liveTlb(index: number): Tlb {
    const { readTable, writeTable } = this.tlbTables(index);
    const { buffer } = this.ram;
    if (index === 0 && this.liveTlbs !== undefined) return new WatchedTlb(this.liveTlbs, buffer, readTable, writeTable);
    return this.mmu.softwareTlb?.space(buffer, readTable, writeTable) ?? new Tlb(buffer, readTable, writeTable);
  }

  /** Walks frames, heap and pmap; panics at the first broken invariant. */
  check(): void {
    this.frames.check();
    this.heap.check();
    this.pmaps.check();
    this.liveTlbs?.check();
    this.kernelMap?.check();
  }
}

function largeFramesOf(format: PageTableFormat): number {
  const frames = largePageFrames(format);
  if (frames > 0) return frames;
  throw new UsageError(`page tables of format ${format.name} have no large pages: choose another format, or leave large pages out`);
}

function stackRunFrames(ramBytes: number, liveSpaces: number): number {
  if (liveSpaces === 0 || ramBytes < STACK_RUNS_LEAST_RAM) return 0;
  return Math.min(STACK_RUN_FRAMES, Math.floor(ramBytes / PAGE_SIZE / STACK_RUNS_DIVISOR / liveSpaces));
}

function allocateMemory(bytes: number): WebAssembly.Memory {
  const pages = bytes / WASM_PAGE;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch {
    throw new UsageError(`this host gives no ${Math.ceil(bytes / MIB)} MiB of address space for RAM and TLB tables: ask for less RAM`);
  }
}
