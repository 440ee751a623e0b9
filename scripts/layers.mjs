// The floors of the house, lowest first: a folder of src/ imports only from folders above it in this list, through their index.ts.
// dependency-cruiser reads this table (.dependency-cruiser.mjs); docs quote it; nothing else states the order.

/** The folders of src/, lowest first. */
export const layers = [
  'base',
  'machine',
  'frames',
  'ranges',
  'heap',
  'pmap',
  'paging',
  'system',
  'uvm',
  'systems',
  'process',
  'wasm',
  'trace',
  'lab',
  'report',
];
