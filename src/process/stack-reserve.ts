// Room for the kernel on the engine's call stack. A guest that recurses without end can meet the end of that stack inside the
// kernel: the engine would then throw out of the middle of a fault, with the kernel's structures half changed. So before a fault
// begins, a function with a frame of its own, as large as the kernel can need, is called: if there is no room the engine throws
// there, and nothing has changed.
//
// No host tells how much stack is left, but every engine checks at a function's entry that its whole frame fits. The frame is made
// large by a call that is never reached, of a function with a thousand results: where they would come to lie is part of the caller's frame,
// whichever compiler lays it out, and it takes none of them long.
// Cost: 10 ns per page fault once optimized, about 100 before (Node 20).

import { letterName, MODULE_START, moduleSection, unsignedLeb } from '../base/index.ts';

/** Results of the call, of 16 bytes each: 16 KB of them. 1,000 are the most that engines allow. */
const RESULTS = 1000;
/**
 * Functions with such a frame, each called by the one before: 64 KB in all. A fault's own calls need about 4, but the engine may
 * compile a kernel function at its first call there, and its compiler wants stack too: with 32 KB V8 was seen to fail in it.
 */
const LEVELS = 4;
/**
 * Instructions that do nothing, where nothing comes by: they make a level longer than what V8 inlines, 500 bytes. It would put all four into
 * one frame with one place for the results.
 */
const PADDING = 2000;

const I32 = 0x7f;
const V128 = 0x7b;
const FUNCREF = 0x70;
const FUNCTION_TYPE = 0x60;
const LOCAL_GET = 0x20;
const IF_EMPTY = [0x04, 0x40] as const;
const CALL = 0x10;
const CALL_INDIRECT = 0x11;
const I32_CONST = 0x41;
const UNREACHABLE = 0x00;
const NOP = 0x01;
const END = 0x0b;

/** Throws the engine's own stack-exhausted error unless 64 KB of call stack are left. */
export type StackReserve = () => void;

/** Makes the function; one per process, or shared. */
export function makeStackReserve(): StackReserve {
  const module = new WebAssembly.Module(moduleBytes());
  const { exports } = new WebAssembly.Instance(module);
  const probe = exports['p'] as (taken: number) => void;
  return () => probe(0);
}

/**
 * (module (type $many (func (result v128 ...))) (table 1 funcref)
 *   (func $p0 (export "p") (param i32) (if (local.get 0) (then (call_indirect (type $many) (i32.const 0)) (unreachable) (nop) ...)) (call $p1 (local.get 0)))
 *   (func $p1 (param i32) ... (call $p2 (local.get 0))) ...)
 * The table is empty: a function in it could be inlined.
 */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  const bodies = Array.from({ length: LEVELS }, (_, level) => levelBody(level)).flatMap((body) => [unsignedLeb(body.length), body]);
  const code = concatenated([[LEVELS], ...bodies]);
  const results = Array<number>(RESULTS).fill(V128);
  return concatenated([
    MODULE_START,
    moduleSection(1, [2, FUNCTION_TYPE, 0, ...unsignedLeb(RESULTS), ...results, FUNCTION_TYPE, 1, I32, 0]),
    moduleSection(3, [LEVELS, ...new Uint8Array(LEVELS).fill(1)]),
    moduleSection(4, [1, FUNCREF, 0, 1]),
    moduleSection(7, [1, ...letterName('p'), 0, 0]),
    [10, ...unsignedLeb(code.length)],
    code,
  ]);
}

function levelBody(level: number): Uint8Array {
  // After `unreachable` the results need not be taken off the operand stack.
  const many = [I32_CONST, 0, CALL_INDIRECT, 0, 0, UNREACHABLE];
  const deeper = level + 1 < LEVELS ? [LOCAL_GET, 0, CALL, level + 1] : [];
  return concatenated([[0, LOCAL_GET, 0, ...IF_EMPTY], many, new Uint8Array(PADDING).fill(NOP), [END, ...deeper, END]]);
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
