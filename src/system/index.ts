// system/: the contract every memory manager fulfils, the machine it runs on, and what managers share.

export * from './address-map.ts';
export * from './buffer-list.ts';
export * from './daemon-runs.ts';
export * from './machine.ts';
export * from './memory-object.ts';
export * from './memory-system.ts';
export * from './page-batch.ts';
export * from './page-mover.ts';
export * from './page-queue.ts';
export * from './placement.ts';
export * from './requests.ts';
export * from './space.ts';
export * from './spaces.ts';
export * from './statistics.ts';
export type { SwapReadAhead } from './swap-read-ahead.ts';
export * from './swap-space.ts';
