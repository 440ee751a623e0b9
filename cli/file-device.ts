// A block device on a real file, with synchronous I/O: the swap file of a live run.
//
//   page p is the bytes [p * 4096, (p + 1) * 4096) of the file; what was never written is a hole that reads as zeros
//
// The file is sparse: it has its full size from the start and takes disk space as pages are written. Room for all of it is asked
// for when it is opened, so that a full disk is a sentence at the start, not a failed page-out in the middle; the disk can still
// fill up later, and then a write throws `DeviceError`; pages of that run may hold old or new bytes. Cost: a system call per transfer, about 2 us and the copy.

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  readvSync,
  rmSync,
  type Stats,
  statfsSync,
  writeSync,
  writevSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MIB, PAGE_SIZE, UsageError } from '../src/base/index.ts';
import { type BlockDevice, bytesOf, countTransfer, type DeviceCounters, DeviceError, transferPages } from '../src/machine/index.ts';
import { reasonOf } from './output-file.ts';

/** Bytes that `stat` counts as one block, whatever the file system's own unit (POSIX leaves it open; Linux, macOS: 512). */
const STAT_BLOCK = 512;

/** A block device whose pages are in a file. Close it when done. */
export class FileDevice implements BlockDevice {
  readonly name: string;
  readonly pages: number;
  readonly counters: DeviceCounters = { readOperations: 0, writeOperations: 0, bytesRead: 0, bytesWritten: 0 };
  #file: number | undefined;

  private constructor(name: string, file: number, pages: number) {
    this.name = name;
    this.#file = file;
    this.pages = pages;
  }

  /**
   * Makes a device of `pages` pages in a new file that has no name: it is gone when the device is closed or the process ends,
   * however that happens. Throws `UsageError` if `directory` cannot take it.
   */
  static temporary(pages: number, directory: string = tmpdir()): FileDevice {
    const made = attempt(`a temporary file in ${directory}`, () => {
      const own = mkdtempSync(join(directory, 'quire-'));
      try {
        return openSync(join(own, 'swap'), constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
      } finally {
        removeName(own);
      }
    });
    return FileDevice.#prepare(made, `a temporary file in ${directory}`, directory, pages);
  }

  /**
   * Makes a device of `pages` pages in the file at `path`, which is created (readable by its owner only) or used as it is: pages
   * keep what an earlier run wrote, and are overwritten. A larger file keeps its size. Throws `UsageError` if the file cannot be
   * made, is not a regular file, or the disk has no room for all of it; a file made for nothing is removed again.
   */
  static open(path: string, pages: number): FileDevice {
    const { file, origin } = attempt(path, () => openOrCreate(path));
    try {
      return FileDevice.#prepare(file, path, dirname(path), pages);
    } catch (error) {
      if (origin === 'created') rmSync(path, { force: true });
      throw error;
    }
  }

  /** Gives an open file the size of the device and makes the device; closes the file if that is not possible. */
  static #prepare(file: number, name: string, directory: string, pages: number): FileDevice {
    try {
      attempt(name, () => reserve(file, directory, pages));
    } catch (error) {
      closeSync(file);
      throw error;
    }
    return new FileDevice(name, file, pages);
  }

  read(page: number, into: Uint8Array): void {
    this.#transfer('read', page, into.length, (file, at, position) => readSync(file, into, at, into.length - at, position));
  }

  write(page: number, from: Uint8Array): void {
    this.#transfer('write', page, from.length, (file, at, position) => writeSync(file, from, at, from.length - at, position));
  }

  readv(page: number, buffers: readonly Uint8Array[]): void {
    const [only] = buffers;
    if (buffers.length === 1 && only !== undefined) this.read(page, only);
    else this.#transfer('read', page, bytesOf(buffers), (file, at, position) => readvSync(file, buffersFrom(buffers, at), position));
  }

  writev(page: number, buffers: readonly Uint8Array[]): void {
    const [only] = buffers;
    if (buffers.length === 1 && only !== undefined) this.write(page, only);
    else this.#transfer('write', page, bytesOf(buffers), (file, at, position) => writevSync(file, buffersFrom(buffers, at), position));
  }

  sync(): void {
    const file = this.#opened('sync', 0);
    try {
      fsyncSync(file);
    } catch (error) {
      throw new DeviceError('sync', 0, reasonOf(error));
    }
  }

  /** Closes the file. Later transfers throw `DeviceError`; closing again does nothing. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #opened(operation: 'read' | 'write' | 'sync', page: number): number {
    if (this.#file === undefined) throw new DeviceError(operation, page, `${this.name} is closed`);
    return this.#file;
  }

  /** Transfers so many bytes: repeats `step`, which moves bytes from `at` of them on and returns how many it did, until all are moved. */
  #transfer(
    operation: 'read' | 'write',
    page: number,
    sizeBytes: number,
    step: (file: number, at: number, position: number) => number,
  ): void {
    transferPages(this, operation, page, sizeBytes);
    const file = this.#opened(operation, page);
    for (let at = 0; at < sizeBytes; ) {
      let moved: number;
      try {
        moved = step(file, at, page * PAGE_SIZE + at);
      } catch (error) {
        throw new DeviceError(operation, page, `${reasonOf(error)} (${this.name})`);
      }
      if (moved === 0) throw new DeviceError(operation, page, `${this.name} ends early: something else has cut it short`);
      at += moved;
    }
    countTransfer(this.counters, operation, sizeBytes);
  }
}

/** Returns what is left of `buffers` without their first `skip` bytes: the system may have moved only a part. */
function buffersFrom(buffers: readonly Uint8Array[], skip: number): readonly Uint8Array[] {
  if (skip === 0) return buffers;
  const rest: Uint8Array[] = [];
  let start = 0;
  for (const buffer of buffers) {
    const end = start + buffer.length;
    if (end > skip) rest.push(buffer.subarray(Math.max(0, skip - start)));
    start = end;
  }
  return rest;
}

/** Runs `action`; what the system refuses becomes a `UsageError` about `what`. */
function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new UsageError(`${what} cannot be used for swap: ${reasonOf(error)}; give another place with --swap-file, or --swap none`);
  }
}

/** Removes the folder of a temporary file. An open file outlives its name on Linux and macOS; elsewhere the name stays behind. */
function removeName(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // A system that keeps open files by name: the file is as usable as without it.
  }
}

function openOrCreate(path: string): { file: number; origin: 'created' | 'existing' } {
  try {
    return { file: openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600), origin: 'created' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { file: openSync(path, constants.O_RDWR), origin: 'existing' };
  }
}

/** Makes the file at least `pages` pages long, without giving it disk space. Throws if it could never have that much. */
function reserve(file: number, directory: string, pages: number): void {
  const stat = fstatSync(file);
  if (!stat.isFile()) throw new Error('it is not a regular file');
  const sizeBytes = pages * PAGE_SIZE;
  const missing = sizeBytes - occupied(stat);
  const disk = statfsSync(directory);
  const free = disk.bavail * disk.bsize;
  if (missing > free) {
    throw new Error(`it needs ${(sizeBytes / MIB).toFixed(1)} MiB and the disk has ${(free / MIB).toFixed(1)} MiB free`);
  }
  if (stat.size < sizeBytes) ftruncateSync(file, sizeBytes);
}

/** Returns the bytes of disk that a file has already. */
function occupied(stat: Stats): number {
  return stat.blocks * STAT_BLOCK;
}
