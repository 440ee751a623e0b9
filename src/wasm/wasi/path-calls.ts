// path_* calls. Each walks its paths (`path-walk.ts`), checks what is there, and makes one call of the file system.

import { readPath, requireWritable, type WasiCalls, type WasiContext } from './context.ts';
import { type Descriptor, DirectoryDescriptor, FileDescriptor } from './descriptor-table.ts';
import { WasiErrno, WasiError } from './errno.ts';
import { FileType, type OpenHow } from './file-system.ts';
import { ALL_DESCRIPTOR_FLAGS, LOOKUP_FOLLOW, OpenFlag, type SnapshotLayout } from './layout.ts';
import { type LastLink, type Place, walk } from './path-walk.ts';
import { Right, rightsFrom } from './rights.ts';
import { StatWriter, timesFrom } from './stat-writer.ts';

/** The path_* calls. */
export function pathCalls(context: WasiContext, layout: SnapshotLayout): WasiCalls {
  const { memory, descriptors, clock } = context;
  const stats = new StatWriter(memory, layout);

  /** Walks a path given by a call, from its directory descriptor. */
  function place(fd: number, rights: number, address: number, length: number, lastLink: LastLink): Place {
    const { directory } = descriptors.directory(fd >>> 0, rights);
    return walk(directory, readPath(context, address >>> 0, length >>> 0), lastLink);
  }

  return {
    path_open(
      fd: number,
      lookup: number,
      address: number,
      length: number,
      openFlags: number,
      base: bigint,
      inheriting: bigint,
      flags: number,
      result: number,
    ): number {
      const directory = descriptors.directory(fd >>> 0, Right.path_open | rightsToOpen(openFlags));
      const request = openRequest(directory, openFlags, rightsFrom(base), rightsFrom(inheriting), flags);
      requireWritable(memory, result >>> 0, 4);
      const path = readPath(context, address >>> 0, length >>> 0);
      descriptors.requireFree();
      const at = walk(directory.directory, path, lastLinkToOpen(lookup, openFlags));
      // Returned, not thrown: programs that search a path for their files are told so thousands of times.
      if (at.type === undefined && !has(openFlags, OpenFlag.create)) return WasiErrno.ENOENT;
      memory.writeU32(result >>> 0, descriptors.add(openPlace(at, request)));
      return 0;
    },

    path_filestat_get(fd: number, lookup: number, address: number, length: number, result: number): number {
      requireWritable(memory, result >>> 0, layout.filestat.size);
      const at = place(fd, Right.path_filestat_get, address, length, lastLink(lookup));
      if (at.type === undefined) return WasiErrno.ENOENT;
      stats.write(result >>> 0, at.name === '.' ? at.directory.stat() : at.directory.statOf(at.name));
      return 0;
    },

    path_filestat_set_times(
      fd: number,
      lookup: number,
      address: number,
      length: number,
      accessed: bigint,
      modified: bigint,
      flags: number,
    ): number {
      const times = timesFrom(clock, accessed, modified, flags);
      const at = place(fd, Right.path_filestat_set_times, address, length, lastLink(lookup));
      if (at.name === '.') at.directory.setTimes(times);
      else at.directory.setTimesOf(at.name, times);
      return 0;
    },

    path_create_directory(fd: number, address: number, length: number): number {
      const at = place(fd, Right.path_create_directory, address, length, 'never');
      if (at.type !== undefined) throw new WasiError('EEXIST');
      at.directory.makeDirectory(at.name);
      return 0;
    },

    path_remove_directory(fd: number, address: number, length: number): number {
      const at = place(fd, Right.path_remove_directory, address, length, 'never');
      if (at.name === '.') throw new WasiError('EINVAL');
      at.directory.removeDirectory(at.name);
      return 0;
    },

    path_unlink_file(fd: number, address: number, length: number): number {
      const at = place(fd, Right.path_unlink_file, address, length, 'never');
      if (at.type === FileType.directory) throw new WasiError('EISDIR');
      at.directory.unlink(at.name);
      return 0;
    },

    path_symlink(target: number, targetLength: number, fd: number, address: number, length: number): number {
      const { directory } = descriptors.directory(fd >>> 0, Right.path_symlink);
      const text = readPath(context, target >>> 0, targetLength >>> 0);
      if (text === '') throw new WasiError('ENOENT');
      // It could not be followed here, and outside it would mean a place that the guest may not name.
      if (text.startsWith('/')) throw new WasiError('ENOTCAPABLE');
      const at = newName(walk(directory, readPath(context, address >>> 0, length >>> 0), 'never'));
      at.directory.makeLink(at.name, text);
      return 0;
    },

    path_readlink(fd: number, address: number, length: number, buffer: number, bufferLength: number, result: number): number {
      requireWritable(memory, buffer >>> 0, bufferLength >>> 0);
      requireWritable(memory, result >>> 0, 4);
      const at = place(fd, Right.path_readlink, address, length, 'stop');
      if (at.type === undefined) throw new WasiError('ENOENT');
      if (at.type !== FileType.symbolicLink) throw new WasiError('EINVAL');
      const target = new TextEncoder().encode(at.directory.readLink(at.name)).subarray(0, bufferLength >>> 0);
      memory.copyOut(buffer >>> 0, target);
      memory.writeU32(result >>> 0, target.length);
      return 0;
    },

    path_link(
      oldFd: number,
      lookup: number,
      oldAddress: number,
      oldLength: number,
      newFd: number,
      newAddress: number,
      newLength: number,
    ): number {
      const from = place(oldFd, Right.path_link_source, oldAddress, oldLength, lastLink(lookup));
      const to = place(newFd, Right.path_link_target, newAddress, newLength, 'never');
      if (from.type === undefined) throw new WasiError('ENOENT');
      if (from.type === FileType.directory) throw new WasiError('EPERM');
      newName(to);
      from.directory.link(from.name, to.directory, to.name);
      return 0;
    },

    path_rename(oldFd: number, oldAddress: number, oldLength: number, newFd: number, newAddress: number, newLength: number): number {
      const from = place(oldFd, Right.path_rename_source, oldAddress, oldLength, 'never');
      const to = place(newFd, Right.path_rename_target, newAddress, newLength, 'never');
      if (from.type === undefined) throw new WasiError('ENOENT');
      if (from.name === '.' || to.name === '.') throw new WasiError('EBUSY');
      if (to.slash && from.type !== FileType.directory) throw new WasiError('ENOTDIR');
      from.directory.rename(from.name, to.directory, to.name);
      return 0;
    },
  };
}

function lastLink(lookup: number): LastLink {
  return (lookup & LOOKUP_FOLLOW) !== 0 ? 'follow' : 'stop';
}

/** A file that must be new is not made behind a link. */
function lastLinkToOpen(lookup: number, openFlags: number): LastLink {
  return has(openFlags, OpenFlag.create) && has(openFlags, OpenFlag.exclusive) ? 'stop' : lastLink(lookup);
}

/** What path_open was asked for. */
interface OpenRequest {
  readonly openFlags: number;
  readonly base: number;
  readonly inheriting: number;
  readonly flags: number;
}

const has = (flags: number, flag: number): boolean => (flags & flag) !== 0;

const ALL_OPEN_FLAGS = OpenFlag.create | OpenFlag.directory | OpenFlag.exclusive | OpenFlag.truncate;

/** The rights that the directory itself needs for these open flags, besides path_open. */
function rightsToOpen(openFlags: number): number {
  return (
    (has(openFlags, OpenFlag.create) ? Right.path_create_file : 0) | (has(openFlags, OpenFlag.truncate) ? Right.path_filestat_set_size : 0)
  );
}

/** Checks flags and rights; EINVAL, and ENOTCAPABLE for rights that the directory does not pass on. */
function openRequest(from: DirectoryDescriptor, openFlags: number, base: number, inheriting: number, flags: number): OpenRequest {
  if ((flags & ~ALL_DESCRIPTOR_FLAGS) !== 0 || (openFlags & ~ALL_OPEN_FLAGS) !== 0) throw new WasiError('EINVAL');
  if (has(openFlags, OpenFlag.directory) && has(openFlags, OpenFlag.create)) throw new WasiError('EINVAL');
  if (((base | inheriting) & ~from.inheritingRights) !== 0) throw new WasiError('ENOTCAPABLE');
  return { openFlags, base, inheriting, flags };
}

/** Opens what is at a place, or a new file there, if the request says so. */
function openPlace(at: Place, request: OpenRequest): Descriptor {
  const { openFlags } = request;
  if (at.type !== undefined && has(openFlags, OpenFlag.create) && has(openFlags, OpenFlag.exclusive)) throw new WasiError('EEXIST');
  if (at.type === FileType.directory) return openDirectory(at, request);
  if (at.type === FileType.symbolicLink) throw new WasiError('ELOOP');
  if (has(openFlags, OpenFlag.directory)) throw new WasiError('ENOTDIR');
  if (at.slash) throw new WasiError('EISDIR');
  const file = at.directory.open(at.name, openHow(request));
  return new FileDescriptor(file, request.base, request.inheriting, request.flags);
}

/** A directory can be opened for reading only. */
function openDirectory(at: Place, request: OpenRequest): Descriptor {
  if (has(request.base, Right.fd_write) || has(request.openFlags, OpenFlag.create | OpenFlag.truncate)) throw new WasiError('EISDIR');
  const directory = at.name === '.' ? at.directory : at.directory.directory(at.name);
  return new DirectoryDescriptor(directory, request.base, request.inheriting, request.flags);
}

/** Rights for which a file must be open for writing underneath. */
const WRITING_RIGHTS = Right.fd_write | Right.fd_allocate | Right.fd_filestat_set_size;

function openHow(request: OpenRequest): OpenHow {
  const { openFlags, base } = request;
  const truncates = has(openFlags, OpenFlag.truncate);
  const writes = truncates || has(base, WRITING_RIGHTS);
  return {
    access: !writes ? 'read' : has(base, Right.fd_read) ? 'read-write' : 'write',
    create: !has(openFlags, OpenFlag.create) ? 'existing' : has(openFlags, OpenFlag.exclusive) ? 'new' : 'if-missing',
    content: truncates ? 'truncate' : 'keep',
  };
}

/** Returns `at` if a link may be made there; EEXIST, and ENOENT for a missing name with a slash, which would be a directory. */
function newName(at: Place): Place {
  if (at.type !== undefined) throw new WasiError('EEXIST');
  if (at.slash) throw new WasiError('ENOENT');
  return at;
}
