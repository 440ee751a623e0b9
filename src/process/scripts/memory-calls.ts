// The mmap family: the contract's requests, for the calling process.

import { type Errno, pagesFor } from '../../base/index.ts';
import type { Space } from '../../system/index.ts';
import { callerMemory, type ScriptCore } from './core.ts';
import { isErrno, type ScriptProcess } from './process-table.ts';
import { Blocked, call } from './script.ts';
import type { MemoryCalls, MmapRequest } from './system-calls.ts';
import { hasEnded, type PageRequest } from './user-pager.ts';

/** Makes the calls of the mmap family. */
export function memoryCalls(core: ScriptCore): MemoryCalls {
  const { system } = core;
  const space = (): Space => callerMemory(core).space;
  return {
    mmap: (request) => call('mmap', [request], () => mmap(core, request)),
    munmap: (start, size) => call('munmap', [start, size], () => system.unmap(space(), start, size)),
    mprotect: (start, size, protection) =>
      call('mprotect', [start, size, protection], () => system.protect(space(), start, size, protection)),
    mremap: (start, oldSize, newSize, place) =>
      call('mremap', [start, oldSize, newSize, place], () => system.remap(space(), start, oldSize, newSize, place)),
    madvise: (start, size, advice) => call('madvise', [start, size, advice], () => system.advise(space(), start, size, advice)),
    minherit: (start, size, how) => call('minherit', [start, size, how], () => system.inherit(space(), start, size, how)),
    mlock: (start, size) => call('mlock', [start, size], () => system.lock(space(), start, size)),
    munlock: (start, size) => call('munlock', [start, size], () => system.unlock(space(), start, size)),
    mlockall: (scope) => call('mlockall', [scope], () => system.lockAll(space(), scope)),
    munlockall: () => call('munlockall', [], () => system.unlockAll(space())),
    mincore: (start, size) => call('mincore', [start, size], () => mincore(core, start, size)),
    msync: (start, size) => call('msync', [start, size], syncer(core, start, size)),
    brk: (end) => call('brk', [end], () => system.grow(space(), end)),
    sbrk: (bytes) => call('sbrk', [bytes], () => sbrk(core, bytes)),
    reserve: (size, place) =>
      call('reserve', [size, place], () =>
        mmap(core, { size, protection: 0, sharing: 'private', commitment: 'reserved', ...(place !== undefined && { place }) }),
      ),
    commit: (start, size, protection) => call('commit', [start, size, protection], () => system.commit(space(), start, size, protection)),
    decommit: (start, size) => call('decommit', [start, size], () => system.decommit(space(), start, size)),
    setrlimit: (limits) => call('setrlimit', [limits], () => system.limit(space(), limits)),
    getrusage: () => call('getrusage', [], () => system.usage(space())),
    maps: () => call('maps', [], () => system.areas(space())),
    open: (name) => call('open', [name], () => open(core, name)),
    shmOpen: (name, size) => call('shmOpen', [name, size], () => shmOpen(core, name, size)),
    shmUnlink: (name) => call('shmUnlink', [name], () => core.objects.unlink(name)),
    close: (fd) => call('close', [fd], () => close(core, core.current.process, fd)),
  };
}

function mmap(core: ScriptCore, { fd, ...request }: MmapRequest) {
  const { space } = callerMemory(core);
  if (fd === undefined) return core.system.map(space, request);
  const named = core.current.process.descriptors.get(fd);
  return named === undefined ? 'EBADF' : core.system.map(space, { ...request, object: named.object });
}

function mincore(core: ScriptCore, start: number, size: number): Uint8Array | Errno {
  if (!(size >= 0)) return 'EINVAL';
  const into = new Uint8Array(pagesFor(size));
  const result = core.system.residency(callerMemory(core).space, start, size, into);
  return isErrno(result) ? result : into;
}

function sbrk(core: ScriptCore, bytes: number) {
  const { space } = callerMemory(core);
  const before = space.breakEnd;
  if (bytes === 0) return before;
  const end = core.system.grow(space, before + bytes);
  return isErrno(end) ? end : before;
}

/** msync: what went to pagers in user space must have arrived before the call returns. */
function syncer(core: ScriptCore, start: number, size: number): () => 0 | Errno | Blocked {
  let written: readonly PageRequest[] | undefined;
  return () => {
    if (written === undefined) {
      const result = core.system.sync(callerMemory(core).space, start, size);
      if (core.raised.length === 0) return result;
      const writes = core.raised.splice(0);
      written = writes;
      const isReady = (): boolean => writes.every((write) => hasEnded(write, core.steps));
      return isErrno(result) ? result : new Blocked('pages to be written back', isReady);
    }
    return written.every(({ state }) => state === 'answered') ? 0 : 'EIO';
  };
}

function open(core: ScriptCore, name: string): number | Errno {
  const named = core.objects.find(name);
  if (named === undefined) return 'ENOENT';
  const { process } = core.current;
  const fd = process.freeDescriptor;
  named.references++;
  process.descriptors.set(fd, named);
  return fd;
}

function shmOpen(core: ScriptCore, name: string, size: number | undefined): number | Errno {
  if (core.objects.find(name) === undefined) {
    if (size === undefined) return 'ENOENT';
    const made = core.objects.addShared(name, pagesFor(size));
    if (isErrno(made)) return made;
  }
  return open(core, name);
}

function close(core: ScriptCore, process: ScriptProcess, fd: number): 0 | Errno {
  const named = process.descriptors.get(fd);
  if (named === undefined) return 'EBADF';
  process.descriptors.delete(fd);
  core.objects.release(named);
  return 0;
}
