// Programs that go wrong, through the command line: each ends with exit code 1, one sentence that says what happened, the function and
// the instruction of the original module (where WABT put it), and a report that is complete.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../src/report/index.ts';
import { type Assembled, assemble } from './support/assemble.ts';
import { quire, readReport } from './support/quire-command.ts';
import { recursion } from './support/recursion.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-bad-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A stack-first program of two pages whose `_start` calls `culprit`; `more` are other fields of the module. */
const stackFirst = (culprit: string, more = ''): Assembled =>
  assemble(`(module
    (import "wasi_snapshot_preview1" "proc_raise" (func $proc_raise (param i32) (result i32)))
    ${more}
    (memory (export "memory") 2)
    (global $stack (mut i32) (i32.const 65536))
    (data (i32.const 65536) "data begin where the stack begins")
    (func $culprit ${culprit})
    (func (export "_start") call $culprit))`);

interface Ran {
  readonly code: number;
  /** The text report's second line and those that continue it. */
  readonly sentences: string;
  readonly report: RunReport;
}

function run(program: Assembled, ...settings: string[]): Ran {
  const wasm = join(folder, 'bad.wasm');
  const json = join(folder, 'report.json');
  writeFileSync(wasm, program.bytes);
  const text = quire('run', ...settings, wasm);
  const { code, err } = quire('run', ...settings, '--report', 'json', '--report-file', json, wasm);
  expect([code, err]).toEqual([text.code, '']);
  return { code, sentences: text.err.replace(/\s+/g, ' '), report: readReport(json) };
}

const hex = (offset: number): string => offset.toString(16);

describe('a program that traps', () => {
  const traps: [what: string, culprit: string, reason: string, instruction: string][] = [
    ['executes unreachable', 'unreachable', 'unreachable', 'unreachable'],
    ['divides by zero', '(drop (i32.div_s (i32.const 1) (i32.load (i32.const 8192))))', 'divide by zero', 'i32.div_s'],
    [
      'divides the lowest number by -1',
      '(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))',
      'divide result unrepresentable',
      'i32.div_s',
    ],
    ['converts NaN', '(drop (i32.trunc_f32_s (f32.const nan)))', 'float unrepresentable in integer range', 'i32.trunc_f32_s'],
  ];
  it.each(traps)('%s', (_what, culprit, reason, instruction) => {
    const program = stackFirst(culprit);
    const { code, sentences, report } = run(program);
    expect([code, report.exitCode, report.ended?.how]).toEqual([1, 1, 'trap']);
    expect(report.ended?.reason).toBe(`${reason} in culprit at byte 0x${hex(program.offsetOf(instruction))} of the module`);
    expect(sentences).toContain(`: ${report.ended?.reason}.`);
  });

  it('calls what is not in the table', () => {
    const program = stackFirst('(call_indirect (i32.const 3))', '(table 2 funcref)');
    expect(run(program).report.ended?.reason).toMatch(
      new RegExp(`^table index is out of bounds in culprit at byte 0x${hex(program.offsetOf('call_indirect'))}`),
    );
  });

  it('recurses without end', () => {
    const { code, sentences, report } = run(stackFirst('(call $culprit) (call $culprit)'));
    expect([code, report.ended?.how]).toEqual([1, 'trap']);
    expect(report.ended?.reason).toMatch(/^call stack exhausted in culprit/);
    expect(sentences).toMatch(/It trapped after [^:]+: call stack exhausted in culprit/);
  });

  it.each([0, 3].flatMap((values) => [1024, 2048, 4096, 8192].map((frame) => [frame, values] as const)))(
    'recurses without end through frames of %i bytes and %i values',
    (frame, values) => {
      const { code, report } = run(recursion(frame, values));
      expect([code, report.ended?.how]).toEqual([1, 'trap']);
      expect(report.ended?.reason).toMatch(/^call stack exhausted in deeper at byte 0x[0-9a-f]+ of the module$/);
      expect(report.faults.zeroFill).toBeGreaterThan(100);
    },
  );

  it('raises a signal', () => {
    const { code, report } = run(stackFirst('(drop (call $proc_raise (i32.const 6)))'));
    expect([code, report.ended]).toEqual([1, { how: 'trap', reason: 'the program raised SIGABRT' }]);
  });

  it('traps in its start function', () => {
    const { code, report } = run(stackFirst('unreachable', '(start $culprit)'));
    expect([code, report.ended?.how]).toEqual([1, 'trap']);
    expect(report.ended?.reason).toMatch(/^unreachable in culprit/);
  });
});

describe('a program that accesses what it does not have', () => {
  const beyond = 2 * 65_536;
  const nullPointer = 'access through a null pointer: page 0 is not mapped';
  const fullStack = 'the stack is full: it has grown into the unmapped page 0';
  const faults: [what: string, culprit: string, instruction: string, reason: string, access: 'read' | 'write', address: number][] = [
    ['reads address 0', '(drop (i32.load (i32.const 0)))', 'i32.load', nullPointer, 'read', 0],
    [
      'writes through a null pointer to a structure',
      '(i32.store8 offset=4095 (i32.const 0) (i32.const 1))',
      'i32.store8',
      nullPointer,
      'write',
      4095,
    ],
    ['reads across the end of page 0', '(drop (i64.load (i32.const 4092)))', 'i64.load', nullPointer, 'read', 4092],
    [
      'runs past its stack, step by step',
      `(loop $again
        (global.set $stack (i32.sub (global.get $stack) (i32.const 1024)))
        (i32.store (global.get $stack) (i32.const 7))
        (br $again))`,
      'i32.store',
      fullStack,
      'write',
      3072,
    ],
    [
      'runs past its stack with one big frame',
      '(global.set $stack (i32.sub (global.get $stack) (i32.const 0x12000))) (i64.store (global.get $stack) (i64.const 7))',
      'i64.store',
      fullStack,
      'write',
      0xffff_e000,
    ],
    [
      'reads the byte after its memory',
      `(drop (i32.load8_u (i32.const ${beyond})))`,
      'i32.load8_u',
      'access beyond the end of memory',
      'read',
      beyond,
    ],
    [
      'writes across the end of its memory',
      `(i64.store (i32.const ${beyond - 4}) (i64.const -1))`,
      'i64.store',
      'access beyond the end of memory',
      'write',
      beyond - 4,
    ],
    [
      'reads beyond 4 GiB',
      '(drop (f64.load offset=0xffffffff (i32.const -1)))',
      'f64.load',
      'access beyond the end of memory',
      'read',
      0x1_ffff_fffe,
    ],
    [
      'fills beyond its memory',
      `(memory.fill (i32.const ${beyond - 8192}) (i32.const 1) (i32.const 8193))`,
      'memory.fill',
      'access beyond the end of memory',
      'write',
      beyond - 8192,
    ],
    ['copies from page 0', '(memory.copy (i32.const 8192) (i32.const 16) (i32.const 4))', 'memory.copy', nullPointer, 'read', 16],
  ];
  // Accesses in a function this long are not inlined: they call a helper, which must not be taken for the culprit.
  const long = `${'nop '.repeat(500)} `;
  const inBoth = faults.flatMap(([what, culprit, ...rest]) => [
    [what, culprit, ...rest] as const,
    [`${what}, in a long function`, long + culprit, ...rest] as const,
  ]);
  it.each(inBoth)('%s', (_what, culprit, instruction, reason, access, address) => {
    const program = stackFirst(culprit);
    const { code, sentences, report } = run(program);
    expect([code, report.exitCode]).toEqual([1, 1]);
    const offset = program.offsetOf(instruction);
    expect(report.ended).toMatchObject({
      how: 'fault',
      reason,
      fault: { address, access, function: { name: 'culprit', index: 1, offset } },
    });
    expect(sentences).toMatch(
      new RegExp(`A memory fault stopped it after [^:]+: ${reason}\\. It tried to ${access} at 0x[0-9a-f_]+: nothing is mapped there\\.`),
    );
    expect(sentences.replaceAll('_', '')).toContain(
      `The code is in function 1, culprit, byte 0x${hex(offset).padStart(8, '0')} of the module.`,
    );
  });

  it('names the area when only the last bytes are outside it', () => {
    const { report } = run(stackFirst(`(i64.store (i32.const ${beyond - 4}) (i64.const -1))`));
    expect(report.ended?.fault?.area).toMatchObject({ end: beyond });
  });
});

describe('a program that wants more than there is', () => {
  const fillAll = (stride: number): string => `(local $at i32)
    (drop (memory.grow (i32.const 32768)))
    (loop $again
      (local.set $at (i32.add (local.get $at) (i32.const ${stride})))
      (i32.store8 (local.get $at) (i32.const 1))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 0x7fff0000))))`;

  it.each([['none'], ['1MiB']])('is killed when 2 GiB do not fit into 1 MiB of RAM and swap of %s', (swap) => {
    const program = stackFirst(fillAll(4096));
    const { code, sentences, report } = run(program, '--ram', '1MiB', '--swap', swap);
    expect([code, report.exitCode]).toEqual([1, 1]);
    const place = { name: 'culprit', offset: program.offsetOf('i32.store8') };
    expect(report.ended).toMatchObject({ how: 'kill', reason: 'out of memory and swap', fault: { access: 'write', function: place } });
    expect(sentences).toMatch(/It was killed after [^:]+: out of memory and swap\./);
    const held = report.map.reduce((pages, area) => pages + area.residentPages + area.swappedPages, 0);
    expect(held).toBeGreaterThan(swap === 'none' ? 128 : 384);
    expect(held).toBeLessThan(swap === 'none' ? 256 : 512);
  });

  it('gets what it writes to when that fits', () => {
    expect(run(stackFirst(fillAll(128 * 65_536)), '--ram', '4MiB', '--swap', 'none').report.ended?.how).toBe('exit');
  });
});

describe('a program of the older layout', () => {
  it('reaches data through a null pointer, and the report says so', () => {
    const program = assemble(`(module
      (memory (export "memory") 2)
      (global (mut i32) (i32.const 66560))
      (data (i32.const 1024) "data first")
      (func (export "_start") (i32.store (i32.const 0) (i32.const 1))))`);
    const { code, report } = run(program);
    expect([code, report.ended?.how]).toEqual([0, 'exit']);
    expect(report.notes?.join(' ')).toMatch(/page 0/);
  });
});
