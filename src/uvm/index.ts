// uvm/: the default memory manager, after NetBSD's UVM.
export { Uvm } from './uvm.ts';
