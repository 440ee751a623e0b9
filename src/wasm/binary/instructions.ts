// Steps over instructions without understanding them: what a scan needs, and what the rewriter copies unchanged.

import type { ByteReader } from './byte-reader.ts';
import { describeUnknownOpcode, fcShapes, fdShapes, Op, opShapes, Shape } from './opcodes.ts';

/**
 * Skips the immediates of an instruction whose opcode byte was just read, and returns its code: the opcode, or prefix * 256 + second
 * opcode for those with a prefix.
 * @throws UsageError for an instruction that Quire does not know, named by its proposal.
 */
export function skipImmediates(reader: ByteReader, opcode: number): number {
  const shape = opShapes[opcode] as number;
  if (shape !== Shape.prefix) {
    skipShape(reader, shape, opcode);
    return opcode;
  }
  const second = reader.u32();
  const shapes = opcode === Op.prefixFC ? fcShapes : fdShapes;
  skipShape(reader, shapes[second] ?? Shape.unknown, opcode, second);
  return opcode * 256 + second;
}

function skipShape(reader: ByteReader, shape: number, opcode: number, second?: number): void {
  switch (shape) {
    case Shape.none:
      return;
    case Shape.index:
    case Shape.block:
    case Shape.i32:
      reader.skipLeb(5);
      return;
    case Shape.twoIndices:
      reader.skipLeb(5);
      reader.skipLeb(5);
      return;
    case Shape.memarg:
      skipMemarg(reader);
      return;
    case Shape.memargLane:
      skipMemarg(reader);
      reader.u8();
      return;
    case Shape.i64:
      reader.skipLeb(10);
      return;
    case Shape.f32:
      reader.skip(4);
      return;
    case Shape.f64:
      reader.skip(8);
      return;
    case Shape.brTable:
      skipLebs(reader, reader.count() + 1);
      return;
    case Shape.selectTypes:
      skipLebs(reader, reader.count());
      return;
    case Shape.heapType:
    case Shape.lane:
      reader.u8();
      return;
    case Shape.sixteenBytes:
      reader.skip(16);
      return;
    case Shape.zeroByte:
      skipMemoryIndex(reader);
      return;
    case Shape.zeroByteTwice:
      skipMemoryIndex(reader);
      skipMemoryIndex(reader);
      return;
    case Shape.indexZeroByte:
      reader.skipLeb(5);
      skipMemoryIndex(reader);
      return;
    default:
      reader.unsupported(describeUnknownOpcode(opcode, second), reader.position - 1);
  }
}

function skipLebs(reader: ByteReader, count: number): void {
  for (let i = 0; i < count; i++) reader.skipLeb(5);
}

function skipMemarg(reader: ByteReader): void {
  const at = reader.position;
  // Bit 6 of the alignment says that a memory index follows (multi-memory).
  if (reader.u32() >= 0x40) reader.unsupported('several memories', at);
  reader.skipLeb(5);
}

/** Reads the memory index of memory.size and its kin, which can only be 0. */
export function skipMemoryIndex(reader: ByteReader): void {
  const at = reader.position;
  if (reader.u8() !== 0) reader.unsupported('several memories', at);
}
