// fd_* calls about descriptors themselves: close, renumber, flags and rights, preopened directories, attributes, directory entries.
// Reading, writing and sizes are in `file-calls.ts`.

import { requireWritable, StructBuffer, type WasiCalls, type WasiContext } from './context.ts';
import type { Descriptor, DirectoryDescriptor } from './descriptor-table.ts';
import { WasiError } from './errno.ts';
import { type FileStat, FileType } from './file-system.ts';
import { ALL_DESCRIPTOR_FLAGS, DIRENT, FDSTAT, PRESTAT, type SnapshotLayout } from './layout.ts';
import { Right, rightsFrom } from './rights.ts';
import { StatWriter, timesFrom } from './stat-writer.ts';

/** The fd_* calls that do not move bytes of files. */
export function descriptorCalls(context: WasiContext, layout: SnapshotLayout): WasiCalls {
  const { memory, descriptors, clock } = context;
  const fdstat = new StructBuffer(FDSTAT.size);
  const prestat = new StructBuffer(PRESTAT.size);
  const stats = new StatWriter(memory, layout);

  return {
    fd_close(fd: number): number {
      descriptors.close(fd >>> 0);
      return 0;
    },

    fd_renumber(from: number, to: number): number {
      descriptors.renumber(from >>> 0, to >>> 0);
      return 0;
    },

    fd_fdstat_get(fd: number, result: number): number {
      const descriptor = descriptors.get(fd >>> 0);
      fdstat.view.setUint8(FDSTAT.type, typeOf(descriptor));
      fdstat.view.setUint16(FDSTAT.flags, descriptor.flags, true);
      fdstat.view.setBigUint64(FDSTAT.base, BigInt(descriptor.baseRights), true);
      fdstat.view.setBigUint64(FDSTAT.inheriting, BigInt(descriptor.inheritingRights), true);
      fdstat.copyOut(memory, result >>> 0);
      return 0;
    },

    fd_fdstat_set_flags(fd: number, flags: number): number {
      const descriptor = descriptors.get(fd >>> 0, Right.fd_fdstat_set_flags);
      if ((flags & ~ALL_DESCRIPTOR_FLAGS) !== 0) throw new WasiError('EINVAL');
      descriptor.flags = flags;
      return 0;
    },

    fd_fdstat_set_rights(fd: number, base: bigint, inheriting: bigint): number {
      const descriptor = descriptors.get(fd >>> 0);
      const newBase = rightsFrom(base);
      const newInheriting = rightsFrom(inheriting);
      const gained = (newBase & ~descriptor.baseRights) | (newInheriting & ~descriptor.inheritingRights);
      if (gained !== 0) throw new WasiError('ENOTCAPABLE'); // DT2
      descriptor.baseRights = newBase;
      descriptor.inheritingRights = newInheriting;
      return 0;
    },

    fd_prestat_get(fd: number, result: number): number {
      const name = preopenName(descriptors.get(fd >>> 0));
      prestat.view.setUint32(PRESTAT.nameLength, name.length, true);
      prestat.copyOut(memory, result >>> 0);
      return 0;
    },

    fd_prestat_dir_name(fd: number, address: number, length: number): number {
      const name = preopenName(descriptors.get(fd >>> 0));
      if (length >>> 0 < name.length) throw new WasiError('ENAMETOOLONG');
      requireWritable(memory, address >>> 0, length >>> 0);
      memory.copyOut(address >>> 0, name);
      return 0;
    },

    fd_filestat_get(fd: number, result: number): number {
      const descriptor = descriptors.get(fd >>> 0, Right.fd_filestat_get);
      requireWritable(memory, result >>> 0, layout.filestat.size);
      stats.write(result >>> 0, statOf(descriptor, fd >>> 0));
      return 0;
    },

    fd_filestat_set_times(fd: number, accessed: bigint, modified: bigint, flags: number): number {
      const descriptor = descriptors.get(fd >>> 0, Right.fd_filestat_set_times);
      const times = timesFrom(clock, accessed, modified, flags);
      if (descriptor.kind === 'file') descriptor.file.setTimes(times);
      else if (descriptor.kind === 'directory') descriptor.directory.setTimes(times);
      return 0;
    },

    fd_readdir(fd: number, buffer: number, length: number, cookie: bigint, result: number): number {
      const descriptor = descriptors.directory(fd >>> 0, Right.fd_readdir);
      requireWritable(memory, buffer >>> 0, length >>> 0);
      requireWritable(memory, result >>> 0, 4);
      memory.writeU32(result >>> 0, writeEntries(context, descriptor, buffer >>> 0, length >>> 0, BigInt.asUintN(64, cookie)));
      return 0;
    },
  };
}

/** The kind of file behind a descriptor. */
function typeOf(descriptor: Descriptor): FileType {
  if (descriptor.kind === 'directory') return FileType.directory;
  return descriptor.kind === 'file' ? descriptor.file.type : descriptor.type;
}

/** Only preopened directories have a prestat. C libraries stop at the first EBADF when they collect them. */
function preopenName(descriptor: Descriptor): Uint8Array {
  if (descriptor.kind !== 'directory' || descriptor.preopenName === undefined) throw new WasiError('EBADF');
  return descriptor.preopenName;
}

/** A stream has no attributes but its kind; the inode tells the three standard ones apart. */
function statOf(descriptor: Descriptor, fd: number): FileStat {
  if (descriptor.kind === 'file') return descriptor.file.stat();
  if (descriptor.kind === 'directory') return descriptor.directory.stat();
  return { device: 0n, inode: BigInt(fd + 1), type: descriptor.type, links: 1n, size: 0n, accessed: 0n, modified: 0n, changed: 0n };
}

/**
 * Writes directory entries from number `cookie` on, the last one cut off where the buffer ends; returns the bytes written.
 * Entry 0 is `.`, 1 is `..`, then the names as they were when cookie 0 was asked for: entries removed since are left out,
 * so a program that deletes while it reads misses nothing. The inode of `..` is that of the directory: what is above is not told.
 */
function writeEntries(context: WasiContext, descriptor: DirectoryDescriptor, buffer: number, length: number, cookie: bigint): number {
  const { directory } = descriptor;
  directory.confirm();
  if (cookie === 0n || descriptor.listing === undefined) descriptor.listing = ['.', '..', ...directory.list()];
  const names = descriptor.listing;
  let used = 0;
  for (let i = cookie < BigInt(names.length) ? Number(cookie) : names.length; i < names.length && used < length; i++) {
    const name = names[i] as string;
    const entry = encodeEntry(context, i + 1, name, i < 2 ? directory.stat() : statIfAny(descriptor, name));
    if (entry === undefined) continue;
    const part = Math.min(entry.length, length - used);
    context.memory.copyOut(buffer + used, entry.subarray(0, part));
    used += part;
  }
  return used;
}

function statIfAny(descriptor: DirectoryDescriptor, name: string): FileStat | undefined {
  return descriptor.directory.typeOf(name) === undefined ? undefined : descriptor.directory.statOf(name);
}

/** Returns one dirent with its name, in the staging buffer; undefined if the entry is gone. */
function encodeEntry(context: WasiContext, next: number, name: string, stat: FileStat | undefined): Uint8Array | undefined {
  if (stat === undefined) return undefined;
  const nameBytes = new TextEncoder().encode(name);
  const size = DIRENT.size + nameBytes.length;
  const entry = context.staging.subarray(0, size);
  const view = new DataView(entry.buffer, entry.byteOffset, DIRENT.size);
  view.setBigUint64(DIRENT.next, BigInt(next), true);
  view.setBigUint64(DIRENT.inode, stat.inode, true);
  view.setUint32(DIRENT.nameLength, nameBytes.length, true);
  view.setUint32(DIRENT.type, stat.type, true); // one byte, and three of padding
  entry.set(nameBytes, DIRENT.size);
  return entry;
}
