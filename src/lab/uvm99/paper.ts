// What the paper reports: Cranor and Parulkar, "The UVM Virtual Memory System", USENIX Annual Technical Conference 1999, pages 117-130.
// Tables are as printed. Figures were read off the drawing: to about a percent of full scale, and to 0.036 s where times are below a second.
//
// Its machine: a 333 MHz Pentium II with 32 MB of RAM, NetBSD 1.3 with either manager.

/** Two published numbers: BSD VM, UVM. */
export type Published = readonly [bsd: number, uvm: number];
/** A point of two curves: x, BSD VM, UVM; null where a curve has no point there. */
export type PublishedPoint = readonly [x: number, bsd: number | null, uvm: number | null];

/** Table 1: map entries allocated. */
export const mapEntries = {
  cat: [11, 6],
  od: [21, 12],
  single_user_boot: [50, 26],
  multi_user_boot: [400, 242],
  x11_9_processes: [275, 186],
} as const satisfies Record<string, Published>;

/** Table 2: page faults of commands. */
export const pageFaults = {
  'ls /': [59, 33],
  'finger chuck': [128, 74],
  cc: [1086, 590],
  'man csh': [114, 64],
  newaliases: [229, 127],
} as const satisfies Record<string, Published>;

/** Table 3: microseconds to map one page, fault on it and unmap it. */
export const mapFaultUnmap = {
  'read/shared file': [24, 21],
  'read/private file': [48, 22],
  'write/shared file': [113, 100],
  'write/private file': [80, 67],
  'read/zero fill': [60, 49],
  'write/zero fill': [60, 48],
} as const satisfies Record<string, Published>;

/** Figure 2: seconds to map and read so many files of 64 KiB. */
export const readFiles: readonly PublishedPoint[] = [
  [10, 0.02, 0.01],
  [20, 0.04, 0.0299],
  [30, 0.05, 0.04],
  [40, 0.0699, 0.05],
  [50, 0.0798, 0.0699],
  [60, 0.1002, 0.0798],
  [70, 0.1202, 0.0899],
  [80, 0.1401, 0.11],
  [90, 0.1501, 0.1202],
  [100, 1.1806, 0.1301],
  [110, 1.2714, 0.1401],
  [120, 1.4031, 0.1601],
  [130, 1.4816, 0.1698],
  [140, null, 0.1902],
  [150, 1.6844, 0.1999],
  [160, 1.7782, 0.21],
  [170, 1.8499, 0.2195],
  [180, 1.9822, 0.2399],
  [190, 2.0317, 0.2496],
  [200, 2.1558, 0.2596],
  [250, 2.6387, 0.3306],
  [300, 3.121, 0.4007],
  [350, 3.6187, 0.4601],
  [400, 4.114, 0.5309],
  [450, 4.5632, 0.5888],
  [500, 5.0367, 0.6596],
];

/** Figure 5: seconds to write so many MB of anonymous memory once. */
export const anonymousMemory: readonly PublishedPoint[] = [
  [5, 0.04, 0.04],
  [10, 0.07, 0.11],
  [15, 0.14, 0.14],
  [20, 0.18, 0.18],
  [25, 0.25, 0.39],
  [30, 11.89, 0.86],
  [35, 19.25, 1.36],
  [40, 27.64, 1.89],
  [45, 34.11, 2.39],
  [50, 42.36, 2.96],
];

/** Figure 6: microseconds of a fork and the wait for the child, by MB of anonymous memory, where the child just exits. */
export const forkAndExit: readonly PublishedPoint[] = [
  [0, 779, 661],
  [1, 832, null],
  [2, 868, 661],
  [3, 918, 664],
  [4, 954, 664],
  [5, 1011, 668],
  [6, 1025, 664],
  [7, 1079, 668],
  [8, 1114, 664],
  [9, 1164, null],
  [10, 1189, null],
  [11, 1264, null],
  [12, 1304, 664],
  [13, 1354, 668],
  [14, 1389, 664],
  [15, 1457, 664],
  [16, 1504, 668],
];

/** The same where the child first writes to all of it. */
export const forkAndWrite: readonly PublishedPoint[] = [
  [0, 779, 661],
  [1, 1129, 818],
  [2, null, 907],
  [3, 1579, 1007],
  [4, 1793, 1064],
  [5, 2036, 1321],
  [6, 2271, 1396],
  [7, 2536, 1461],
  [8, 2739, 1529],
  [9, 2961, 1811],
  [10, 3275, 1896],
  [11, 3496, 1950],
  [12, 3818, 2036],
  [13, 4054, 2114],
  [14, 4321, 2182],
  [15, 4568, 2271],
  [16, 4868, 2350],
];

/** Section 7: share of the time of copying that a loan of so many pages to the kernel takes. */
export const loanout: Readonly<Record<number, number>> = {
  1: 0.74,
  256: 0.22,
};

/** The same for page transfer and for map-entry passing, from the dissertation behind the paper: recalled, not checked against its text. */
export const recalledTransfer: Readonly<Record<number, number>> = { 1: 1, 2: 0.78, 1024: 0.31 };
export const recalledPassing: Readonly<Record<number, number>> = { 1: 1, 2: 0.56, 512: 0.04 };

/** Section 5, figure 3: pages that nobody can reach any more at the end, and the structures that UVM has then. */
export const swapLeak = { unreachablePages: [1, 0], amaps: 2, anons: 3 } as const;
