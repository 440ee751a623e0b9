import { describe, expect, it } from 'vitest';
import { GIB, MIB } from '../src/base/index.ts';
import { kernelMapNames, pageTableNames } from '../src/systems/index.ts';
import { quireLater, refusal } from '../test/support/quire-command.ts';

interface Cost {
  readonly nanoseconds: number | null;
  readonly entriesWritten: number;
  readonly tlbDropped: number;
  readonly steps: number;
  readonly tableBytes: number;
}

interface MapResult {
  readonly map: string;
  readonly pageTable: string;
  readonly memoryBytes: number;
  readonly bootTableBytes: number;
  readonly bootRecordBytes: number;
  readonly bootEntries: number;
  readonly costs: Readonly<Record<'frame' | 'run' | 'scattered', Cost>>;
}

interface VmemResult {
  readonly arena: string;
  readonly quanta: number;
  readonly pairsPerSecond: number | null;
  readonly churnPerSecond: number | null;
  readonly freeQuanta: number;
  readonly cachedQuanta: number;
  readonly freeSegments: number;
  readonly largestFreeQuanta: number;
  readonly externalFragmentation: number;
}

async function results<T>(...parameters: string[]): Promise<readonly T[]> {
  const { code, out, err } = await quireLater('kernel', ...parameters, '--json');
  expect([code, err]).toEqual([0, '']);
  return (JSON.parse(out) as { results: T[] }).results;
}

const untimed = ['--time', '0'];

describe('quire kernel maps (A14)', () => {
  it('tells of every map what it promises, as JSON', async () => {
    const found = await results<MapResult>('maps', '--memory', '64MiB', '--time', '0.002');
    expect(found.map(({ map }) => map)).toEqual(kernelMapNames);
    for (const { memoryBytes, pageTable, bootTableBytes, costs } of found) {
      expect([memoryBytes, pageTable]).toEqual([64 * MIB, 'i386']);
      expect(bootTableBytes % 4096).toBe(0);
      for (const cost of [costs.frame, costs.run, costs.scattered]) {
        expect(cost.nanoseconds).toBeGreaterThan(0);
        expect(cost.steps).toBeGreaterThan(0);
      }
    }
  });

  it('shows what the designs are known for: all at boot, as it comes, each time', async () => {
    const found = await results<MapResult>('maps', '--memory', '512MiB', ...untimed);
    const [linear, regions, dynamic] = found as [MapResult, MapResult, MapResult];
    // 128 entries of 4 MiB and a table for the window; then nothing, until frames are scattered.
    expect([linear.bootTableBytes, linear.bootEntries]).toEqual([2 * 4096, 129]);
    expect(linear.costs.frame).toMatchObject({ nanoseconds: null, entriesWritten: 0, tlbDropped: 0 });
    expect(linear.costs.run).toMatchObject({ entriesWritten: 0, tlbDropped: 0 });
    expect(regions.costs.frame).toMatchObject({ entriesWritten: 0, tlbDropped: 0 });
    expect(dynamic.costs.frame).toMatchObject({ entriesWritten: 2, tlbDropped: 1 });
    expect(dynamic.costs.run).toMatchObject({ entriesWritten: 512, tlbDropped: 256 });
    for (const { costs } of found) expect(costs.scattered).toMatchObject({ entriesWritten: 512, tlbDropped: 256 });
  });

  it('needs the window where memory is larger than the linear part: 7 of 32 frames of 4 GiB are in it', async () => {
    const [linear] = await results<MapResult>('maps', '--map', 'linear', '--memory', '4GiB', ...untimed);
    expect(linear?.memoryBytes).toBe(4 * GIB);
    expect(linear?.costs.frame.tlbDropped).toBeCloseTo(25 / 32, 1);
    expect(linear?.costs.run.tlbDropped).toBeGreaterThan(256 * 0.6);
  });

  it.each(pageTableNames)('works on page tables of %s', async (pageTable) => {
    const found = await results<MapResult>('maps', '--memory', '32MiB', '--page-table', pageTable, ...untimed);
    expect(found.map(({ map, pageTable: own }) => [map, own])).toEqual(kernelMapNames.map((map) => [map, pageTable]));
  });

  it('writes text and CSV', async () => {
    const text = await quireLater('kernel', 'maps', '--memory', '8MiB', ...untimed);
    expect(text.out).toMatch(/^8 MiB: page tables of i386/);
    expect(text.out).toMatch(/scattered/);
    const csv = await quireLater('kernel', 'maps', '--memory', '8MiB', '--map', 'dynamic', '--csv', ...untimed);
    expect(csv.out.split('\n').map((row) => row.split(',').length)).toEqual([12, 12, 12, 12, 1]);
  });

  it.each([
    [['maps', '--memory', '1MiB'], /--memory 1MiB: give from 2 MiB to 64 GiB/],
    [['maps', '--memory', '8GiB', '--page-table', 'i386'], /i386 cannot name 2097152 frames: at most 4 GiB/],
    [['maps', '--map', 'identity'], /--map: there is no 'identity'; choose from linear, regions, dynamic/],
    [['maps', '--page-table', 'vax'], /no page-table format 'vax'/],
    [['maps', '--time', 'long'], /--time long/],
    [['vmem', '--quanta', '10'], /arena of 10 quanta/],
    [['vmem', '--arena', 'worst'], /--arena: there is no 'worst'; choose from instant\+caches, instant, best, next/],
    [['vmem', '-o', 'x.svg'], /no such form/],
  ] as const)('refuses %j', async (parameters, message) => {
    expect(refusal(await quireLater('kernel', ...parameters))).toMatch(message);
  });
});

describe('quire kernel vmem (E4)', () => {
  it('tells of every arena what it promises, as JSON', async () => {
    const found = await results<VmemResult>('vmem', '--quanta', '4096', '--time', '0.002');
    expect(found.map(({ arena }) => arena)).toEqual(['instant+caches', 'instant', 'best', 'next']);
    for (const { quanta, pairsPerSecond, churnPerSecond, freeQuanta, largestFreeQuanta, externalFragmentation } of found) {
      expect(quanta).toBe(4096);
      expect(pairsPerSecond).toBeGreaterThan(1000);
      expect(churnPerSecond).toBeGreaterThan(100);
      expect(externalFragmentation).toBeCloseTo(1 - largestFreeQuanta / freeQuanta, 9);
    }
  });

  it('leaves more in one piece by best fit than by next fit, and finds the same again for a seed', async () => {
    const found = new Map((await results<VmemResult>('vmem', ...untimed)).map((result) => [result.arena, result]));
    expect(found.get('best')?.largestFreeQuanta).toBeGreaterThan(found.get('next')?.largestFreeQuanta ?? Number.POSITIVE_INFINITY);
    expect(found.get('instant')?.freeSegments).toBeLessThan(found.get('next')?.freeSegments ?? 0);
    const [again] = await results<VmemResult>('vmem', '--arena', 'best', ...untimed);
    expect(again).toEqual(found.get('best'));
    const [other] = await results<VmemResult>('vmem', '--arena', 'best', '--seed', '2', ...untimed);
    expect(other).not.toEqual(found.get('best'));
  });

  it('writes text and CSV', async () => {
    const text = await quireLater('kernel', 'vmem', '--quanta', '2048', ...untimed);
    expect(text.out).toMatch(/^2,048 quanta: an arena/);
    const csv = await quireLater('kernel', 'vmem', '--quanta', '2048', '--csv', ...untimed);
    expect(csv.out).toMatch(/^arena,quanta,pairs_per_second,/);
  });
});
