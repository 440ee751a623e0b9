// The nodes of a memory file system that are not directories, and what all its nodes share: limits, inode numbers, times.
//
//   FileNode  bytes [ size | spare ]        LinkNode  target
//
// The invariants MF1, MF3 and MF4 are stated in `memory-file-system.ts`, with directories and names.

import { WasiError } from './errno.ts';
import { type FileStat, type FileTimes, FileType, type OpenFile } from './file-system.ts';

/** Bytes of all files together, unless the options say otherwise: 1 GiB, arbitrary, far below what one buffer may have. */
const DEFAULT_LIMIT_BYTES = 2 ** 30;
/** Files, directories and links together, unless the options say otherwise: a million; arbitrary, some hundred megabytes of objects. */
const DEFAULT_LIMIT_NODES = 2 ** 20;
/** A first buffer for a file that grows; arbitrary. */
const SMALLEST_BUFFER = 64;

/** How to make a memory file system. */
export interface MemoryFileSystemOptions {
  /** The time, in nanoseconds since 1970, for new and changed files. Default: 0, always. */
  readonly now?: () => bigint;
  /** The most bytes that all files may hold. Default: 1 GiB. */
  readonly limitBytes?: number;
  /** The most files, directories and links there may be, the root included. Default: 2^20. */
  readonly limitNodes?: number;
  /** The device number in file attributes. Default: 1. */
  readonly device?: bigint;
}

/** What all nodes of one file system share. */
export class Volume {
  readonly device: bigint;
  readonly now: () => bigint;
  readonly #limitBytes: number;
  readonly #limitNodes: number;
  #used = 0;
  #nodes = 0;
  #inodes = 0n;

  constructor(options: MemoryFileSystemOptions) {
    this.device = options.device ?? 1n;
    this.now = options.now ?? (() => 0n);
    this.#limitBytes = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
    this.#limitNodes = options.limitNodes ?? DEFAULT_LIMIT_NODES;
  }

  get used(): number {
    return this.#used;
  }

  /** Admits one more node and returns its inode number, which is never used again; ENOSPC. */
  admit(): bigint {
    if (this.#nodes === this.#limitNodes) throw new WasiError('ENOSPC');
    this.#nodes++;
    return ++this.#inodes;
  }

  /** A node is gone. */
  release(): void {
    this.#nodes--;
  }

  /** Accounts for `bytes` more (or fewer, if negative); ENOSPC. */
  charge(bytes: number): void {
    if (this.#used + bytes > this.#limitBytes) throw new WasiError('ENOSPC');
    this.#used += bytes;
  }
}

/** What every kind of node has. */
export abstract class Node {
  abstract readonly type: FileType;
  readonly volume: Volume;
  readonly #inode: bigint;
  links = 0;
  #accessed: bigint;
  #modified: bigint;
  #changed: bigint;

  constructor(volume: Volume) {
    this.volume = volume;
    this.#inode = volume.admit();
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
    if (this.links === 0) this.unnamed();
  }

  /** The last name was removed. */
  protected unnamed(): void {
    this.volume.release();
  }
}

/** A symbolic link. */
export class LinkNode extends Node {
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

/** A file's content, under all its names and descriptors. */
export class FileNode extends Node {
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
    if (this.links === 0) this.unnamed();
  }

  /** Keeps MF1: the content goes when neither a name nor a descriptor is left. */
  protected override unnamed(): void {
    if (this.#opens > 0) return;
    this.#shrink(0);
    this.#bytes = new Uint8Array(0);
    this.volume.release();
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
export class OpenNode implements OpenFile {
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
