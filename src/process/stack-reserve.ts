// Room for the kernel on the engine's call stack. A guest that recurses without end can meet the end of that stack inside the
// kernel: the engine would then throw out of the middle of a fault, with the kernel's structures half changed. So before a fault
// begins, a function with a frame of its own, as large as the kernel can need, is called: if there is no room the engine throws
// there, and nothing has changed.
//
// No host tells how much stack is left, but every engine checks at a function's entry that its whole frame fits. The frame is
// made large by a branch that is never taken and keeps thousands of values on the operand stack at once; their sum goes to a global,
// or an optimizing compiler would drop values and frame.
// Cost: 10 ns per page fault once optimized, about 100 before (Node 20).

/** Values kept at once by one function: 16 KiB of them. */
const VALUES = 2000;
/**
 * Functions with such a frame, each called by the one before: 64 KiB in all. A fault's own calls need about 4, but the engine may
 * compile a kernel function at its first call there, and its compiler wants stack too: with 32 KiB V8 was seen to fail in it.
 */
const LEVELS = 4;

const I32 = 0x7f;
const I64 = 0x7e;
const FUNCTION_TYPE = 0x60;
const LOCAL_GET = 0x20;
const IF_EMPTY = [0x04, 0x40] as const;
const CALL = 0x10;
const I64_CONST = 0x42;
const I64_ADD = 0x7c;
const GLOBAL_SET = [0x24, 0x00] as const;
const END = 0x0b;

/** Throws the engine's own stack-exhausted error unless 64 KiB of call stack are left. */
export type StackReserve = () => void;

/** Makes the function; one per process, or shared. */
export function makeStackReserve(): StackReserve {
  const module = new WebAssembly.Module(moduleBytes());
  const { exports } = new WebAssembly.Instance(module, { q: { f: () => 0n } });
  const probe = exports['p'] as (taken: number) => void;
  return () => probe(0);
}

/**
 * (module (import "q" "f" (func $f (result i64))) (global $sum (mut i64) (i64.const 0))
 *   (func $p0 (export "p") (param i32) (if (local.get 0) (then VALUES calls of $f, summed, kept in $sum)) (call $p1 (local.get 0)))
 *   (func $p1 (param i32) ... (call $p2 (local.get 0))) ...)
 */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  const bodies = Array.from({ length: LEVELS }, (_, level) => levelBody(level)).flatMap((body) => [unsigned(body.length), body]);
  const code = concatenated([[LEVELS], ...bodies]);
  return concatenated([
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, [2, FUNCTION_TYPE, 0, 1, I64, FUNCTION_TYPE, 1, I32, 0]),
    section(2, [1, ...name('q'), ...name('f'), 0, 0]),
    section(3, [LEVELS, ...new Uint8Array(LEVELS).fill(1)]),
    section(6, [1, I64, 1, I64_CONST, 0, END]),
    section(7, [1, ...name('p'), 0, 1]),
    [10, ...unsigned(code.length)],
    code,
  ]);
}

function levelBody(level: number): Uint8Array {
  // Each call is two bytes; the second, the index of the import, is the 0 that is there already.
  const calls = new Uint8Array(2 * VALUES);
  for (let i = 0; i < calls.length; i += 2) calls[i] = CALL;
  const additions = new Uint8Array(VALUES - 1).fill(I64_ADD);
  // Function 0 is the import, so level n is function n + 1 and calls function n + 2.
  const deeper = level + 1 < LEVELS ? [LOCAL_GET, 0, CALL, level + 2] : [];
  return concatenated([[0, LOCAL_GET, 0, ...IF_EMPTY], calls, additions, [...GLOBAL_SET, END, ...deeper, END]]);
}

function concatenated(parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const section = (id: number, contents: readonly number[]): number[] => [id, ...unsigned(contents.length), ...contents];
const name = (letter: string): number[] => [1, letter.charCodeAt(0)];

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}
