import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../base/index.ts';
import {
  detectTraceFormat,
  findTraceFormat,
  PageStream,
  type PageStreamOptions,
  QuireTraceWriter,
  ReferenceBatch,
  traceFormats,
} from './index.ts';

type Reference = readonly [address: number, size: number, kind: 'read' | 'write' | 'fetch'];
const kindNames = ['read', 'write', 'fetch'] as const;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Parses `bytes` in pieces of `piece` bytes. */
function parse(format: string, bytes: Uint8Array, { piece = 7, column = 1 } = {}): Reference[] {
  const found: Reference[] = [];
  const parser = findTraceFormat(format).make(
    'trace',
    ({ addresses, sizes, kinds, count }) => {
      for (let i = 0; i < count; i++) found.push([addresses[i] as number, sizes[i] as number, kindNames[kinds[i] as number] as 'read']);
    },
    { column },
  );
  for (let at = 0; at < bytes.length; at += piece) parser.feed(bytes.subarray(at, at + piece));
  parser.end();
  return found;
}

const text: Record<string, readonly [sample: string, references: readonly Reference[]]> = {
  numbers: [
    '# comment\n17\n\n  18 \n0x2f\r\n9007199254740991\n123456789\n1234567890',
    [17, 18, 0x2f, 9007199254740991, 123456789, 1234567890].map((page) => [page, 1, 'read']),
  ],
  lackey: [
    '==123== Lackey, an example\n--123-- warning\nI  0401ab70,3\n L 1fff000350,8\n S 1fff000348,16\n M 04226c40,4\n==123== \n',
    [
      [0x0401ab70, 3, 'fetch'],
      [0x1fff000350, 8, 'read'],
      [0x1fff000348, 16, 'write'],
      [0x04226c40, 4, 'write'],
    ],
  ],
  cachelab: [
    'I  400,3\n L 10,1\n M 20,1\n',
    [
      [0x10, 1, 'read'],
      [0x20, 1, 'write'],
    ],
  ],
  dinero: [
    '0 7fff5a8c\n1 0x10 4\r\n2 400\n',
    [
      [0x7fff5a8c, 1, 'read'],
      [0x10, 1, 'write'],
      [0x400, 1, 'fetch'],
    ],
  ],
  pin: [
    '0x401a2b: R 0x7ffe1038\n0x401a2f: W 0x7ffe1040\n#eof\n',
    [
      [0x7ffe1038, 1, 'read'],
      [0x7ffe1040, 1, 'write'],
    ],
  ],
  'load-store': [
    'l 0x7ffe1038 8\ns 0x7ffe1040 4\nl 0x10 0\n',
    [
      [0x7ffe1038, 8, 'read'],
      [0x7ffe1040, 4, 'write'],
      [0x10, 1, 'read'],
    ],
  ],
  lirs: ['1\n*\n2\n', [1, 2].map((page) => [page, 1, 'read'])],
  arc: ['10 3 0 1\n7 1 0 2\n', [10, 11, 12, 7].map((page) => [page, 1, 'read'])],
  msr: [
    'Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime\n128166372003061629,usr,0,Read,7014609920,24576,41286\n128166372016382155,usr,0,Write,1317441536,8192,1963\n',
    [
      [7014609920, 24576, 'read'],
      [1317441536, 8192, 'write'],
    ],
  ],
};

describe('text formats', () => {
  for (const [name, [sample, references]] of Object.entries(text)) {
    it(`${name}: every line, however the file is cut into pieces`, () => {
      for (const piece of [1, 2, 3, 13, 64, 10_000]) expect(parse(name, bytesOf(sample), { piece })).toEqual(references);
    });

    if (name !== 'cachelab') {
      it(`${name} is recognised by its first lines`, () => {
        expect(detectTraceFormat(bytesOf(sample), 'trace').name).toBe(name);
      });
    }

    it(`${name} names file and line of what is none of it, and passes on what came before`, () => {
      const lines = sample.trimEnd().split('\n').length;
      const seen: number[] = [];
      const parser = findTraceFormat(name).make('bad.txt', (batch) => seen.push(batch.count), {});
      expect(() => {
        parser.feed(bytesOf(`${sample.trimEnd()}\n?what\n`));
        parser.end();
      }).toThrow(new RegExp(`^bad\\.txt, line ${lines + 1}: expected .*, found '\\?what'$`));
      expect(seen).toEqual([references.length]);
    });
  }

  it('csv takes the column that is asked for, and skips a line of names', () => {
    const sample = bytesOf('time,id,size\n1,42,9\n2, 43 ,9\n');
    expect(parse('csv', sample, { column: 2 })).toEqual([42, 43].map((page) => [page, 1, 'read']));
    expect(() => parse('csv', bytesOf('1,2\n3\n'), { column: 2 })).toThrow("trace, line 2: expected a number in column 2, found '3'");
  });

  it('refuses a line of over 64 KiB', () => {
    expect(() => parse('numbers', new Uint8Array(70_000).fill(0x31), { piece: 4096 })).toThrow('a line of over 64 KiB');
  });

  it('counts each line of any list of numbers once', () => {
    const line = fc.oneof(
      fc.nat().map(String),
      fc.maxSafeNat().map(String),
      fc.constant(''),
      fc.constant('# 12'),
      fc.nat().map((n) => ` 0x${n.toString(16)} `),
    );
    fc.assert(
      fc.property(fc.array(line), fc.integer({ min: 1, max: 50 }), (lines, piece) => {
        const expected = lines.filter((each) => each !== '' && !each.startsWith('#')).map(Number);
        expect(parse('numbers', bytesOf(lines.map((each) => `${each}\n`).join('')), { piece }).map(([page]) => page)).toEqual(expected);
        const bad = bytesOf(`${lines.map((each) => `${each}\n`).join('')}x\n`);
        expect(() => parse('numbers', bad, { piece })).toThrow(`line ${lines.length + 1}:`);
      }),
    );
  });
});

describe('binary formats', () => {
  const record = (bytes: number, fill: (view: DataView) => void): Uint8Array => {
    const made = new Uint8Array(bytes);
    fill(new DataView(made.buffer));
    return made;
  };
  const twice = (bytes: Uint8Array): Uint8Array => new Uint8Array([...bytes, ...bytes]);

  it('oracle-general: objects', () => {
    const one = record(24, (view) => view.setBigUint64(4, 0x1_2345_6789n, true));
    expect(parse('oracle-general', twice(one), { piece: 5 })).toEqual([1, 2].map(() => [0x1_2345_6789, 1, 'read']));
  });

  it('champsim: the fetch, the loads, the stores', () => {
    const one = record(64, (view) => {
      view.setBigUint64(0, 0x40_0000n, true);
      view.setBigUint64(16, 0x1000n, true);
      view.setBigUint64(40, 0x2000n, true);
    });
    expect(parse('champsim', one)).toEqual([
      [0x40_0000, 1, 'fetch'],
      [0x2000, 1, 'read'],
      [0x1000, 1, 'write'],
    ]);
  });

  it('vscsi: both versions, recognised by two records', () => {
    const first = record(32, (view) => {
      view.setUint32(4, 8192, true);
      view.setUint16(12, 0x2a, true);
      view.setUint16(14, 0x0100, true);
      view.setBigUint64(16, 24n, true);
    });
    const second = record(40, (view) => {
      view.setUint16(0, 0x28, true);
      view.setUint16(2, 0x0200, true);
      view.setUint32(8, 512, true);
      view.setBigUint64(16, 3n, true);
    });
    expect(parse('vscsi1', first)).toEqual([[24 * 512, 8192, 'write']]);
    expect(parse('vscsi2', second)).toEqual([[3 * 512, 512, 'read']]);
    expect(detectTraceFormat(twice(first), 'trace').name).toBe('vscsi1');
    expect(detectTraceFormat(twice(second), 'trace').name).toBe('vscsi2');
    expect(() => parse('vscsi1', twice(second).subarray(0, 64))).toThrow('trace, record 1: expected a record of vscsi version 1');
  });

  it('say where a file is cut short', () => {
    for (const [name, bytes] of [
      ['oracle-general', 24],
      ['champsim', 64],
    ] as const) {
      expect(() => parse(name, new Uint8Array(3 * bytes + 5))).toThrow(
        `trace, byte ${3 * bytes}: the file is cut short: 5 bytes of a record of ${bytes}`,
      );
    }
  });
});

describe('detection', () => {
  it('refuses an empty file and one that looks like no trace', () => {
    expect(() => detectTraceFormat(new Uint8Array(0), 'nothing.txt')).toThrow('nothing.txt is empty');
    expect(() => detectTraceFormat(bytesOf('int main(void)\n'), 'main.c')).toThrow(UsageError);
    expect(() => detectTraceFormat(bytesOf('1\n2\nthree\n'), 'three.txt')).toThrow('give --format');
    expect(() => findTraceFormat('pdf')).toThrow("there is no trace format 'pdf': choose one of quire, lackey");
  });

  it('has formats with different names', () => {
    expect(new Set(traceFormats.map((format) => format.name)).size).toBe(traceFormats.length);
  });
});

/** A batch of these references. */
function batchOf(references: readonly Reference[]): ReferenceBatch {
  const batch = new ReferenceBatch(Math.max(1, references.length));
  references.forEach(([address, size, kind], i) => {
    batch.addresses[i] = address;
    batch.sizes[i] = size;
    batch.kinds[i] = kindNames.indexOf(kind);
  });
  batch.count = references.length;
  return batch;
}

function written(unit: 'bytes' | 'pages', references: readonly Reference[]): Uint8Array {
  const parts: number[] = [];
  const writer = new QuireTraceWriter({ unit, pageShift: 12 }, (bytes) => {
    for (const byte of bytes) parts.push(byte);
  });
  writer.add(batchOf(references));
  writer.end();
  return Uint8Array.from(parts);
}

describe("Quire's own format", () => {
  const reference = fc.tuple(fc.maxSafeNat(), fc.integer({ min: 1, max: 0xffff_ffff }), fc.constantFrom(...kindNames));

  it('gives back what was written', () => {
    fc.assert(
      fc.property(fc.array(reference), fc.integer({ min: 1, max: 100 }), (references, piece) => {
        expect(parse('quire', written('bytes', references), { piece })).toEqual(references);
        expect(parse('quire', written('pages', references), { piece })).toEqual(references.map(([page, , kind]) => [page, 1, kind]));
      }),
    );
  });

  it('needs one to two bytes for a page near the one before, over many blocks', () => {
    const near = Array.from({ length: 100_000 }, (_, i): Reference => [1_000_000 + (i % 7) + (i >>> 5), 1, 'write']);
    const bytes = written('pages', near);
    expect(bytes.length).toBeLessThan(1.05 * near.length);
    expect(parse('quire', bytes, { piece: 100_000 })).toEqual(near);
    expect(detectTraceFormat(bytes, 'x').name).toBe('quire');
  });

  it('notices any changed byte after the header, and any cut', () => {
    const bytes = written('bytes', [
      [4096, 8, 'read'],
      [8192, 4, 'write'],
    ]);
    for (let at = 17; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] as number) ^ 1;
      expect(() => parse('quire', damaged)).toThrow(UsageError);
      expect(() => parse('quire', bytes.slice(0, at))).toThrow('the file is cut short');
    }
    expect(() => parse('quire', new Uint8Array([...bytes, 0]))).toThrow('bytes after the end mark');
    const later = bytes.slice();
    later[13] = 9;
    expect(() => parse('quire', later)).toThrow('a Quire trace of version 9');
  });
});

describe('a page stream', () => {
  const pages = (options: Partial<PageStreamOptions>, references: readonly Reference[]): [number, string][] => {
    const found: [number, string][] = [];
    const stream = new PageStream({ unit: 'bytes', pageShift: 12, ...options }, ({ addresses, kinds, count }) => {
      for (let i = 0; i < count; i++) found.push([addresses[i] as number, kindNames[kinds[i] as number] as string]);
    });
    stream.add(batchOf(references));
    stream.end();
    return found;
  };
  const some: Reference[] = [
    [0x1000, 4, 'read'],
    [0x1ffe, 4, 'write'],
    [0x2000, 1, 'fetch'],
    [0x2008, 8192, 'read'],
  ];

  it('counts each page that a reference touches, or only the first', () => {
    expect(pages({}, some)).toEqual([
      [1, 'read'],
      [1, 'write'],
      [2, 'write'],
      [2, 'fetch'],
      [2, 'read'],
      [3, 'read'],
      [4, 'read'],
    ]);
    expect(pages({ crossing: 'whole' }, some).map(([page]) => page)).toEqual([1, 1, 2, 2]);
    expect(pages({ pageShift: 16 }, some).map(([page]) => page)).toEqual([0, 0, 0, 0]);
    expect(pages({ unit: 'pages', pageShift: 16 }, [[77, 1, 'read']])).toEqual([[77, 'read']]);
  });

  it('leaves out instruction fetches, a beginning, and the rest after a limit', () => {
    expect(pages({ kinds: 'data', skip: 1, limit: 1 }, some)).toEqual([
      [1, 'write'],
      [2, 'write'],
    ]);
  });

  it('collapses repeats of a page, or of a page and kind', () => {
    expect(pages({ collapse: 'pages' }, some).map(([page]) => page)).toEqual([1, 2, 3, 4]);
    expect(pages({ collapse: 'kinds' }, some)).toHaveLength(7);
    expect(pages({ collapse: 'kinds' }, [...some, ...some.slice(3)].slice(3))).toHaveLength(6);
  });

  it('samples whole pages: about the share asked for, the same ones every time', () => {
    const many = Array.from({ length: 20_000 }, (_, i): Reference => [(i % 10_000) * 4096, 1, 'read']);
    const kept = pages({ sample: 0.1 }, many).map(([page]) => page);
    const distinct = new Set(kept);
    expect(kept).toHaveLength(2 * distinct.size);
    expect(distinct.size).toBeGreaterThan(900);
    expect(distinct.size).toBeLessThan(1100);
  });
});

describe('a recorded trace', () => {
  const folder = new URL('../../../shared/oracle/pages/', import.meta.url);
  const recorded = (name: string): Uint8Array | undefined => {
    try {
      return gunzipSync(readFileSync(new URL(name, folder)));
    } catch {
      console.warn(`SKIPPED: ${name} of ../shared/oracle/pages is not there`);
      return undefined;
    }
  };

  it('of /bin/true under lackey has as many references of each kind as grep counts lines', (context) => {
    const bytes = recorded('true.lackey.gz');
    if (bytes === undefined) return context.skip();
    const counts = { read: 0, write: 0, fetch: 0 };
    for (const [, , kind] of parse('lackey', bytes, { piece: 65_536 })) counts[kind]++;
    expect(counts).toEqual({ fetch: 127_757, read: 27_897, write: 10_266 + 1_504 });
  });
});
