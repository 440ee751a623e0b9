// The benchmark of moving pages: what each way costs (moving-costs.ts), beside the copy that it saves.

import type { Laboratory } from './laboratory.ts';
import { type MovingWay, movedPages } from './moving-costs.ts';
import type { Numbers } from './statistics.ts';
import type { Table } from './table.ts';

/** How much to do. */
export interface MovingSettings {
  /** Pages moved in one round of each way and size. */
  readonly pages: number;
  /** Rounds; the least counts. */
  readonly repeats: number;
}

/** The full benchmark: half a minute. */
export const movingSettings: MovingSettings = { pages: 50_000, repeats: 10 };
/** Enough to see that everything works. */
export const quickMovingSettings: MovingSettings = { pages: 2_000, repeats: 2 };

/** What was measured, in nanoseconds per page. */
export interface MovingResult {
  readonly settings: MovingSettings;
  /** By way and size: `kernelLoan256`. */
  readonly moving: Numbers;
  readonly gathering: Numbers;
}

/** Measures everything; `tell` gets a word before each step. */
export function measureMoving(settings: MovingSettings, laboratory: Pick<Laboratory, 'cost'>, tell: (step: string) => void): MovingResult {
  tell('moving');
  const moving = laboratory.cost({ what: 'moving', ...settings });
  tell('gathering');
  return { settings, moving, gathering: laboratory.cost({ what: 'gathering', ...settings }) };
}

/** What the paper measured of loanout: its time by that of copying. */
const PAPER_LOANOUT: Readonly<Record<number, string>> = { 1: '0.74', 256: '0.22' };

/** The tables that people read. */
export function movingTables({ moving, gathering }: MovingResult): Table[] {
  const cost = (way: MovingWay, pages: number): number => moving[`${way}${pages}`] ?? Number.NaN;
  const ns = (way: MovingWay, pages: number): string => cost(way, pages).toFixed(0);
  const ratio = (way: MovingWay, copy: MovingWay, pages: number): string => (cost(way, pages) / cost(copy, pages)).toFixed(2);
  return [
    {
      title: 'Loanout to the kernel',
      about:
        'Nanoseconds per page; lower is better. A loan and its end, against copying the pages into a buffer of the kernel. The last column is ' +
        "not in the ratio: the owner's first write to each page afterwards, which gets its right back by a fault.",
      headings: ['pages', 'copy ns', 'loan ns', 'loan / copy', 'Cranor and Parulkar 1999', 'then write ns'],
      rows: movedPages.map((pages) => [
        String(pages),
        ns('kernelCopy', pages),
        ns('kernelLoan', pages),
        ratio('kernelLoan', 'kernelCopy', pages),
        PAPER_LOANOUT[pages] ?? '',
        ns('rewrite', pages),
      ]),
      notes: [],
    },
    {
      title: 'From one process to another',
      about:
        'Each way by the time of copying through a buffer of the kernel, one load per page by the receiver included, and giving the pages ' +
        'back. Page transfer is compared with copying into new memory. Below 1, moving is faster than copying.',
      headings: ['pages', 'copy ns', 'loan', 'writable loan', 'map entries', 'copy to new memory ns', 'page transfer'],
      rows: movedPages.map((pages) => [
        String(pages),
        ns('spaceCopy', pages),
        ratio('spaceLoan', 'spaceCopy', pages),
        ratio('writableLoan', 'spaceCopy', pages),
        ratio('pass', 'spaceCopy', pages),
        ns('arrivalCopy', pages),
        ratio('transfer', 'arrivalCopy', pages),
      ]),
      notes: [],
    },
    {
      title: 'A message of four stretches, 4 KiB together',
      about:
        'Nanoseconds per message. The DMA engine is modelled by one block copy per stretch: on hardware the processor would not spend that time.',
      headings: ['step', 'ns'],
      rows: [
        ['build the buffer list and end it: four loans', (gathering['list'] ?? Number.NaN).toFixed(0)],
        ['the same, gathered by DMA', (gathering['listAndDma'] ?? Number.NaN).toFixed(0)],
        ['the same, pumped word by word', (gathering['listAndPio'] ?? Number.NaN).toFixed(0)],
      ],
      notes: [],
    },
  ];
}
