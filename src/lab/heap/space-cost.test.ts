import { describe, expect, test } from 'vitest';
import { KIB, MIB } from '../../base/index.ts';
import { allocatorNames } from '../../heap/malloc/index.ts';
import { systemNames } from '../../systems/index.ts';
import { detectMallocTraceFormat, type MallocTrace } from '../../trace/index.ts';
import { type SpaceSettings, spaceCost } from './space-cost.ts';

function traceOf(text: string): MallocTrace {
  const bytes = new TextEncoder().encode(text);
  const parser = detectMallocTraceFormat(bytes, 'test').make('test');
  parser.feed(bytes);
  return parser.end();
}

const settings: SpaceSettings = { system: 'uvm', memoryBytes: 4 * MIB, swapBytes: 4 * MIB, alignment: 8, limitBytes: 16 * MIB };

/** 100 blocks of nearly two pages each: 800,000 bytes. */
const blocks = Array.from({ length: 100 }, (_, i) => `a ${i} 8000`).join('\n');
const payload = 800_000;
const payloadPages = Math.ceil(payload / 4096);

describe.each(allocatorNames)('%s', (allocator) => {
  test('takes the pages of its blocks, one fault each, and no page-ins, where memory is enough', () => {
    const cost = spaceCost(traceOf(`${blocks}\n`), allocator, payload, settings);
    expect(cost).toMatchObject({ allocator, operations: 100, end: 'done', refused: 0, pagesIn: 0, pagesOut: 0, payloadPages });
    expect(cost.peakResidentPages).toBeGreaterThanOrEqual(payloadPages);
    expect(cost.faults).toBe(cost.peakResidentPages);
    expect(cost.peakBreakPages).toBeGreaterThanOrEqual(payloadPages);
  });

  test('is paged where it is not', () => {
    const cost = spaceCost(traceOf(`${blocks}\n`), allocator, payload, { ...settings, memoryBytes: 512 * KIB });
    expect(cost.end).toBe('done');
    expect(cost.pagesOut).toBeGreaterThan(payloadPages - 128);
    expect(cost.peakResidentPages).toBeLessThan(128);
  });
});

test('is killed when memory and swap are full', () => {
  const cost = spaceCost(traceOf(`${blocks}\n`), 'segregated', payload, { ...settings, memoryBytes: 512 * KIB, swapBytes: 64 * KIB });
  expect(cost.end).toBe('killed');
  expect(cost.operations).toBeGreaterThan(30);
  expect(cost.operations).toBeLessThan(80);
});

test.each(systemNames)('on %s: large blocks are mappings, which go when they are freed', (system) => {
  const text = Array.from({ length: 10 }, (_, i) => `a ${i} 200000\nr ${i} 300000\nf ${i}`).join('\n');
  const cost = spaceCost(traceOf(`${text}\n`), 'segregated', 300_000, { ...settings, system });
  expect(cost).toMatchObject({ end: 'done', refused: 0, peakMappedPages: 74, pagesIn: 0 });
  expect(cost.peakResidentPages).toBeLessThan(85);
});
