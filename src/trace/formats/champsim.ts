// ChampSim's traces: 64 bytes per instruction, little endian, no header (xz is undone before).
//
//   0 ip u64   8 branch u8   9 taken u8   10 written registers u8[2]   12 read registers u8[4]   16 stores u64[2]   32 loads u64[4]
//
// Per instruction: its fetch, then its loads, then its stores; address 0 is no address.

import { ReferenceKind, type ReferenceSink } from '../references.ts';
import { RecordParser } from '../trace-parser.ts';
import { unsigned64 } from './binary.ts';

const RECORD_BYTES = 64;
const STORES = 16;
const LOADS = 32;

/** Parses instruction records. */
export class ChampSimParser extends RecordParser {
  constructor(name: string, sink: ReferenceSink) {
    super(name, sink, RECORD_BYTES);
  }

  protected override parse(records: DataView): void {
    for (let at = 0; at < records.byteLength; at += RECORD_BYTES) {
      this.#emit(records, at, ReferenceKind.fetch);
      for (let load = at + LOADS; load < at + RECORD_BYTES; load += 8) this.#emit(records, load, ReferenceKind.read);
      for (let store = at + STORES; store < at + LOADS; store += 8) this.#emit(records, store, ReferenceKind.write);
    }
  }

  #emit(records: DataView, at: number, kind: ReferenceKind): void {
    const address = unsigned64(records, at);
    if (address !== 0) this.emit(address, 1, kind);
  }
}
