// Heaps of processes, in pages: what each allocator's design costs the memory manager.

import type { SpaceCost } from '../lab/index.ts';
import { formatBytes, formatCount, formatShare } from './quantities.ts';
import type { ReportPart } from './report-part.ts';

/** The machine, in words. */
export interface SpaceMachine {
  readonly system: string;
  readonly memoryBytes: number;
}

/** Returns the table of one trace; nothing if nothing was measured. */
export function spaceCostParts(costs: readonly SpaceCost[], { system, memoryBytes }: SpaceMachine): ReportPart[] {
  const [first] = costs;
  if (first === undefined) return [];
  const rows = costs.map((cost) => [
    cost.allocator,
    formatCount(cost.peakResidentPages),
    formatShare(cost.peakResidentPages / cost.payloadPages, 1),
    formatCount(cost.faults),
    formatCount(cost.pagesIn),
    formatCount(cost.pagesOut),
    formatCount(cost.peakBreakPages),
    formatCount(cost.peakMappedPages),
  ]);
  const ended = costs.filter(({ end }) => end === 'killed');
  const refused = costs.filter((cost) => cost.refused > 0);
  return [
    {
      kind: 'table',
      caption: [
        `as the heap of a process with ${formatBytes(memoryBytes)} of memory under ${system}, in pages of 4 KiB:`,
        `the payload's peak is ${formatCount(first.payloadPages)} pages; large blocks have mappings of their own`,
      ],
      table: {
        head: ['allocator', 'resident', 'of payload', 'faults', 'in', 'out', 'break', 'mapped'],
        rows,
        keys: 1,
        keysAre: 'words',
      },
      below: [
        ...ended.map(({ allocator, operations }) => `${allocator}: memory and swap were full at operation ${formatCount(operations + 1)}`),
        ...refused.map((cost) => `${cost.allocator}: ${formatCount(cost.refused)} requests were answered with 0`),
      ],
    },
  ];
}
