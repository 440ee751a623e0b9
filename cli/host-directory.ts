// A real directory as a guest's directory. The guest sees what is below it and nothing else.
//
// The path walk (src/wasm/wasi/path-walk.ts) hands over single names, so `..` and links are its matter. What is left to watch here is
// that a name is never followed when it is a link, and that a directory is still the one that was opened:
//
//   root ---- a ---- b          HostDirectory b = (parent a, name "b", device and inode when opened)
//
//   HD1  `confirm` looks (lstat) at every directory from the root down: still a directory, the same device and inode; else ENOENT.
//        So a guest that renames `a` away and puts a link to /etc in its place gets ENOENT through an old descriptor, not /etc.
//   HD2  no host call follows a link in the last name: lstat, lutimes, O_NOFOLLOW, and opening only what lstat called a file
//   HD3  a name with a host path separator is refused (Windows: `\` and `:`)
// The guest runs alone and synchronously, so nothing it does comes between the look and the call. Another program on the host that
// swaps a directory for a link at that very moment could win; Node has no openat to prevent it. A directory that is renamed
// while open is not followed to its new place: its descriptor answers ENOENT, where Unix would go on.
// Cost: one lstat per level of the descriptor's directory, and one per name of the path.

import {
  type BigIntStats,
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { sep } from 'node:path';
import { UsageError } from '../src/base/index.ts';
import { type Directory, type FileStat, type FileTimes, FileType, type OpenFile, type OpenHow, WasiError } from '../src/wasm/wasi/index.ts';
import { ExactTimes, fileTypeOf } from './exact-times.ts';
import { hostCall, hostCode, wasiErrorOf } from './host-errors.ts';

/** Permissions of new files and directories, before the user's umask: what `open` and `mkdir` of C programs use. */
const FILE_MODE = 0o666;
const DIRECTORY_MODE = 0o777;

/** Opens a real directory for a guest. Links in `path` itself are the user's, and followed. `UsageError` if it is not a directory. */
export function hostDirectory(path: string): Directory {
  let real: string;
  let stat: BigIntStats;
  try {
    real = realpathSync(path);
    stat = lstatSync(real, { bigint: true });
  } catch (error) {
    const code = hostCode(error);
    if (code === undefined) throw error;
    throw new UsageError(`directory ${path} cannot be opened (${code}); give one that exists`);
  }
  if (!stat.isDirectory()) throw new UsageError(`${path} is not a directory; give one that exists`);
  return new HostDirectory(undefined, real, stat, new ExactTimes());
}

class HostDirectory implements Directory {
  readonly #parent: HostDirectory | undefined;
  readonly #path: string;
  readonly #device: bigint;
  readonly #inode: bigint;
  readonly #times: ExactTimes;

  constructor(parent: HostDirectory | undefined, path: string, stat: BigIntStats, times: ExactTimes) {
    this.#parent = parent;
    this.#path = path;
    this.#device = stat.dev;
    this.#inode = stat.ino;
    this.#times = times;
  }

  confirm(): void {
    if (this.#parent === undefined) return; // the root is the user's
    this.#parent.confirm();
    const stat = lstatSync(this.#path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined || !stat.isDirectory() || stat.dev !== this.#device || stat.ino !== this.#inode) throw new WasiError('ENOENT');
  }

  stat(): FileStat {
    this.confirm();
    return this.#statAt(this.#path);
  }

  setTimes(times: FileTimes): void {
    this.confirm();
    this.#setTimesAt(this.#path, times);
  }

  sync(): void {
    this.confirm();
    const fd = hostCall(() => openSync(this.#path, constants.O_RDONLY));
    try {
      hostCall(() => fsyncSync(fd));
    } finally {
      closeSync(fd);
    }
  }

  list(): readonly string[] {
    this.confirm();
    return hostCall(() => readdirSync(this.#path)).sort();
  }

  typeOf(name: string): FileType | undefined {
    const path = this.#at(name);
    const stat = hostCall(() => lstatSync(path, { throwIfNoEntry: false }));
    return stat === undefined ? undefined : fileTypeOf(stat);
  }

  statOf(name: string): FileStat {
    return this.#statAt(this.#at(name));
  }

  setTimesOf(name: string, times: FileTimes): void {
    this.#setTimesAt(this.#at(name), times);
  }

  directory(name: string): Directory {
    const path = this.#at(name);
    const stat = hostCall(() => lstatSync(path, { bigint: true }));
    if (!stat.isDirectory()) throw new WasiError('ENOTDIR');
    return new HostDirectory(this, path, stat, this.#times);
  }

  open(name: string, how: OpenHow): OpenFile {
    const path = this.#at(name);
    const type = this.typeOf(name);
    if (type !== undefined) requireOpenable(type);
    const fd = hostCall(() => openSync(path, flagsFor(how), FILE_MODE));
    return new HostFile(fd, type ?? FileType.regularFile, this.#times);
  }

  readLink(name: string): string {
    return hostCall(() => readlinkSync(this.#at(name)));
  }

  makeDirectory(name: string): void {
    hostCall(() => mkdirSync(this.#at(name), DIRECTORY_MODE));
  }

  removeDirectory(name: string): void {
    hostCall(() => rmdirSync(this.#at(name)));
  }

  unlink(name: string): void {
    hostCall(() => unlinkSync(this.#at(name)));
  }

  makeLink(name: string, target: string): void {
    hostCall(() => symlinkSync(target, this.#at(name)));
  }

  link(name: string, into: Directory, newName: string): void {
    const target = hostPeer(into);
    hostCall(() => linkSync(this.#at(name), target.#at(newName)));
  }

  rename(name: string, into: Directory, newName: string): void {
    const target = hostPeer(into);
    hostCall(() => renameSync(this.#at(name), target.#at(newName)));
  }

  /** The host path of `name`; keeps HD3. */
  #at(name: string): string {
    if (sep !== '/' && /[\\:]/.test(name)) throw new WasiError('EILSEQ');
    return this.#path + sep + name;
  }

  #statAt(path: string): FileStat {
    return this.#times.stat(hostCall(() => lstatSync(path, { bigint: true })));
  }

  #setTimesAt(path: string, times: FileTimes): void {
    this.#times.set(
      times,
      () => hostCall(() => lstatSync(path, { bigint: true })),
      (accessed, modified) => hostCall(() => lutimesSync(path, accessed, modified)),
    );
  }
}

/** Links and renames work between real directories only. */
function hostPeer(directory: Directory): HostDirectory {
  if (!(directory instanceof HostDirectory)) throw new WasiError('EXDEV');
  return directory;
}

/** An open file of the host. Reads and writes are positioned, so the host's own file offset is never used. */
class HostFile implements OpenFile {
  readonly type: FileType;
  readonly #fd: number;
  readonly #times: ExactTimes;

  constructor(fd: number, type: FileType, times: ExactTimes) {
    this.#fd = fd;
    this.type = type;
    this.#times = times;
  }

  stat(): FileStat {
    return this.#times.stat(hostCall(() => fstatSync(this.#fd, { bigint: true })));
  }

  size(): number {
    return hostCall(() => fstatSync(this.#fd)).size;
  }

  read(position: number, into: Uint8Array, length: number): number {
    try {
      return readSync(this.#fd, into, 0, length, position);
    } catch (error) {
      throw wasiErrorOf(error);
    }
  }

  write(position: number, from: Uint8Array, length: number): number {
    try {
      return writeSync(this.#fd, from, 0, length, position);
    } catch (error) {
      throw wasiErrorOf(error);
    }
  }

  setSize(size: number): void {
    hostCall(() => ftruncateSync(this.#fd, size));
  }

  setTimes(times: FileTimes): void {
    this.#times.set(
      times,
      () => hostCall(() => fstatSync(this.#fd, { bigint: true })),
      (accessed, modified) => hostCall(() => futimesSync(this.#fd, accessed, modified)),
    );
  }

  sync(what: 'data' | 'all'): void {
    hostCall(() => (what === 'data' ? fdatasyncSync(this.#fd) : fsyncSync(this.#fd)));
  }

  close(): void {
    hostCall(() => closeSync(this.#fd));
  }
}

/** Opening a pipe would wait for its other end, and sockets cannot be opened; links are the path walk's (HD2). */
function requireOpenable(type: FileType): void {
  if (type === FileType.regularFile || type === FileType.characterDevice || type === FileType.blockDevice) return;
  if (type === FileType.directory) throw new WasiError('EISDIR');
  throw new WasiError(type === FileType.symbolicLink ? 'ELOOP' : 'ENXIO');
}

function flagsFor(how: OpenHow): number {
  const access = { read: constants.O_RDONLY, write: constants.O_WRONLY, 'read-write': constants.O_RDWR }[how.access];
  const create = { existing: 0, 'if-missing': constants.O_CREAT, new: constants.O_CREAT | constants.O_EXCL }[how.create];
  const truncate = how.content === 'truncate' ? constants.O_TRUNC : 0;
  // Windows has no O_NOFOLLOW (undefined counts as 0 here); there the look before must do.
  return access | create | truncate | constants.O_NOFOLLOW;
}
