import { describe, expect, test } from 'vitest';
import { FlatMemory } from './flat-memory.ts';
import { BadAddress } from './guest-memory.ts';

const SIZE = 65_536;

describe('a flat memory', () => {
  test('reads and writes little-endian words of each size', () => {
    const memory = new FlatMemory(new WebAssembly.Memory({ initial: 1 }));
    memory.copyOut(9, new Uint8Array([1, 2, 3, 4, 5, 6, 7, 0x88]));
    expect([memory.readU8(16), memory.readU16(9), memory.readU32(9), memory.readU64(9)]).toEqual([
      0x88,
      0x0201,
      0x04030201,
      0x8807060504030201n,
    ]);
    memory.writeU8(100, 0x1ff);
    memory.writeU16(101, 0x1234);
    memory.writeU32(103, 0xdeadbeef);
    memory.writeU64(107, 0xfeedfacecafebeefn);
    const bytes = new Uint8Array(15);
    memory.copyIn(100, bytes);
    expect(Buffer.from(bytes).toString('hex')).toBe('ff3412efbeaddeefbefecacefaedfe');
  });

  test('ends at its last byte, for every call, and touches nothing beyond', () => {
    const memory = new FlatMemory(new WebAssembly.Memory({ initial: 1 }));
    const calls: [number, (address: number) => unknown][] = [
      [1, (at) => memory.readU8(at)],
      [2, (at) => memory.readU16(at)],
      [4, (at) => memory.readU32(at)],
      [8, (at) => memory.readU64(at)],
      [1, (at) => memory.writeU8(at, 1)],
      [2, (at) => memory.writeU16(at, 1)],
      [4, (at) => memory.writeU32(at, 1)],
      [8, (at) => memory.writeU64(at, 1n)],
      [5, (at) => memory.copyIn(at, new Uint8Array(5))],
      [5, (at) => memory.copyOut(at, new Uint8Array(5))],
    ];
    for (const [size, call] of calls) {
      expect(() => call(SIZE - size)).not.toThrow();
      for (const bad of [SIZE - size + 1, SIZE, 0xffff_ffff]) expect(() => call(bad)).toThrow(BadAddress);
      expect([memory.accessible(SIZE - size, size), memory.accessible(SIZE - size + 1, size)]).toEqual([true, false]);
    }
  });

  test('the empty range is accessible anywhere', () => {
    const memory = new FlatMemory(new WebAssembly.Memory({ initial: 1 }));
    expect(memory.accessible(0xffff_ffff, 0)).toBe(true);
    memory.copyIn(0xffff_ffff, new Uint8Array(0));
    memory.copyOut(0xffff_ffff, new Uint8Array(0));
  });

  test('follows the memory when it grows', () => {
    const raw = new WebAssembly.Memory({ initial: 1, maximum: 2 });
    const memory = new FlatMemory(raw);
    memory.writeU32(8, 77);
    expect(memory.accessible(SIZE, 1)).toBe(false);
    raw.grow(1);
    expect([memory.sizeBytes, memory.accessible(SIZE, 1), memory.readU32(8)]).toEqual([2 * SIZE, true, 77]);
    memory.writeU8(2 * SIZE - 1, 5);
    expect(memory.readU8(2 * SIZE - 1)).toBe(5);
  });

  test('has nothing before a memory is attached', () => {
    const memory = new FlatMemory();
    expect(memory.accessible(0, 1)).toBe(false);
    expect(() => memory.readU8(0)).toThrow(BadAddress);
    memory.attach(new WebAssembly.Memory({ initial: 1 }));
    expect(memory.readU8(0)).toBe(0);
  });
});
