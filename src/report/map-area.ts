// An area of a space as the report shows it.

import { type AreaReport, PROT_EXECUTE, PROT_READ, PROT_WRITE } from '../system/index.ts';
import type { MapArea } from './run-report.ts';

/** Returns rights and sharing as /proc/PID/maps shows them: `rw-p`. */
export function protectionText({ protection, sharing }: Pick<AreaReport, 'protection' | 'sharing'>): string {
  const flag = (bit: number, letter: string): string => ((protection & bit) !== 0 ? letter : '-');
  return flag(PROT_READ, 'r') + flag(PROT_WRITE, 'w') + flag(PROT_EXECUTE, 'x') + (sharing === 'shared' ? 's' : 'p');
}

/** Returns an area as a line of the map. */
export function mapArea(area: AreaReport): MapArea {
  const { start, end, name, offset, residentPages, dirtyPages, swappedPages, lockedPages } = area;
  return {
    start,
    end,
    protection: protectionText(area),
    name,
    offset,
    residentPages,
    dirtyPages,
    swappedPages,
    ...(lockedPages > 0 && { lockedPages }),
  };
}
