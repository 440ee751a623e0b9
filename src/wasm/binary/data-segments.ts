// Data segments (specification, 5.5.14): where each one's bytes lie in the file and where they go, never the bytes themselves.
//
// Flags: 0 active in memory 0, 1 passive, 2 active with a memory index. Cost: 13 bytes a segment.

import type { ByteReader } from './byte-reader.ts';
import { readConstant } from './constant-expressions.ts';
import { type DataSegments, SegmentKind } from './module-info.ts';

/** Reads the data section. @param globalCount how many globals an offset may name. */
export function readDataSegments(reader: ByteReader, globalCount: number): DataSegments {
  const count = reader.count();
  const segments = {
    count,
    kind: new Uint8Array(count),
    offset: new Uint32Array(count),
    fileOffset: new Uint32Array(count),
    length: new Uint32Array(count),
  };
  for (let i = 0; i < count; i++) {
    const at = reader.position;
    const flags = reader.u32();
    if (flags > 2) reader.fail(`a data segment has unknown flags 0x${flags.toString(16)}`, at);
    if (flags === 2 && reader.u32() !== 0) reader.unsupported('several memories', at);
    if (flags !== 1) readOffset(reader, segments, i, globalCount);
    const length = reader.u32();
    segments.fileOffset[i] = reader.position;
    segments.length[i] = length;
    reader.skip(length);
  }
  return segments;
}

function readOffset(reader: ByteReader, segments: DataSegments, i: number, globalCount: number): void {
  const at = reader.position;
  const offset = readConstant(reader, () => undefined);
  if (offset.kind === 'extended') reader.unsupported('arithmetic in the offset of a data segment (extended-const)', at);
  if (offset.kind === 'other') reader.fail('the offset of a data segment is not a 32-bit integer', at);
  if (offset.kind === 'global') {
    if (offset.index >= globalCount) reader.fail(`there is no global ${offset.index}`, at);
    segments.kind[i] = SegmentKind.activeAtGlobal;
    segments.offset[i] = offset.index;
  } else {
    segments.kind[i] = SegmentKind.activeAtConstant;
    segments.offset[i] = offset.value;
  }
}
