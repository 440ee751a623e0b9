/// <reference lib="esnext.disposable" preserve="true" />
// Blocks that live as long as a scope:
//
//   using scope = heap.scope();
//   const name = scope.own(heap.cString('/etc/passwd'));
//   instance.exports.open(name);                            // whatever happens here, the string is freed behind the block's end

/** Frees what it owns when it is disposed, last first. */
export class HeapScope {
  readonly #free: (address: number) => boolean;
  readonly #addresses: number[] = [];

  /** @param free the heap's `free`. */
  constructor(free: (address: number) => boolean) {
    this.#free = free;
  }

  /** Takes a block, by its address or by a view of its beginning, and returns what it was given. Address 0 is taken for nothing. */
  own<T extends number | { readonly byteOffset: number }>(block: T): T {
    this.#addresses.push(typeof block === 'number' ? block : block.byteOffset);
    return block;
  }

  /** Frees everything. The scope can be used again. For engines without `using`. */
  dispose(): void {
    for (let address = this.#addresses.pop(); address !== undefined; address = this.#addresses.pop()) this.#free(address);
  }

  /** As `dispose`. Node has the symbol from 18.18 on; where it is missing, this method has an odd name and does no harm. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
