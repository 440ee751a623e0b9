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
//   GC2  when the trap returns, the words for the whole accessed range [ea, ea + size) are valid at the same time, for the access asked
//   GC3  frame 0 is never handed out, so physical addresses of pages are >= 4096; its first 64 bytes serve straddling accesses

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
  /** Imported only by code that records: told of each access, and of each range of a bulk one, before it is done. Arguments as of `trap`; `size` may be any. */
  readonly reference: ReferenceObserver;
  /** Imported only by code whose heap calls are told: a function of the malloc family begins. */
  readonly heapEnter: HeapObserver['enter'];
  /** It ends. */
  readonly heapLeave: HeapObserver['leave'];
}

/** Takes an access to [base + offset, base + offset + size): 32-bit patterns that may arrive negative, the sum without wrapping. */
export type ReferenceObserver = (base: number, offset: number, size: number, access: number) => void;

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
}
