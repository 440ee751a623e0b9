// mmu/: page tables as bytes in RAM, the formats that describe them, and the walk.
export * from './fault.ts';
export * from './format.ts';
export * from './i386.ts';
export * from './mmu.ts';
