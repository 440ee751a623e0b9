// A file system in memory: directories, files, symbolic and hard links, times. For tests, pages in a browser, and repeatable runs.
//
//   DirectoryNode  names: Map<name, node>, parent      FileNode  bytes [ size | spare ]      LinkNode  target
//
//   MF1  a file's or link's `links` is the number of names it has; an open file lives on without a name
//   MF2  a directory has exactly one name (the root: none) and `parent` is where; `removed` directories are empty
//   MF3  used bytes = the sum of the sizes of all files with a name or an open descriptor <= limit; beyond it ENOSPC, nothing changed
//   MF4  bytes of a file's buffer past its size are zero, so growing never shows old content
// Costs: a name is one map look-up; `list` sorts; a file's buffer doubles, so appending is O(1) amortised.
// Inode numbers count up from 1 and times come from `now`, so equal runs give equal answers. The interface: `file-system.ts`.

import { WasiError } from './errno.ts';
import { type Directory, type FileStat, type FileTimes, FileType, type OpenFile, type OpenHow } from './file-system.ts';

/** Bytes of all files together, unless the options say otherwise: 1 GiB, arbitrary, far below what one buffer may have. */
const DEFAULT_LIMIT_BYTES = 2 ** 30;
/** Directories have no content of their own here; 4096 is what programs are used to see. */
const DIRECTORY_SIZE = 4096n;
/** A first buffer for a file that grows; arbitrary. */
const SMALLEST_BUFFER = 64;

/** How to make a memory file system. */
export interface MemoryFileSystemOptions {
  /** The time, in nanoseconds since 1970, for new and changed files. Default: 0, always. */
  readonly now?: () => bigint;
  /** The most bytes that all files may hold. Default: 1 GiB. */
  readonly limitBytes?: number;
  /** The device number in file attributes. Default: 1. */
  readonly device?: bigint;
}

/** A file system in memory. `root` is what a guest gets as a preopened directory. */
export class MemoryFileSystem {
  readonly root: Directory;
  readonly #volume: Volume;

  constructor(options: MemoryFileSystemOptions = {}) {
    this.#volume = new Volume(options);
    this.root = new DirectoryNode(this.#volume, undefined);
  }

  /** Bytes that files hold. */
  get usedBytes(): number {
    return this.#volume.used;
  }

  /** Writes a whole file, making the directories on the way; a string is stored as UTF-8. Throws `WasiError`. */
  writeFile(path: string, content: Uint8Array | string): void {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const names = path.split('/').filter((name) => name !== '');
    const last = names.pop();
    if (last === undefined) throw new WasiError('EISDIR');
    let directory = this.root;
    for (const name of names) {
      if (directory.typeOf(name) === undefined) directory.makeDirectory(name);
      directory = directory.directory(name);
    }
    const file = directory.open(last, { access: 'write', create: 'if-missing', content: 'truncate' });
    try {
      file.write(0, bytes, bytes.length);
    } finally {
      file.close();
    }
  }

  /** Returns a whole file. Throws `WasiError`. */
  readFile(path: string): Uint8Array {
    const names = path.split('/').filter((name) => name !== '');
    const last = names.pop();
    if (last === undefined) throw new WasiError('EISDIR');
    let directory = this.root;
    for (const name of names) directory = directory.directory(name);
    const file = directory.open(last, { access: 'read', create: 'existing', content: 'keep' });
    const bytes = new Uint8Array(file.size());
    file.read(0, bytes, bytes.length);
    file.close();
    return bytes;
  }
}

/** What all nodes of one file system share. */
class Volume {
  readonly device: bigint;
  readonly now: () => bigint;
  readonly #limit: number;
  #used = 0;
  #inodes = 0n;

  constructor(options: MemoryFileSystemOptions) {
    this.device = options.device ?? 1n;
    this.now = options.now ?? (() => 0n);
    this.#limit = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
  }

  get used(): number {
    return this.#used;
  }

  nextInode(): bigint {
    return ++this.#inodes;
  }

  /** Accounts for `bytes` more (or fewer, if negative); ENOSPC. */
  charge(bytes: number): void {
    if (this.#used + bytes > this.#limit) throw new WasiError('ENOSPC');
    this.#used += bytes;
  }
}

/** What every kind of node has. */
abstract class Node {
  abstract readonly type: FileType;
  readonly volume: Volume;
  readonly #inode: bigint;
  links = 0;
  #accessed: bigint;
  #modified: bigint;
  #changed: bigint;

  constructor(volume: Volume) {
    this.volume = volume;
    this.#inode = volume.nextInode();
    this.#accessed = this.#modified = this.#changed = volume.now();
  }

  abstract contentSize(): bigint;

  linkCount(): bigint {
    return BigInt(this.links);
  }

  stat(): FileStat {
    return {
      device: this.volume.device,
      inode: this.#inode,
      type: this.type,
      links: this.linkCount(),
      size: this.contentSize(),
      accessed: this.#accessed,
      modified: this.#modified,
      changed: this.#changed,
    };
  }

  setTimes(times: FileTimes): void {
    this.#accessed = times.accessed ?? this.#accessed;
    this.#modified = times.modified ?? this.#modified;
    this.#changed = this.volume.now();
  }

  /** Notes a change of content. */
  touch(): void {
    this.#modified = this.#changed = this.volume.now();
  }

  /** Notes a change of attributes. */
  touchAttributes(): void {
    this.#changed = this.volume.now();
  }

  /** A name was added. */
  gainName(): void {
    this.links++;
    this.touchAttributes();
  }

  /** A name was removed. */
  loseName(): void {
    this.links--;
    this.touchAttributes();
  }
}

class LinkNode extends Node {
  readonly type = FileType.symbolicLink;
  readonly target: string;
  readonly #size: bigint;

  constructor(volume: Volume, target: string) {
    super(volume);
    this.target = target;
    this.#size = BigInt(new TextEncoder().encode(target).length);
  }

  contentSize(): bigint {
    return this.#size;
  }
}

class FileNode extends Node {
  readonly type = FileType.regularFile;
  #bytes = new Uint8Array(0);
  #size = 0;
  #opens = 0;

  get size(): number {
    return this.#size;
  }

  contentSize(): bigint {
    return BigInt(this.#size);
  }

  read(position: number, into: Uint8Array, length: number): number {
    const end = Math.min(this.#size, position + length);
    if (end <= position) return 0;
    into.set(this.#bytes.subarray(position, end));
    return end - position;
  }

  write(position: number, from: Uint8Array, length: number): number {
    if (length === 0) return 0;
    if (position + length > this.#size) this.#grow(position + length);
    this.#bytes.set(length === from.length ? from : from.subarray(0, length), position);
    this.touch();
    return length;
  }

  setSize(size: number): void {
    if (size > this.#size) this.#grow(size);
    else this.#shrink(size);
    this.touch();
  }

  opened(): void {
    this.#opens++;
  }

  closed(): void {
    this.#opens--;
    this.#releaseIfUnreachable();
  }

  override loseName(): void {
    super.loseName();
    this.#releaseIfUnreachable();
  }

  #releaseIfUnreachable(): void {
    if (this.links > 0 || this.#opens > 0) return;
    this.#shrink(0);
    this.#bytes = new Uint8Array(0);
  }

  #shrink(size: number): void {
    this.volume.charge(size - this.#size);
    this.#bytes.fill(0, size, this.#size); // MF4
    this.#size = size;
  }

  #grow(size: number): void {
    this.volume.charge(size - this.#size);
    if (size > this.#bytes.length) {
      try {
        this.#reserve(Math.max(size, this.#bytes.length * 2, SMALLEST_BUFFER));
      } catch (error) {
        this.volume.charge(this.#size - size);
        // The host has no buffer so large: to the guest, a full disk.
        throw error instanceof RangeError ? new WasiError('ENOSPC') : error;
      }
    }
    this.#size = size;
  }

  #reserve(capacity: number): void {
    const bytes = new Uint8Array(capacity);
    bytes.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = bytes;
  }
}

/** An open file: a node that stays alive, and the access it was opened with. */
class OpenNode implements OpenFile {
  readonly type = FileType.regularFile;
  readonly #node: FileNode;

  constructor(node: FileNode) {
    this.#node = node;
    node.opened();
  }

  stat(): FileStat {
    return this.#node.stat();
  }

  size(): number {
    return this.#node.size;
  }

  read(position: number, into: Uint8Array, length: number): number {
    return this.#node.read(position, into, length);
  }

  write(position: number, from: Uint8Array, length: number): number {
    return this.#node.write(position, from, length);
  }

  setSize(size: number): void {
    this.#node.setSize(size);
  }

  setTimes(times: FileTimes): void {
    this.#node.setTimes(times);
  }

  sync(): void {
    // Memory is all there is.
  }

  close(): void {
    this.#node.closed();
  }
}

class DirectoryNode extends Node implements Directory {
  readonly type = FileType.directory;
  readonly #names = new Map<string, AnyNode>();
  #parent: DirectoryNode | undefined;
  #removed = false;

  constructor(volume: Volume, parent: DirectoryNode | undefined) {
    super(volume);
    this.#parent = parent;
  }

  contentSize(): bigint {
    return DIRECTORY_SIZE;
  }

  /** As on Unix: its name (or the root itself), its own `.`, and the `..` of each directory in it. */
  override linkCount(): bigint {
    let count = this.#removed ? 0n : 2n;
    for (const node of this.#names.values()) if (node.type === FileType.directory) count++;
    return count;
  }

  confirm(): void {
    if (this.#removed) throw new WasiError('ENOENT');
  }

  sync(): void {
    // Memory is all there is.
  }

  list(): readonly string[] {
    return [...this.#names.keys()].sort();
  }

  typeOf(name: string): FileType | undefined {
    return this.#names.get(name)?.type;
  }

  statOf(name: string): FileStat {
    return this.#get(name).stat();
  }

  setTimesOf(name: string, times: FileTimes): void {
    this.#get(name).setTimes(times);
  }

  directory(name: string): Directory {
    const node = this.#get(name);
    if (!(node instanceof DirectoryNode)) throw new WasiError('ENOTDIR');
    return node;
  }

  open(name: string, how: OpenHow): OpenFile {
    const node = this.#names.get(name);
    if (node === undefined) {
      if (how.create === 'existing') throw new WasiError('ENOENT');
      const file = new FileNode(this.volume);
      this.#add(name, file);
      return new OpenNode(file);
    }
    if (how.create === 'new') throw new WasiError('EEXIST');
    if (node instanceof DirectoryNode) throw new WasiError('EISDIR');
    if (node instanceof LinkNode) throw new WasiError('ELOOP');
    if (how.content === 'truncate') node.setSize(0);
    return new OpenNode(node);
  }

  readLink(name: string): string {
    const node = this.#get(name);
    if (!(node instanceof LinkNode)) throw new WasiError('EINVAL');
    return node.target;
  }

  makeDirectory(name: string): void {
    this.#mustBeFree(name);
    this.#add(name, new DirectoryNode(this.volume, this));
  }

  removeDirectory(name: string): void {
    const node = this.#get(name);
    if (!(node instanceof DirectoryNode)) throw new WasiError('ENOTDIR');
    if (node.#names.size > 0) throw new WasiError('ENOTEMPTY');
    this.#remove(name, node);
  }

  unlink(name: string): void {
    const node = this.#get(name);
    if (node instanceof DirectoryNode) throw new WasiError('EISDIR');
    this.#remove(name, node);
  }

  makeLink(name: string, target: string): void {
    this.#mustBeFree(name);
    this.#add(name, new LinkNode(this.volume, target));
  }

  link(name: string, into: Directory, newName: string): void {
    const node = this.#get(name);
    const target = this.#sameVolume(into);
    if (node instanceof DirectoryNode) throw new WasiError('EPERM');
    target.#mustBeFree(newName);
    target.#add(newName, node);
  }

  rename(name: string, into: Directory, newName: string): void {
    const node = this.#get(name);
    const target = this.#sameVolume(into);
    const old = target.#names.get(newName);
    if (old === node) return;
    if (node instanceof DirectoryNode && target.#isWithin(node)) throw new WasiError('EINVAL');
    if (old !== undefined) {
      mayReplace(node, old);
      target.#remove(newName, old);
    }
    this.#names.delete(name);
    this.touch();
    target.#names.set(newName, node);
    target.touch();
    node.touchAttributes();
    if (node instanceof DirectoryNode) node.#parent = target;
  }

  /** Tells whether this directory is empty. */
  isEmpty(): boolean {
    return this.#names.size === 0;
  }

  #get(name: string): AnyNode {
    const node = this.#names.get(name);
    if (node === undefined) throw new WasiError('ENOENT');
    return node;
  }

  #mustBeFree(name: string): void {
    if (this.#names.has(name)) throw new WasiError('EEXIST');
    this.confirm();
  }

  #add(name: string, node: AnyNode): void {
    this.#names.set(name, node);
    node.gainName();
    this.touch();
  }

  #remove(name: string, node: AnyNode): void {
    this.#names.delete(name);
    node.loseName();
    if (node instanceof DirectoryNode) {
      node.#removed = true;
      node.#parent = undefined;
    }
    this.touch();
  }

  #sameVolume(other: Directory): DirectoryNode {
    if (!(other instanceof DirectoryNode) || other.volume !== this.volume) throw new WasiError('EXDEV');
    return other;
  }

  /** Tells whether this directory is `ancestor` or below it. */
  #isWithin(ancestor: DirectoryNode): boolean {
    for (let at: DirectoryNode | undefined = this; at !== undefined; at = at.#parent) if (at === ancestor) return true;
    return false;
  }
}

type AnyNode = FileNode | LinkNode | DirectoryNode;

/** Throws unless a rename may put `node` where `old` is: directories replace empty directories, the rest replaces the rest. */
function mayReplace(node: AnyNode, old: AnyNode): void {
  if (node instanceof DirectoryNode) {
    if (!(old instanceof DirectoryNode)) throw new WasiError('ENOTDIR');
    if (!old.isEmpty()) throw new WasiError('ENOTEMPTY');
  } else if (old instanceof DirectoryNode) throw new WasiError('EISDIR');
}
