import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GIB, MIB } from '../src/base/index.ts';
import { frameAllocatorNames } from '../src/systems/index.ts';
import { quireLater, refusal } from '../test/support/quire-command.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-frames-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const place = (name: string): string => join(folder, name);
const put = (name: string, content: string): string => {
  writeFileSync(place(name), content);
  return place(name);
};

interface Result {
  readonly allocator: string;
  readonly memoryBytes: number;
  readonly metadataBytes: number;
  readonly usableFrames: number;
  readonly pairsPerSecond: number | null;
  readonly churnPerSecond: number | null;
  readonly batchPerSecond: number | null;
  readonly largestFreeRunFrames: number;
  readonly usedShares: readonly (number | null)[];
}

async function results(...parameters: string[]): Promise<readonly Result[]> {
  const { code, out, err } = await quireLater('frames', ...parameters, '--json');
  expect([code, err]).toEqual([0, '']);
  return (JSON.parse(out) as { results: Result[] }).results;
}

const untimed = ['--time', '0'];

describe('quire frames', () => {
  it('tells of every allocator what it promises, as JSON', async () => {
    const found = await results('--memory', '16MiB', '--time', '0.004');
    expect(found.map(({ allocator }) => allocator)).toEqual(frameAllocatorNames);
    for (const result of found) {
      expect(result).toMatchObject({ memoryBytes: 16 * MIB, usableFrames: 4095 });
      for (const rate of [result.pairsPerSecond, result.churnPerSecond, result.batchPerSecond]) expect(rate).toBeGreaterThan(1000);
      expect(result.largestFreeRunFrames).toBeGreaterThan(0);
      expect(result.largestFreeRunFrames).toBeLessThanOrEqual(2048);
      // Half of the frames are given, whoever gave them; frame 0 is in the first part and no frame to give.
      const shares = result.usedShares.map((share) => share ?? 0);
      expect(shares.length).toBe(512);
      expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) / 512 - 0.5)).toBeLessThan(0.001);
    }
  });

  it('shows what the designs are known for: metadata, and the piece that is left', async () => {
    const found = new Map((await results('--memory', '64MiB', ...untimed)).map((result) => [result.allocator, result]));
    const metadata = (name: string): number => found.get(name)?.metadataBytes ?? Number.NaN;
    const left = (name: string): number => found.get(name)?.largestFreeRunFrames ?? Number.NaN;
    expect([metadata('free-list'), metadata('flat-bitmap'), metadata('stack')]).toEqual([4, 2048, 4 * 16_385]);
    expect(metadata('buddy')).toBe(9 * 16_384 + 44);
    expect(found.get('stack')?.pairsPerSecond).toBe(null);
    // Lowest first is the same order, however it is found; last freed first likewise; and the former keeps memory together.
    expect(left('flat-bitmap')).toBe(left('bitmap'));
    expect(left('free-list')).toBe(left('stack'));
    expect(left('bitmap')).toBeGreaterThan(10 * left('stack'));
    expect(left('slab')).toBeGreaterThan(left('stack'));
  });

  it('gives the same picture for the same seed', async () => {
    const once = await results('--memory', '16MiB', '--seed', '5', ...untimed);
    expect(await results('--memory', '16MiB', '--seed', '5', ...untimed)).toEqual(once);
    expect(await results('--memory', '16MiB', '--seed', '6', ...untimed)).not.toEqual(once);
  });

  it('takes memory maps as machines tell them, and memory only as far as it is usable', async () => {
    const iomem = put(
      'iomem',
      '00100000-007fffff : System RAM\n00800000-00ffffff : Reserved\n01000000-01ffffff : System RAM\nfee00000-feefffff : APIC\n',
    );
    const [result] = await results('--memory-map', iomem, '--allocator', 'bitmap', ...untimed);
    expect(result).toMatchObject({ memoryBytes: 32 * MIB, usableFrames: (7 + 16) * 256 });
    // Parts 128 to 255 of 512 are the reserved 8 MiB.
    expect(
      result?.usedShares
        .map((share, part) => [part, share])
        .filter(([, share]) => share === null)
        .map(([part]) => part),
    ).toEqual([...Array.from({ length: 16 }, (_, part) => part), ...Array.from({ length: 128 }, (_, part) => part + 128)]);
    const far = put('far.json', JSON.stringify([{ start: 4 * GIB, end: 4 * GIB + 8 * MIB, kind: 'usable' }]));
    const [high] = await results('--memory-map', far, '--allocator', 'zones', ...untimed);
    expect(high).toMatchObject({ memoryBytes: 4 * GIB + 8 * MIB, usableFrames: 2048 });
    const [cut] = await results('--memory-map', iomem, '--memory', '4MiB', '--allocator', 'slab', ...untimed);
    expect(cut).toMatchObject({ memoryBytes: 4 * MIB, usableFrames: 768 });
  });

  it('reports as text with a map, as CSV, as a picture and as a page', async () => {
    const common = ['frames', '--memory', '16MiB', '--allocator', 'bitmap,stack'];
    const text = await quireLater(...(common as ['frames']), ...untimed);
    expect(text.out).toContain('16 MiB: 4,095 usable frames of 4 KiB\n');
    expect(text.out).toMatch(/\n {2}bitmap +536 B +0\.0032 % +- +- +- +[\d.]+ [KM]iB\n/);
    expect(text.out).toMatch(/\n {2}bitmap {2}█{20,}[░▒▓█·]+\n {2}stack {3}[░▒▓█·]{64}\n/);
    const csv = await quireLater(...(common as ['frames']), ...untimed, '--csv');
    expect(csv.out.split('\n')[0]).toBe(
      'allocator,memory_bytes,metadata_bytes,pairs_per_second,churn_per_second,batch_per_second,largest_free_run_frames',
    );
    expect(csv.out.split('\n')[1]).toMatch(/^bitmap,16777216,536,,,,\d+$/);
    for (const [name, begins] of [
      ['a.svg', '<svg'],
      ['a.html', '<!doctype html>'],
    ] as const) {
      expect(await quireLater(...(common as ['frames']), ...untimed, '-o', place(name))).toEqual({ code: 0, out: '', err: '' });
      expect(readFileSync(place(name), 'utf8').toLowerCase().startsWith(begins)).toBe(true);
    }
  });

  it.each([
    [['--allocator', 'bitmaps'], "--allocator: there is no 'bitmaps'; choose from bitmap, stack"],
    [['--memory', '1TiB'], '--memory 1 TiB: give from 8 KiB to 64 GiB'],
    [['--memory', '4KiB'], '--memory 4 KiB: give from 8 KiB to 64 GiB'],
    [['--memory', 'much'], '--memory much: not a size'],
    [['--time', 'long'], '--time long: not a number of seconds up to 60'],
    [['--seed', '-1'], '--seed -1'],
    [['--json', '--csv'], '--json and --csv: choose one of them'],
  ])('refuses %j', async (parameters, message) => {
    expect(refusal(await quireLater('frames', ...parameters))).toContain(message);
  });

  it('refuses a memory map with its file, line and what is wrong', async () => {
    const bad = put('bad', '00100000-007fffff : System RAM\nnonsense\n');
    expect(refusal(await quireLater('frames', '--memory-map', bad))).toBe(
      `${bad}, line 2: not a line of /proc/iomem, such as 00100000-3fffffff : System RAM`,
    );
    expect(refusal(await quireLater('frames', '--memory-map', place('none')))).toContain(`--memory-map ${place('none')}: cannot be read`);
    const none = put('none.json', '[{"start": 0, "end": 4096, "kind": "usable"}]');
    expect(refusal(await quireLater('frames', '--memory-map', none, '--memory', '1MiB'))).toContain('no usable frame but frame 0');
    const one = put('one.json', '[{"start": 0, "end": 8192, "kind": "usable"}]');
    expect((await quireLater('frames', '--memory-map', one, '--memory', '1MiB', '--time', '0.001')).code).toBe(0);
  });
});
