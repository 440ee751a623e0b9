// As much of @thi.ng/malloc as the heap benchmark uses: without it, nothing here would compile where only the peer is not installed.

declare module '@thi.ng/malloc' {
  export class MemPool {
    constructor(options: { readonly buf: ArrayBufferLike });
    malloc(bytes: number): number;
    /** 0 if it fails. */
    realloc(address: number, bytes: number): number;
    free(address: number): boolean;
  }
}
