// A file system in memory: directories, files, symbolic and hard links, times. For tests, pages in a browser, and repeatable runs.
//
//   DirectoryNode  names: Map<name, node>, parent      FileNode  bytes [ size | spare ]      LinkNode  target
//
//   MF1  a file's or link's `links` is the number of names it has; an open file lives on without a name
//   MF2  a directory has exactly one name (the root: none) and `parent` is where; `removed` directories are empty
//   MF3  used bytes = the sum of the sizes of all files with a name or an open descriptor <= limit; beyond it ENOSPC, nothing changed;
//        and likewise the number of nodes, so that a guest cannot fill the host's memory with empty files
//   MF4  bytes of a file's buffer past its size are zero, so growing never shows old content
// Costs: a name is one map look-up; `list` sorts; a file's buffer doubles, so appending is O(1) amortised.
// Inode numbers count up from 1 and times come from `now`, so equal runs give equal answers. The interface: `file-system.ts`;
// files and links: `memory-node.ts`.

import { WasiError } from './errno.ts';
import { type Directory, type FileStat, type FileTimes, FileType, type OpenFile, type OpenHow } from './file-system.ts';
import { FileNode, LinkNode, type MemoryFileSystemOptions, Node, OpenNode, Volume } from './memory-node.ts';

/** Directories have no content of their own here; 4096 is what programs are used to see. */
const DIRECTORY_SIZE = 4096n;

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
    const { names, last } = splitPath(path);
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
    const { names, last } = splitPath(path);
    let directory = this.root;
    for (const name of names) directory = directory.directory(name);
    const file = directory.open(last, { access: 'read', create: 'existing', content: 'keep' });
    const bytes = new Uint8Array(file.size());
    file.read(0, bytes, bytes.length);
    file.close();
    return bytes;
  }
}

/** Splits an embedder's path, which has no dots and links, into directories and a file; EISDIR for the root. */
function splitPath(path: string): { names: readonly string[]; last: string } {
  const names = path.split('/').filter((name) => name !== '');
  const last = names.pop();
  if (last === undefined) throw new WasiError('EISDIR');
  return { names, last };
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
