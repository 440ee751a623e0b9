// Which way the branches of generated code go: nearly every access hits, and nearly every stack frame is in the window. An engine that knows it lays the misses out of the way, and
// keeps values in registers for the hits.
//
// Measured: see docs/decisions.md. Source: the section `metadata.code.branch_hint` of the WebAssembly branch hinting proposal. V8 reads
// it from version 14 on, before that behind a flag (cli/engine-settings.ts); an engine that does not know it skips it.

import { ByteWriter } from './byte-writer.ts';

const SECTION_NAME = 'metadata.code.branch_hint';
const UNLIKELY = 0;
const LIKELY = 1;

/** Collects the hints of one module's functions, in the order of their indices. */
export class BranchHints {
  // Positions in the code of the function under way.
  #positions = new Uint32Array(64);
  #directions = new Uint8Array(64);
  #count = 0;
  readonly #functions = new ByteWriter(1 << 12);
  #functionCount = 0;

  /** Begins the next function, and forgets what was not ended. */
  begin(): void {
    this.#count = 0;
  }

  /** Notes that the `if` at `position` of the function's instructions is nearly always taken. Positions ascend. */
  likely(position: number): void {
    this.#add(position, LIKELY);
  }

  /** Notes that it is hardly ever taken. */
  unlikely(position: number): void {
    this.#add(position, UNLIKELY);
  }

  #add(position: number, direction: number): void {
    if (this.#count === this.#positions.length) {
      const longer = new Uint32Array(2 * this.#count);
      longer.set(this.#positions);
      this.#positions = longer;
      const directions = new Uint8Array(2 * this.#count);
      directions.set(this.#directions);
      this.#directions = directions;
    }
    this.#directions[this.#count] = direction;
    this.#positions[this.#count++] = position;
  }

  /** Notes that `length` bytes stand in front of the function's instructions so far, with an `if` at `position` of them that is hardly ever taken. */
  prepend(length: number, position: number): void {
    this.#add(0, UNLIKELY);
    this.#positions.copyWithin(1, 0, this.#count - 1);
    this.#directions.copyWithin(1, 0, this.#count - 1);
    for (let i = 1; i < this.#count; i++) this.#positions[i] = (this.#positions[i] as number) + length;
    this.#positions[0] = position;
    this.#directions[0] = UNLIKELY;
  }

  /** Ends the function. @param functionIndex in the result, above those before. @param declarationBytes length of its locals, before the code. */
  end(functionIndex: number, declarationBytes: number): void {
    if (this.#count === 0) return;
    const out = this.#functions;
    out.u32(functionIndex);
    out.u32(this.#count);
    for (let i = 0; i < this.#count; i++) {
      out.u32(declarationBytes + (this.#positions[i] as number));
      out.u8(1);
      out.u8(this.#directions[i] as number);
    }
    this.#functionCount++;
  }

  /** Returns the custom section's contents; undefined if there is nothing to say. */
  section(): ByteWriter | undefined {
    if (this.#functionCount === 0) return undefined;
    const out = new ByteWriter(this.#functions.length + 64);
    out.name(SECTION_NAME);
    out.u32(this.#functionCount);
    out.append(this.#functions);
    return out;
  }
}
