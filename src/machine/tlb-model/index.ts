// tlb-model/: TLBs of any shape, to replay references through: sets, ways, replacement, levels.
export { type LiveTlbCounts, LiveTlbs, WatchedTlb } from './live-tlb.ts';
export * from './tlb-array.ts';
export * from './tlb-shape.ts';
