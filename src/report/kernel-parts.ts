// Kernel maps and arenas side by side, for people and programs.

import type { KernelMapCost, KernelMapResult, KernelMapWork, VmemResult } from '../lab/index.ts';
import { formatBytes, formatCount } from './quantities.ts';
import type { ReportPart } from './report-part.ts';

/** What is mapped, used and unmapped, as a title. */
const works: Readonly<Record<KernelMapWork, string>> = {
  frame: '1 frame, anywhere in memory',
  run: '1 MiB in a row: 256 frames',
  scattered: '1 MiB scattered: 256 frames from anywhere, at addresses in a row',
};

/** Returns the report of maps on machines of one size and format. */
export function kernelMapsParts(results: readonly KernelMapResult[]): ReportPart[] {
  const [first] = results;
  if (first === undefined) return [];
  return [
    {
      kind: 'head',
      name: formatBytes(first.memoryBytes),
      lines: [`page tables of ${first.pageTable}; only the tables exist, not the memory`],
    },
    {
      kind: 'table',
      caption: ['What is there after boot'],
      table: {
        head: ['map', 'page tables', 'records', 'entries written', 'of memory'],
        rows: results.map(({ map, memoryBytes, bootTableBytes, bootRecordBytes, bootEntries }) => [
          map,
          formatBytes(bootTableBytes),
          formatBytes(bootRecordBytes),
          formatCount(bootEntries),
          `${((100 * (bootTableBytes + bootRecordBytes)) / memoryBytes).toFixed(4)} %`,
        ]),
        keys: 1,
        keysAre: 'words',
      },
    },
    ...(Object.keys(works) as KernelMapWork[]).map((work) => workPart(work, results)),
  ];
}

function workPart(work: KernelMapWork, results: readonly KernelMapResult[]): ReportPart {
  return {
    kind: 'table',
    caption: [`Mapped, used, unmapped: ${works[work]}`],
    table: {
      head: ['map', 'ns', 'entries written', 'TLB drops', 'steps', 'page tables then'],
      rows: results.map(({ map, costs }) => {
        const { nanoseconds, entriesWritten, tlbDropped, steps, tableBytes } = costOf(costs, work);
        return [
          map,
          nanoseconds === undefined ? '-' : formatCount(Math.round(nanoseconds)),
          mean(entriesWritten),
          mean(tlbDropped),
          mean(steps),
          formatBytes(tableBytes),
        ];
      }),
      keys: 1,
      keysAre: 'words',
    },
  };
}

function costOf(costs: readonly KernelMapCost[], work: KernelMapWork): KernelMapCost {
  return costs.find((cost) => cost.work === work) as KernelMapCost;
}

function mean(value: number): string {
  return Number.isInteger(value) ? formatCount(value) : value.toFixed(value < 10 ? 2 : 1);
}

/** Returns results as rows of cells, the head first: one row for each map and kind of work. */
export function kernelMapRows(results: readonly KernelMapResult[]): (string | number)[][] {
  const head =
    'map,page_table,memory_bytes,boot_table_bytes,boot_record_bytes,boot_entries,work,nanoseconds,entries_written,tlb_dropped,steps,table_bytes';
  const rows = results.flatMap(({ costs, map, pageTable, memoryBytes, bootTableBytes, bootRecordBytes, bootEntries }) =>
    costs.map(({ work, nanoseconds, entriesWritten, tlbDropped, steps, tableBytes }) => [
      ...[map, pageTable, memoryBytes, bootTableBytes, bootRecordBytes, bootEntries],
      ...[work, nanoseconds === undefined ? '' : Math.round(nanoseconds), entriesWritten, tlbDropped, steps, tableBytes],
    ]),
  );
  return [head.split(','), ...rows];
}

/** Returns results as the data that `--json` promises. */
export function kernelMapsData(results: readonly KernelMapResult[]): unknown {
  return {
    results: results.map(({ costs, ...result }) => ({
      ...result,
      costs: Object.fromEntries(costs.map(({ work, nanoseconds = null, ...cost }) => [work, { nanoseconds, ...cost }])),
    })),
  };
}

/** Returns the report of arenas. */
export function vmemParts(results: readonly VmemResult[]): ReportPart[] {
  const [first] = results;
  if (first === undefined) return [];
  return [
    {
      kind: 'head',
      name: `${formatCount(first.quanta)} quanta`,
      lines: ['an arena three quarters full, aged by ranges of 1 to 256 quanta that come and go'],
    },
    {
      kind: 'table',
      caption: [
        'millions of ranges given and taken back per second: one quantum at a time (pair), of all sizes at random (churn);',
        'segments looked at for one that is taken from the lists; how the free quanta lie then',
      ],
      table: {
        head: ['arena', 'pair', 'churn', 'looked at', 'failures', 'free', 'in caches', 'segments', 'largest', 'fragmentation', 'records'],
        rows: results.map((result) => [
          result.arena,
          millions(result.pairsPerSecond),
          millions(result.churnPerSecond),
          result.lookedAt.toFixed(1),
          formatCount(result.failures),
          formatCount(result.freeQuanta),
          formatCount(result.cachedQuanta),
          formatCount(result.freeSegments),
          formatCount(result.largestFreeQuanta),
          `${(100 * result.externalFragmentation).toFixed(1)} %`,
          formatBytes(result.recordBytes),
        ]),
        keys: 1,
        keysAre: 'words',
      },
    },
  ];
}

function millions(perSecond: number | undefined): string {
  if (perSecond === undefined) return '-';
  return (perSecond / 1e6).toFixed(perSecond >= 9.95e6 ? 0 : 2);
}

const vmemKeys = [
  'arena',
  'quanta',
  'pairsPerSecond',
  'churnPerSecond',
  'lookedAt',
  'failures',
  'freeQuanta',
  'cachedQuanta',
  'freeSegments',
  'largestFreeQuanta',
  'externalFragmentation',
  'recordBytes',
] as const satisfies readonly (keyof VmemResult)[];

/** Returns results as rows of cells, the head first. */
export function vmemRows(results: readonly VmemResult[]): (string | number)[][] {
  const head = vmemKeys.map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  return [head, ...results.map((result) => vmemKeys.map((key) => result[key] ?? ''))];
}

/** Returns results as the data that `--json` promises. */
export function vmemData(results: readonly VmemResult[]): unknown {
  return {
    results: results.map((result) => ({
      ...result,
      pairsPerSecond: result.pairsPerSecond ?? null,
      churnPerSecond: result.churnPerSecond ?? null,
    })),
  };
}
