// uvm/: the default memory manager, after NetBSD's UVM.

export { defaultTuning, netbsdTuning, type UvmTuning } from './tuning.ts';
export { Uvm } from './uvm.ts';
