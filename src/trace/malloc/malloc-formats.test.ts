import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../base/index.ts';
import { detectMallocTraceFormat, findMallocTraceFormat, type MallocTrace, mallocTraceFormats, mallocTraceText } from '../index.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Parses a file as it comes, in chunks of `chunkBytes`. */
function parse(text: string, format?: string, chunkBytes = 1 << 20): MallocTrace {
  const bytes = bytesOf(text);
  const parser = (format === undefined ? detectMallocTraceFormat(bytes, 'file') : findMallocTraceFormat(format)).make('file');
  for (let at = 0; at < bytes.length; at += chunkBytes) parser.feed(bytes.subarray(at, at + chunkBytes));
  return parser.end();
}

const letters = ['malloc', 'calloc', 'memalign', 'realloc', 'free'];

/** The trace as calls: `malloc 0 512 @5`, the line at the end. */
function calls({ length, operations, ids, sizes, alignments, lines }: MallocTrace): string[] {
  return Array.from({ length }, (_, i) => {
    const alignment = alignments[i] === 0 ? '' : ` ${2 ** (alignments[i] as number)}`;
    return `${letters[operations[i] as number]} ${ids[i]}${alignment} ${sizes[i]} @${lines[i]}`;
  });
}

const script = ['a 0 512', 'c 1 64', 'm 2 4096 100', 'r 0 1024', 'f 1', 'f 0'];
const scriptCalls = (firstLine: number): string[] =>
  ['malloc 0 512', 'calloc 1 64', 'memalign 2 4096 100', 'realloc 0 1024', 'free 1 0', 'free 0 0'].map(
    (call, i) => `${call} @${firstLine + i}`,
  );

describe('.rep', () => {
  test.each([
    ['old, four lines', ['20000', '3', '6', '1'], '\n'],
    ['new, weight first', ['1', '3', '6', '1188'], '\n'],
    ['stripped to two lines', ['3', '6'], '\n'],
    ['without a header', [], '\n'],
    ['CRLF', ['20000', '3', '6', '1'], '\r\n'],
  ])('%s', (_name, header, newline) => {
    const text = [...header, ...script, ''].join(newline);
    expect(calls(parse(text))).toEqual(scriptCalls(header.length + 1));
    expect(calls(parse(text, 'rep', 1))).toEqual(scriptCalls(header.length + 1));
  });

  test('the last line may lack its newline, empty lines and comments are skipped, and blocks may live at the end', () => {
    expect(calls(parse('# by hand\n\n  a 7 1\n a 9 2'))).toEqual(['malloc 0 1 @3', 'malloc 1 2 @4']);
  });

  test('a number may come again once its block is freed, as another block', () => {
    const trace = parse('a 5 1\nf 5\na 5 2\nr 5 3\n');
    expect(calls(trace)).toEqual(['malloc 0 1 @1', 'free 0 0 @2', 'malloc 1 2 @3', 'realloc 1 3 @4']);
    expect(trace.blocks).toBe(2);
  });

  test('numbers may be far apart, and come in any order', () => {
    const names = [3, 9_000_000_000, 5000, 4096, 4095, 70_000, 8191, 8192, ...Array.from({ length: 6000 }, (_, i) => 10_000 - i)];
    const distinct = [...new Set(names)];
    const trace = parse([...distinct.map((name) => `a ${name} 1`), ...distinct.toReversed().map((name) => `f ${name}`)].join('\n'));
    expect(trace.blocks).toBe(distinct.length);
    expect([...trace.ids]).toEqual([...distinct.keys(), ...[...distinct.keys()].reverse()]);
  });

  test('sizes beyond 32 bits are kept', () => {
    expect(parse('a 0 8000000000000000\n', 'rep', 5).sizes[0]).toBe(8e15);
    expect(parse('a 0 9007199254740991\n').sizes[0]).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => parse('a 0 9007199254740992\n')).toThrow('file, line 1: a size of 2^53 or more');
  });

  test('a free of block -1 is a free of nothing, which counts as an operation', () => {
    expect(calls(parse('1\n3\na 0 8\nf -1\nf 0\n'))).toEqual(['malloc 0 8 @3', 'free 0 0 @5']);
  });

  test.each([
    ['f 3\n', 'line 1: block 3 is freed, and was never given'],
    ['a 3 1\nf 3\nf 3\n', 'line 3: block 3 is freed, and was freed before'],
    ['r 3 1\n', 'line 1: block 3 is resized, and was never given'],
    ['a 3 1\nf 3\nr 3 9\n', 'line 3: block 3 is resized, and was freed before'],
    ['a 3 1\na 3 1\n', 'line 2: block 3 is given, and was not freed before'],
    ['a 0 -5\n', "line 1: a size below 0 in 'a 0 -5'"],
    ['a -1 5\n', "line 1: a block number below 0 in 'a -1 5'"],
    ['m 0 48 100\n', 'line 1: the alignment 48 is no power of two'],
    ['m 0 0 100\n', 'line 1: the alignment 0 is no power of two'],
    ['a 0\n', "line 1: expected an operation such as 'a 0 512'"],
    ['a 0 12 13\n', 'line 1: expected an operation'],
    ['a 0 1\nq 1\n', "found 'q 1'"],
    ['2\n3\na 0 1\nf 0\n', 'line 5: the file ends after 2 operations, and says that it has 3'],
    ['1\n1\n1\n1\na 0 1\nf 0\n', 'line 7: the file ends after 2 operations, and says that it has 1'],
    ['20\n1\n2\n1\na 1 1\nf 1\n', 'line 5: block 1 is not one of the 1 that the file says it has'],
    ['# nothing\n', 'file has no operation'],
  ])('refuses %j', (text, problem) => {
    expect(() => parse(text, 'rep')).toThrow(problem);
  });
});

describe("Quire's own", () => {
  const text = ['quire-malloc 1', '# recorded', 't 4', 'a 0 16', 't 7', 'f 0', 'end 2', ''].join('\n');

  test('tells of threads', () => {
    const trace = parse(text, undefined, 3);
    expect(calls(trace)).toEqual(['malloc 0 16 @4', 'free 0 0 @6']);
    expect(trace.threads).toEqual(Uint32Array.of(4, 7));
  });

  test.each([
    ['quire-malloc 2\na 0 1\nend 1\n', 'line 1: only version 1 of the format is known'],
    ['quire-malloc 1\na 0 1\n', "line 3: the file is cut short: it ends without a line 'end'"],
    ['quire-malloc 1\na 0 1\nend 2\n', 'line 4: the file ends after 1 operations, and says that it has 2'],
    ['quire-malloc 1\na 0 1\nend 1\nf 0\n', "line 4: something stands behind the line 'end'"],
    ['quire-malloc 1\nt -1\nend 0\n', 'line 2: a thread below 0'],
    ['a 0 1\nquire-malloc 1\nend 1\n', 'line 2: expected an operation'],
  ])('refuses %j', (bad, problem) => {
    expect(() => parse(bad, 'quire-malloc')).toThrow(problem);
  });

  test('what is written is read again, in both formats; .rep loses the threads', () => {
    const trace = parse(['quire-malloc 1', 't 1', ...script, 't 2', 'a 1 5', 'end 7', ''].join('\n'));
    const own = parse([...mallocTraceText(trace, 'quire')].join(''));
    expect({ ...own, lines: 0 }).toEqual({ ...trace, lines: 0 });
    const rep = [...mallocTraceText(trace, 'rep')].join('');
    expect(rep.split('\n').slice(0, 4)).toEqual([String(64 + 100 + 1024), '4', '7', '1']);
    expect({ ...parse(rep), lines: 0, threads: 0 }).toEqual({ ...trace, lines: 0, threads: 0 });
  });
});

describe('memory_replay', () => {
  test('calls with addresses and threads', () => {
    const text = `7: malloc 0x1000 16
8: calloc 0x2000 4 16
7: memalign 0x3000 256 100
8: realloc 0x4000 0x1000 32
7: realloc 0x5000 0x0 64
7: free 0x0
8: free 0x2000
8: malloc 0x0 99
9: malloc 0x2000 3 1700000000 1700000009
7: realloc 0x0 0x5000 0
8: thread_done 0x0
`;
    const trace = parse(text);
    expect(calls(trace)).toEqual([
      'malloc 0 16 @1',
      'calloc 1 64 @2',
      'memalign 2 256 100 @3',
      'realloc 0 32 @4',
      'malloc 3 64 @5',
      'free 1 0 @7',
      'malloc 4 3 @9',
      'free 3 0 @10',
    ]);
    expect(trace.threads).toEqual(Uint32Array.of(7, 8, 7, 8, 7, 8, 9, 7));
    expect(calls(parse(text, 'memory-replay', 7))).toEqual(calls(trace));
  });

  test('tags in the upper bits of an address are no part of it', () => {
    const text = '1: malloc 0xb400007a5c3f1010 16\n1: realloc 0xb500007a5c3f2010 0xb400007a5c3f1010 32\n1: free 0x7a5c3f2010\n';
    expect(calls(parse(text))).toEqual(['malloc 0 16 @1', 'realloc 0 32 @2', 'free 0 0 @3']);
  });

  test.each([
    ['1: free 0x70001\n', 'line 1: block 0x70001 is freed, and was never given'],
    ['1: malloc 0x1 5\n1: malloc 0x1 5\n', 'line 2: block 1 is given, and was not freed before'],
    ['1: malloc 0x1 5\n1: malloc 0x2 5\n1: realloc 0x2 0x1 9\n', 'line 3: block 1 moves to 2, where a block is alive'],
    ['1: mallocate 0x1 5\n', "line 1: expected a call such as '1234: malloc 0x7a5c 64'"],
    ['1 malloc 0x1 5\n', 'line 1: expected a call'],
    ['1: malloc 0x1\n', 'line 1: expected a call'],
    ['1: malloc 0x1 -5\n', 'line 1: a size below 0'],
  ])('refuses %j', (bad, problem) => {
    expect(() => parse(bad, 'memory-replay')).toThrow(problem);
  });
});

describe('mtrace', () => {
  test('calls with their places, realloc in two lines, blocks older than the trace', () => {
    const text = `= Start
@ ./a.out:(main+0x1d)[0x4005f6] + 0x1b5a6a0 0x40
@ /a dir/b.so:[0x400612] + 0x1b5a700 0x10
@ ./a.out:[0x40062e] < 0x1b5a6a0
@ ./a.out:[0x40062e] > 0x1b5a800 0x80
@ ./a.out:[0x40064a] ! 0x1b5a800 0x10000000
@ ./a.out:[0x400612] - 0x1b5a700
@ ./a.out:[0x400612] - 0x1111110
- 0x1b5a800
@ ./a.out:[0x40062e] < 0x2222220
@ ./a.out:[0x40062e] > 0x3333330 0x8
= End
`;
    const trace = parse(text);
    expect(calls(trace)).toEqual(['malloc 0 64 @2', 'malloc 1 16 @3', 'realloc 0 128 @5', 'free 1 0 @7', 'free 0 0 @9', 'malloc 2 8 @11']);
    expect(trace.skipped).toBe(2);
    expect(calls(parse(text, 'mtrace', 11))).toEqual(calls(trace));
  });

  test.each([
    ['@ a:[0x1] + 0x10000 0x4\n@ a:[0x1] - 0x10000\n@ a:[0x1] - 0x10000\n', 'line 3: block 0x10000 is freed, and was freed before'],
    ['@ a:[0x1] > 0x1 0x4\n', "line 1: a line with '>' must follow one with '<'"],
    ['@ a:[0x1] < 0x1\n@ a:[0x1] - 0x1\n', "line 2: a line with '>' must follow one with '<'"],
    ['@ a:[0x1] + 0x1 0x4\n@ a:[0x1] < 0x1\n', 'line 3: the file is cut short'],
    ['@ a:[0x1] + 0x1\n', 'line 1: expected a call such as'],
    ['@ a:[0x1] 0x1 0x4\n', 'line 1: expected a call such as'],
  ])('refuses %j', (bad, problem) => {
    expect(() => parse(bad, 'mtrace')).toThrow(problem);
  });
});

test('every format is recognised, and a file of none is refused with the names', () => {
  const heads = {
    'quire-malloc': 'quire-malloc 1\n',
    rep: '20000\n3\n6\n1\na 0 8\n',
    'memory-replay': '1: free 0x1\n',
    mtrace: '= Start\n',
  };
  for (const [name, head] of Object.entries(heads)) expect(detectMallocTraceFormat(bytesOf(head), 'file').name).toBe(name);
  expect(Object.keys(heads)).toEqual(mallocTraceFormats.map(({ name }) => name));
  expect(() => detectMallocTraceFormat(bytesOf('hello\n'), 'file')).toThrow('give --format (quire-malloc, rep, memory-replay, mtrace)');
  expect(() => detectMallocTraceFormat(bytesOf(''), 'file')).toThrow('file is empty');
  expect(() => findMallocTraceFormat('elf')).toThrow("there is no malloc trace format 'elf'");
});

test('whatever a file holds, it is a trace or is refused with file and line', () => {
  const files = [
    `20000\n3\n6\n1\n${script.join('\n')}\n`,
    `quire-malloc 1\nt 3\n${script.join('\n')}\nend 6\n`,
    '7: malloc 0x1000 16\n8: realloc 0x4000 0x1000 32\n7: memalign 0x3000 256 100\n7: free 0x4000\n',
    '= Start\n@ ./a.out:[0x4] + 0x1b5a6a0 0x40\n@ ./a.out:[0x4] < 0x1b5a6a0\n@ ./a.out:[0x4] > 0x1b5a800 0x80\n- 0x1b5a800\n',
  ];
  const formats = mallocTraceFormats.map(({ name }) => name);
  const piece = fc.constantFrom('-', '0', '9', '\n', ' ', 'f', 'a 0 1\n', '0x', '99999999999999999999', '\0', 'é', ':', '+', '#');
  const edit = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(6), piece);
  fc.assert(
    fc.property(fc.constantFrom(...files), fc.constantFrom(...formats), fc.array(edit, { maxLength: 4 }), (file, format, edits) => {
      let text = file;
      for (const [where, cut, put] of edits) {
        const at = Math.floor(where * text.length);
        text = text.slice(0, at) + put + text.slice(at + cut);
      }
      try {
        expect(parse(text, format, 9).length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as Error).message).toMatch(/^file(, line \d+:| has no operation)/);
      }
    }),
    { numRuns: 2000 },
  );
});
