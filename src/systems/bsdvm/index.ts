// systems/bsdvm/: the 4.4BSD virtual memory system, which UVM replaced.
export * from './bsdvm.ts';
