// system/: the contract every memory manager fulfils, and the machine it runs on.
export * from './machine.ts';
export * from './memory-system.ts';
export * from './statistics.ts';
