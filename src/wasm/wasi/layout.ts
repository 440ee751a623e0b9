// What the guest and the host agree on, as data: structures as named offsets, flags as bits, rights as bits.
// Source: typenames.witx of wasi_snapshot_preview1 and of wasi_unstable (snapshot 0), with witx's natural alignment.
//
//   filestat (64 bytes)      dev u64 | ino u64 | type u8 ... | nlink u64 | size u64 | atim u64 | mtim u64 | ctim u64
//   filestat (snapshot 0: 56 bytes)             type u8 ... nlink u32 at 20, the rest 8 bytes lower
//   fdstat (24)              type u8 . flags u16 ... | base u64 | inheriting u64
//   dirent (24)              next u64 | ino u64 | namlen u32 | type u8, then the name
//   subscription (48)        userdata u64 | tag u8 ... | clock: id u32 ... | timeout u64 | precision u64 | flags u16
//                                                      | fd: u32
//   subscription (snapshot 0: 56)  the clock has a u64 identifier first, so the rest of it lies 8 bytes higher
//   event (32)               userdata u64 | error u16 | type u8 ... | nbytes u64 | flags u16
//   prestat (8)              tag u8 ... | name length u32
//   iovec, ciovec (8)        address u32 | length u32

/** The three meanings of `fd_seek`'s whence, in the order of a snapshot's enumeration. */
export type Whence = 'set' | 'current' | 'end';

/** What differs between the two snapshots. Offsets and sizes in bytes. */
export interface SnapshotLayout {
  readonly whence: readonly Whence[];
  readonly filestat: {
    readonly size: number;
    readonly linksBytes: 4 | 8;
    readonly links: number;
    readonly length: number;
    readonly accessed: number;
    readonly modified: number;
    readonly changed: number;
  };
  readonly subscription: {
    readonly size: number;
    readonly clockId: number;
    readonly timeout: number;
    readonly clockFlags: number;
  };
}

/** `wasi_snapshot_preview1`. */
export const PREVIEW1: SnapshotLayout = {
  whence: ['set', 'current', 'end'],
  filestat: { size: 64, linksBytes: 8, links: 24, length: 32, accessed: 40, modified: 48, changed: 56 },
  subscription: { size: 48, clockId: 16, timeout: 24, clockFlags: 40 },
};

/** `wasi_unstable`, which old binaries import. */
export const SNAPSHOT0: SnapshotLayout = {
  whence: ['current', 'end', 'set'],
  filestat: { size: 56, linksBytes: 4, links: 20, length: 24, accessed: 32, modified: 40, changed: 48 },
  subscription: { size: 56, clockId: 24, timeout: 32, clockFlags: 48 },
};

/** Offsets in `filestat` that both snapshots share. */
export const FILESTAT = { device: 0, inode: 8, type: 16 } as const;
/** `fdstat`. */
export const FDSTAT = { size: 24, type: 0, flags: 2, base: 8, inheriting: 16 } as const;
/** `dirent`; the name follows at `size`. */
export const DIRENT = { size: 24, next: 0, inode: 8, nameLength: 16, type: 20 } as const;
/** The parts of `subscription` that both snapshots share. */
export const SUBSCRIPTION = { userdata: 0, tag: 8, descriptor: 16 } as const;
/** `event`. */
export const EVENT = { size: 32, userdata: 0, error: 8, type: 10, bytes: 16, flags: 24 } as const;
/** `prestat`; the only tag is 0, a directory. */
export const PRESTAT = { size: 8, tag: 0, nameLength: 4 } as const;
/** `iovec` and `ciovec`. */
export const IOVEC = { size: 8, address: 0, length: 4 } as const;

/** `clockid`. */
export const ClockId = { realtime: 0, monotonic: 1, processTime: 2, threadTime: 3 } as const;
/** `eventtype`, also the tag of a subscription. */
export const EventTag = { clock: 0, read: 1, write: 2 } as const;
/** `subclockflags`. */
export const CLOCK_ABSOLUTE = 1;
/** `lookupflags`. */
export const LOOKUP_FOLLOW = 1;
/** `oflags`. */
export const OpenFlag = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;
/** `fdflags`. */
export const DescriptorFlag = { append: 1, dataSync: 2, nonBlock: 4, readSync: 8, sync: 16 } as const;
/** Every defined bit of `fdflags`. */
export const ALL_DESCRIPTOR_FLAGS = 31;
/** `fstflags`. */
export const TimesFlag = { accessed: 1, accessedNow: 2, modified: 4, modifiedNow: 8 } as const;
/** `advice` has the values 0 to 5. */
export const ADVICE_COUNT = 6;
