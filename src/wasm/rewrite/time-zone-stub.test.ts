// wasi-libc's defective time-zone stub, as clang compiles it, and functions that only look like it.
import { describe, expect, it } from 'vitest';
import { assemble } from '../../../test/support/assemble.ts';
import { runMapped } from '../../../test/support/run-mapped.ts';
import { MIB } from '../../base/index.ts';
import { readModule } from '../binary/index.ts';
import { deterministicClock, deterministicRandom } from '../wasi/index.ts';
import { hasTimeZoneStub } from './time-zone-stub.ts';

const store = (pointer: number, value: number): string => `(i32.store (local.get ${pointer}) (i32.const ${value}))`;
const STUB = `(param i64 i32 i32 i32 i32) ${store(1, 0)} ${store(3, 0)} ${store(4, 70_000)} ${store(2, 0)}`;

/** A stack-first program whose `_start` calls `body` with a null third pointer, then checks what the other stores left. */
const program = (body: string): Uint8Array =>
  assemble(`(module
    (memory (export "memory") 2)
    (global $stack (mut i32) (i32.const 65536))
    (data (i32.const 65536) "\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff")
    (func $stub ${body})
    (func (export "_start")
      (call $stub (i64.const 0) (i32.const 65536) (i32.const 65540) (i32.const 0) (i32.const 65544))
      (if (i32.load (i32.const 65536)) (then unreachable))
      (if (i32.load (i32.const 65540)) (then unreachable))
      (if (i32.ne (i32.load (i32.const 65544)) (i32.const 70000)) (then unreachable))))`).bytes;

const run = (module: Uint8Array) =>
  runMapped({ module, name: 'stub', wasi: { clock: deterministicClock(), random: deterministicRandom(1) } }, { ramBytes: MIB }).exit;

describe('the time-zone stub', () => {
  it('is recognised; its null store falls away and its others happen', () => {
    const module = program(STUB);
    expect(hasTimeZoneStub(readModule(module))).toBe(true);
    expect(run(module)).toEqual({ kind: 'exit', code: 0 });
  });

  it.each([
    ['with a store more', `${STUB} ${store(1, 0)}`],
    ['with another order of parameters', STUB.replace('(param i64 i32', '(param i64 i32 i32 i32')],
    ['with an offset', STUB.replace('(i32.store (local.get 3)', '(i32.store offset=4 (local.get 3)')],
    ['with two constants', STUB.replace(store(1, 0), store(1, 1))],
    ['with a local', STUB.replace('i32)', 'i32) (local i32)')],
  ])('is not seen in a function %s', (_what, body) => {
    const module = assemble(`(module (memory (export "memory") 2) (func (export "_start")) (func ${body}))`).bytes;
    expect(hasTimeZoneStub(readModule(module))).toBe(false);
  });

  it('alone is tolerated: the same stores in another function are caught', () => {
    const other = program(STUB.replace(store(1, 0), `nop ${store(1, 0)}`));
    expect(run(other)).toMatchObject({ kind: 'fault', fault: { address: 0, access: 'write' } });
  });
});
