// What WASI needs of a file system, synchronous and free of paths: directories are asked about single names.
//
//   path "a/../b" --path-walk.ts--> (Directory, "b") --> a call of this interface
//
// Paths, `..`, symbolic links and the rule that nothing leaves a directory are handled once, in `path-walk.ts`, for every
// file system. So an implementation never sees a slash, `.` or `..`, and never follows a link:
//   FS1  a name is one component: not empty, not `.` or `..`, without `/` and NUL
//   FS2  no call follows a symbolic link; a name that is a link means the link
//   FS3  a call that throws (always `WasiError`) has changed nothing
// Implementations: `memory-file-system.ts`, and `cli/host-directory.ts` over a real directory.

/** Kinds of file, with the numbers of WASI's `filetype`. */
export const FileType = {
  unknown: 0,
  blockDevice: 1,
  characterDevice: 2,
  directory: 3,
  regularFile: 4,
  datagramSocket: 5,
  streamSocket: 6,
  symbolicLink: 7,
} as const;

/** A kind of file. */
export type FileType = (typeof FileType)[keyof typeof FileType];

/** Attributes of a file. Sizes in bytes, times in nanoseconds since 1970. */
export interface FileStat {
  readonly device: bigint;
  readonly inode: bigint;
  readonly type: FileType;
  readonly links: bigint;
  readonly size: bigint;
  readonly accessed: bigint;
  readonly modified: bigint;
  readonly changed: bigint;
}

/** Times to set, in nanoseconds since 1970; undefined leaves one as it is. */
export interface FileTimes {
  readonly accessed: bigint | undefined;
  readonly modified: bigint | undefined;
}

/** How to open a regular file. */
export interface OpenHow {
  readonly access: 'read' | 'write' | 'read-write';
  /** `new`: the file must not exist. `existing`: it must. */
  readonly create: 'existing' | 'if-missing' | 'new';
  readonly content: 'keep' | 'truncate';
}

/** An open regular file. Positions and sizes in bytes, whole numbers up to 2^53 - 1. The file offset is the descriptor's, not ours. */
export interface OpenFile {
  readonly type: FileType;
  stat(): FileStat;
  /** Returns the size now. */
  size(): number;
  /** Reads up to `length` bytes into the start of `into`; returns how many, 0 at the end. */
  read(position: number, into: Uint8Array, length: number): number;
  /** Writes the first `length` bytes of `from`; returns how many. A gap before `position` reads as zeros. */
  write(position: number, from: Uint8Array, length: number): number;
  setSize(size: number): void;
  setTimes(times: FileTimes): void;
  sync(what: 'data' | 'all'): void;
  close(): void;
}

/** A directory: its own attributes, and calls on the names in it. */
export interface Directory {
  /** Throws ENOENT unless this directory is still where it was opened. The path walk calls it before it starts here. */
  confirm(): void;
  stat(): FileStat;
  setTimes(times: FileTimes): void;
  sync(what: 'data' | 'all'): void;
  /** Returns all names, without `.` and `..`, sorted by UTF-16 code units. */
  list(): readonly string[];

  /** Returns the kind of `name`, or undefined if there is no such name. */
  typeOf(name: string): FileType | undefined;
  /** Returns the attributes of `name`; ENOENT. */
  statOf(name: string): FileStat;
  setTimesOf(name: string, times: FileTimes): void;
  /** Returns the directory `name`; ENOENT, ENOTDIR. */
  directory(name: string): Directory;
  /** Opens the regular file `name`; ENOENT, EEXIST, EISDIR, ELOOP (a link), EACCES, ENOSPC. */
  open(name: string, how: OpenHow): OpenFile;
  /** Returns the target of the link `name`; EINVAL if it is not a link. */
  readLink(name: string): string;
  /** EEXIST, ENOSPC. */
  makeDirectory(name: string): void;
  /** ENOENT, ENOTDIR, ENOTEMPTY. */
  removeDirectory(name: string): void;
  /** ENOENT, EISDIR. */
  unlink(name: string): void;
  /** EEXIST. */
  makeLink(name: string, target: string): void;
  /** Gives the file `name` a second name; EEXIST, EPERM (a directory), EXDEV (another file system). */
  link(name: string, into: Directory, newName: string): void;
  /** Moves `name`, replacing a file by a file or an empty directory by a directory; EXDEV, EINVAL (into itself), ENOTEMPTY, ENOTDIR, EISDIR. */
  rename(name: string, into: Directory, newName: string): void;
}
