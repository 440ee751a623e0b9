// mmu/: page tables, the formats that describe them, and the walk.
export * from './aarch64.ts';
export * from './amd64.ts';
export * from './fault.ts';
export * from './fault-registers.ts';
export * from './format.ts';
export * from './hashed-mmu.ts';
export * from './i386.ts';
export * from './inverted.ts';
export * from './make-mmu.ts';
export * from './mips.ts';
export * from './mips-tlb.ts';
export type { Mmu, TableMemory } from './mmu.ts';
export * from './radix-mmu.ts';
export * from './riscv.ts';
export * from './translation.ts';
