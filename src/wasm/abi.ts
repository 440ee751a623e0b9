// What rewritten code and the kernel agree on. Everything the generated code relies on is written down here.
//
// One WebAssembly.Memory of fixed size holds RAM and, above it, the TLB tables of the address space:
//
//   0            ramBytes            readTable                writeTable
//   | frame 0 | frames ...        |  | 4 MiB words | void  |  | 4 MiB words | void |
//
// A TLB word belongs to one 4 KiB page of the 32-bit space: word[vpn] at table + 4 * vpn.
//   0                                  not valid: call the trap
//   ((pfn - vpn) << 12) - 1 (mod 2^32) valid: the byte at guest address ea is at physical address ea + word + 1
// The low 12 bits of a valid word are all ones, so a valid word is never 0, even where pfn = vpn.
// A word in the write table is valid only if the page is mapped writable and its dirty bit is set.
//
// The index of an aligned access of 2^l bytes is computed with a rotation that moves the address's low l bits above the page
// number: a misaligned address then indexes the void, which is never written, reads as 0, and so goes to the slow path.
// The void costs addresses, not memory. Each table with its void spans TLB_TABLE_SPAN bytes (machine/).
//
// Kernel rules that generated code relies on:
//   GC1  TLB words change only inside an imported function (trap, size, grow, copy, ... or a WASI call)
//        (so a translation that code has read is good until the next call or miss: access-groups.ts)
//   GC2  when the trap returns, the words for the whole accessed range [ea, ea + size) are valid at the same time, for the access asked
//   GC3  frame 0 is never handed out, so physical addresses of pages are >= 4096; its first 64 bytes serve straddling accesses
//   GC4  what the limit in `WINDOW_LIMIT_EXPORT` says is in the window of the stack stays there (W1 to W3 in process/stack-window.ts): the kernel only ever
//        makes the window larger, in `enter`, and an access there adds a constant to its address and asks no table

/** The module name of Quire's imports in rewritten code. */
export const QUIRE_MODULE = 'quire';

/** The functions and the memory that a rewritten module imports from `QUIRE_MODULE`. */
export interface QuireImports {
  /** RAM and the TLB tables. */
  readonly ram: WebAssembly.Memory;
  /**
   * Makes [base + offset, base + offset + size) accessible, or throws. `base` and `offset` are 32-bit patterns (may arrive negative);
   * their sum is taken without wrapping at 2^32. `size` is 1 to 16.
   */
  readonly trap: (base: number, offset: number, size: number, access: number) => void;
  /** memory.size, in 64 KiB pages. */
  readonly size: () => number;
  /** memory.grow: the old size, or -1. */
  readonly grow: (delta: number) => number;
  /** memory.copy. Throws without having written anything if either range is out of bounds. */
  readonly copy: (destination: number, source: number, length: number) => void;
  /** memory.fill. Throws without having written anything if the range is out of bounds. */
  readonly fill: (destination: number, value: number, length: number) => void;
  /** memory.init of data segment `segment`. */
  readonly init: (segment: number, destination: number, source: number, length: number) => void;
  /** data.drop. */
  readonly drop: (segment: number) => void;
  /**
   * Imported only by code with a window: asks for the `WINDOW_MARGIN` bytes below `stackPointer`. Returns 0 if they are in the window now,
   * else 1, and then every function stands in the table `DEEP_EXPORT`.
   */
  readonly enter: (stackPointer: number) => number;
  /** Imported only by code that tells of first calls. */
  readonly optimize: FunctionOptimizer;
  /** Imported only by code that records: told of each access, and of each range of a bulk one, before it is done. Arguments as of `trap`; `size` may be any. */
  readonly reference: ReferenceObserver;
  /** Imported only by code whose heap calls are told: a function of the malloc family begins. */
  readonly heapEnter: HeapObserver['enter'];
  /** It ends. */
  readonly heapLeave: HeapObserver['leave'];
}

/** Takes an access to [base + offset, base + offset + size): 32-bit patterns that may arrive negative, the sum without wrapping. */
export type ReferenceObserver = (base: number, offset: number, size: number, access: number) => void;

/** Is given a function of the program before it runs for the first time, to have the engine optimize it first, if it can. Must not throw. */
export type FunctionOptimizer = (code: CallableFunction) => void;

/** Hears of the program's calls of malloc and its family; one that calls another is inside of it. Numbers may arrive negative. */
export interface HeapObserver {
  readonly enter: () => void;
  /**
   * @param call which function, as `heapCallNames` has them
   * @param first its first argument in C's order, but of posix_memalign the alignment
   * @param second its second argument, of posix_memalign the size; 0 if there is none
   * @param result the address; 0 if it failed, and for free
   */
  readonly leave: (call: number, first: number, second: number, result: number) => void;
}

/** Where a rewritten module finds the tables; baked into the code as constants. */
export interface CodeLayout {
  /** Byte address of the read table, a multiple of 4. */
  readonly readTable: number;
  /** Byte address of the write table, a multiple of 4. */
  readonly writeTable: number;
  /** Physical address one past the frames that are kept for the stack, a multiple of the page size; undefined where there are none. */
  readonly stackEnd?: number;
}

/** How far below the stack pointer at its entry a function may reach without a table, in bytes. Most frames are smaller: of CPython's 99 in 100 are at most 352. */
export const WINDOW_MARGIN = 1024;

/** Where the window of a program is; baked into the code as constants. */
export interface WindowLayout {
  /** Guest address one past the stack's last page: a multiple of the page size, below 2^31. */
  readonly top: number;
  /** What takes a guest address in the window to the physical one: at least 0, so that it fits into the offset of an access. */
  readonly delta: number;
}

/** The export that holds the limit of the window: 2^32 - 1 - max(0, bytes - WINDOW_MARGIN + 1), as a 32-bit pattern. */
export const WINDOW_LIMIT_EXPORT = 'quire:window';
/** The export that is the table of deep functions, one for each own function of the original. */
export const DEEP_EXPORT = 'quire:deep';
/** The module name under which deep code imports what it shares with the code that has the window: that code's exports. */
export const SHARED_MODULE = 'quire:shared';
