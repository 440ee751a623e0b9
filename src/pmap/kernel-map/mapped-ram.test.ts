import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, type Pfn, pfn } from '../../base/index.ts';
import { bitmapAllocator, bootPhysicalMemory, FrameKind } from '../../frames/index.ts';
import { amd64, i386, inverted, makeMmu, mips, type PageTableFormat } from '../../machine/index.ts';
import { type KernelMap, kernelMapKinds, MappedRam } from './index.ts';

const FRAMES = 256;

function make(name: string, format: PageTableFormat, frames = FRAMES) {
  const ram = new MappedRam(new ArrayBuffer(frames * PAGE_SIZE), frames);
  const memory = bootPhysicalMemory({ ram, allocator: bitmapAllocator });
  const mmu = makeMmu(ram, format, (count) => memory.allocateRun(count, FrameKind.pageTable));
  const map = mmu && kernelMapKinds.find((kind) => kind.name === name)?.make({ mmu, memory, frames });
  if (map === undefined || map === 'ENOMEM') throw new Error('no frames for the kernel map');
  ram.attach(map);
  return { ram, memory, map };
}

const names = kernelMapKinds.map(({ name }) => name);

describe.each(names)('RAM behind the kernel map %s', (name) => {
  it('zeroes frames one after the other, since one of a run could become the page table by which another is reached', () => {
    const { memory, map } = make(name, i386, 6666);
    // A page table is first needed for the part of a large page at the end of RAM.
    for (let frame = memory.allocateZeroed(FrameKind.anon); frame !== -1; frame = memory.allocateZeroed(FrameKind.anon)) {
      if (frame % 64 === 0) map.check();
    }
    map.check();
    memory.check();
  });

  it.each([i386, amd64, mips, inverted].map((format) => [format.name, format] as const))('on %s does what plain RAM does', (_, format) => {
    const { ram, memory, map } = make(name, format);
    const [a, b, c] = [memory.allocate(FrameKind.anon), memory.allocate(FrameKind.anon), memory.allocate(FrameKind.anon)] as [
      Pfn,
      Pfn,
      Pfn,
    ];
    const byte = (frame: Pfn): number => ram.bytes[frame * PAGE_SIZE + 77] as number;
    for (const [i, frame] of [a, b, c].entries()) ram.frame(frame).fill(i + 1);
    expect([byte(a), byte(b), byte(c)]).toEqual([1, 2, 3]);
    ram.zero(b);
    expect([byte(a), byte(b), byte(c)]).toEqual([1, 0, 3]);
    ram.copy(c, a);
    expect([byte(a), byte(b), byte(c)]).toEqual([3, 0, 3]);
    const cluster: Uint8Array[] = [];
    ram.buffers([0, b, a, c], 1, 3, cluster);
    expect(cluster.flatMap((buffer) => Array.from({ length: buffer.length / PAGE_SIZE }, (_, i) => buffer[i * PAGE_SIZE + 5]))).toEqual([
      0, 3, 3,
    ]);
    expect(map.statistics().maps).toBe(7);
    expect(ram.bypassed).toBe(0);
    map.check();
    memory.check();
  });

  it('needs no frame once it has booted, but on an inverted table, which it then goes past', () => {
    for (const format of [i386, amd64, mips, inverted]) {
      const { ram, memory } = make(name, format);
      const held: Pfn[] = [];
      for (let frame = memory.allocate(FrameKind.anon); frame !== -1; frame = memory.allocate(FrameKind.anon)) held.push(frame);
      const list = held.filter((_, i) => i % 7 === 0).slice(0, 16);
      for (const frame of held) ram.zero(frame);
      ram.copy(held[0] as Pfn, held[9] as Pfn);
      ram.frame(held[5] as Pfn).fill(9);
      ram.buffers(list, 0, list.length, []);
      if (format !== inverted) expect(ram.bypassed).toBe(0);
      expect(ram.frame(held[5] as Pfn)[4]).toBe(9);
      memory.check();
    }
  });
});

it('believes the page tables: a map that is wrong reaches the wrong frame', () => {
  const { ram, map } = make('dynamic', i386);
  const lying = new Proxy(map, {
    get: (target, key) => {
      if (key === 'map') return (frame: number) => target.map(frame === 200 ? 201 : frame);
      const value = Reflect.get(target, key) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  }) as KernelMap;
  ram.attach(lying);
  ram.bytes.fill(7, 200 * PAGE_SIZE, 202 * PAGE_SIZE);
  ram.zero(pfn(200));
  expect([ram.bytes[200 * PAGE_SIZE], ram.bytes[201 * PAGE_SIZE]]).toEqual([7, 0]);
});
