// Where in the original file a position of the rewritten code came from. Made for one function when a report asks, by rewriting that
// function again with a recorder; nothing is kept for functions that never fault.

/** The spans of one rewritten function, in order; positions are relative to its first instruction. */
export class PositionMap {
  readonly #output: number[] = [];
  readonly #input: number[] = [];
  readonly #span: ('copied' | 'generated')[] = [];

  /** Adds a span that begins at `output` and stems from `input`: byte for byte, or all of it from the one instruction there. */
  add(output: number, input: number, span: 'copied' | 'generated'): void {
    // The function is rewritten anew: what was before is gone, and so is a span of no length.
    if (output === 0) this.#output.length = this.#input.length = this.#span.length = 0;
    this.#output.push(output);
    this.#input.push(input);
    this.#span.push(span);
  }

  /** Returns the file offset that the code at `output` came from. */
  find(output: number): number {
    let low = 0;
    let high = this.#output.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#output[middle] as number) <= output) low = middle;
      else high = middle;
    }
    const input = this.#input[low] ?? 0;
    return this.#span[low] === 'copied' ? input + output - (this.#output[low] as number) : input;
  }
}
