// A guest that recurses without end, each level touching a new page: the engine's stack would often end inside the kernel.
// The stack reserve moves that end to before the kernel has changed anything, so that everything still holds afterwards.
import { describe, expect, it } from 'vitest';
import { KIB } from '../src/base/index.ts';
import { deterministicClock, deterministicRandom } from '../src/wasm/index.ts';
import { assemble } from './support/assemble.ts';
import { runMapped } from './support/run-mapped.ts';

const frames = [512, 1024, 2048, 4096, 8192];
const values = [0, 1, 3, 7, 12];

/** Each call takes `frame` bytes of its own stack and keeps `count` 64-bit values alive on the engine's. */
function recursion(frame: number, count: number): Uint8Array {
  const each = (text: (i: number) => string): string => Array.from({ length: count }, (_, i) => text(i)).join(' ');
  return assemble(`(module
    (memory (export "memory") 2049)
    (global $stack (mut i32) (i32.const 0x8000000))
    (data (i32.const 0x8000000) "data begin where the stack begins")
    (func $deeper (param i32) (result i32) ${each((i) => `(local $v${i} i64)`)}
      (global.set $stack (i32.sub (global.get $stack) (i32.const ${frame})))
      (i32.store (global.get $stack) (local.get 0))
      ${each((i) => `(local.set $v${i} (i64.load offset=${i} (global.get $stack)))`)}
      (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (i32.load (global.get $stack)))
      ${each((i) => `(i32.add (i32.wrap_i64 (local.get $v${i})))`)})
    (func (export "_start") (drop (call $deeper (i32.const 1)))))`).bytes;
}

describe('a guest that recurses without end', () => {
  const shapes = frames.flatMap((frame) => values.map((count) => [frame, count] as const));
  // The RAM is tight, so that most faults page out as well: the deepest that the kernel's own calls get.
  it.each(shapes)('leaves the kernel whole with frames of %i bytes and %i values', (frame, count) => {
    const world = { clock: deterministicClock(), random: deterministicRandom(1) };
    const { exit, statistics } = runMapped({ module: recursion(frame, count), name: 'recursion', wasi: world }, { ramBytes: 512 * KIB });
    expect(exit).toMatchObject({ kind: 'trap', reason: 'call stack exhausted' });
    expect(statistics.zeroFill).toBeGreaterThan(50);
  });
});
