// fd_* calls that move bytes or positions of files and streams: read, write, seek, sizes, sync. The hot ones: no objects per call
// beyond what the copies need.

import { positionFrom, requireWritable, type WasiCalls, type WasiContext } from './context.ts';
import type { FileDescriptor } from './descriptor-table.ts';
import { WasiError } from './errno.ts';
import { ADVICE_COUNT, DescriptorFlag, type SnapshotLayout, type Whence } from './layout.ts';
import { Right } from './rights.ts';

/** The fd_* calls on contents. */
export function fileCalls(context: WasiContext, layout: SnapshotLayout): WasiCalls {
  const { memory, descriptors, transfer } = context;

  return {
    fd_read(fd: number, list: number, count: number, result: number): number {
      const descriptor = descriptors.get(fd >>> 0, Right.fd_read);
      requireWritable(memory, result >>> 0, 4);
      transfer.load(list >>> 0, count >>> 0, 'write');
      let done = 0;
      if (descriptor.kind === 'file') {
        done = transfer.fillFromFile(descriptor.file, descriptor.position);
        descriptor.position += done;
      } else if (descriptor.kind === 'stream' && descriptor.source !== undefined) {
        done = transfer.fillFromStream(descriptor.source);
      }
      memory.writeU32(result >>> 0, done);
      return 0;
    },

    fd_write(fd: number, list: number, count: number, result: number): number {
      const descriptor = descriptors.get(fd >>> 0, Right.fd_write);
      requireWritable(memory, result >>> 0, 4);
      transfer.load(list >>> 0, count >>> 0, 'read');
      let done = 0;
      if (descriptor.kind === 'file') {
        if ((descriptor.flags & DescriptorFlag.append) !== 0) descriptor.position = descriptor.file.size();
        done = transfer.drainToFile(descriptor.file, descriptor.position);
        descriptor.position += done;
        syncIfAsked(descriptor);
      } else if (descriptor.kind === 'stream' && descriptor.sink !== undefined) {
        done = transfer.drain(descriptor.sink);
      }
      memory.writeU32(result >>> 0, done);
      return 0;
    },

    fd_pread(fd: number, list: number, count: number, offset: bigint, result: number): number {
      const { file } = descriptors.file(fd >>> 0, Right.fd_read | Right.fd_seek);
      const position = positionFrom(offset);
      requireWritable(memory, result >>> 0, 4);
      transfer.load(list >>> 0, count >>> 0, 'write');
      memory.writeU32(result >>> 0, transfer.fillFromFile(file, position));
      return 0;
    },

    // At the given offset even in append mode, as POSIX says (Linux appends).
    fd_pwrite(fd: number, list: number, count: number, offset: bigint, result: number): number {
      const descriptor = descriptors.file(fd >>> 0, Right.fd_write | Right.fd_seek);
      const position = positionFrom(offset);
      requireWritable(memory, result >>> 0, 4);
      transfer.load(list >>> 0, count >>> 0, 'read');
      const done = transfer.drainToFile(descriptor.file, position);
      syncIfAsked(descriptor);
      memory.writeU32(result >>> 0, done);
      return 0;
    },

    fd_seek(fd: number, delta: bigint, whence: number, result: number): number {
      const from = layout.whence[whence >>> 0];
      const right = from === 'current' && delta === 0n ? Right.fd_tell : Right.fd_seek;
      const descriptor = descriptors.file(fd >>> 0, right);
      if (from === undefined) throw new WasiError('EINVAL');
      requireWritable(memory, result >>> 0, 8);
      descriptor.position = newPosition(descriptor, from, delta);
      memory.writeU64(result >>> 0, BigInt(descriptor.position));
      return 0;
    },

    fd_tell(fd: number, result: number): number {
      const { position } = descriptors.file(fd >>> 0, Right.fd_tell);
      memory.writeU64(result >>> 0, BigInt(position));
      return 0;
    },

    // Advice is taken note of by doing nothing: it never changes what a program sees.
    fd_advise(fd: number, _offset: bigint, _length: bigint, advice: number): number {
      descriptors.file(fd >>> 0, Right.fd_advise);
      if (advice >>> 0 >= ADVICE_COUNT) throw new WasiError('EINVAL');
      return 0;
    },

    // The size is guaranteed, the space is not: hosts offer no synchronous call that reserves it.
    fd_allocate(fd: number, offset: bigint, length: bigint): number {
      const { file } = descriptors.file(fd >>> 0, Right.fd_allocate);
      if (length === 0n) throw new WasiError('EINVAL');
      const end = sizeFrom(BigInt.asUintN(64, offset) + BigInt.asUintN(64, length));
      if (end > file.size()) file.setSize(end);
      return 0;
    },

    fd_filestat_set_size(fd: number, size: bigint): number {
      const { file } = descriptors.file(fd >>> 0, Right.fd_filestat_set_size, 'EINVAL');
      file.setSize(sizeFrom(BigInt.asUintN(64, size)));
      return 0;
    },

    fd_datasync: (fd: number) => sync(context, fd >>> 0, 'data'),
    fd_sync: (fd: number) => sync(context, fd >>> 0, 'all'),
  };
}

function sync(context: WasiContext, fd: number, what: 'data' | 'all'): number {
  const descriptor = context.descriptors.get(fd, what === 'data' ? Right.fd_datasync : Right.fd_sync);
  if (descriptor.kind === 'file') descriptor.file.sync(what);
  else if (descriptor.kind === 'directory') descriptor.directory.sync(what);
  else throw new WasiError('EINVAL'); // as POSIX: a stream does not support synchronization
  return 0;
}

function syncIfAsked(descriptor: FileDescriptor): void {
  if ((descriptor.flags & DescriptorFlag.sync) !== 0) descriptor.file.sync('all');
  else if ((descriptor.flags & DescriptorFlag.dataSync) !== 0) descriptor.file.sync('data');
}

/** Where a seek leads; EINVAL before the start, EOVERFLOW beyond 2^53 - 1. */
function newPosition(descriptor: FileDescriptor, from: Whence, delta: bigint): number {
  const base = from === 'set' ? 0 : from === 'current' ? descriptor.position : descriptor.file.size();
  const position = base + Number(delta);
  if (position < 0) throw new WasiError('EINVAL');
  if (position > Number.MAX_SAFE_INTEGER) throw new WasiError('EOVERFLOW');
  return position;
}

function sizeFrom(size: bigint): number {
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new WasiError('EFBIG');
  return Number(size);
}
