import { describe, expect, it } from 'vitest';
import type { HeapComparison, HeapLayout, HeapProfile, MallocTraceFacts } from '../lab/index.ts';
import { comparisonOfHeapsParts, type HeapMap, heapMapPart, heapMapSvg, pinParts } from './heap-layout-parts.ts';
import { type HeapResult, heapRows, heapSummaryParts, heapTraceParts } from './heap-parts.ts';
import { partsText } from './report-part.ts';

const facts: MallocTraceFacts = {
  name: 'x.rep',
  operations: 1200,
  blocks: 700,
  calls: [600, 0, 100, 0, 500],
  peakPayloadBytes: 3000,
  peakOperations: 900,
  liveAtEnd: 200,
  largestBytes: 512,
  threads: { count: 2, foreignFrees: 1 },
  skipped: 3,
  sizes: [
    { from: 0, blocks: 10 },
    { from: 1, blocks: 190 },
    { from: 256, blocks: 500 },
  ],
  lifetimes: [{ from: 16, blocks: 500 }],
};

const profile: HeapProfile = {
  errors: [],
  operations: 1200,
  end: 'whole',
  peakPayloadBytes: 3000,
  peakHeapBytes: 4000,
  utilization: 0.75,
  curve: [
    { operations: 0, payloadBytes: 0, heapBytes: 0 },
    { operations: 600, payloadBytes: 2000, heapBytes: 2000 },
    { operations: 1200, payloadBytes: 1000, heapBytes: 4000 },
  ],
  use: { usedBytes: 3200, freeBytes: 400, freeBlocks: 4, largestFreeBytes: 256, ownBytes: 100 },
  payloadBytesAtPeak: 3000,
  heapBytesAtPeak: 4000,
  classes: [{ from: 256, blocks: 10, payloadBytes: 3000, usableBytes: 3200 }],
  pagesTouched: 1,
  pagesAtPeak: 1,
};

const good: HeapResult = { allocator: 'good', profile, speed: { operationsPerSecond: 12_345_678, operations: 1200, replays: 9 } };
const bad: HeapResult = {
  allocator: 'bad',
  profile: {
    ...profile,
    ...{ end: 'errors', operations: 40, use: undefined, utilization: 0.5 },
    errors: [7, 8, 9, 10].map((operation) => ({ operation, line: operation + 5, fault: 'overlap', what: '8 bytes overlap' })),
  },
  speed: undefined,
};

describe('allocators on a trace as text', () => {
  it('a table, what was cut, and what went wrong', () => {
    expect(
      partsText(heapTraceParts({ facts, results: [good, bad] }, []), 100),
    ).toBe(`x.rep: 1,200 operations: 600 malloc, 100 memalign, 500 free
  payload at most 2.9 KiB, after operation 900; largest block 512 B
  200 blocks alive at the end; 2 threads; 1 block freed by another than asked for it; 3 operations on blocks older than the trace left out

peaks of payload and heap, and their ratio; pages of 4 KiB that ever had a byte of a block;
at the payload's peak: slack in blocks, free bytes between them, the largest free block
  allocator  Mops/s  payload     heap  utilization  errors  pages  internal  external   hole
  good         12.3  2.9 KiB  3.9 KiB       75.0 %       -      1     6.3 %    10.0 %  256 B
  bad             -  2.9 KiB  3.9 KiB       50.0 %       4      1         -         -      -
bad: stopped after 40 operations

bad: operation 8 (line 12): 8 bytes overlap
bad: operation 9 (line 13): 8 bytes overlap
bad: operation 10 (line 14): 8 bytes overlap
bad: 1 more error
`);
  });

  it('histograms and the curve', () => {
    const text = partsText(heapTraceParts({ facts, results: [good] }, ['curve', 'histograms']), 100);
    expect(text).toContain(`payload and heaps over the trace, the full height 3.9 KiB
  payload  ${' '.repeat(24)}${'▅'.repeat(24)}${'▃'.repeat(24)}
  good     ${' '.repeat(24)}${'▅'.repeat(24)}${'█'.repeat(24)}
`);
    expect(text).toContain(`      bytes  blocks   share
          0      10   1.4 %  █·······················
          1     190  27.1 %  █████████···············
  256 - 511     500  71.4 %  ████████████████████████
`);
    expect(text).toContain('     16 - 63     500  100.0 %  ████████████████████████\n');
    expect(text).toContain(`      bytes  blocks  payload   good
  256 - 511      10  2.9 KiB  6.3 %
`);
  });

  it('a summary over traces, where all are known', () => {
    const fast = { ...good, speed: { operationsPerSecond: 4 * 12_345_678, operations: 1200, replays: 9 } };
    const traces = [
      { facts, results: [good, good, bad].map((result, i) => ({ ...result, allocator: ['a', 'b', 'c'][i] as string })) },
      { facts, results: [fast, bad, bad].map((result, i) => ({ ...result, allocator: ['a', 'b', 'c'][i] as string })) },
    ];
    expect(partsText(heapSummaryParts(traces), 100)).toBe(`2 traces: geometric mean of the speeds, mean of the utilizations
  allocator  Mops/s  utilization  errors
  a            24.7       75.0 %       -
  b               -       62.5 %       4
  c               -       50.0 %       8
`);
    expect(heapSummaryParts([{ facts, results: [good] }])).toEqual([]);
    expect(heapRows(traces)).toHaveLength(7);
    expect(heapRows(traces)[1]).toEqual(['x.rep', 'a', 1200, 12_345_678, 3000, 4000, 0.75, 0, 1 - 3000 / 3200, 0.1, 1]);
  });
});

describe('a heap as a map', () => {
  const layout: HeapLayout = {
    ...{ operations: 5, start: 0, cellBytes: 1024, source: 'walk' },
    own: Float64Array.of(1024, 0, 0, 0, 0, 0, 0),
    used: Float64Array.of(0, 1024, 700, 400, 10, 0, 0),
    free: Float64Array.of(0, 0, 0, 500, 1000, 1024, 0),
  };

  it('as characters', () => {
    expect(partsText([heapMapPart({ allocator: 'good', layout })], 100)).toBe(`good after operation 5: 1 KiB to a cell
  0x0000_0000 +█▓▒░·
  █ ▓ ▒ ░ used, from all to little   · free   + the allocator's own
`);
  });

  it('joins cells where there are too many, and forgets none', () => {
    const cells = 8192;
    const full: HeapLayout = {
      ...layout,
      own: new Float64Array(cells),
      used: new Float64Array(cells).fill(1024),
      free: new Float64Array(cells),
    };
    const lines = partsText([heapMapPart({ allocator: 'good', layout: full })], 80).split('\n');
    expect(lines[0]).toBe('good after operation 5: 4 KiB to a cell');
    expect(lines.slice(1, 33).every((line) => line.endsWith(` ${'█'.repeat(64)}`))).toBe(true);
    expect(lines).toHaveLength(35);
  });

  it('as a picture whose words are escaped', () => {
    const map: HeapMap = { allocator: '<script>', layout };
    const svg = heapMapSvg(map);
    expect(svg).toContain('&lt;script&gt; after operation 5: 1 KiB to a cell');
    expect(svg).not.toContain('<script>');
    expect(svg.match(/height="6"/g)).toHaveLength(6);
  });
});

it('who pins a page', () => {
  const blocks = [{ id: 3, line: 9, operation: 4, address: 0x1fff0, bytes: 100, bytesOnPage: 84 }];
  const pins = { allocator: 'good', page: 32, pageBytes: 4096, operations: 7, blocks };
  expect(partsText(pinParts(pins), 100)).toBe(`page 32 (0x0002_0000) of good after operation 7: pinned by 1 block with 2.1 % of its bytes
  block      address  bytes  on the page  given by operation  line
      3  0x0001_fff0    100           84                   5     9
`);
  expect(partsText(pinParts({ ...pins, blocks: [] }), 100)).toBe(
    'page 32 (0x0002_0000) of good after operation 7: no live block has a byte on it\n',
  );
});

it('two allocators where they part', () => {
  const free = { blocks: 2, bytes: 96, fitting: 2, best: { address: 144, bytes: 32 }, first: { address: 64, bytes: 64 } };
  const comparison: HeapComparison = {
    points: [
      {
        ...{ parting: 'places', operation: 6, line: 7, call: 0, id: 4, bytes: 32 },
        sides: [
          { address: 64, heapBytesBefore: 192, heapBytesAfter: 192, free: { ...free, taken: free.first } },
          { address: 144, heapBytesBefore: 192, heapBytesAfter: 256, free: { ...free, taken: free.best } },
        ],
      },
      {
        ...{ parting: 'widest', operation: 8, line: 9, call: 4, id: 4, bytes: 0 },
        sides: [
          {
            address: -1,
            heapBytesBefore: 192,
            heapBytesAfter: 192,
            free: { blocks: 0, bytes: 0, fitting: 0, best: undefined, first: undefined, taken: undefined },
          },
          { address: -1, heapBytesBefore: 256, heapBytesAfter: 256, free: undefined },
        ],
      },
    ],
    heapBytes: [192, 256],
    errors: [0, 0],
    operations: 9,
  };
  expect(partsText(comparisonOfHeapsParts(['one', 'two'], comparison), 100)).toBe(`one reaches 192 B, two 256 B, in 9 operations

First block in different places: operation 7 (line 7), malloc of 32 bytes for block 4
  one: 0x0000_0040, in a free block of 64, first that fits; heap stays at 192 B
    2 free blocks with 96 B, 2 large enough: smallest 32 bytes at 0x0000_0090, first 64 at 0x0000_0040
  two: 0x0000_0090, in a free block of 32, smallest that fits; heap grows by 64 B to 256 B
    2 free blocks with 96 B, 2 large enough: smallest 32 bytes at 0x0000_0090, first 64 at 0x0000_0040

Greatest difference of the heaps: operation 9 (line 9), free of block 4
  one: no block; heap stays at 192 B
    no block was free
  two: no block; heap stays at 256 B
`);
  const same = { ...comparison, points: [] };
  expect(partsText(comparisonOfHeapsParts(['one', 'two'], same), 100)).toBe(
    'one and two do not part: one reaches 192 B, two 256 B, in 9 operations\n',
  );
});
