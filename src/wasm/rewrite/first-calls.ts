// Functions that the engine should optimize before they run for the first time, and the test in front of them that has it done.
//
// V8 starts every function in its baseline compiler and replaces code only between calls (WebAssembly has no on-stack replacement
// there), so a loop that runs within one call, as in many a main function, never leaves it; and the baseline tier makes the hit paths
// dear: each is five instructions that the optimizing tier folds and schedules. So a body with a loop begins with
//
//   if (unmet)                           unmet: a global of its own, a reference to the function until its first call
//     optimize(unmet), unmet = null      the embedder has the engine optimize it, if it can
//     return f(the parameters)           which enters the code there is now
//
// The others stay as they are: what is called often is optimized soon enough.
//
// The optimizing compiler takes 1 to 2 ms for each KiB of a body, in which the program waits. Hence the limits: a long body (printf,
// malloc with its 6 KiB) is entered often rather than stayed in, and a large module has too many bodies (CPython: 3,000 with loops).
//
// FC1  the function has done nothing when it is called again: parameters, globals and stack pointer are as they were
// FC2  it asks once, whatever becomes of that
//
// Cost: a load and a comparison in each later call. Measured (Node 26, times plain): nbody 2.66 -> 1.45, matmul 2.70 -> 1.25,
// memops 1.75 -> 1.15, gups 1.94 -> 1.36.

import { type FunctionType, type ModuleInfo, Op, ValueType } from '../binary/index.ts';
import type { AddedFunctions } from './added-functions.ts';
import type { BranchHints } from './branch-hints.ts';
import { ByteWriter } from './byte-writer.ts';

const LARGEST_MODULE_BYTES = 256 * 1024;
const LARGEST_BODY_BYTES = 4 * 1024;

/** The code of a function as `FunctionRewriter` left it. */
interface RewrittenBody {
  readonly code: ByteWriter;
  readonly branchHints: BranchHints;
  readonly control: 'straight' | 'loop';
}

/** The functions of one module that tell of their first calls. */
export class FirstCalls {
  readonly #module: ModuleInfo;
  readonly #functions: AddedFunctions;
  readonly #firstGlobal: number;
  readonly #isFit: boolean;
  /** New indices of the functions, in the order of their globals. */
  readonly told: number[] = [];

  /** @param firstGlobal index of the first of their globals in the result. */
  constructor(module: ModuleInfo, functions: AddedFunctions, firstGlobal: number) {
    const { start, end, count } = module.bodies;
    this.#module = module;
    this.#functions = functions;
    this.#firstGlobal = firstGlobal;
    const codeBytes = count === 0 ? 0 : (end[count - 1] as number) - (start[0] as number);
    // One that exports nothing is never entered, and has no place for a global section.
    this.#isFit = codeBytes <= LARGEST_MODULE_BYTES && module.exports.length > 0;
  }

  /** Puts the test in front of the code of own function `own`, which becomes function `newIndex`, if it should have one. */
  precede({ code, branchHints, control }: RewrittenBody, own: number, newIndex: number): void {
    const { bodies, importedFunctionCount, functionTypes, types } = this.#module;
    const bodyBytes = (bodies.end[own] as number) - (bodies.start[own] as number);
    if (!this.#isFit || control === 'straight' || bodyBytes > LARGEST_BODY_BYTES) return;
    const { parameters } = types[functionTypes[importedFunctionCount + own] as number] as FunctionType;
    const global = this.#firstGlobal + this.told.push(newIndex) - 1;
    const test = new ByteWriter(64);
    test.indexed(Op.globalGet, global);
    test.ops(Op.refIsNull, Op.i32Eqz);
    const branch = test.length;
    test.ops(Op.if, ValueType.empty);
    this.#emitFirstCall(test, global, parameters.length);
    test.u8(Op.end);
    code.prepend(test);
    branchHints.prepend(test.length, branch);
  }

  #emitFirstCall(code: ByteWriter, global: number, parameters: number): void {
    code.indexed(Op.globalGet, global);
    code.ops(Op.refNull, ValueType.funcref);
    code.indexed(Op.globalSet, global);
    code.call(this.#functions.host('optimize'));
    for (let parameter = 0; parameter < parameters; parameter++) code.get(parameter);
    code.call(this.told[global - this.#firstGlobal] as number);
    code.u8(Op.return);
  }

  /** Appends their globals, as the global section lists them. */
  emitGlobals(out: ByteWriter): void {
    for (const index of this.told) {
      out.ops(ValueType.funcref, 1);
      out.indexed(Op.refFunc, index);
      out.u8(Op.end);
    }
  }
}
