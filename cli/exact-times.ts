// Attributes of host files with exact times. Node sets file times as floating-point seconds, about 240 ns apart today; WASI's are
// nanoseconds, and programs (make, tar, WASI's own tests) compare what they set with what they read back. So what was set
// is remembered, together with what the host made of it, and told again for as long as the host still says the latter.

import type { BigIntStats } from 'node:fs';
import { type FileStat, type FileTimes, FileType } from '../src/wasm/wasi/index.ts';

/** Files remembered; the longest known is forgotten first. Arbitrary: it bounds memory, and forgetting costs 240 ns of precision. */
const MAX_REMEMBERED = 1024;

interface Remembered {
  readonly hostAccessed: bigint;
  readonly hostModified: bigint;
  readonly accessed: bigint;
  readonly modified: bigint;
}

/** The times that were set on files of one directory tree. */
export class ExactTimes {
  readonly #remembered = new Map<string, Remembered>();

  /** Returns the host's attributes as WASI's, with exact times where they are known. */
  stat(host: BigIntStats): FileStat {
    const known = this.#remembered.size === 0 ? undefined : this.#remembered.get(keyOf(host));
    return {
      device: host.dev,
      inode: host.ino,
      type: fileTypeOf(host),
      links: host.nlink,
      size: host.size,
      accessed: known?.hostAccessed === host.atimeNs ? known.accessed : host.atimeNs,
      modified: known?.hostModified === host.mtimeNs ? known.modified : host.mtimeNs,
      changed: host.ctimeNs,
    };
  }

  /**
   * Sets times of one file.
   * @param look reads the file's attributes from the host.
   * @param apply sets both times on the host, in seconds since 1970.
   */
  set(times: FileTimes, look: () => BigIntStats, apply: (accessed: number, modified: number) => void): void {
    const before = this.stat(look());
    const accessed = times.accessed ?? before.accessed;
    const modified = times.modified ?? before.modified;
    apply(secondsOf(accessed), secondsOf(modified));
    const after = look();
    const key = keyOf(after);
    this.#remembered.delete(key);
    this.#remembered.set(key, { hostAccessed: after.atimeNs, hostModified: after.mtimeNs, accessed, modified });
    if (this.#remembered.size > MAX_REMEMBERED) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const oldest = this.#remembered.keys().next();
    if (oldest.done !== true) this.#remembered.delete(oldest.value);
  }
}

/** Returns the kind of a host file; pipes are `unknown`, as WASI has no word for them. */
export function fileTypeOf(
  stat: Pick<BigIntStats, 'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isCharacterDevice' | 'isBlockDevice' | 'isSocket'>,
): FileType {
  if (stat.isFile()) return FileType.regularFile;
  if (stat.isDirectory()) return FileType.directory;
  if (stat.isSymbolicLink()) return FileType.symbolicLink;
  if (stat.isCharacterDevice()) return FileType.characterDevice;
  if (stat.isBlockDevice()) return FileType.blockDevice;
  return stat.isSocket() ? FileType.streamSocket : FileType.unknown;
}

function keyOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}`;
}

function secondsOf(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e9;
}
