import { describe, expect, it } from 'vitest';
import { bitmapAllocator, bootPhysicalMemory, FrameKind } from '../../frames/index.ts';
import {
  aarch64,
  amd64,
  amd64FiveLevel,
  i386,
  inverted,
  makeMmu,
  mips,
  type PageTableFormat,
  pae,
  Ram,
  sv32,
  sv39,
  sv48,
} from '../../machine/index.ts';
import { bare, deep, scattered, shuffled, upsideDown } from '../../machine/mmu/made-up-formats.conformance.ts';
import { type KernelMap, type KernelMapKind, kernelMapKinds } from './index.ts';
import { describeHighMemory, describeKernelMap } from './kernel-map.conformance.ts';

const formats = [i386, pae, amd64, amd64FiveLevel, sv32, sv39, sv48, aarch64, mips, inverted, bare, deep, scattered, shuffled, upsideDown];

describe.each(kernelMapKinds.map((kind) => [kind.name, kind] as const))('kernel map %s (A14)', (_, kind) => {
  describe.each(formats.map((format) => [format.name, format] as const))('on %s', (_name, format) => {
    describeKernelMap(kind, format);
  });
  describe.each([i386, pae, mips, sv32].map((format) => [format.name, format] as const))('on %s', (_name, format) => {
    describeHighMemory(kind, format);
  });
});

/** A map of a machine of so many frames, of which 1,024 are there. */
function mapOf(name: string, frames: number, format: PageTableFormat): KernelMap {
  const ram = new Ram(new ArrayBuffer(4096 * 1024), 1024);
  const memory = bootPhysicalMemory({ ram, allocator: bitmapAllocator });
  const mmu = makeMmu({ frameCount: frames, words: ram.words, bytes: ram.bytes }, format, (count) =>
    memory.allocateRun(count, FrameKind.pageTable),
  );
  const map = mmu && (kernelMapKinds.find((kind) => kind.name === name) as KernelMapKind).make({ mmu, memory, frames });
  if (map === undefined || map === 'ENOMEM') throw new Error('no frames for the kernel map');
  return map;
}

const GIB = 2 ** 18;

describe('what the designs cost', () => {
  it('linear takes an entry for each large page at boot, and 1 KiB for each MiB without large pages', () => {
    // 896 MiB: 224 entries of the directory on i386; 448 in four directories on pae; 224 tables on mips. One table more for the window.
    const costs = [i386, pae, mips].map((format) => mapOf('linear', GIB, format).statistics());
    expect(costs.map(({ tableFrames }) => tableFrames)).toEqual([2, 3, 226]);
    expect(costs.map(({ entriesWritten }) => entriesWritten)).toEqual([225, 450, 229_376 + 225]);
    // 1 GiB in one entry of the third level, 2 MiB pages for nothing.
    expect(mapOf('linear', GIB, amd64).statistics()).toMatchObject({ tableFrames: 5, mappedPages: GIB });
  });

  it('linear never writes an entry or drops a translation for a frame below its limit, and does for each one above', () => {
    const map = mapOf('linear', 4 * GIB, i386);
    const before = map.statistics();
    map.unmap(map.map(5));
    map.unmap(map.map(100, 256), 256);
    expect(map.statistics()).toEqual({ ...before, maps: before.maps + 2 });
    map.unmap(map.map(2 * GIB, 256), 256);
    expect(map.statistics().entriesWritten - before.entriesWritten).toBe(512);
    expect(map.statistics().tlbDropped - before.tlbDropped).toBe(256);
  });

  it('regions grow behind the last one, take 4 MiB with one entry, and drop an idle one only when the area is full', () => {
    const map = mapOf('regions', 4 * GIB, i386);
    const before = map.statistics().entriesWritten;
    const first = map.map(1024);
    const next = map.map(2048 + 5);
    expect(next - first).toBe((1024 + 5) * 4096);
    expect(map.statistics().entriesWritten - before).toBe(2);
    // A run over both: they are one region.
    expect(map.map(1024 + 1000, 100) - first).toBe(1000 * 4096);
    map.check();
    // 224 units fit; the two that are used stay.
    for (let unit = 0; unit < 1024; unit++) map.unmap(map.map(unit * 1024));
    expect([map.translate(first), map.translate(next)]).toEqual([1024 * 4096, (2048 + 5) * 4096]);
    expect(map.statistics().mappedPages).toBe(224 * 1024);
    map.check();
  });

  it('dynamic maps the large pages in a run by one entry each, wherever the run begins', () => {
    const map = mapOf('dynamic', GIB, amd64);
    const before = map.statistics();
    const address = map.map(512 - 3, 512 + 6);
    // 3 pages before the large one and 3 behind, and the entries for the tables of both.
    expect(map.statistics().entriesWritten - before.entriesWritten).toBeLessThanOrEqual(7 + 6);
    expect(map.translate(address + 300 * 4096)).toBe((512 - 3 + 300) * 4096);
    map.unmap(address, 512 + 6);
    expect(map.statistics().tlbDropped - before.tlbDropped).toBe(7);
    map.check();
  });
});
