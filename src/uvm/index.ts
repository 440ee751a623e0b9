// uvm/: the default memory manager, after NetBSD's UVM.

export type { UvmTuning } from './tuning.ts';
export { Uvm } from './uvm.ts';
