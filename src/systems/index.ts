// systems/: the memory managers by name.
export * from './catalog.ts';
