// The guest's memory as the WASI host sees it: copies in and out of an address space, never a raw view that paging could move.
// Two implementations: over a paged address space (paged-memory.ts) and over a flat WebAssembly.Memory (flat-memory.ts, `--mmu off`).

/** A guest pointer that does not point at accessible memory. WASI calls answer EFAULT (21). Nothing was copied. */
export class BadAddress extends Error {
  readonly address: number;
  readonly length: number;

  constructor(address: number, length: number) {
    super(`address 0x${address.toString(16)} length ${length} is not accessible`);
    this.name = 'BadAddress';
    this.address = address;
    this.length = length;
  }
}

/** Copyin and copyout. Addresses and lengths are unsigned 32-bit; every call throws `BadAddress` before it copies anything. */
export interface GuestMemory {
  /** Tells whether the whole range may be accessed so; the empty range always may. */
  accessible(address: number, length: number, access: 'read' | 'write'): boolean;
  /** Copies guest bytes to the host, filling `into`. */
  copyIn(address: number, into: Uint8Array): void;
  /** Copies host bytes to the guest. */
  copyOut(address: number, from: Uint8Array): void;
  readU8(address: number): number;
  readU16(address: number): number;
  readU32(address: number): number;
  readU64(address: number): bigint;
  writeU8(address: number, value: number): void;
  writeU16(address: number, value: number): void;
  writeU32(address: number, value: number): void;
  writeU64(address: number, value: bigint): void;
}
