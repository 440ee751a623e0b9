// A guest for tests: it has a memory and makes WASI calls as a compiled program would, with pointers, lengths and result cells.
//
//   0 .. 1023 never used   | 1024 results | 2048 iovecs | 4096 strings and structures | 16384.. buffers |   128 KiB: the end

import { FlatMemory } from '../flat-memory.ts';
import { deterministicClock, deterministicRandom } from './clock.ts';
import type { Directory } from './file-system.ts';
import { ALL_RIGHTS, DIRECTORY_RIGHTS } from './rights.ts';
import { createWasi, type Wasi, type WasiOptions } from './wasi.ts';

/** Where results go. */
export const RESULT = 1024;
/** Where iovecs go. */
export const VECTORS = 2048;
/** Where paths and structures go. */
export const STRINGS = 4096;
/** Where file contents go. */
export const BUFFER = 16384;
/** The first address that does not exist. */
export const END = 2 * 65536;

type Word = number | bigint;

/** Attributes as a test wants them. */
export interface Attributes {
  readonly type: number;
  readonly size: number;
  readonly links: number;
  readonly inode: bigint;
  readonly accessed: bigint;
  readonly modified: bigint;
}

/** One process without a program: the test is the program. */
export class TestGuest {
  readonly raw: WebAssembly.Memory;
  readonly memory: FlatMemory;
  readonly wasi: Wasi;
  readonly #module: string;

  constructor(options: Partial<WasiOptions> = {}, module = 'wasi_snapshot_preview1') {
    this.raw = new WebAssembly.Memory({ initial: END / 65536 });
    this.memory = new FlatMemory(this.raw);
    this.#module = module;
    this.wasi = createWasi({ clock: deterministicClock(), random: deterministicRandom(1), ...options, memory: this.memory });
  }

  /** Makes a guest whose descriptor 3 is `directory`, known as `/`. */
  static on(directory: Directory, options: Partial<WasiOptions> = {}): TestGuest {
    return new TestGuest({ ...options, preopens: [{ guestPath: '/', directory }] });
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.raw.buffer);
  }

  get view(): DataView {
    return new DataView(this.raw.buffer);
  }

  /** Makes a call; returns its error number. */
  call(name: string, ...parameters: Word[]): number {
    const call = this.wasi.modules[this.#module]?.[name] as ((...words: Word[]) => number) | undefined;
    if (call === undefined) throw new Error(`no call ${name}`);
    return call(...parameters);
  }

  /** Puts a string at `address` and returns its pointer and length. */
  string(text: string, address = STRINGS): [number, number] {
    const bytes = new TextEncoder().encode(text);
    this.bytes.set(bytes, address);
    return [address, bytes.length];
  }

  /** Puts iovecs at VECTORS and returns their pointer and count. */
  vectors(...ranges: (readonly [address: number, length: number])[]): [number, number] {
    ranges.forEach(([address, length], i) => {
      this.view.setUint32(VECTORS + 8 * i, address, true);
      this.view.setUint32(VECTORS + 8 * i + 4, length, true);
    });
    return [VECTORS, ranges.length];
  }

  result32(): number {
    return this.view.getUint32(RESULT, true);
  }

  result64(): bigint {
    return this.view.getBigUint64(RESULT, true);
  }

  textAt(address: number, length: number): string {
    return new TextDecoder().decode(this.bytes.slice(address, address + length));
  }

  /** Opens `path`; returns the descriptor, or minus the error number. */
  open(
    path: string,
    how: { dir?: number; follow?: 0 | 1; flags?: number; base?: number; inheriting?: number; descriptorFlags?: number } = {},
  ): number {
    const base = how.base ?? this.rights(how.dir ?? 3).inheriting & ~((how.flags ?? 0) & 2 ? 0x40 : 0);
    const errno = this.call(
      'path_open',
      how.dir ?? 3,
      how.follow ?? 0,
      ...this.string(path),
      how.flags ?? 0,
      BigInt(base),
      BigInt(how.inheriting ?? this.rights(how.dir ?? 3).inheriting),
      how.descriptorFlags ?? 0,
      RESULT,
    );
    return errno === 0 ? this.result32() : -errno;
  }

  /** Returns a descriptor's rights; those of a fresh preopened directory if it is not open. */
  rights(fd: number): { base: number; inheriting: number } {
    if (this.call('fd_fdstat_get', fd, RESULT) !== 0) return { base: DIRECTORY_RIGHTS, inheriting: ALL_RIGHTS };
    return { base: Number(this.view.getBigUint64(RESULT + 8, true)), inheriting: Number(this.view.getBigUint64(RESULT + 16, true)) };
  }

  /** Writes `text` to a descriptor; returns the bytes written, or minus the error number. */
  write(fd: number, text: string): number {
    const errno = this.call('fd_write', fd, ...this.vectors(this.string(text, BUFFER)), RESULT);
    return errno === 0 ? this.result32() : -errno;
  }

  /** Reads up to `length` bytes; returns them as text, or the error number. */
  read(fd: number, length: number): string | number {
    const errno = this.call('fd_read', fd, ...this.vectors([BUFFER, length]), RESULT);
    return errno === 0 ? this.textAt(BUFFER, this.result32()) : errno;
  }

  /** Creates or replaces a file. */
  writeFile(path: string, text: string): void {
    const fd = this.open(path, { flags: 1 | 8 });
    if (fd < 0) throw new Error(`open ${path}: errno ${-fd}`);
    this.write(fd, text);
    this.call('fd_close', fd);
  }

  /** Returns a whole small file as text, or the error number. */
  readFile(path: string, dir = 3): string | number {
    const fd = this.open(path, { dir, follow: 1, base: 2 });
    if (fd < 0) return -fd;
    const text = this.read(fd, 4096);
    this.call('fd_close', fd);
    return text;
  }

  /** Returns the attributes of a path, or the error number. */
  stat(path: string, follow: 0 | 1 = 0, dir = 3): Attributes | number {
    const errno = this.call('path_filestat_get', dir, follow, ...this.string(path), RESULT);
    return errno === 0 ? this.attributes() : errno;
  }

  /** Reads a preview 1 filestat at RESULT. */
  attributes(): Attributes {
    const { view } = this;
    return {
      inode: view.getBigUint64(RESULT + 8, true),
      type: view.getUint8(RESULT + 16),
      links: Number(view.getBigUint64(RESULT + 24, true)),
      size: Number(view.getBigUint64(RESULT + 32, true)),
      accessed: view.getBigUint64(RESULT + 40, true),
      modified: view.getBigUint64(RESULT + 48, true),
    };
  }

  /** Calls with a directory and one path: path_create_directory, path_remove_directory, path_unlink_file. */
  onPath(name: string, path: string, dir = 3): number {
    return this.call(name, dir, ...this.string(path));
  }

  rename(from: string, to: string, fromDir = 3, toDir = 3): number {
    return this.call('path_rename', fromDir, ...this.string(from), toDir, ...this.string(to, STRINGS + 4096));
  }

  link(from: string, to: string, follow: 0 | 1 = 0): number {
    return this.call('path_link', 3, follow, ...this.string(from), 3, ...this.string(to, STRINGS + 4096));
  }

  symlink(target: string, path: string): number {
    return this.call('path_symlink', ...this.string(target), 3, ...this.string(path, STRINGS + 4096));
  }

  readlink(path: string, length = 100): string | number {
    const errno = this.call('path_readlink', 3, ...this.string(path), BUFFER, length, RESULT);
    return errno === 0 ? this.textAt(BUFFER, this.result32()) : errno;
  }

  /** Reads a whole directory, `length` bytes at a time; returns names with types, or the error number. */
  list(fd: number, length = 4096): { name: string; type: number; inode: bigint }[] | number {
    const entries: { name: string; type: number; inode: bigint }[] = [];
    let cookie = 0n;
    for (;;) {
      const errno = this.call('fd_readdir', fd, BUFFER, length, cookie, RESULT);
      if (errno !== 0) return errno;
      const used = this.result32();
      let at = BUFFER;
      while (at + 24 <= BUFFER + used) {
        const nameLength = this.view.getUint32(at + 16, true);
        if (at + 24 + nameLength > BUFFER + used) break;
        cookie = this.view.getBigUint64(at, true);
        entries.push({
          name: this.textAt(at + 24, nameLength),
          type: this.view.getUint8(at + 20),
          inode: this.view.getBigUint64(at + 8, true),
        });
        at += 24 + nameLength;
      }
      if (used < length) return entries;
    }
  }
}
