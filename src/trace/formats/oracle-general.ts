// libCacheSim's oracleGeneral: 24 bytes per request, little endian: time u32, object u64, size u32, index of the next access i64. Objects are
// pages; sizes and next accesses are not used (Quire finds the next accesses itself).

import { ReferenceKind, type ReferenceSink } from '../references.ts';
import { RecordParser } from '../trace-parser.ts';
import { unsigned64 } from './binary.ts';

const RECORD_BYTES = 24;
const OBJECT = 4;

/** Parses request records. */
export class OracleGeneralParser extends RecordParser {
  constructor(name: string, sink: ReferenceSink) {
    super(name, sink, RECORD_BYTES);
  }

  protected override parse(records: DataView): void {
    for (let at = 0; at < records.byteLength; at += RECORD_BYTES) this.emit(unsigned64(records, at + OBJECT), 1, ReferenceKind.read);
  }
}
