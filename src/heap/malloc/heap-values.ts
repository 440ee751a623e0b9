// JavaScript's values in a heap's blocks: typed arrays and C strings.
//
// A view is only as good as its buffer: when a wasm memory grows, every view of it is detached and has length 0. So keep addresses across
// allocations, and make views of them when they are needed; or use a backing that does not grow.

/** The constructor of a typed array: `Float64Array`, `Int32Array` ... */
export interface TypedArrayType<A> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): A;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Returns the UTF-8 bytes of `text`, with the 0 that ends a C string. Throws a RangeError if it holds a 0, which would end it earlier. */
export function cStringBytes(text: string): Uint8Array {
  if (text.includes('\0')) throw new RangeError('a C string cannot hold the character 0');
  return encoder.encode(`${text}\0`);
}

/** Returns the text of the UTF-8 bytes from `address` up to the next 0; broken UTF-8 as U+FFFD. Throws a RangeError if no 0 follows. */
export function textAt(bytes: Uint8Array, address: number): string {
  const end = Number.isInteger(address) && address >= 0 && address < bytes.length ? bytes.indexOf(0, address) : -1;
  if (end < 0) throw new RangeError(`no C string begins at ${address}`);
  // A copy, because browsers do not decode shared memory.
  return decoder.decode(bytes.slice(address, end));
}
