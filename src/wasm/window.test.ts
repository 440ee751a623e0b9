// Programs whose stack frames lie in the window, as unkind as programs can be: what they do must be what they do on plain memory, and
// where they fault, what they do without a window.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Assembled, assemble } from '../../test/support/assemble.ts';
import { EVENT_WORDS, EventType, KIB, MIB, PAGE_SIZE, type Pfn } from '../base/index.ts';
import { FrameKind } from '../frames/index.ts';
import { MemoryDevice } from '../machine/index.ts';
import type { Machine, MemorySystem, Space } from '../system/index.ts';
import { buildMachine, systemNames } from '../systems/index.ts';
import { type AddressLayout, windowLayout } from './address-layout.ts';
import { type FunctionOptimizer, Program, type ProgramExit, prepareCode } from './index.ts';
import { rewriteModule } from './rewrite/index.ts';
import { CollectingSink, deterministicClock, deterministicRandom, type WasiOptions } from './wasi/index.ts';

const STACK_TOP = 65_536;
const MEMORY_BYTES = 4 * 65_536;
/** Where programs leave their results: in the data above the stack. */
const RESULT = 80_000;

/** A stack-first module: page 0, a stack of 60 KiB, data. */
const moduleText = (functions: string, more = '', imports = ''): string => `(module
  ${imports}
  (memory (export "memory") 4)
  (global $sp (mut i32) (i32.const ${STACK_TOP}))
  (data (i32.const ${STACK_TOP}) "data begin where the stack begins")
  ${more}
  ${functions})`;

/** Sets a frame of `bytes` up, as compilers do, in local $fp. */
const enter = (bytes: number, locals = ''): string =>
  `(local $fp i32) ${locals} global.get $sp i32.const ${bytes} i32.sub local.tee $fp global.set $sp`;
const leave = (bytes: number): string => `local.get $fp i32.const ${bytes} i32.add global.set $sp`;

interface Setting {
  readonly ramBytes: number;
  readonly stackRuns?: 'on' | 'off';
  readonly system?: string;
  readonly wasi?: Partial<WasiOptions>;
  readonly observe?: (machine: Machine, system: MemorySystem, program: Program) => void;
  readonly optimize?: FunctionOptimizer;
  readonly prepared?: (machine: Machine, system: MemorySystem, program: Program) => void;
}

interface Run {
  readonly exit: ProgramExit;
  readonly machine: Machine;
  readonly system: MemorySystem;
  readonly program: Program;
  read(address: number, length: number): Uint8Array;
  word(address: number): number;
  /** Bytes of the stack that are locked. */
  locked(): number;
}

function run({ bytes }: Assembled, setting: Setting): Run {
  const { ramBytes, stackRuns = 'on', system: name = 'uvm', observe, optimize, prepared } = setting;
  const { machine, system } = buildMachine({
    ...{ ramBytes, stackRuns, frames: 'bitmap', policy: 'uvm', system: name, liveSpaces: 2, seed: 1 },
    swap: new MemoryDevice((16 * MIB) / PAGE_SIZE),
  });
  const wasi = { clock: deterministicClock(), random: deterministicRandom(1), ...setting.wasi };
  const program: Program = Program.load({
    ...{ module: bytes, name: 'test', machine, system, liveSpace: 0, wasi, now: () => 0 },
    observe: () => observe?.(machine, system, program),
    ...(optimize && { optimize }),
  });
  prepared?.(machine, system, program);
  const exit = program.run();
  system.check();
  const read = (address: number, length: number): Uint8Array => {
    const into = new Uint8Array(length);
    program.process.copyIn(address, into);
    return into;
  };
  const locked = (): number => system.areas(program.process.space).reduce((sum, area) => sum + area.lockedPages * PAGE_SIZE, 0);
  return { exit, machine, system, program, read, word: (address) => new DataView(read(address, 4).buffer).getUint32(0, true), locked };
}

/** Runs it on plain memory. */
function plain({ bytes }: Assembled): { exit: 'done' | string; memory: Uint8Array } {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
  const memory = new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer);
  try {
    (exports['_start'] as () => void)();
    return { exit: 'done', memory };
  } catch (error) {
    return { exit: (error as Error).message, memory };
  }
}

/** The addresses, from page 1 on, at which a program's memory differs from what it should be. */
function differences(read: Run['read'], expected: Uint8Array): number[] {
  const memory = read(PAGE_SIZE, MEMORY_BYTES - PAGE_SIZE);
  if (Buffer.compare(memory, expected.subarray(PAGE_SIZE)) === 0) return [];
  return Array.from(memory.keys()).flatMap((i) => (memory[i] === expected[i + PAGE_SIZE] ? [] : [i + PAGE_SIZE]));
}

const fine: ProgramExit = { kind: 'exit', code: 0 };
/** The whole stack fits into the run; only 32 KiB of it; none of it. */
const AMPLE: Setting = { ramBytes: 4 * MIB };
const SHORT: Setting = { ramBytes: MIB };
const NONE: Setting = { ramBytes: MIB, stackRuns: 'off' };

describe('the window', () => {
  const counted = assemble(
    moduleText(`(func (export "_start") ${enter(48)}
      (i32.store offset=12 (local.get $fp) (i32.const 7))
      (i64.store offset=40 (local.get $fp) (i64.const 9))
      (i32.store (i32.const ${RESULT}) (i32.add (i32.load offset=12 (local.get $fp)) (i32.load offset=40 (local.get $fp))))
      ${leave(48)})`),
  );

  it('holds what the stack has reached, locked, in the last frames of RAM, with one fault for each page', () => {
    const { machine, program, word, locked, exit, system } = run(counted, AMPLE);
    expect([exit, word(RESULT), locked()]).toEqual([fine, 16, PAGE_SIZE]);
    // Four accesses are in the frame; the result's address is a constant.
    expect(program.codeFacts).toMatchObject({
      accesses: { window: 4, inlined: 1, called: 0 },
      stackWindow: 'used',
      stackWindowBytes: PAGE_SIZE,
    });
    const last = machine.ram.frameCount - 1;
    expect(machine.pmaps.extract(program.process.space.pmap, STACK_TOP / PAGE_SIZE - 1)).toBe(last);
    // The stack's page, and the page of the result.
    expect([system.statistics().zeroFill, system.statistics().faults]).toEqual([2, 2]);
  });

  it('is not there on machines without frames for it, nor for a stack above them in the space', () => {
    expect(run(counted, NONE).locked()).toBe(0);
    expect(run(counted, { ramBytes: 256 * KIB }).locked()).toBe(0);
    const layout = { stackTop: 5 * MIB } as AddressLayout;
    expect([windowLayout(layout, 4 * MIB), windowLayout(layout, 5 * MIB), windowLayout(layout, undefined)]).toEqual([
      undefined,
      { top: 5 * MIB, delta: 0 },
      undefined,
    ]);
    expect(windowLayout({ stackTop: 65_000 } as AddressLayout, MIB)).toEqual({ top: 65_536, delta: MIB - 65_536 });
    expect(windowLayout({} as AddressLayout, MIB)).toBeUndefined();
  });

  it('has two programs at once, each in frames of its own', () => {
    const { machine, system, word } = run(counted, AMPLE);
    const wasi = { clock: deterministicClock(), random: deterministicRandom(1) };
    const second = Program.load({ module: counted.bytes, name: 'second', machine, system, liveSpace: 1, wasi, now: () => 0 });
    expect(second.run()).toEqual(fine);
    const page = STACK_TOP / PAGE_SIZE - 1;
    const run1 = machine.stackRun(1)?.end as number;
    expect([machine.pmaps.extract(second.process.space.pmap, page), word(RESULT)]).toEqual([run1 - 1, 16]);
    expect(run1).toBe(machine.stackRun(0)?.first);
    system.destroySpace(second.process.space);
    system.check();
    expect(machine.frames.isSpared((run1 - 1) as never)).toBe(true);
  });

  it('runs code that was made for frames elsewhere, without it', () => {
    const other = buildMachine({ ramBytes: 2 * MIB, frames: 'bitmap', policy: 'uvm', system: 'uvm', liveSpaces: 1, seed: 1 }).machine;
    const { machine, system } = buildMachine({ ramBytes: MIB, frames: 'bitmap', policy: 'uvm', system: 'uvm', liveSpaces: 1, seed: 1 });
    const tables = { ...machine.tlbTables(0), stackEnd: other.tlbTables(0).stackEnd as number };
    const code = prepareCode(counted.bytes, 'test', tables);
    const wasi = { clock: deterministicClock(), random: deterministicRandom(1) };
    const program = Program.load({ module: counted.bytes, name: 'test', machine, system, liveSpace: 0, wasi, now: () => 0, code });
    expect([code.rewritten.form, program.run()]).toEqual(['window', fine]);
    expect(system.areas(program.process.space).some(({ lockedPages }) => lockedPages > 0)).toBe(false);
    system.check();
  });
});

describe('functions that tell of their first calls', () => {
  // sum(n) = n + sum(n - 1), with n kept in a frame, and a loop that adds it up.
  const summing = assemble(
    moduleText(`(func $sum (param $n i32) (result i32) ${enter(512, '(local $total i32) (local $left i32)')}
      (i32.store offset=500 (local.get $fp) (local.get $n))
      (if (local.get $n) (then (local.set $total (call $sum (i32.sub (local.get $n) (i32.const 1))))))
      (local.set $left (i32.load offset=500 (local.get $fp)))
      (loop $more (if (local.get $left) (then
        (local.set $total (i32.add (local.get $total) (i32.const 1)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br $more))))
      ${leave(512)} local.get $total)
      (func (export "_start") (i32.store (i32.const ${RESULT}) (call $sum (i32.const 100))))`),
  );

  it.each([
    ['in the window: one', AMPLE, 1],
    ['where there is none: one', NONE, 1],
    ['beyond its end: the same, in deep code, too', SHORT, 2],
  ])('do so %s', (_, setting, times) => {
    const told: CallableFunction[] = [];
    const { exit, word } = run(summing, { ...setting, optimize: (code) => void told.push(code) });
    expect([exit, word(RESULT)]).toEqual([fine, 5050]);
    expect([told.length, new Set(told).size]).toEqual([times, times]);
  });
});

describe('programs with random frames', () => {
  // Statements of a function with a frame of N bytes: what they access may lie in the frame, over its end, or in the callers'.
  const widths = ['8', '16', ''] as const;
  const statement = fc.oneof(
    fc.record({ what: fc.constant('store'), at: fc.nat(5000), width: fc.nat(2), shift: fc.nat(40) }),
    fc.record({ what: fc.constant('load'), at: fc.nat(5000), width: fc.nat(2), shift: fc.nat(40) }),
    fc.record({ what: fc.constant('poke'), at: fc.nat(5000), width: fc.nat(2), shift: fc.nat(40) }),
    fc.record({ what: fc.constantFrom('call', 'indirect'), at: fc.nat(3), width: fc.nat(2), shift: fc.nat(2) }),
  );
  const frame = fc.oneof(
    fc.constantFrom(16, 32, 48, 64, 1024, 1040, 4096),
    fc.integer({ min: 1, max: 300 }).map((n) => n * 16),
  );
  const program = fc.array(
    fc.record({ frame, leaf: fc.boolean(), dense: fc.boolean(), statements: fc.array(statement, { minLength: 1, maxLength: 12 }) }),
    {
      minLength: 4,
      maxLength: 4,
    },
  );
  type Sketch = typeof program extends fc.Arbitrary<(infer T)[]> ? T : never;

  const line = ({ what, at, width, shift }: Sketch['statements'][number], { frame: bytes, leaf }: Sketch): string => {
    // Half of the places are in the frame.
    const place = at % 2 === 0 ? at % bytes : at;
    const base = shift % 3 === 0 ? '(local.get $fp)' : `(i32.add (local.get $fp) (i32.const ${Math.min(shift, place)}))`;
    const offset = shift % 3 === 0 ? place : place - Math.min(shift, place);
    const value = `(i32.add (local.get $depth) (i32.const ${place * 77 + shift}))`;
    switch (what) {
      case 'store':
        return `(i32.store${widths[width]} offset=${offset} ${base} ${value})`;
      case 'load':
        return `(local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (i32.load${widths[width] === '' ? '' : `${widths[width]}_u`} offset=${offset} ${base})))`;
      case 'poke':
        return `(call $poke (i32.add (local.get $fp) (i32.const ${place})) ${value})`;
      default: {
        if (leaf) return '';
        const call =
          what === 'call'
            ? `(call $f${at} (i32.sub (local.get $depth) (i32.const ${1 + shift})))`
            : `(call_indirect (type $f) (i32.sub (local.get $depth) (i32.const ${1 + shift})) (i32.const ${at}))`;
        return `(if (i32.gt_s (local.get $depth) (i32.const 0)) (then (local.set $sum (i32.add (local.get $sum) ${call}))))`;
      }
    }
  };
  const functionText = (sketch: Sketch, index: number): string => {
    const { frame: bytes, leaf, dense, statements } = sketch;
    // Every 32 bytes of the frame are stored to, and read back at the end.
    const places = dense ? Array.from({ length: Math.floor(bytes / 32) }, (_, i) => i * 32 + 12) : [];
    const fill = places.map((at) => `(i32.store offset=${at} (local.get $fp) (i32.add (local.get $depth) (i32.const ${at})))`).join('\n');
    const drain = places.map((at) => `(local.set $sum (i32.add (local.get $sum) (i32.load offset=${at} (local.get $fp))))`).join('\n');
    // Every store through the frame pointer of a caller's bytes stays in memory: the deepest frame ends above page 0, the highest below the data's end.
    const prologue = `global.get $sp i32.const ${bytes} i32.sub local.set $fp ${leaf ? '' : 'local.get $fp global.set $sp'}`;
    return `(func $f${index} (param $depth i32) (result i32) (local $fp i32) (local $sum i32) ${prologue}
      global.get $count i32.const 1 i32.add global.set $count
      (if (i32.lt_s (global.get $budget) (i32.const 0)) (then (return (i32.const 0)))) (global.set $budget (i32.sub (global.get $budget) (i32.const 1)))
      (if (i32.lt_u (local.get $fp) (i32.const 8192)) (then ${leaf ? '' : `(global.set $sp (i32.add (local.get $fp) (i32.const ${bytes})))`} (return (i32.const 1))))
      ${fill} ${statements.map((each) => line(each, sketch)).join('\n')} ${drain}
      ${leaf ? '' : `(global.set $sp (i32.add (local.get $fp) (i32.const ${bytes})))`}
      local.get $sum)`;
  };
  const text = (sketches: Sketch[]): string =>
    moduleText(
      `${sketches.map(functionText).join('\n')}
      (func $poke (param i32 i32) (i32.store (local.get 0) (local.get 1)))
      (func (export "_start")
        (i32.store (i32.const ${RESULT}) (call $f0 (i32.const 60)))
        (i32.store (i32.const ${RESULT + 4}) (call_indirect (type $f) (i32.const 3) (i32.const 1)))
        (i32.store (i32.const ${RESULT + 8}) (global.get $count))
        (i32.store (i32.const ${RESULT + 12}) (global.get $sp)))`,
      `(type $f (func (param i32) (result i32))) (table 4 funcref) (elem (i32.const 0) $f0 $f1 $f2 $f3)
       (global $count (mut i32) (i32.const 0)) (global $budget (mut i32) (i32.const 3000))`,
    );

  it.each([
    ['the whole stack', 30, AMPLE],
    ['half of it', 40, SHORT],
    ['half of it, under bsdvm', 40, { ...SHORT, system: 'bsdvm' }],
  ])('do what they do on plain memory, with room for %s', (_, numRuns, setting) => {
    let deep = 0;
    fc.assert(
      fc.property(program, (sketches) => {
        const module = assemble(text(sketches));
        const expected = plain(module);
        const { exit, read, program: ran } = run(module, setting);
        expect([exit, expected.exit]).toEqual([fine, 'done']);
        expect(differences(read, expected.memory)).toEqual([]);
        if (ran.leftWindow) deep++;
      }),
      { numRuns, seed: 7 },
    );
    // Programs that outgrow the window are among them exactly if it is short of the stack: below it is the last KiB, which frames may need, and page 0.
    if (setting !== AMPLE) expect(deep).toBeGreaterThan(0);
  });
});

describe('a stack that comes to its end', () => {
  // A large frame that is used all over is in the window as a whole; one that is not, by its upper part.
  const all = (bytes: number): string => {
    const places = Array.from({ length: bytes / 64 }, (_, i) => bytes - 48 - i * 64);
    return places.map((at) => `(i32.store offset=${at} (local.get $fp) (local.get $n))`).join('\n');
  };
  const recursion = (bytes: number, use: 'all' | 'little'): Assembled =>
    assemble(
      moduleText(`(func $deeper (param $n i32) (result i32) ${enter(bytes)}
        ${use === 'all' ? all(bytes) : ''}
        (i32.store offset=4 (local.get $fp) (local.get $n))
        (i32.store offset=8 (local.get $fp) (call $deeper (i32.add (local.get $n) (i32.const 1))))
        (i32.load offset=4 (local.get $fp)))
      (func (export "_start") (drop (call $deeper (i32.const 1))))`),
    );

  const frames = [16, 48, 1040, 4096, 8000].flatMap((bytes) => (['little', 'all'] as const).map((use) => [bytes, use] as const));
  it.each(frames)('faults with frames of %i bytes, of which it uses %s, at the very access that faults without a window', (bytes, use) => {
    const module = recursion(bytes, use);
    const ends = [AMPLE, SHORT, NONE].map((setting) => {
      const { exit, program, system } = run(module, setting);
      if (exit.kind !== 'fault') throw new Error(`it ended with ${exit.kind}`);
      const { address, size, access, outcome } = exit.fault;
      return [{ address, size, access, outcome }, program.locate(exit.fault.stack ?? ''), system.statistics().failed];
    });
    expect(ends[0]).toEqual(ends[2]);
    expect(ends[1]).toEqual(ends[2]);
    expect(ends[2]?.[1]).toMatchObject({ name: 'deeper' });
  });

  it('goes on when the recursion comes back, and is whole again', () => {
    const module = assemble(
      moduleText(`(func $down (param $n i32) (result i32) ${enter(512, '(local $sum i32)')}
        (i32.store offset=500 (local.get $fp) (local.get $n))
        (i32.store offset=0 (local.get $fp) (i32.mul (local.get $n) (i32.const 3)))
        (if (local.get $n) (then (local.set $sum (call $down (i32.sub (local.get $n) (i32.const 1))))))
        (local.set $sum (i32.add (local.get $sum) (i32.add (i32.load offset=500 (local.get $fp)) (i32.load (local.get $fp)))))
        ${leave(512)} (local.get $sum))
      (func (export "_start") (local $i i32)
        (loop (i32.store offset=${RESULT} (i32.shl (local.get $i) (i32.const 2)) (call $down (i32.const 100)))
          (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))))`),
    );
    const { exit, word, program } = run(module, SHORT);
    const sum = 4 * ((100 * 101) / 2);
    expect([exit, word(RESULT), word(RESULT + 4), word(RESULT + 8), program.leftWindow]).toEqual([fine, sum, sum, sum, true]);
  });
});

describe('a stack pointer moved by hand', () => {
  // A frame of more than the window's margin is used all over.
  const fill = (bytes: number): string =>
    Array.from({ length: bytes / 32 }, (_, i) => `(i32.store offset=${i * 32 + 16} (local.get $fp) (local.get $n))`).join('\n');
  const user = (bytes: number): string => `(func $use (param $n i32) (result i32) ${enter(bytes)}
      ${bytes > 1024 ? fill(bytes) : ''}
      (i32.store offset=8 (local.get $fp) (local.get $n))
      (i32.store8 offset=${bytes - 1} (local.get $fp) (local.get $n))
      (i32.add (i32.load offset=8 (local.get $fp)) (i32.load8_u offset=${bytes - 1} (local.get $fp)))
      ${leave(bytes)})`;
  const places = [STACK_TOP + 16, STACK_TOP, STACK_TOP - 16, 200_000, 40_000, 9000, 5136, 4600, MEMORY_BYTES];

  it.each(places.flatMap((place) => [32, 2048].map((bytes) => [place, bytes] as const)))(
    'to %i, with a frame of %i bytes',
    (place, bytes) => {
      // The lowest places leave room for the frame.
      const at = place < 8192 ? place + bytes - 32 : place;
      const module = assemble(
        moduleText(`${user(bytes)}
      (func (export "_start") (drop (call $use (i32.const 1))) (global.set $sp (i32.const ${at}))
        (i32.store (i32.const ${RESULT}) (call $use (i32.const 5))) (global.set $sp (i32.const ${STACK_TOP}))
        (i32.store (i32.const ${RESULT + 4}) (call $use (i32.const 6))))`),
      );
      const expected = plain(module);
      for (const setting of [AMPLE, SHORT]) {
        const { exit, read } = run(module, setting);
        expect(exit).toEqual(fine);
        expect(differences(read, expected.memory)).toEqual([]);
      }
    },
  );

  const bad = [0, 1, 31, 32, 4100, 2 ** 32 - 16, 2 ** 31, 0xffff_0000, MEMORY_BYTES + 32];
  it.each(bad.flatMap((place) => [32, 2048].map((bytes) => [place, bytes] as const)))(
    'to %i, where a frame of %i bytes is no memory',
    (place, bytes) => {
      const module = assemble(
        moduleText(`${user(bytes)} (func (export "_start") (drop (call $use (i32.const 1)))
      (global.set $sp (i32.const ${place | 0})) (drop (call $use (i32.const 5))))`),
      );
      const ends = [AMPLE, SHORT, NONE].map((setting) => run(module, setting).exit);
      expect(ends[0]).toMatchObject({ kind: 'fault' });
      expect(ends.map((exit) => exit.kind === 'fault' && [exit.fault.address, exit.fault.size, exit.fault.access])).toEqual(
        Array.from({ length: 3 }, () => ends[2]?.kind === 'fault' && [ends[2].fault.address, 4, 'write']),
      );
    },
  );

  it('while a frame is in use, which stays where it is', () => {
    const module = assemble(
      moduleText(`${user(64)}
      (func (export "_start") ${enter(32)}
        (i32.store offset=4 (local.get $fp) (i32.const 11))
        (global.set $sp (i32.const 190000)) (drop (call $use (i32.const 3)))
        (global.set $sp (i32.const 20000)) (drop (call $use (i32.const 4)))
        (i32.store offset=8 (local.get $fp) (i32.add (i32.load offset=4 (local.get $fp)) (i32.const 1)))
        (i32.store (i32.const ${RESULT}) (i32.load offset=8 (local.get $fp))))`),
    );
    expect(run(module, AMPLE).word(RESULT)).toBe(12);
  });

  it('and a frame pointer that is set again is no frame pointer', () => {
    const module = assemble(
      moduleText(`(func (export "_start") ${enter(32)}
        (i32.store offset=4 (local.get $fp) (i32.const 11))
        (i32.store offset=8 (local.get $fp) (i32.const 12))
        (local.set $fp (i32.const ${RESULT}))
        (i32.store offset=4 (local.get $fp) (i32.const 13)))`),
    );
    const { word, program } = run(module, AMPLE);
    expect([word(RESULT + 4), program.codeFacts.stackWindow]).toEqual([13, 'none']);
  });
});

describe('pages of the stack', () => {
  // Touches the stack's pages through a pointer, or 700 KiB of heap, or neither; then uses a frame that lies in them.
  const touching = (first: 'pointer' | 'pointer, then heap' | 'heap' | 'nothing', afterwards: 'heap' | 'nothing'): Assembled => {
    const heap = '(call $heap)';
    const pointer = `(i32.store (i32.const ${STACK_TOP - 5000}) (i32.const 77)) (i32.store (i32.const ${STACK_TOP - 2000}) (i32.const 78))`;
    return assemble(
      moduleText(`(func $heap (local $i i32)
        (loop (i32.store (i32.add (i32.const 262144) (i32.shl (local.get $i) (i32.const 12))) (local.get $i))
          (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 700)))))
      (func $use ${enter(1000)}
        (i32.store offset=16 (local.get $fp) (i32.const 5))
        (i32.store offset=996 (local.get $fp) (i32.const 6))
        ${afterwards === 'heap' ? heap : ''}
        (i32.store (i32.const ${RESULT}) (i32.add (i32.load offset=16 (local.get $fp)) (i32.load offset=996 (local.get $fp)))) ${leave(1000)})
      (func (export "_start") ${enter(4096)}
        (drop (memory.grow (i32.const 60)))
        ${first.startsWith('pointer') ? pointer : ''} ${first.endsWith('heap') ? heap : ''}
        (call $use)
        (i32.store (i32.const ${RESULT + 4}) (i32.load (i32.const ${STACK_TOP - 5000})))
        (i32.store (i32.const ${RESULT + 8}) (i32.load (i32.const ${STACK_TOP - 2000}))))`),
    );
  };

  it.each(
    systemNames.flatMap((system) =>
      (['pointer', 'pointer, then heap', 'heap', 'nothing'] as const).flatMap((first) =>
        (['heap', 'nothing'] as const).map((then) => [system, first, then] as const),
      ),
    ),
  )('keep what was stored, under %s, if %s comes before a frame is in them and %s after', (system, first, then) => {
    const { exit, word, locked, system: manager } = run(touching(first, then), { ...SHORT, system });
    const stored = first.startsWith('pointer') ? [77, 78] : [0, 0];
    expect([exit, word(RESULT), word(RESULT + 4), word(RESULT + 8)]).toEqual([fine, 11, ...stored]);
    const crowded = first.endsWith('heap') || then === 'heap';
    expect(manager.statistics().swapPagesOut > 0).toBe(crowded);
    // What is below the stack pointer at both entries; less only where its frames had been given to others.
    expect([0, 1, 2]).toContain(locked() / PAGE_SIZE);
    if (!first.endsWith('heap')) expect(locked()).toBe(2 * PAGE_SIZE);
  });

  it('that cannot be locked are used without the window', () => {
    const prepared: Setting['prepared'] = (_machine, system, program) => system.limit(program.process.space, { lockedBytes: PAGE_SIZE });
    const { exit, word, locked, program } = run(touching('nothing', 'nothing'), { ...AMPLE, prepared });
    expect([exit, word(RESULT), locked(), program.leftWindow]).toEqual([fine, 11, PAGE_SIZE, true]);
  });

  it("are the parent's own when the space is forked in the middle of a function", () => {
    const module = assemble(
      moduleText(`(func (export "_start") ${enter(32)}
        (i32.store offset=4 (local.get $fp) (i32.const 1))
        (i32.store (i32.const 150000) (i32.const 1))
        (i32.store offset=4 (local.get $fp) (i32.const 2))
        (i32.store offset=8 (local.get $fp) (i32.const 3))
        (i32.store (i32.const ${RESULT}) (i32.add (i32.load offset=8 (local.get $fp)) (i32.load offset=4 (local.get $fp)))))`),
    );
    const at = STACK_TOP - 32 + 4;
    for (const system of systemNames) {
      const children: Space[] = [];
      // The first trap is that of the store to 150000: the frame's page came in without one.
      const observe: Setting['observe'] = (machine, manager, program) => {
        if (children.length > 0) return;
        const child = manager.fork(program.process.space, machine.liveTlb(1));
        if (typeof child !== 'string') children.push(child);
      };
      const { exit, word, machine, system: manager } = run(module, { ...AMPLE, system, observe });
      expect([exit, word(RESULT), word(at), children.length]).toEqual([fine, 5, 2, 1]);
      const space = children[0] as Space;
      expect(manager.fault(space, Math.floor(at / PAGE_SIZE), 0)).toBe(0);
      const frame = machine.pmaps.extract(space.pmap, Math.floor(at / PAGE_SIZE));
      expect(machine.ram.words[(frame * PAGE_SIZE + (at % PAGE_SIZE)) / 4]).toBe(1);
      manager.destroySpace(space);
      manager.check();
    }
  });

  it.each(['mapped', 'unmapped'] as const)('that are in other frames by then, %s, are used without the window', (state) => {
    const module = assemble(
      moduleText(`(func $use ${enter(1000)}
        (i32.store offset=16 (local.get $fp) (i32.const 5)) (i32.store offset=996 (local.get $fp) (i32.const 6))
        (i32.store (i32.const ${RESULT}) (i32.add (i32.load offset=16 (local.get $fp)) (i32.load offset=996 (local.get $fp)))) ${leave(1000)})
      (func (export "_start") ${enter(4096)}
        (i32.store (i32.const ${STACK_TOP - 5000}) (i32.const 77)) (i32.store (i32.const 150000) (i32.const 1))
        (call $use) (i32.store (i32.const ${RESULT + 4}) (i32.load (i32.const ${STACK_TOP - 5000}))))`),
    );
    const page = (STACK_TOP - 5000) >> 12;
    const kept: Pfn[] = [];
    // Somebody has the frame that is for the page, until the page is in memory.
    const prepared: Setting['prepared'] = ({ frames, ram }) => {
      const taken: Pfn[] = [];
      for (let frame = frames.allocate(FrameKind.dma); frame !== -1; frame = frames.allocate(FrameKind.dma)) taken.push(frame);
      for (const frame of taken) if (frame === ram.frameCount - 2) kept.push(frame);
      for (const frame of taken) if (frame !== ram.frameCount - 2) frames.free(frame);
    };
    const observe: Setting['observe'] = ({ frames, pmaps }, _, { process }) => {
      if (kept.length === 0 || pmaps.extract(process.space.pmap, page) === -1) return;
      frames.free(kept.pop() as Pfn);
      if (state === 'unmapped') pmaps.remove(process.space.pmap, page, page + 1);
    };
    const { exit, word, locked, program, machine } = run(module, { ...AMPLE, prepared, observe });
    expect([exit, word(RESULT), word(RESULT + 4), kept.length, program.leftWindow, locked()]).toEqual([fine, 11, 77, 0, true, PAGE_SIZE]);
    expect(machine.frames.isSpared((machine.ram.frameCount - 2) as Pfn)).toBe(true);
  });

  it.each(systemNames)('are where system calls write and read, under %s', (system) => {
    const module = assemble(
      moduleText(
        `(func (export "_start") ${enter(64)}
        (i32.store (local.get $fp) (i32.const -1)) (i32.store offset=4 (local.get $fp) (i32.const -1))
        (drop (call $random (local.get $fp) (i32.const 8)))
        (i32.store (i32.const ${RESULT}) (i32.load (local.get $fp))) (i32.store (i32.const ${RESULT + 4}) (i32.load offset=4 (local.get $fp)))
        (i32.store offset=16 (local.get $fp) (i32.const 0x0a796568)) (i32.store offset=32 (local.get $fp) (i32.add (local.get $fp) (i32.const 16)))
        (i32.store offset=36 (local.get $fp) (i32.const 4))
        (drop (call $write (i32.const 1) (i32.add (local.get $fp) (i32.const 32)) (i32.const 1) (i32.add (local.get $fp) (i32.const 40))))
        (i32.store (i32.const ${RESULT + 8}) (i32.load offset=40 (local.get $fp))))`,
        '',
        `(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))`,
      ),
    );
    const outcomes = [AMPLE, NONE].map((setting) => {
      const stdout = new CollectingSink();
      const { exit, word, program } = run(module, { ...setting, system, wasi: { stdout } });
      expect(exit).toEqual(fine);
      return [word(RESULT), word(RESULT + 4), word(RESULT + 8), stdout.text(), program.codeFacts.stackWindow];
    });
    expect(outcomes[0]).toEqual([...(outcomes[1] as unknown[]).slice(0, 2), 4, 'hey\n', 'used']);
    expect(outcomes[1]?.slice(2)).toEqual([4, 'hey\n', 'none']);
    expect(outcomes[0]?.[0]).not.toBe(0xffff_ffff);
  });

  it('tell of their first touch by the events of a fault, each once', () => {
    const faulted = (setting: Setting): number[] => {
      const pages: number[] = [];
      const prepared: Setting['prepared'] = (machine) => {
        machine.events.attach((words) => {
          for (let at = 0; at < words.length; at += EVENT_WORDS) if (words[at] === EventType.fault) pages.push(words[at + 2] as number);
        });
      };
      const { machine, system } = run(touching('nothing', 'nothing'), { ...setting, prepared });
      machine.events.flush();
      expect(pages.length).toBe(system.statistics().faults);
      return pages;
    };
    const stackPages = faulted(AMPLE).filter((page) => page < STACK_TOP / PAGE_SIZE);
    expect(stackPages).toEqual([15, 14]);
    expect(faulted(NONE).filter((page) => page < STACK_TOP / PAGE_SIZE)).toEqual([14, 15]);
  });
});

describe('a module that cannot have a window', () => {
  const use = `(func $use ${enter(32)} (i32.store offset=4 (local.get $fp) (i32.const 1)) (i32.store offset=8 (local.get $fp) (i32.const 1)) ${leave(32)})`;
  const formOf = (text: string): string =>
    rewriteModule(assemble(text).bytes, {
      layout: { readTable: MIB, writeTable: 2 * MIB },
      nullPage: 'mapped',
      window: { top: STACK_TOP, delta: 0 },
    }).form;

  it.each([
    ['is like any other', 'window', moduleText(use)],
    ['has a frame but accesses it once', 'plain', moduleText(`(func ${enter(32)} (i32.store (local.get $fp) (i32.const 1)) ${leave(32)})`)],
    ['names a function as a value', 'plain', moduleText(`${use} (func (drop (ref.func $use)))`, '(elem declare func $use)')],
    ['drops an element segment', 'plain', moduleText(`${use} (func elem.drop 0)`, '(elem func $use)')],
    [
      'fills a table',
      'plain',
      moduleText(`${use} (func (table.init 0 (i32.const 0) (i32.const 0) (i32.const 0)))`, '(table 1 funcref) (elem func $use)'),
    ],
    ['runs a function at its start', 'plain', moduleText(use, '(start $use)')],
    [
      'has a stack pointer that is imported',
      'plain',
      `(module (import "a" "b" (global $sp (mut i32))) (memory (export "memory") 1) ${use})`,
    ],
    [
      'shares a table',
      'plain',
      `(module (import "a" "b" (table 1 funcref)) (memory (export "memory") 1) (global $sp (mut i32) (i32.const 8)) ${use})`,
    ],
    ['has an export with a name of ours', 'plain', moduleText(use, '(export "quire:window" (global $sp))')],
    [
      'has no mutable global first',
      'plain',
      `(module (memory (export "memory") 1) (global i32 (i32.const 1)) (global $sp (mut i32) (i32.const 8)) ${use})`,
    ],
  ])('or can: one that %s is %s', (_, form, text) => {
    expect(formOf(text)).toBe(form);
  });

  it.each([
    ['(func (drop (global.get 1)))', 'there is no global 1'],
    ['(func (global.set 1 (i32.const 0)))', 'there is no global 1'],
    ['(func (drop (table.get 0 (i32.const 0))))', 'there is no table 0'],
    ['(func (call_indirect 0 (i32.const 0)))', 'there is no table 0'],
    ['(func (drop (table.size 0)))', 'there is no table 0'],
    ['(func (table.copy 0 0 (i32.const 0) (i32.const 0) (i32.const 0)))', 'there is no table 0'],
  ])('and none reaches our global and our table: %s', (text, message) => {
    expect(() => formOf(moduleText(`${use} ${text}`))).toThrow(message);
  });
});
