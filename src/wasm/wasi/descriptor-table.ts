// The descriptors of one process: numbers from 0 up, each an open file, a directory or a stream, with its rights and flags.
//
//   0 stdin   1 stdout   2 stderr   3.. preopened directories, then what path_open returns (the lowest free number, as in POSIX)
//
//   DT1  a descriptor is in at most one slot (renumbering moves it), so closing a slot closes what it holds
//   DT2  rights only shrink
// `get` finds a descriptor and checks its rights; `file` and `directory` also check what it is. All hot calls start here: no allocation.

import { WasiError } from './errno.ts';
import { type Directory, FileType, type OpenFile } from './file-system.ts';
import { ALL_RIGHTS, DIRECTORY_RIGHTS, FILE_RIGHTS, Right, STREAM_RIGHTS } from './rights.ts';
import type { ByteSink, ByteSource } from './streams.ts';

/** Descriptors that a process may have: as `ulimit -n` commonly says, and well below what a host gives. */
const MAX_DESCRIPTORS = 1024;

/** What every descriptor has. Rights are bits of `Right`, flags of `DescriptorFlag`. */
abstract class DescriptorBase {
  baseRights: number;
  inheritingRights: number;
  flags: number;

  constructor(baseRights: number, inheritingRights: number, flags: number) {
    this.baseRights = baseRights;
    this.inheritingRights = inheritingRights;
    this.flags = flags;
  }
}

/** An open regular file and the offset of its next read or write. */
export class FileDescriptor extends DescriptorBase {
  readonly kind = 'file';
  readonly file: OpenFile;
  position = 0;

  constructor(file: OpenFile, baseRights: number, inheritingRights: number, flags: number) {
    super(baseRights & FILE_RIGHTS, inheritingRights, flags);
    this.file = file;
  }
}

/** An open directory. */
export class DirectoryDescriptor extends DescriptorBase {
  readonly kind = 'directory';
  readonly directory: Directory;
  /** The path under which a preopened directory is known, in UTF-8; undefined for the others. */
  readonly preopenName: Uint8Array | undefined;
  /** The names seen by the fd_readdir that began at cookie 0, so that later cookies mean the same entries. */
  listing: readonly string[] | undefined = undefined;

  constructor(directory: Directory, baseRights: number, inheritingRights: number, flags: number, preopenName?: Uint8Array) {
    super(baseRights & DIRECTORY_RIGHTS, inheritingRights, flags);
    this.directory = directory;
    this.preopenName = preopenName;
  }
}

/** Standard input or output. */
export class StreamDescriptor extends DescriptorBase {
  readonly kind = 'stream';
  readonly source: ByteSource | undefined;
  readonly sink: ByteSink | undefined;

  constructor(ends: { source?: ByteSource; sink?: ByteSink }) {
    const direction = (ends.source === undefined ? 0 : Right.fd_read) | (ends.sink === undefined ? 0 : Right.fd_write);
    super(STREAM_RIGHTS | direction, 0, 0);
    this.source = ends.source;
    this.sink = ends.sink;
  }

  /** A terminal is a character device; what else is behind a stream is not told. */
  get type(): FileType {
    return (this.source ?? this.sink)?.isTerminal === true ? FileType.characterDevice : FileType.unknown;
  }
}

/** What a descriptor's number stands for. */
export type Descriptor = FileDescriptor | DirectoryDescriptor | StreamDescriptor;

/** Returns the descriptor of a preopened directory: it may do everything, and so may what is opened through it. */
export function preopened(directory: Directory, guestPath: string): DirectoryDescriptor {
  return new DirectoryDescriptor(directory, DIRECTORY_RIGHTS, ALL_RIGHTS, 0, new TextEncoder().encode(guestPath));
}

/** The descriptors of one process by number. */
export class DescriptorTable {
  readonly #slots: (Descriptor | undefined)[] = [];

  /** Returns descriptor `fd`, which must have all of `rights`; EBADF, ENOTCAPABLE. */
  get(fd: number, rights = 0): Descriptor {
    const descriptor = this.#slots[fd];
    if (descriptor === undefined) throw new WasiError('EBADF');
    requireRights(descriptor, rights);
    return descriptor;
  }

  /** Returns `fd` as a directory; EBADF, ENOTDIR, ENOTCAPABLE. */
  directory(fd: number, rights: number): DirectoryDescriptor {
    const descriptor = this.get(fd);
    if (descriptor.kind !== 'directory') throw new WasiError('ENOTDIR');
    requireRights(descriptor, rights);
    return descriptor;
  }

  /** Returns `fd` as a regular file; EBADF, EISDIR, ENOTCAPABLE, and for a stream ESPIPE or what `forStream` says. */
  file(fd: number, rights: number, forStream: 'ESPIPE' | 'EINVAL' = 'ESPIPE'): FileDescriptor {
    const descriptor = this.get(fd);
    if (descriptor.kind === 'directory') throw new WasiError('EISDIR');
    if (descriptor.kind === 'stream') throw new WasiError(forStream);
    requireRights(descriptor, rights);
    return descriptor;
  }

  /** Throws EMFILE if no number is free. Called before anything is created that would need one. */
  requireFree(): void {
    if (this.#lowestFree() >= MAX_DESCRIPTORS) throw new WasiError('EMFILE');
  }

  /** Gives `descriptor` the lowest free number and returns it; EMFILE. */
  add(descriptor: Descriptor): number {
    const fd = this.#lowestFree();
    if (fd >= MAX_DESCRIPTORS) throw new WasiError('EMFILE');
    this.#slots[fd] = descriptor;
    return fd;
  }

  /** Frees `fd` and closes what it held; EBADF. */
  close(fd: number): void {
    const descriptor = this.get(fd);
    this.#slots[fd] = undefined;
    if (descriptor.kind === 'file') descriptor.file.close();
  }

  /** Moves the descriptor at `from` to `to`, closing what was there. Both must be open: EBADF. */
  renumber(from: number, to: number): void {
    const descriptor = this.get(from);
    this.get(to);
    if (from === to) return;
    this.close(to);
    this.#slots[from] = undefined;
    this.#slots[to] = descriptor;
  }

  /** Closes everything, when the process is over. */
  closeAll(): void {
    for (let fd = 0; fd < this.#slots.length; fd++) if (this.#slots[fd] !== undefined) this.close(fd);
  }

  #lowestFree(): number {
    const free = this.#slots.indexOf(undefined);
    return free === -1 ? this.#slots.length : free;
  }
}

/**
 * Throws unless `descriptor` has all of `rights`. Reading or writing without the right is EBADF, as POSIX has it for the wrong
 * open mode; the rest is ENOTCAPABLE.
 */
function requireRights(descriptor: Descriptor, rights: number): void {
  const missing = rights & ~descriptor.baseRights;
  if (missing === 0) return;
  throw new WasiError((missing & (Right.fd_read | Right.fd_write)) !== 0 ? 'EBADF' : 'ENOTCAPABLE');
}
