// Which functions the engine's optimizing compiler should get at their first call.
//
// V8 starts every function in its baseline compiler and replaces code only between calls (WebAssembly has no on-stack replacement
// there), so a loop that runs within one call, as in many a main function, never leaves it; and the baseline tier makes the hit paths
// dear: each is five instructions that the optimizing tier folds and schedules. So bodies with a loop ask for the optimizing compiler,
// when they are first called. The others stay as they are: what is called often is optimized soon enough.
//
// That compiler takes about 1 ms for each KiB of a body, in which the program waits. Hence the limits: a long body (printf, malloc)
// is usually entered often rather than stayed in, and a large module has too many bodies (CPython: 3,000 with loops).
//
// Measured (Node 20, kernels): mallocstress 2.1 -> 1.3 times plain, nbody 2.7 -> 1.6, gups 2.0 -> 1.4, matmul 2.5 -> 1.9.
// Source: the engine's "compilationHints" section, one byte per own function, of a WebAssembly proposal that V8 11 to 13 read behind a
// flag (cli/engine-settings.ts); an engine that does not know the section skips it, as it does any custom section. V8 14 has another
// form, which asks for optimized code in the background: too late for a loop that was entered before that is done.

import type { ModuleInfo } from '../binary/index.ts';
import { ByteWriter } from './byte-writer.ts';

const SECTION_NAME = 'compilationHints';
const LARGEST_MODULE_BYTES = 256 * 1024;
const LARGEST_BODY_BYTES = 8 * 1024;

const DEFAULT_HINT = 0;
// Strategy lazy (1), first tier optimizing (2 << 2), top tier optimizing (2 << 4).
const OPTIMIZE_AT_FIRST_CALL = 1 | (2 << 2) | (2 << 4);

/** Collects the hints of one module's functions, in their order. */
export class CompilationHints {
  readonly #hints: ByteWriter | undefined;
  #count = 0;

  constructor({ bodies }: ModuleInfo) {
    const { start, end, count } = bodies;
    const codeBytes = count === 0 ? 0 : (end[count - 1] as number) - (start[0] as number);
    this.#hints = codeBytes <= LARGEST_MODULE_BYTES ? new ByteWriter(count + 64) : undefined;
  }

  /** Adds the next function. @param bodyBytes its length in the original. */
  add(bodyBytes: number, control: 'straight' | 'loop'): void {
    this.#hints?.u8(control === 'loop' && bodyBytes <= LARGEST_BODY_BYTES ? OPTIMIZE_AT_FIRST_CALL : DEFAULT_HINT);
    this.#count++;
  }

  /** Returns the custom section's contents, for a module with `more` functions after those added; undefined if there is nothing to ask for. */
  section(more: number): ByteWriter | undefined {
    if (this.#hints === undefined || !this.#hints.written().includes(OPTIMIZE_AT_FIRST_CALL)) return undefined;
    const out = new ByteWriter(this.#hints.length + more + 64);
    out.name(SECTION_NAME);
    out.u32(this.#count + more);
    out.append(this.#hints);
    for (let i = 0; i < more; i++) out.u8(DEFAULT_HINT);
    return out;
  }
}
