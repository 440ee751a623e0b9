// What one run of one program did, as plain data: the JSON form of `quire run --report json` is this object and nothing else.
//
//   settings        program, command, system, policy, frames, mmu, pageTableFormat, largePages, ranges, seed, ramBytes, swapBytes
//   outcome         exitCode, ended, seconds, notes
//   counters        tlbMisses, faults, swap, evictions, resident, kernelBytes, kernelHeap, kernelMap, code
//   address space   map, heat
//
// Invariants (a run with the MMU on; the runner's tests quote them):
//   RR1  the areas of `map` are sorted and disjoint, and an area's residentPages + swappedPages is at most its pages
//   RR2  the residentPages of all areas add up to resident.finalPages, which is at most resident.peakPages
//   RR3  evictions.dirty pages were each written: to swap (swap.pagesOut) or to their file
// With the MMU off the program ran on plain WebAssembly memory: every counter is 0 and `map` is empty.
//
// Times are seconds of the host's clock; addresses and sizes are bytes; pages are 4096 bytes. Optional keys are left out when the
// run has nothing to say there. Keys are only ever added. Elsewhere: the text form (run-report-text.ts), who fills it (cli/).

/** The result of one run, ready for `JSON.stringify`. */
export interface RunReport {
  /** The module's file name, without its folder. */
  readonly program: string;
  /** The guest's argument vector, its name first. */
  readonly command?: readonly string[];
  /** The memory manager: `uvm`. */
  readonly system: string;
  /** The replacement policy: `clock`. */
  readonly policy: string;
  /** UVM's limits by class of page, unless there are none: `netbsd`. */
  readonly classLimits?: string;
  /** Pages that came from swap with a missing one, if it was said; else the memory manager's default. */
  readonly swapReadAhead?: 'adaptive' | 'off' | number;
  /** The frame allocator: `bitmap`. */
  readonly frames?: string;
  /** `off`: the same module ran unrewritten on plain memory, as the baseline. */
  readonly mmu?: 'on' | 'off';
  /** The page table's format: `i386`. */
  readonly pageTableFormat?: string;
  readonly pageTable?: PageTableFacts;
  /** What became of large pages, where some were to be made. */
  readonly largePages?: LargePageFacts;
  readonly tlbs?: readonly LiveTlbResult[];
  /** What keeps the areas of the space: `red-black`. */
  readonly ranges?: string;
  /** The seed of everything random that the run may repeat. */
  readonly seed?: number;
  readonly ramBytes: number;
  /** 0 when there is no swap. */
  readonly swapBytes?: number;
  /** What the host's process returns: the guest's own code if it exited by itself. */
  readonly exitCode: number;
  readonly ended?: Ending;
  readonly seconds: RunSeconds;
  /** TLB misses that a page-table walk resolved, without a page fault. */
  readonly tlbMisses: number;
  readonly faults: FaultCounts;
  readonly swap: SwapCounts;
  readonly evictions: EvictionCounts;
  /** Changed pages of files that could not be written back when their file was let go. */
  readonly lostPages?: number;
  readonly resident: ResidentPages;
  /** What of RAM is usable, where a memory map leaves holes in it or its zones are told apart. */
  readonly memory?: UsableMemory;
  readonly kernelBytes: KernelBytes;
  readonly kernelHeap?: KernelHeapFacts;
  /** What the program's code became. */
  readonly code?: CodeFacts;
  /** Left out where the kernel reaches frames by their physical addresses. */
  readonly kernelMap?: KernelMapFacts;
  /** The areas of the address space at the end, in order of address. */
  readonly map: readonly MapArea[];
  /** Where the program faulted and what is in RAM, one strip for each part of the address space that is in use. */
  readonly heat?: readonly HeatStrip[];
  /** Sentences worth knowing about this run, such as why page 0 is mapped. */
  readonly notes?: readonly string[];
}

/** What a program's code became, so that its loads and stores go through the MMU. */
export interface CodeFacts {
  /** `cache`: it was made by an earlier run. */
  readonly origin: 'rewritten' | 'cache';
  /** Bytes of function bodies in the module, and of the whole module that runs in its place, which has no data. */
  readonly originalBytes: number;
  readonly rewrittenBytes: number;
  /**
   * Loads and stores in the code: those in a function's stack frame, which need no table where the stack is in frames side by side; those in groups
   * that look the page up once; those that look it up where they are; those that call a function which does.
   */
  readonly accesses: { readonly window: number; readonly grouped: number; readonly inlined: number; readonly called: number };
  /** Bytes of the stack that are in such frames, and locked, at the end. */
  readonly stackWindowBytes: number;
  /** `outgrown`: some stack frames were not there, and their functions were done by code that looks everything up. */
  readonly stackWindow: 'none' | 'used' | 'outgrown';
}

/** What of RAM is usable. */
export interface UsableMemory {
  /** Frames that are not reserved, broken or permanently taken, and the runs that they lie in. */
  readonly usableFrames: number;
  readonly runs: number;
  /** From the lowest up, where the frame allocator keeps zones. */
  readonly zones?: readonly ZoneCounts[];
}

/** A zone of memory at the end. */
export interface ZoneCounts {
  readonly name: string;
  /** Frames that it had to give, and those that are free. */
  readonly frames: number;
  readonly freeFrames: number;
  /** With fewer free the page daemon is woken for this zone. */
  readonly lowFrames: number;
  /** How often it was. */
  readonly wakes: number;
}

/** Where a program's page table is at the end, and what it took. */
export interface PageTableFacts {
  /** Physical address of the root; of an inverted table, of its anchors. */
  readonly root: number;
  /** Number of the space: what an inverted table's entries and a MIPS's ASIDs say. */
  readonly space: number;
  /** Frames of page tables, of all spaces. */
  readonly frames: number;
  /** Exceptions of a TLB that the kernel fills. */
  readonly tlb?: { readonly entries: number; readonly refills: number; readonly invalid: number; readonly modified: number };
}

/** A TLB that a live program's references went through (`--tlb`). */
export interface LiveTlbResult {
  readonly tlb: string;
  readonly entries: number;
  readonly ways: number;
  readonly replacement: string;
  /** The program's loads and stores, one for each page that they touch: firstHits + secondHits + misses. */
  readonly references: number;
  readonly firstHits: number;
  readonly secondHits: number;
  readonly misses: number;
  /** Misses whose page was part of a large one. */
  readonly largeMisses: number;
  /** Entries that were dropped because the kernel changed what they say. */
  readonly dropped: number;
  /** Page table entries that the walks of all misses loaded, from the root down; not for hashed tables. */
  readonly walkLoads?: number;
}

/** Large pages of a run (`--large-pages promote`), from its start to its end. */
export interface LargePageFacts {
  /** Bytes of one. */
  readonly bytes: number;
  readonly promotions: number;
  readonly demotions: number;
  /** Large pages that were unmapped, since there was no frame to demote them with. */
  readonly dissolved: number;
  /** Mapped at the end; each saves the frame of a leaf table. */
  readonly mapped: number;
  /** Runs of frames set aside for large pages, and those given up because their frames were needed. */
  readonly reservations: { readonly made: number; readonly broken: number };
}

/** Seconds of the host's clock. */
export interface RunSeconds {
  /** From the guest's first instruction to its end; the kernel's time is a part of it. */
  readonly total: number;
  /** In traps: walks, faults, page-ins and page-outs. */
  readonly kernel: number;
  /** Reading, rewriting and compiling the module, before `total` begins. */
  readonly load?: number;
}

/** Page faults by how they were resolved (the kinds exclude each other), and pages that were mapped without a fault of their own. */
export interface FaultCounts {
  /** A fresh page of zeros. */
  readonly zeroFill: number;
  /** A page of the program's own image was read. */
  readonly image: number;
  /** A page of a mapped file was read. */
  readonly file: number;
  /** A shared page was copied at the first write to it. */
  readonly copyOnWrite: number;
  /** A page came back from swap. */
  readonly swapIn: number;
  /** The page was mapped without the right, which it was given without a copy. */
  readonly protection: number;
  /** The page was in RAM and only had to be mapped. */
  readonly resident: number;
  /** The access was not allowed, or there was no memory: the program ended. */
  readonly failed: number;
  /** Resident neighbours of a faulting page that were mapped along with it. Not faults: each may have saved one. */
  readonly mappedAhead: number;
}

/** Traffic with the swap devices. One operation moves a run of pages. */
export interface SwapCounts {
  readonly pagesIn: number;
  readonly pagesOut: number;
  readonly readOperations: number;
  readonly writeOperations: number;
  readonly bytesWritten: number;
  readonly bytesRead?: number;
  /** Of `pagesIn`, those that came before they were asked for, if any. */
  readonly readAhead?: ReadAheadCounts;
  /** Slots that hold a page at the end. */
  readonly usedPages?: number;
  /** Those of them whose page is nowhere else: not in RAM too. */
  readonly onlyPages?: number;
  readonly totalPages?: number;
  /** Each device, in the order in which they are filled, where there is more than one. */
  readonly devices?: readonly SwapDeviceCounts[];
}

/** Pages read from swap together with a missing one. What is neither used nor unused waits in RAM at the end. */
export interface ReadAheadCounts {
  readonly pages: number;
  /** The program used them later: each may have saved a fault and a read. */
  readonly used: number;
  /** They left RAM again without having been used. */
  readonly unused: number;
}

/** One of several swap devices. */
export interface SwapDeviceCounts {
  /** Its path, as it was given. */
  readonly name: string;
  /** The highest is filled first. */
  readonly priority: number;
  readonly totalPages: number;
  /** Slots taken; BSD VM takes them in blocks, for pages that may come, so they can be more than hold a page. */
  readonly usedPages: number;
  /** Slots that could not be written; they are not used again. */
  readonly badPages: number;
  readonly readOperations: number;
  readonly writeOperations: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** Frames that the page daemon took, or did not. */
export interface EvictionCounts {
  /** The page had not changed since it was read: its frame was free at once. */
  readonly clean: number;
  /** The page had to be written out first. */
  readonly dirty: number;
  /** The page had been referenced and stayed. */
  readonly reactivated: number;
  /** Victims that the policy named; those not evicted were held, spared for their class, or could not be written. */
  readonly lookedAt?: number;
}

/** Pages of the program in RAM. */
export interface ResidentPages {
  readonly peakPages: number;
  readonly finalPages: number;
}

/** RAM that the kernel keeps for itself when the run ends. */
export interface KernelBytes {
  /** The kernel's own too, and its records of which addresses are free. */
  readonly pageTables: number;
  readonly frameTable: number;
  readonly heap: number;
}

/** The design of the kernel heap, and what it has cost in the whole run. */
export interface KernelHeapFacts {
  readonly design: string;
  readonly peakFrames: number;
  /** Bytes asked for, in all blocks together, and bytes that these blocks took. */
  readonly askedBytes: number;
  readonly givenBytes: number;
  /** Frames that it gave back when memory was low. */
  readonly reapedFrames: number;
  /** Of a design with magazines: requests and frees that these answered, and those that went on to the slabs. */
  readonly magazineHits?: number;
  readonly magazineMisses?: number;
}

/** How the kernel reached frames, and what that cost, boot included. */
export interface KernelMapFacts {
  readonly design: string;
  /** Page tables and the design's records at the end. */
  readonly bytes: number;
  /** Mappings: frames zeroed, copied, read and written by devices. */
  readonly maps: number;
  readonly entriesWritten: number;
  readonly tlbDropped: number;
  /** Table levels gone down, slots and regions looked at. */
  readonly steps: number;
  /** Accesses with translation off, for want of an address. */
  readonly bypassed: number;
}

/** One area of the address space, [start, end), as a line of `/proc/PID/maps`. */
export interface MapArea {
  readonly start: number;
  readonly end: number;
  /** `r` `w` `x` or `-`, then `p` (private) or `s` (shared). */
  readonly protection: string;
  /** `[brk]`, `[stack]`, or the path of a mapped file; empty for an anonymous area without a name. */
  readonly name: string;
  /** Where the area begins in its file or image. */
  readonly offset: number;
  readonly residentPages: number;
  readonly dirtyPages: number;
  /** Pages that are in swap and not in RAM. */
  readonly swappedPages: number;
  /** Pages that may not leave RAM; left out where there are none. */
  readonly lockedPages?: number;
}

/** A part of the address space cut into cells of equal size; each list has one number per cell. */
export interface HeatStrip {
  readonly name: string;
  readonly start: number;
  /** A multiple of 4096. */
  readonly cellBytes: number;
  /** Page faults in the cell over the whole run. */
  readonly faults: readonly number[];
  /** Resident pages in the cell at the end. */
  readonly residentPages: readonly number[];
}

/** How the run ended. */
export interface Ending {
  /** exit: by itself. trap: WebAssembly stopped it. fault: the kernel did. kill: out of memory. interrupt: Ctrl-C. */
  readonly how: 'exit' | 'trap' | 'fault' | 'kill' | 'interrupt';
  /** A sentence without its full stop. */
  readonly reason?: string;
  readonly fault?: FaultReport;
}

/** An access that could not be allowed. */
export interface FaultReport {
  readonly address: number;
  readonly access: 'read' | 'write' | 'execute';
  /** The function that made the access, as the original module numbers and names it. */
  readonly function?: FaultPlace;
  /** The area that holds the address, if any does. */
  readonly area?: Pick<MapArea, 'start' | 'end' | 'protection' | 'name'>;
  /** A sentence without its full stop: `nothing is mapped there`. */
  readonly why: string;
  /** What the processor of the page table's format would have shown its kernel. */
  readonly registers?: readonly RegisterReport[];
}

/** A register of the processor whose page table it is. */
export interface RegisterReport {
  readonly name: string;
  /** Hexadecimal, with `0x`. */
  readonly value: string;
  readonly meaning: string;
}

/** A place in the original module. */
export interface FaultPlace {
  readonly index: number;
  readonly name?: string;
  /** Offset of the instruction in the module's file. */
  readonly offset?: number;
}
