// Where hit paths are inlined. They make code three to four times as long, and with it the engine's compilers and the host's memory for
// code; a call of a helper costs two to four times as much as an inlined hit path each time it runs.
//
// A small program does not feel the length. In a large one (CPython: 6 MB of code) only loops and small bodies, which are likely to
// run often, are worth it, and no body so long that the optimizing compiler would choke on it: with CPython's interpreter loop
// inlined (106 KB before, 400 KB after) its start took 360 MB of host memory instead of 230 and twice the time, for 5 % of speed.

/** Where hit paths are inlined; the other accesses call a helper. `auto` weighs speed against size, function by function. */
export type Inlining = 'auto' | 'everywhere' | 'loops' | 'nowhere';

const SMALL_MODULE_BYTES = 1 << 20;
const SMALL_BODY_BYTES = 200;
const LARGE_BODY_BYTES = 3_000;
/** The kernels' printf and malloc are larger, and gain nothing; their main functions are smaller. */
const LARGEST_GROUPED_BODY_BYTES = 4_096;

/** Decides for one body. @param moduleBytes all bodies together. */
export function inliningOf(inlining: Inlining, bodyBytes: number, moduleBytes: number): Exclude<Inlining, 'auto'> {
  if (inlining !== 'auto') return inlining;
  if (moduleBytes <= SMALL_MODULE_BYTES || bodyBytes <= SMALL_BODY_BYTES) return 'everywhere';
  return bodyBytes <= LARGE_BODY_BYTES ? 'loops' : 'nowhere';
}

/**
 * Tells whether accesses of the body are to share checks. Finding who can costs as much as rewriting: CPython is rewritten in 350 ms instead of
 * 265, and runs no faster for it (1.66 against 1.63 times plain).
 */
export function groupingOf(inlining: Inlining, bodyBytes: number, moduleBytes: number): 'grouped' | 'single' {
  if (inlining !== 'auto') return 'grouped';
  return moduleBytes <= SMALL_MODULE_BYTES && bodyBytes <= LARGEST_GROUPED_BODY_BYTES ? 'grouped' : 'single';
}
