// The generated code of functions whose stack frame lies in the window (process/stack-window.ts): how they are recognised, and what is
// put behind their prologue.
//
//   the compiler's prologue        global.get 0; i32.const N; i32.sub; local.tee fp        (or i32.const -N; i32.add; or local.set)
//   put behind it                  if (fp - (top - N + 1) <= limit, unsigned)              limit: the global `quire:window`
//                                    if (enter(fp + N)) return deep[this function](the parameters)
//   in the function                an access at fp + k, bytes [k, k + size) of [0, N), becomes one at fp + k + delta: no table
//
// With v = top - stack pointer, the test is v >= max(0, bytes in the window - WINDOW_MARGIN + 1): one comparison finds a stack pointer that is too
// low, above the stack's top, or anywhere else. In the other case the WINDOW_MARGIN bytes below the stack pointer are in the window, and
// the function may rely on that as long as it runs, whatever becomes of the stack pointer (W2). Frames may be larger: what is more than
// the margin below is accessed as everything else, unless there is much of that. Then the test is made a second time, for fp + margin in place of
// the stack pointer, and the whole frame is in the window.
//
// A frame larger than the margin may reach below address 0 although its upper end is in the window. There fp, as the number it is, is near 2^32, and an
// access at fp + k is none to memory: such a function asks for fp < 0 too, and tells the kernel a stack pointer of 0, for which there is deep code only.
// Where the whole frame is to be in the window, the second test says so.
//
//   CW1  fp is a local that no other instruction of the function sets, so it is the stack pointer at entry, less N
//   CW2  the function has done nothing when it leaves for `deep`: parameters and stack pointer are as they were
//   CW3  fp + k, for bytes of the frame that are in the window, does not wrap: fp is not above the stack pointer
//
// `deep` is a table of the same functions as other code does them, without a window (`RewriteOptions.form`): a second module over the same
// globals and tables, which the kernel makes when it is first needed (window-entry.ts). A deep function calls deep functions; through tables it reaches
// those with a window.
//
// Cost: five instructions in each call of such a function, eight to ten for a large frame, and nothing at its accesses.

import { WINDOW_MARGIN, type WindowLayout } from '../abi.ts';
import { ByteReader, Op, ValueType } from '../binary/index.ts';
import type { AddedFunctions } from './added-functions.ts';
import type { BranchHints } from './branch-hints.ts';
import type { ByteWriter } from './byte-writer.ts';

/** The prologue of a function that has a stack frame. */
export interface Prologue {
  /** The local that holds the frame pointer. */
  readonly pointer: number;
  /** N, in bytes: 1 to 2^31. */
  readonly frameBytes: number;
  /** Whether the frame pointer is left on the stack. */
  readonly leaves: 'on stack' | 'nothing';
  /** File offset of its end. */
  readonly end: number;
}

/** The window as code for one module sees it. */
export interface WindowCode {
  readonly layout: WindowLayout;
  /** Index of the global that holds the limit. */
  readonly limitGlobal: number;
  /** Index of the table of deep functions. */
  readonly deepTable: number;
}

/** Reads the prologue at `start`, the first instruction of a function with `parameters` parameters. Returns undefined if there is something else. */
export function readPrologue(bytes: Uint8Array, start: number, end: number, parameters: number): Prologue | undefined {
  // The shortest prologue is 8 bytes, and whatever follows is at least an `end`.
  if (end - start < 9 || bytes[start] !== Op.globalGet || bytes[start + 1] !== 0 || bytes[start + 2] !== Op.i32Const) return undefined;
  const reader = new ByteReader(bytes, start + 3, end, 'a prologue');
  const constant = reader.s32();
  const operation = reader.u8();
  const frameBytes = operation === Op.i32Sub ? constant : operation === Op.i32Add ? -constant : 0;
  const opcode = reader.u8();
  if (frameBytes <= 0 || (opcode !== Op.localTee && opcode !== Op.localSet)) return undefined;
  const pointer = reader.u32();
  if (pointer < parameters) return undefined;
  return { pointer, frameBytes, leaves: opcode === Op.localTee ? 'on stack' : 'nothing', end: reader.position };
}

/** Larger frames are never in the window as a whole: their pages would be locked though hardly any of them may ever be touched. */
const LARGEST_WHOLE_FRAME = 32 * 1024;
/** Nor are frames with fewer accesses beyond the margin than one for so many bytes: what they have there are arrays. */
const WHOLE_FRAME_DENSITY = 64;

/** Tells whether a frame that has `beyond` accesses below the margin should be in the window as a whole. */
export function wantsWholeFrame({ frameBytes }: Prologue, beyond: number): boolean {
  return frameBytes > WINDOW_MARGIN && frameBytes <= LARGEST_WHOLE_FRAME && beyond * WHOLE_FRAME_DENSITY >= frameBytes;
}

/** How far below the stack pointer at its entry a function may rely on the window: the margin, or the whole frame. */
export type Reach = 'margin' | 'frame';

/** Returns where the bytes [distance, distance + size) of a frame are: `window` if they are in it whenever the function runs. */
export function placeInFrame({ frameBytes }: Prologue, reach: Reach, distance: number, size: number): 'window' | 'beyond' | 'outside' {
  if (distance < 0 || distance + size > frameBytes) return 'outside';
  return reach === 'frame' || frameBytes - distance <= WINDOW_MARGIN ? 'window' : 'beyond';
}

/** What the check at the entry of a function is made from. */
export interface EntryCheck {
  readonly window: WindowCode;
  readonly prologue: Prologue;
  readonly reach: Reach;
  readonly functions: AddedFunctions;
  /** Index among the module's own functions, which is its place in the table of deep ones. */
  readonly own: number;
  /** Index of its type. */
  readonly type: number;
  readonly parameters: number;
}

/** Appends the check that stands behind a prologue. The stack is as the prologue left it, after and before. */
export function emitEntryCheck(
  code: ByteWriter,
  hints: BranchHints,
  { window, prologue, reach, functions, own, type, parameters }: EntryCheck,
): void {
  const { pointer, frameBytes, leaves } = prologue;
  if (leaves === 'nothing') code.get(pointer);
  emitTest(code, window, frameBytes);
  const mayWrap = reach === 'margin' && frameBytes > WINDOW_MARGIN;
  if (mayWrap) {
    code.get(pointer);
    code.ops(Op.i32Const, 31, Op.i32ShrU, Op.i32Or);
  }
  if (reach === 'frame') {
    code.get(pointer);
    emitTest(code, window, WINDOW_MARGIN);
    code.u8(Op.i32Or);
  }
  hints.unlikely(code.length);
  code.ops(Op.if, ValueType.empty);
  emitStackPointer(code, pointer, frameBytes);
  if (mayWrap) {
    // The window lies below 2^31: a frame pointer above it is not in the window or wrapped, and 0 takes the place of either's stack pointer.
    code.get(pointer);
    code.ops(Op.i32Const, 31, Op.i32ShrU, Op.i32Const, 1, Op.i32Sub, Op.i32And);
  }
  code.call(functions.host('enter'));
  if (reach === 'frame') {
    emitStackPointer(code, pointer, WINDOW_MARGIN);
    code.call(functions.host('enter'));
    code.u8(Op.i32Or);
  }
  code.ops(Op.if, ValueType.empty);
  for (let parameter = 0; parameter < parameters; parameter++) code.get(parameter);
  code.i32(own);
  code.indexed(Op.callIndirect, type);
  code.u32(window.deepTable);
  code.ops(Op.return, Op.end, Op.end);
  if (leaves === 'on stack') code.get(pointer);
}

// Leaves whether `above` bytes above the frame pointer, which is on the stack, is no place for a stack pointer with the margin below it in the window.
function emitTest(code: ByteWriter, { layout, limitGlobal }: WindowCode, above: number): void {
  code.i32(layout.top - above + 1);
  code.u8(Op.i32Sub);
  code.indexed(Op.globalGet, limitGlobal);
  code.u8(Op.i32LeU);
}

function emitStackPointer(code: ByteWriter, pointer: number, above: number): void {
  code.get(pointer);
  code.i32(above);
  code.u8(Op.i32Add);
}
