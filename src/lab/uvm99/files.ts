// Files for the experiments: runs of pages on a device, and the way each manager's file system hands them to it.

import { type Errno, PAGE_SIZE, type VirtAddr } from '../../base/index.ts';
import type { BlockDevice } from '../../machine/index.ts';
import type { MapRequest, MemoryObject, Pager, Space } from '../../system/index.ts';
import { type Arena, must } from '../arena.ts';
import type { Contestant } from './laboratory.ts';

/** A file that lies on a device in one piece, from page `start` on. */
export class DeviceFile implements Pager {
  readonly kind = 'file';
  readonly name: string;
  readonly pages: number;
  readonly #device: BlockDevice;
  readonly #start: number;

  constructor(device: BlockDevice, start: number, pages: number) {
    this.name = `file at ${start}`;
    this.pages = pages;
    this.#device = device;
    this.#start = start;
  }

  read(index: number, into: Uint8Array): Errno | undefined {
    this.#device.read(this.#start + index, into);
    return undefined;
  }

  write(index: number, from: Uint8Array): Errno | undefined {
    this.#device.write(this.#start + index, from);
    return undefined;
  }
}

/** Maps files. Where the file system keeps objects, it keeps those of all files mapped so far: its memory of files is large. */
export class FileSystem {
  readonly #arena: Arena;
  readonly #fileObjects: Contestant['fileObjects'];
  readonly #kept = new Map<Pager, MemoryObject>();

  constructor(arena: Arena, { fileObjects }: Contestant) {
    this.#arena = arena;
    this.#fileObjects = fileObjects;
  }

  /** Maps all of a file. Returns its first address. */
  map(space: Space, file: Pager, request: Partial<MapRequest> = {}): VirtAddr {
    const object = this.#kept.get(file) ?? must(this.#arena.system.createObject(file));
    const start = this.#arena.map(space, { size: file.pages * PAGE_SIZE, sharing: 'shared', object, ...request });
    if (this.#fileObjects === 'vnode') this.#kept.set(file, object);
    else this.#arena.system.releaseObject(object);
    return start;
  }

  /** Forgets all files. */
  dispose(): void {
    for (const object of this.#kept.values()) this.#arena.system.releaseObject(object);
    this.#kept.clear();
  }
}
