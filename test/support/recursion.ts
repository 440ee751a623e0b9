// A program that recurses without end, each level touching its own shadow stack.
import { type Assembled, assemble } from './assemble.ts';

/** Each call of `$deeper` takes `frameBytes` of its own stack and keeps `values` 64-bit values alive on the engine's. */
export function recursion(frameBytes: number, values: number): Assembled {
  const each = (text: (i: number) => string): string => Array.from({ length: values }, (_, i) => text(i)).join(' ');
  return assemble(`(module
    (memory (export "memory") 2049)
    (global $stack (mut i32) (i32.const 0x8000000))
    (data (i32.const 0x8000000) "data begin where the stack begins")
    (func $deeper (param i32) (result i32) ${each((i) => `(local $v${i} i64)`)}
      (global.set $stack (i32.sub (global.get $stack) (i32.const ${frameBytes})))
      (i32.store (global.get $stack) (local.get 0))
      ${each((i) => `(local.set $v${i} (i64.load offset=${i} (global.get $stack)))`)}
      (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (i32.load (global.get $stack)))
      ${each((i) => `(i32.add (i32.wrap_i64 (local.get $v${i})))`)})
    (func (export "_start") (drop (call $deeper (i32.const 1)))))`);
}
