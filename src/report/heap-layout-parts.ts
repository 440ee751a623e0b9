// A heap at one moment: its map as characters and as a picture, who pins a page, and two allocators where they part.
//
//   █ ▓ ▒ ░   at least 7/8, 5/8, 3/8 of the cell used, or less      ·   all free      +   mostly the allocator's own      space   nothing

import type { FreeChoice, HeapComparison, HeapLayout, PartingPoint, PinningBlock, Placement } from '../lab/index.ts';
import { formatAddress, formatBytes, formatCount, formatCountOf, formatShare } from './quantities.ts';
import type { ReportPart } from './report-part.ts';

/** One allocator's heap at one moment. */
export interface HeapMap {
  readonly allocator: string;
  readonly layout: HeapLayout;
}

/** The blocks on a page in one allocator's heap. */
export interface PagePins {
  readonly allocator: string;
  readonly page: number;
  readonly pageBytes: number;
  readonly operations: number;
  readonly blocks: readonly PinningBlock[];
}

/** Cells that a map should have at most: the picture's. */
export const MAP_CELLS = 4096;

const MOST_ROWS = 32;
const ADDRESS_WIDTH = 13;
const MOST_COLUMNS = 128;
const CELL = 7;
const TOP = 48;
/** Light ground, blocks from light to dark, the allocator's own. */
const colours = { ground: '#f6f6f3', free: '#e4e4de', own: '#ac853e', used: ['#c9d3ee', '#8fa5dd', '#5676c8', '#2346b0'] } as const;

/** Returns a heap as a map. */
export function heapMapPart(map: HeapMap): ReportPart {
  return { kind: 'picture', svg: () => heapMapSvg(map), text: (width) => mapLines(map, width) };
}

function mapLines({ allocator, layout }: HeapMap, width: number): string[] {
  const columns = 2 ** Math.floor(Math.log2(Math.max(16, Math.min(MOST_COLUMNS, width - ADDRESS_WIDTH))));
  const merged = mergedCells(layout, columns * MOST_ROWS);
  const { cellBytes, used, start, operations, source } = merged;
  const lines = [
    `${allocator} after operation ${formatCount(operations)}: ${formatBytes(cellBytes)} to a cell${source === 'shadow' ? ', as the shadow map has it' : ''}`,
  ];
  for (let row = 0; row < used.length; row += columns) {
    const cells = Array.from({ length: Math.min(columns, used.length - row) }, (_, i) => cellCharacter(merged, row + i));
    lines.push(`  ${formatAddress(start + row * cellBytes)} ${cells.join('')}`);
  }
  return [...lines, "  █ ▓ ▒ ░ used, from all to little   · free   + the allocator's own"];
}

/** Joins neighbouring cells until at most `most` are left. */
function mergedCells(layout: HeapLayout, most: number): HeapLayout {
  const group = 2 ** Math.max(0, Math.ceil(Math.log2(layout.used.length / most)));
  if (group === 1) return layout;
  const merge = (cells: Float64Array): Float64Array => {
    const joined = new Float64Array(Math.ceil(cells.length / group));
    for (const [i, bytes] of cells.entries()) joined[Math.floor(i / group)] = (joined[Math.floor(i / group)] as number) + bytes;
    return joined;
  };
  const { used, free, own, cellBytes } = layout;
  return { ...layout, cellBytes: cellBytes * group, used: merge(used), free: merge(free), own: merge(own) };
}

function cellCharacter({ used, free, own, cellBytes }: HeapLayout, cell: number): string {
  const share = (used[cell] as number) / cellBytes;
  if ((own[cell] as number) > (used[cell] as number) && (own[cell] as number) > (free[cell] as number)) return '+';
  if (share === 0) return (free[cell] as number) > 0 ? '·' : ' ';
  return share >= 0.875 ? '█' : share >= 0.625 ? '▓' : share >= 0.375 ? '▒' : '░';
}

/** Returns a map as an SVG document: cells in rows, each as dark as it is used. */
export function heapMapSvg({ allocator, layout }: HeapMap): string {
  const { used, cellBytes, operations, start } = layout;
  const rows = Math.ceil(used.length / MOST_COLUMNS);
  const [width, height] = [MOST_COLUMNS * CELL + 120, rows * CELL + TOP + 30];
  const parts: string[] = [];
  for (let row = 0; row < rows; row++) {
    const y = TOP + row * CELL;
    if (row % 8 === 0) parts.push(`<text x="8" y="${y + CELL}">${formatAddress(start + row * MOST_COLUMNS * cellBytes)}</text>`);
    parts.push(...rowRects(layout, row, y));
  }
  const legend = [
    [colours.free, 'free'],
    [colours.used[0], 'used little'],
    [colours.used[3], 'used whole'],
    [colours.own, "the allocator's own"],
  ] as const;
  const legendY = height - 18;
  const keys = legend.map(([fill, name], i) => {
    const x = 100 + i * 150;
    return `<rect x="${x}" y="${legendY}" width="10" height="10" fill="${fill}"/><text x="${x + 16}" y="${legendY + 9}">${name}</text>`;
  });
  const title = `${escaped(allocator)} after operation ${formatCount(operations)}: ${formatBytes(cellBytes)} to a cell`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="#222222" role="img">
<rect width="${width}" height="${height}" fill="${colours.ground}"/>
<text x="100" y="28" font-size="16" font-weight="bold">${title}</text>
${[...parts, ...keys].join('\n')}
</svg>
`;
}

/** Neighbours of one colour are one rectangle. */
function rowRects({ used, free, own, cellBytes }: HeapLayout, row: number, y: number): string[] {
  const rects: string[] = [];
  const end = Math.min(used.length, (row + 1) * MOST_COLUMNS);
  for (let from = row * MOST_COLUMNS; from < end; ) {
    const fill = fillOf(used[from] as number, free[from] as number, own[from] as number, cellBytes);
    let to = from + 1;
    while (to < end && fillOf(used[to] as number, free[to] as number, own[to] as number, cellBytes) === fill) to++;
    const x = 100 + (from - row * MOST_COLUMNS) * CELL;
    if (fill !== undefined) rects.push(`<rect x="${x}" y="${y}" width="${(to - from) * CELL}" height="${CELL - 1}" fill="${fill}"/>`);
    from = to;
  }
  return rects;
}

function fillOf(used: number, free: number, own: number, cellBytes: number): string | undefined {
  if (own > used && own > free) return colours.own;
  if (used === 0) return free > 0 ? colours.free : undefined;
  return colours.used[Math.min(3, Math.floor((4 * used) / cellBytes))];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Returns who keeps a page from being given back. */
export function pinParts({ allocator, page, pageBytes, operations, blocks }: PagePins): ReportPart[] {
  const start = page * pageBytes;
  const place = `page ${formatCount(page)} (${formatAddress(start)}) of ${allocator} after operation ${formatCount(operations)}`;
  if (blocks.length === 0) return [{ kind: 'lines', lines: [`${place}: no live block has a byte on it`] }];
  const onPage = blocks.reduce((sum, { bytesOnPage }) => sum + bytesOnPage, 0);
  const rows = blocks.map(({ id, address, bytes, bytesOnPage, operation, line }) => [
    String(id),
    formatAddress(address),
    formatCount(bytes),
    formatCount(bytesOnPage),
    formatCount(operation + 1),
    formatCount(line),
  ]);
  const caption = `${place}: pinned by ${formatCountOf(blocks.length, 'block')} with ${formatShare(onPage, pageBytes)} of its bytes`;
  const head = ['block', 'address', 'bytes', 'on the page', 'given by operation', 'line'];
  return [{ kind: 'table', caption: [caption], table: { head, rows, keys: 1, keysAre: 'numbers' } }];
}

const partings = {
  places: 'First block in different places',
  extents: 'First time that the heaps reach differently far',
  widest: 'Greatest difference of the heaps',
} as const;
const calls = ['malloc', 'calloc', 'memalign', 'realloc', 'free'] as const;

/** Returns where two allocators part, and what each saw there. */
export function comparisonOfHeapsParts(names: readonly [string, string], { points, heapBytes, operations }: HeapComparison): ReportPart[] {
  const [one, two] = heapBytes;
  const reach = `${names[0]} reaches ${formatBytes(one)}, ${names[1]} ${formatBytes(two)}, in ${formatCountOf(operations, 'operation')}`;
  if (points.length === 0) return [{ kind: 'lines', lines: [`${names.join(' and ')} do not part: ${reach}`] }];
  return [{ kind: 'lines', lines: [reach] }, ...points.map((point) => partingPart(names, point))];
}

function partingPart(names: readonly [string, string], { parting, operation, line, call, id, bytes, sides }: PartingPoint): ReportPart {
  const asked = calls[call] === 'free' ? `free of block ${id}` : `${calls[call]} of ${formatCountOf(bytes, 'byte')} for block ${id}`;
  const lines = names.flatMap((name, i) => {
    const side = sides[i as 0 | 1];
    return [`  ${name}: ${placementText(side)}`, ...(side.free === undefined ? [] : [`    ${choiceText(side.free)}`])];
  });
  return {
    kind: 'lines',
    lines: [`${partings[parting]}: operation ${formatCount(operation + 1)} (line ${formatCount(line)}), ${asked}`, ...lines],
  };
}

function placementText({ address, heapBytesBefore, heapBytesAfter, free }: Placement): string {
  const grown = heapBytesAfter - heapBytesBefore;
  const reach = formatBytes(heapBytesAfter);
  const end = grown === 0 ? `heap stays at ${reach}` : `heap grows by ${formatBytes(grown)} to ${reach}`;
  return address < 0 ? `no block; ${end}` : `${formatAddress(address)}${free === undefined ? '' : sourceText(free)}; ${end}`;
}

function sourceText({ taken, best, first }: FreeChoice): string {
  if (taken === undefined) return ', in none of the free blocks';
  const isBest = taken.bytes === best?.bytes;
  const isFirst = taken.address === first?.address;
  const rank = isBest ? (isFirst ? ', smallest and first that fits' : ', smallest that fits') : isFirst ? ', first that fits' : '';
  return `, in a free block of ${formatCount(taken.bytes)}${rank}`;
}

function choiceText({ blocks, bytes, fitting, best, first }: FreeChoice): string {
  if (blocks === 0) return 'no block was free';
  const all = `${formatCountOf(blocks, 'free block')} with ${formatBytes(bytes)}`;
  if (best === undefined || first === undefined) return `${all}, none large enough`;
  const smallest = `${formatCount(best.bytes)} bytes at ${formatAddress(best.address)}`;
  if (best.address === first.address) return `${all}, ${formatCount(fitting)} large enough: smallest and first ${smallest}`;
  return `${all}, ${formatCount(fitting)} large enough: smallest ${smallest}, first ${formatCount(first.bytes)} at ${formatAddress(first.address)}`;
}
