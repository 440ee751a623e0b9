// VMware's vscsi traces, as CloudPhysics published and libCacheSim reads them: binary records, little endian, of two versions.
//
//   vscsi1, 32 bytes   serial u32   length u32   segments u32   command u16   version u16   sector u64   time u64
//   vscsi2, 40 bytes   command u16  version u16  serial u32  length u32  segments u32  sector u64  time u64  response u64
//
// The length is in bytes, sectors have 512; the upper byte of the version field is 1 or 2. SCSI's WRITE commands are writes.

import { ReferenceKind, type ReferenceSink } from '../references.ts';
import { RecordParser } from '../trace-parser.ts';
import { unsigned64 } from './binary.ts';

const SECTOR_BYTES = 512;
/** WRITE(6), WRITE(10), WRITE(16), WRITE(12). */
const WRITE_COMMANDS: readonly number[] = [0x0a, 0x2a, 0x8a, 0xaa];

/** Where the fields of a version are. */
interface Layout {
  readonly bytes: number;
  readonly version: number;
  readonly command: number;
  readonly length: number;
  readonly sector: number;
}

const layouts = {
  1: { bytes: 32, command: 12, version: 14, length: 4, sector: 16 },
  2: { bytes: 40, command: 0, version: 2, length: 8, sector: 16 },
} as const satisfies Record<number, Layout>;

/** Parses block requests. */
export class VscsiParser extends RecordParser {
  readonly #version: 1 | 2;
  #record = 0;

  constructor(name: string, sink: ReferenceSink, version: 1 | 2) {
    super(name, sink, layouts[version].bytes);
    this.#version = version;
  }

  protected override parse(records: DataView): void {
    const layout: Layout = layouts[this.#version];
    for (let at = 0; at < records.byteLength; at += layout.bytes) {
      this.#record++;
      if (records.getUint16(at + layout.version, true) >>> 8 !== this.#version) {
        this.refuse(`record ${this.#record}`, `expected a record of vscsi version ${this.#version}`);
      }
      const size = records.getUint32(at + layout.length, true);
      const kind = WRITE_COMMANDS.includes(records.getUint16(at + layout.command, true)) ? ReferenceKind.write : ReferenceKind.read;
      if (size > 0) this.emit(unsigned64(records, at + layout.sector) * SECTOR_BYTES, size, kind);
    }
  }
}

/** Tells whether bytes begin with two records of `version`. */
export function looksLikeVscsi(head: Uint8Array, version: 1 | 2): boolean {
  const layout: Layout = layouts[version];
  const isRecord = (at: number): boolean => at + layout.bytes <= head.length && head[at + layout.version + 1] === version;
  return isRecord(0) && isRecord(layout.bytes);
}
