// Which pages of a space are the kernel's, and what is where in them.
//
//   linear, dynamic   | base .............................. | window | end
//   regions           | base | window | ......................       | end      the special areas are in front

/** Most pages of a 32-bit space. */
const NARROW_PAGES = 2 ** 20;
/** Pages whose addresses are exact numbers, below 2^53: of a space of 57 bits the kernel uses no more. */
const EXACT_PAGES = 2 ** 41;
/** Slots of a window: 128 MiB, as Tilck has beside its 896 MiB and Linux for vmalloc. */
const WINDOW_SLOTS = 2 ** 15;
/** A window is an eighth of the kernel's part at most. */
const WINDOW_SHARE = 8;

/** The kernel's part of a space, in pages. */
export interface KernelLayout {
  readonly base: number;
  readonly end: number;
  readonly windowPages: number;
}

/** Returns the layout in a space of so many pages: the upper quarter if it is narrow, else the upper half. */
export function kernelLayout(pages: number): KernelLayout {
  const end = Math.min(pages, EXACT_PAGES);
  const base = end <= NARROW_PAGES ? (end / 4) * 3 : end / 2;
  return { base, end, windowPages: Math.min(WINDOW_SLOTS, Math.floor((end - base) / WINDOW_SHARE)) };
}
