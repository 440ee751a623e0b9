// The mean working-set size of a program, which depends on the program and the window alone.
//
//   s(tau) = (1 / n) x sum over references of min(references until the page's next one, tau)        the last one: until the end
//
// Cost: one pass, 4 bytes for each page. Source: Denning and Schwartz, "Properties of the Working-Set Model", CACM 15(3), 1972.

import type { Program } from './program.ts';

/** Returns how many pages are referred to in a window of so many references, on average over a program. */
export function meanWorkingSet({ ids, pages }: Program, window: number): number {
  const next = new Uint32Array(pages).fill(ids.length);
  let sum = 0;
  for (let at = ids.length - 1; at >= 0; at--) {
    const page = ids[at] as number;
    sum += Math.min((next[page] as number) - at, window);
    next[page] = at;
  }
  return ids.length === 0 ? 0 : sum / ids.length;
}
