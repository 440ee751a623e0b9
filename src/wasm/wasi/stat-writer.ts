// Attributes and times of files, between the file system's form and the guest's.

import type { GuestMemory } from '../guest-memory.ts';
import type { WasiClock } from './clock.ts';
import { StructBuffer } from './context.ts';
import { WasiError } from './errno.ts';
import type { FileStat, FileTimes } from './file-system.ts';
import { FILESTAT, type SnapshotLayout, TimesFlag } from './layout.ts';

/** Writes `filestat` structures in one snapshot's layout. */
export class StatWriter {
  readonly #memory: GuestMemory;
  readonly #offsets: SnapshotLayout['filestat'];
  readonly #struct: StructBuffer;

  constructor(memory: GuestMemory, layout: SnapshotLayout) {
    this.#memory = memory;
    this.#offsets = layout.filestat;
    this.#struct = new StructBuffer(layout.filestat.size);
  }

  /** Writes `stat` at `address`, which must be writable. */
  write(address: number, stat: FileStat): void {
    const { view } = this.#struct;
    const at = this.#offsets;
    view.setBigUint64(FILESTAT.device, stat.device, true);
    view.setBigUint64(FILESTAT.inode, stat.inode, true);
    view.setUint8(FILESTAT.type, stat.type);
    if (at.linksBytes === 8) view.setBigUint64(at.links, stat.links, true);
    else view.setUint32(at.links, Number(stat.links), true);
    view.setBigUint64(at.length, stat.size, true);
    view.setBigUint64(at.accessed, stat.accessed, true);
    view.setBigUint64(at.modified, stat.modified, true);
    view.setBigUint64(at.changed, stat.changed, true);
    this.#struct.copyOut(this.#memory, address);
  }
}

const ALL_TIMES_FLAGS = TimesFlag.accessed | TimesFlag.accessedNow | TimesFlag.modified | TimesFlag.modifiedNow;

/** Returns the times that a set_times call asks for; EINVAL for unknown flags, and for a time that is both given and now. */
export function timesFrom(clock: WasiClock, accessed: bigint, modified: bigint, flags: number): FileTimes {
  const both = (one: number, other: number): boolean => (flags & one) !== 0 && (flags & other) !== 0;
  if ((flags & ~ALL_TIMES_FLAGS) !== 0) throw new WasiError('EINVAL');
  if (both(TimesFlag.accessed, TimesFlag.accessedNow) || both(TimesFlag.modified, TimesFlag.modifiedNow)) throw new WasiError('EINVAL');
  const now = (flags & (TimesFlag.accessedNow | TimesFlag.modifiedNow)) !== 0 ? clock.realtime() : undefined;
  const pick = (given: number, nowFlag: number, value: bigint): bigint | undefined => {
    if ((flags & given) !== 0) return BigInt.asUintN(64, value);
    return (flags & nowFlag) !== 0 ? now : undefined;
  };
  return {
    accessed: pick(TimesFlag.accessed, TimesFlag.accessedNow, accessed),
    modified: pick(TimesFlag.modified, TimesFlag.modifiedNow, modified),
  };
}
