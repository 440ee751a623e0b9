// Frame allocators side by side, for people: what each costs in memory and time, and what is left of memory after a while.
//
//   █ ▓ ▒ ░   at least 7/8, 5/8, 3/8 of the part's frames given, or fewer      ·   none      space   no memory there

import { PAGE_SIZE } from '../base/index.ts';
import type { FrameResult } from '../lab/index.ts';
import { formatBytes, formatCountOf } from './quantities.ts';
import type { ReportPart } from './report-part.ts';

/** Most characters of a map's row: a power of two, so that parts can be joined. */
const MOST_COLUMNS = 64;
const [CELL_WIDTH, ROW_HEIGHT, LEFT, TOP] = [1.5, 26, 110, 44];
const colours = { ground: '#f6f6f3', none: '#e4e4de', given: ['#c9d3ee', '#8fa5dd', '#5676c8', '#2346b0'] } as const;

/** Returns the report. @param usableFrames of the memory that all results are about */
export function framesParts(results: readonly FrameResult[], usableFrames: number): ReportPart[] {
  const [first] = results;
  if (first === undefined) return [];
  return [
    {
      kind: 'head',
      name: formatBytes(first.memoryBytes),
      lines: [`${formatCountOf(usableFrames, 'usable frame')} of 4 KiB`],
    },
    {
      kind: 'table',
      caption: [
        'millions of frames taken and given back per second: one at a time from free memory (pair), at random in memory',
        'half full (churn), 64 at a time (batch); longest run of free frames in that memory, after its peak',
      ],
      table: {
        head: ['allocator', 'metadata', 'of memory', 'pair', 'churn', 'batch', 'longest run'],
        rows: results.map(rowOf),
        keys: 1,
        keysAre: 'words',
      },
    },
    { kind: 'picture', svg: () => framesSvg(results), text: (width) => mapLines(results, width) },
  ];
}

function rowOf({ allocator, memoryBytes, metadataBytes, rates, largestFreeRunFrames }: FrameResult): string[] {
  return [
    allocator,
    formatBytes(metadataBytes),
    `${((100 * metadataBytes) / memoryBytes).toFixed(4)} %`,
    millions(rates?.pairsPerSecond),
    millions(rates?.churnPerSecond),
    millions(rates?.batchPerSecond),
    formatBytes(largestFreeRunFrames * PAGE_SIZE),
  ];
}

function millions(perSecond: number | undefined): string {
  if (perSecond === undefined) return '-';
  return perSecond >= 9.95e6 ? (perSecond / 1e6).toFixed(0) : (perSecond / 1e6).toFixed(2);
}

/** Returns results as rows of cells, the head first. */
export function framesRows(results: readonly FrameResult[]): (string | number)[][] {
  const head = 'allocator,memory_bytes,metadata_bytes,pairs_per_second,churn_per_second,batch_per_second,largest_free_run_frames';
  const rounded = (perSecond: number | undefined): number | string => (perSecond === undefined ? '' : Math.round(perSecond));
  const rows = results.map(({ allocator, memoryBytes, metadataBytes, rates, largestFreeRunFrames }) => [
    ...[allocator, memoryBytes, metadataBytes],
    ...[rounded(rates?.pairsPerSecond), rounded(rates?.churnPerSecond), rounded(rates?.batchPerSecond), largestFreeRunFrames],
  ]);
  return [head.split(','), ...rows];
}

function mapLines(results: readonly FrameResult[], width: number): string[] {
  const label = Math.max(...results.map(({ allocator }) => allocator.length));
  const columns = 2 ** Math.floor(Math.log2(Math.max(16, Math.min(MOST_COLUMNS, width - label - 4))));
  return [
    'where the frames given lie then, from address 0 on',
    ...results.map(({ allocator, usedShares }) => `  ${allocator.padEnd(label)}  ${joined(usedShares, columns).map(character).join('')}`),
    '  █ ▓ ▒ ░ given, from all to few   · none   space: no usable memory',
  ];
}

/** Joins neighbouring parts to `columns`; parts without memory count for nothing. */
function joined(shares: Float64Array, columns: number): number[] {
  const group = shares.length / columns;
  return Array.from({ length: columns }, (_, column) => {
    const own = [...shares.subarray(column * group, (column + 1) * group)].filter((share) => !Number.isNaN(share));
    return own.reduce((sum, share) => sum + share, 0) / own.length;
  });
}

function character(share: number): string {
  if (Number.isNaN(share)) return ' ';
  if (share === 0) return '·';
  return share >= 0.875 ? '█' : share >= 0.625 ? '▓' : share >= 0.375 ? '▒' : '░';
}

/** Returns the maps as an SVG document: a strip for each allocator, as dark as its frames are given. */
export function framesSvg(results: readonly FrameResult[]): string {
  const cells = results[0]?.usedShares.length ?? 0;
  const [width, height] = [LEFT + cells * CELL_WIDTH + 90, TOP + results.length * ROW_HEIGHT + 16];
  const rows = results.map(({ allocator, usedShares, largestFreeRunFrames }, row) => {
    const y = TOP + row * ROW_HEIGHT;
    const end = LEFT + cells * CELL_WIDTH + 8;
    return [
      `<text x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${allocator}</text>`,
      ...stripOf(usedShares, y),
      `<text x="${end}" y="${y + 13}">${formatBytes(largestFreeRunFrames * PAGE_SIZE)}</text>`,
    ].join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="#222222" role="img">
<rect width="${width}" height="${height}" fill="${colours.ground}"/>
<text x="${LEFT}" y="26" font-size="14" font-weight="bold">Frames given in half full memory after its peak; at the right the longest free run</text>
${rows.join('\n')}
</svg>
`;
}

/** Neighbours of one colour are one rectangle. */
function stripOf(shares: Float64Array, y: number): string[] {
  const rects: string[] = [];
  for (let from = 0; from < shares.length; ) {
    const fill = fillOf(shares[from] as number);
    let to = from + 1;
    while (to < shares.length && fillOf(shares[to] as number) === fill) to++;
    const [x, width] = [LEFT + from * CELL_WIDTH, (to - from) * CELL_WIDTH];
    if (fill !== undefined) rects.push(`<rect x="${x}" y="${y}" width="${width}" height="${ROW_HEIGHT - 8}" fill="${fill}"/>`);
    from = to;
  }
  return rects;
}

function fillOf(share: number): string | undefined {
  if (Number.isNaN(share)) return undefined;
  return share === 0 ? colours.none : colours.given[Math.min(3, Math.floor(4 * share))];
}

/** Returns results as the data that `--json` promises. */
export function framesData(results: readonly FrameResult[]): unknown {
  return {
    results: results.map(({ rates, usedShares, ...result }) => ({
      ...result,
      pairsPerSecond: rates?.pairsPerSecond ?? null,
      churnPerSecond: rates?.churnPerSecond ?? null,
      batchPerSecond: rates?.batchPerSecond ?? null,
      usedShares: [...usedShares].map((share) => (Number.isNaN(share) ? null : Number(share.toFixed(4)))),
    })),
  };
}
