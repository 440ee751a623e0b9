// What processes find by name: files, executables' images, shared memory, objects whose pager is a process.
//
// Invariants:
//   NO1  references = descriptors that are open + 1 while the name stands; without any the kernel drops its reference to the memory object
//        (areas that still map it keep it)

import type { Errno } from '../../base/index.ts';
import type { MemoryObject, MemorySystem, Pager } from '../../system/index.ts';
import { type ImageFile, imagePager } from './executable.ts';

/** A memory object that has a name, or had one. */
export interface NamedObject {
  readonly name: string;
  readonly object: MemoryObject;
  references: number;
}

/** The names of one kernel. */
export class NamedObjects {
  readonly #system: MemorySystem;
  readonly #byName = new Map<string, NamedObject>();

  constructor(system: MemorySystem) {
    this.#system = system;
  }

  /** Names an object made from a pager. EEXIST, ENOMEM. */
  addFile(pager: Pager): NamedObject | Errno {
    return this.#byName.has(pager.name) ? 'EEXIST' : this.#add(pager.name, this.#system.createObject(pager));
  }

  /** Makes shared memory. EEXIST, EINVAL, ENOMEM. */
  addShared(name: string, pages: number): NamedObject | Errno {
    return this.#byName.has(name) ? 'EEXIST' : this.#add(name, this.#system.createSharedMemory(pages, name));
  }

  /** Returns the file of an executable or a library, made at its first use. ENOMEM. */
  image(file: ImageFile): NamedObject | Errno {
    return this.#byName.get(file.name) ?? this.addFile(imagePager(file));
  }

  #add(name: string, object: MemoryObject | Errno): NamedObject | Errno {
    if (typeof object === 'string') return object;
    const named: NamedObject = { name, object, references: 1 };
    this.#byName.set(name, named);
    return named;
  }

  find(name: string): NamedObject | undefined {
    return this.#byName.get(name);
  }

  /** Forgets a name. ENOENT. */
  unlink(name: string): 0 | Errno {
    const named = this.#byName.get(name);
    if (named === undefined) return 'ENOENT';
    this.#byName.delete(name);
    this.release(named);
    return 0;
  }

  /** Drops a reference. */
  release(named: NamedObject): void {
    if (--named.references === 0) this.#system.releaseObject(named.object);
  }

  /** Forgets all names. */
  unlinkAll(): void {
    for (const name of [...this.#byName.keys()]) this.unlink(name);
  }
}
