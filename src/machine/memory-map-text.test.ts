import { describe, expect, it } from 'vitest';
import { GIB, KIB, MIB, UsageError } from '../base/index.ts';
import { normalizeMemoryMap } from './memory-map.ts';
import { parseMemoryMap } from './memory-map-text.ts';

const iomem = `00000000-00000fff : Reserved
00001000-0009fbff : System RAM
0009fc00-0009ffff : Reserved
000a0000-000bffff : PCI Bus 0000:00
000f0000-000fffff : Reserved
  000f0000-000fffff : System ROM
00100000-3ffdefff : System RAM
  01000000-01ffffff : Kernel code
  02000000-028affff : Kernel rodata
3ffdf000-3fffffff : ACPI Tables
40000000-febfffff : PCI Bus 0000:00
  fd000000-fdffffff : 0000:00:02.0
100000000-13fffffff : System RAM
ffff000000000000-ffffffffffffffff : PCI Bus 0000:00
`;

const log = `[    0.000000] Linux version 6.1.0
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000003ffdefff] usable
[    0.000000] BIOS-e820: [mem 0x000000003ffdf000-0x000000003fffffff] ACPI data
[    0.000000] BIOS-e820: [mem 0x0000000040000000-0x0000000040000fff] unusable
[    0.000000] e820: update [mem 0x00000000-0x00000fff] usable ==> reserved
[    0.000000] e820: last_pfn = 0x140000 max_arch_pfn = 0x400000000
`;

const refusal = (text: string): string => {
  try {
    parseMemoryMap(text, 'map');
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'no refusal';
};

describe('parseMemoryMap', () => {
  it('reads /proc/iomem: RAM, the kernel in it, firmware and devices, above 4 GiB too', () => {
    const ranges = parseMemoryMap(iomem, 'iomem');
    expect(ranges.filter(({ kind }) => kind === 'usable')).toEqual([
      { start: 4 * KIB, end: 0x9fc00, kind: 'usable' },
      { start: MIB, end: 0x3ffd_f000, kind: 'usable' },
      { start: 4 * GIB, end: 5 * GIB, kind: 'usable' },
    ]);
    expect(ranges.filter(({ kind }) => kind === 'permanent')).toEqual([
      { start: 0x100_0000, end: 0x200_0000, kind: 'permanent' },
      { start: 0x200_0000, end: 0x28b_0000, kind: 'permanent' },
    ]);
    expect(ranges.filter(({ kind }) => kind === 'mmio').map(({ start }) => start)).toEqual([0xa0000, GIB]);
    const frames = normalizeMemoryMap(ranges, 5 * GIB);
    expect(frames.filter(({ kind }) => kind === 'usable').map(({ first, end }) => [first, end])).toEqual([
      [1, 0x9f],
      [0x100, 0x1000],
      [0x28b0, 0x3ffdf],
      [0x10_0000, 0x14_0000],
    ]);
  });

  it('reads the e820 lines of a boot log, old and new, and no others', () => {
    expect(parseMemoryMap(log, 'log')).toEqual([
      { start: 0, end: 0x9fc00, kind: 'usable' },
      { start: 0x9fc00, end: 0xa0000, kind: 'reserved' },
      { start: MIB, end: 0x3ffd_f000, kind: 'usable' },
      { start: 0x3ffd_f000, end: GIB, kind: 'reserved' },
      { start: GIB, end: GIB + 4 * KIB, kind: 'bad' },
    ]);
    expect(parseMemoryMap(' BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)\n', 'old')).toEqual([
      { start: 0, end: 0x9fc00, kind: 'usable' },
    ]);
  });

  it('reads JSON, as a list or in an object, with numbers or hexadecimal text', () => {
    const ranges = [
      { start: 0, end: MIB, kind: 'usable' },
      { start: 640 * KIB, end: MIB, kind: 'mmio' },
    ];
    expect(parseMemoryMap(JSON.stringify(ranges), 'a.json')).toEqual(ranges);
    expect(parseMemoryMap('{"ranges": [{"start": "0x0", "end": "0x10_0000", "kind": "usable"}]}', 'a.json')).toEqual([ranges[0]]);
  });

  it.each([
    [
      '[\n  {"start": 0, "end": 4096, "kind": "usable"},\n  {"start": 0, "end": 4096, "kind": "ram"}\n]',
      'map, line 3: kind is "ram"; use one of usable',
    ],
    ['[\n  {"start": -1, "end": 4096, "kind": "usable"}]', 'map, line 2: start is not a number of bytes'],
    ['[{"start": 4097, "end": 4096, "kind": "usable"}]', 'map, line 1: the range starts above its end'],
    ['[{"start": 1,\n "end": }]', 'map, line 2: not JSON'],
    ['{"range": []}', 'map: give a list of ranges'],
    ['[]', 'map: has no usable memory'],
    ['', 'map: has no usable memory'],
    ['00100000-3fffffff : System RAM\nhello\n', 'map, line 2: not a line of /proc/iomem'],
    ['00100000-000fffff0 : System RAM\n00300000-00200000 : System RAM', 'map, line 2: the range starts above its end'],
    ['00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n', 'map: all addresses are 0'],
    ['BIOS-e820: [mem 0x0-0xfff] usable\nBIOS-e820: [mem zero]\n', 'map, line 2: not an e820 range: BIOS-e820: [mem zero]'],
    ['fffff00000000000-fffff00000ffffff : System RAM', 'map, line 1: usable memory above 2^53 bytes'],
    ['00100000-3fffffff : PCI Bus 0000:00\n', 'map: has no usable memory'],
  ])('refuses %j', (text, message) => {
    expect(refusal(text)).toContain(message);
  });
});
