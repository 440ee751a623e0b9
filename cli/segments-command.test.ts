import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quire, quireLater, refusal } from '../test/support/quire-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-segments-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** Null, flat code and data of the kernel, an expand-down stack from 0x200 on, a busy TSS, data of programs, absent data. */
const GDT = '0,00cf9a000000ffff,00cf92000000ffff,00409600000001ff,00008b0010000067,00cff2000000ffff,00cf72000000ffff';

const ends = (access: string, ...addresses: string[]): unknown[] => {
  const { out } = quire(
    'segments',
    'walk',
    '--descriptors',
    GDT,
    '--access',
    access,
    '--bytes',
    '4',
    '--privilege',
    '0',
    ...addresses,
    '--json',
  );
  return JSON.parse(out).walks.map(({ linear, fault }: { linear?: string; fault?: string }) => linear ?? fault);
};

describe('quire segments walk (B14)', () => {
  it('shows the selector, the descriptor, the bounds and the sum', () => {
    const { out, code } = quire('segments', 'walk', '--descriptors', GDT, '--privilege', '0', '0x10:0xc000_0000');
    expect([out, code]).toEqual([
      [
        '0x10:0xc000_0000, read of 1 byte',
        '  selector   0x10: index 2, GDT, RPL 0',
        '  descriptor 00cf92000000ffff: base 0x0 limit 0xfffff G=1 D/B=1 L=0 AVL=0 P=1 DPL=0 S=1 data, writable',
        '  segment    descriptor 2: offsets 0x0000_0000 to 0xffff_ffff, 4 GiB, grows up, rw-, privilege 0',
        '  linear     0x0000_0000 + 0xc000_0000 = 0xc000_0000',
        '',
      ].join('\n'),
      0,
    ]);
  });

  it('names the exceptions and error codes of an x86', () => {
    expect(ends('write', '0x8:0', '0x10:0', '0x13:0', '0x18:0x1ff', '0x18:0x200', '0x20:0', '0:0', '0x30:0', '0x80:0')).toEqual([
      '#GP(0): the rights do not allow it',
      '0x0000_0000',
      '#GP(0x10): the segment is for more privileged code',
      '#SS(0): a byte of it lies outside the limit',
      '0x0000_0200',
      '#GP(0x20): there is no such segment',
      '#GP(0): there is no such segment',
      '#NP(0x30): the segment is not present',
      '#GP(0x80): there is no such segment',
    ]);
    expect(ends('execute', '0x8:0xffff_fffd', '0x10:0')).toEqual([
      '#GP(0): a byte of it lies outside the limit',
      '#GP(0x10): the rights do not allow it',
    ]);
  });

  it('takes a table by names: stacks grow down, absent segments fault', () => {
    const table = file(
      'table.json',
      JSON.stringify({
        segments: [
          { name: 'code', base: '0x1_0000', bytes: '16KiB', rights: 'rx' },
          { name: 'stack', base: 0x8_0000, bytes: 65536, grows: 'down' },
          { name: 'library', bytes: 4096, rights: 'x', present: false },
        ],
      }),
    );
    const addresses = ['code:0x10', 'stack:0xffff_fff0', '1:0', 'library:0', '7:0'];
    const { walks } = JSON.parse(quire('segments', 'walk', '--table', table, ...addresses, '--json').out);
    expect(walks.map(({ linear, fault }: { linear?: string; fault?: string }) => linear ?? fault)).toEqual([
      '0x0001_0010',
      '0x0007_fff0',
      'a byte of it lies outside the limit',
      'the segment is not present',
      'there is no such segment',
    ]);
  });

  it.each([
    ['no table', ['0:0'], /either --table/],
    ['a descriptor that is no hex', ['--descriptors', 'zz', '0:0'], /'zz'/],
    ['an address without a selector', ['--descriptors', '0', '12'], /SELECTOR:OFFSET/],
    ['an offset of more than 32 bits', ['--descriptors', '0', '8:0x1_0000_0000'], /2\^32/],
    ['an LDT', ['--descriptors', '0', '0xc:0'], /LDT/],
    ['a file that is not there', ['--table', '/nowhere', '0:0'], /cannot be read/],
    ['a privilege that there is not', ['--descriptors', '0', '--privilege', '4', '8:0'], /0 to 3/],
  ] as const)('refuses %s', (_what, parameters, says) => {
    expect(refusal(quire('segments', 'walk', ...parameters))).toMatch(says);
  });

  it.each([
    ['{', /not JSON/],
    ['{}', /no list/],
    ['{"segments": [1]}', /no object/],
    ['{"segments": [{"bytes": -1}]}', /32 bits/],
    ['{"segments": [{"bytes": 1, "rights": "q"}]}', /r, w and x/],
    ['{"segments": [{"bytes": 1, "grows": "left"}]}', /"up" or "down"/],
  ])('refuses the table %s', (text, says) => {
    expect(refusal(quire('segments', 'walk', '--table', file('bad.json', text), '0:0'))).toMatch(says);
  });
});

describe('quire segments replay', () => {
  const pages = [0, 1, 2, 1024, 1025, 2048, 5000];
  const trace = (): string => file('pages.txt', pages.map((page) => `${page}\n`).join(''));

  it('counts tables as deep as each segment needs, beside one flat table', async () => {
    const segments = ['--segment', 'low=0..0x3000:r', '--segment', 'high=0x400000..0xc00000:rw'];
    const { out } = await quireLater('segments', 'replay', trace(), ...segments, '--json');
    const [result] = JSON.parse(out).results;
    // i386: a table has 1,024 entries. Three pages need one table; 2,048 pages a root and, referenced in both halves, two more.
    expect(result).toMatchObject({
      references: 7,
      segments: [
        { name: 'low', levels: 1, pages: 3, tables: 1 },
        { name: 'high', levels: 2, pages: 3, tables: 3 },
      ],
      flat: { levels: 2, pages: 7, tables: 5 },
      outside: 1,
      forbidden: 0,
    });
  });

  it('counts references that rights forbid', async () => {
    const { out } = await quireLater('segments', 'replay', trace(), '--segment', 'low=0..0x3000:x');
    expect(out).toContain('4 references in no segment, 3 references that the rights forbid');
  });

  it.each([
    ['low=0..0x10:rw', /multiples of 4096/],
    ['low=5', /write it as/],
    ['low=0..0x100001000:r', /at most 4 GiB/],
  ])('refuses the segment %s', async (text, says) => {
    expect(refusal(await quireLater('segments', 'replay', trace(), '--segment', text))).toMatch(says);
  });

  it('refuses segments that overlap, and tables that are not of one space', async () => {
    const two = ['--segment', 'a=0..0x2000:r', '--segment', 'b=0x1000..0x3000:r'];
    expect(refusal(await quireLater('segments', 'replay', trace(), ...two))).toMatch(/a and b overlap/);
    const inverted = ['--segment', 'a=0..0x2000:r', '--page-table', 'inverted'];
    expect(refusal(await quireLater('segments', 'replay', trace(), ...inverted))).toMatch(/one table for all/);
  });
});
