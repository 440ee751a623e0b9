// base/: the floor everything stands on. Units, errors, seeded random numbers, the event ring.
export * from './errors.ts';
export * from './events.ts';
export * from './failure.ts';
export * from './random.ts';
export * from './units.ts';
export * from './wasm-module.ts';
