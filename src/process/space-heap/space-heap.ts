// malloc of a process: an allocator of heap/ over the break area, and mappings for what is large or guarded.
//
//   malloc(bytes)   sampled, to be guarded  ->  a mapping that ends with a page without access        mapped-blocks.ts
//                   >= 128 KiB              ->  a mapping of its own                                  mapped-blocks.ts
//                   else                    ->  the allocator, any design, whose memory is the break  space-memory.ts
//   free            below the break: the allocator's; and when 128 KiB or more at its top are free, the break goes down
//
// What a design costs in pages can so be seen: faults, resident pages, page-outs, on any memory manager, in any RAM. All state is in the
// process's own memory: after a fork the child opens the heap and has its copy, page by page copy-on-write.
// Whoever uses the heap is the only one that moves the break.
//
// Source: the thresholds are glibc's (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD; malloc(3)).

import { type Errno, KIB, MIB, Random } from '../../base/index.ts';
import {
  type AllocatorSettings,
  type BlockVisitor,
  formatAllocator,
  type HeapAllocator,
  limitOfHeapIn,
  openAllocator,
} from '../../heap/index.ts';
import { GuestFault } from '../guest-fault.ts';
import { memcpy, memset } from '../memory-functions.ts';
import type { Process } from '../process.ts';
import { type GuardPlacement, type MappedBlock, MappedBlocks } from './mapped-blocks.ts';
import { SpaceMemory } from './space-memory.ts';

/** Which blocks are guarded. */
export interface GuardSettings {
  /** One block in so many, chosen at random; 1 for all. */
  readonly oneIn: number;
  /** Default 1. */
  readonly seed?: number;
  /** Default `aligned`. `exact` finds a store to the very next byte of any block, but such blocks are not aligned. */
  readonly placement?: GuardPlacement;
  /** Larger blocks are not guarded; default 64 KiB. */
  readonly largestBytes?: number;
}

/** How the heap of a process is made. */
export interface SpaceHeapSettings extends Omit<AllocatorSettings, 'threads'> {
  /** Bytes that the break area may take, a multiple of the page size; default 64 MiB. */
  readonly limitBytes?: number;
  /** Blocks of so many bytes or more get a mapping of their own; default 128 KiB, Infinity for none. */
  readonly mapBytes?: number;
  /** The break goes down when so many bytes at its end are free; default 128 KiB, Infinity for never. */
  readonly trimBytes?: number;
  /** Default: no block is guarded. */
  readonly guard?: GuardSettings;
}

/** What a heap takes of its process. */
export interface SpaceHeapUsage {
  readonly breakBytes: number;
  readonly largeBlocks: number;
  readonly guardedBlocks: number;
  /** Addresses of large and guarded blocks. */
  readonly mappedBytes: number;
  /** Pages of the process that are in frames, whatever they are for. */
  readonly residentPages: number;
}

const LIMIT_BYTES = 64 * MIB;
const THRESHOLD_BYTES = 128 * KIB;
const GUARDED_BYTES = 64 * KIB;
const MAX_BYTES = 2 ** 31;

/** The heap of one process. Operations throw `GuestFault` where the process itself would fault: memory and swap are full, or a device fails. */
export class SpaceHeap {
  readonly #process: Process;
  readonly #memory: SpaceMemory;
  readonly #allocator: HeapAllocator;
  readonly #mapped: MappedBlocks;
  readonly #alignment: number;
  readonly #mapBytes: number;
  readonly #trimBytes: number;
  readonly #guard: Required<GuardSettings>;
  readonly #random: Random;

  private constructor(process: Process, memory: SpaceMemory, allocator: HeapAllocator, settings: SpaceHeapSettings) {
    const { alignment = 8, mapBytes = THRESHOLD_BYTES, trimBytes = THRESHOLD_BYTES, guard } = settings;
    this.#process = process;
    this.#memory = memory;
    this.#allocator = allocator;
    this.#mapped = new MappedBlocks(process);
    this.#alignment = alignment;
    this.#mapBytes = mapBytes;
    this.#trimBytes = trimBytes;
    this.#guard = { oneIn: 0, seed: 1, placement: 'aligned', largestBytes: GUARDED_BYTES, ...guard };
    this.#random = new Random(this.#guard.seed);
  }

  /**
   * Makes an empty heap at the break of a process, which has not been moved yet. EBUSY if it has; ENOMEM, with the break where it was.
   * Throws a RangeError for settings that are none.
   */
  static create(process: Process, settings: SpaceHeapSettings = {}): SpaceHeap | Errno {
    const { space, system } = process;
    if (space.breakEnd !== space.breakStart) return 'EBUSY';
    const memory = new SpaceMemory(process, settings.limitBytes ?? LIMIT_BYTES);
    if (!memory.grow(4 * KIB)) return 'ENOMEM';
    try {
      const { operations } = formatAllocator(memory, settings);
      memory.commit();
      return new SpaceHeap(process, memory, operations, settings);
    } catch (error) {
      system.grow(space, space.breakStart);
      if (error instanceof GuestFault || memory.hasRefused) return 'ENOMEM';
      throw error;
    }
  }

  /**
   * Opens the heap that is at the break of a process, made there or inherited by a fork. Design, variant and limit are found; the other
   * settings are as in `create`. Throws a RangeError if there is none.
   */
  static open(process: Process, settings: SpaceHeapSettings = {}): SpaceHeap {
    const memory = new SpaceMemory(process, limitOfHeapIn(new SpaceMemory(process, LIMIT_BYTES)));
    return new SpaceHeap(process, memory, openAllocator(memory, settings.onDamage).operations, settings);
  }

  /** As `open`, or undefined if there is no heap: the break was moved by others. */
  static openIfAny(process: Process): SpaceHeap | undefined {
    try {
      return SpaceHeap.open(process);
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  /** As HeapAllocator's. */
  malloc(bytes: number): number {
    return this.memalign(1, bytes);
  }

  /** A block of `count` times `bytes` bytes, all zero; 0 if there is no room. */
  calloc(count: number, bytes: number): number {
    const total = count * bytes;
    if (!(Number.isInteger(count) && Number.isInteger(bytes)) || count < 0) return 0;
    const address = this.malloc(total);
    // A mapping's pages are zeros, and so is the break's memory that was never used; but only the allocator would know which that is.
    if (address !== 0 && this.#isBreak(address)) this.#fillNew(address, () => memset(this.#process, address, 0, total));
    return address;
  }

  /** As HeapAllocator's. */
  memalign(power: number, bytes: number): number {
    if (!(Number.isInteger(bytes) && bytes >= 0 && bytes < MAX_BYTES)) return 0;
    if (!(Number.isInteger(Math.log2(power)) && power < MAX_BYTES)) return 0;
    const alignment = Math.max(power, this.#alignment);
    const { oneIn, placement, largestBytes } = this.#guard;
    if (oneIn > 0 && bytes <= largestBytes && (oneIn === 1 || this.#random.below(oneIn) === 0)) {
      const address = this.#mapped.giveGuarded(bytes, alignment, placement);
      if (address !== 0) return address;
    } else if (bytes >= this.#mapBytes) return this.#mapped.giveLarge(bytes, Math.max(16, alignment));
    return this.#operate((allocator) => (power <= this.#alignment ? allocator.malloc(bytes) : allocator.memalign(power, bytes)));
  }

  /** As HeapAllocator's. */
  realloc(address: number, bytes: number): number {
    if (address === 0) return this.malloc(bytes);
    if (!(Number.isInteger(bytes) && bytes >= 0 && bytes < MAX_BYTES)) return 0;
    const block = this.#isBreak(address) ? undefined : this.#mapped.find(address);
    if (block?.kind === 'large' && bytes >= this.#mapBytes) return this.#mapped.resize(address, block, bytes);
    if (block === undefined && bytes < this.#mapBytes)
      return this.#isBreak(address) ? this.#operate((inner) => inner.realloc(address, bytes)) : 0;
    const old = block?.bytes ?? this.usableSize(address);
    if (old === 0 && block === undefined) return 0;
    const moved = this.malloc(bytes);
    if (moved === 0) return 0;
    this.#fillNew(moved, () => memcpy(this.#process, moved, address, Math.min(old, bytes)));
    this.free(address);
    return moved;
  }

  /** As HeapAllocator's. */
  free(address: number): boolean {
    if (address === 0) return true;
    if (!this.#isBreak(address)) return this.#freeMapped(this.#mapped.find(address));
    let top = 0;
    const freed = this.#operate((allocator) => {
      const done = allocator.free(address);
      top = allocator.top();
      return done;
    });
    if (freed && this.#memory.end - top >= this.#trimBytes) this.#trim(top);
    return freed;
  }

  /** Gives the whole pages at the end of the break back that are not in use. */
  trim(): void {
    this.#trim(this.#operate((allocator) => allocator.top()));
  }

  #trim(top: number): void {
    this.#memory.trim(top);
    this.#allocator.refresh();
  }

  /** As HeapAllocator's. */
  usableSize(address: number): number {
    return this.#isBreak(address) ? this.#allocator.usableSize(address) : (this.#mapped.find(address)?.bytes ?? 0);
  }

  /** As HeapAllocator's, of the break. */
  walk(visit: BlockVisitor): void {
    this.#allocator.walk(visit);
  }

  /** As HeapAllocator's, of the break. */
  check(): void {
    this.#memory.begin();
    this.#allocator.check();
  }

  /** Returns the addresses and pages that the heap takes. */
  usage(): SpaceHeapUsage {
    const { space } = this.#process;
    return { breakBytes: space.breakEnd - space.breakStart, ...this.#mapped.usage(), residentPages: space.pmap.residentPages };
  }

  /** Bytes of large and guarded blocks' mappings that came and went through this object. */
  get mappedBytes(): number {
    return this.#mapped.bytes;
  }

  /** Says of a fault at `address` which guarded block it concerns: one that ends just before, or one that was freed. Undefined: none. */
  explain(address: number): string | undefined {
    return this.#mapped.explain(address);
  }

  /** Writes into a new block; if that faults, nobody has the block. */
  #fillNew(address: number, write: () => void): void {
    try {
      write();
    } catch (fault) {
      this.free(address);
      throw fault;
    }
  }

  #isBreak(address: number): boolean {
    return address >= this.#memory.start && address < this.#memory.end;
  }

  #freeMapped(block: MappedBlock | undefined): boolean {
    if (block !== undefined) this.#mapped.take(block);
    return block !== undefined;
  }

  /** Has the allocator do something, whole or not at all. */
  #operate<Result>(action: (allocator: HeapAllocator) => Result): Result {
    this.#memory.begin();
    try {
      const result = action(this.#allocator);
      this.#memory.commit();
      return result;
    } catch (error) {
      if (error instanceof GuestFault) {
        this.#memory.rollBack();
        this.#allocator.refresh();
      } else this.#memory.commit();
      throw error;
    }
  }
}
