// Units: what a number counts. Brands are erased at run time; they stop a frame number from being passed as a page number.

declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** A byte address in RAM. */
export type PhysAddr = Unit<'PhysAddr'>;
/** A byte address in an address space, below 2^53 (live programs: below 2^32). */
export type VirtAddr = Unit<'VirtAddr'>;
/** A frame number: `PhysAddr / 4096`. Frame 0 exists but is never handed out. */
export type Pfn = Unit<'Pfn'>;
/** A page number: `VirtAddr / 4096`. */
export type Vpn = Unit<'Vpn'>;

/** log2 of the page size. */
export const PAGE_SHIFT = 12;
/** Bytes in a page and in a frame: what i386, amd64, RISC-V and AArch64 all offer. */
export const PAGE_SIZE = 4096;
/** Mask of the offset within a page. */
export const PAGE_MASK = PAGE_SIZE - 1;

/** Brands a number that is known to be a physical address; checks nothing. */
export const physAddr = (value: number): PhysAddr => value as PhysAddr;
/** Brands a number that is known to be a virtual address; checks nothing. */
export const virtAddr = (value: number): VirtAddr => value as VirtAddr;
/** Brands a number that is known to be a frame number; checks nothing. */
export const pfn = (value: number): Pfn => value as Pfn;
/** Brands a number that is known to be a page number; checks nothing. */
export const vpn = (value: number): Vpn => value as Vpn;

/** Returns the page that holds `address`; exact for every safe integer. */
export const pageOf = (address: number): Vpn => Math.floor(address / PAGE_SIZE) as Vpn;
/** Returns the first page at or after `address`. */
export const pageAtOrAfter = (address: number): Vpn => Math.ceil(address / PAGE_SIZE) as Vpn;
/** Returns the first address of `page`. */
export const addressOf = (page: number): VirtAddr => (page * PAGE_SIZE) as VirtAddr;
/** Returns how many pages hold `sizeBytes`. */
export const pagesFor = (sizeBytes: number): number => Math.ceil(sizeBytes / PAGE_SIZE);

/**
 * Returns 2^exponent. By a shift where it can be: the engine keeps what `**` yields as a double, and whatever is then compared with it or masked
 * by it is converted each time.
 */
export const powerOfTwo = (exponent: number): number => (exponent < 31 ? 1 << exponent : 2 ** exponent);

/** Bytes in a kibibyte. */
export const KIB = 1024;
/** Bytes in a mebibyte. */
export const MIB = 1024 * KIB;
/** Bytes in a gibibyte. */
export const GIB = 1024 * MIB;
