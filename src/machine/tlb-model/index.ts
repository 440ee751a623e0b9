// tlb-model/: TLBs of any shape, to replay references through: sets, ways, replacement, levels.
export * from './tlb-array.ts';
export * from './tlb-shape.ts';
