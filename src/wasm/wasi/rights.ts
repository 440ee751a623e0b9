// Rights: what may be done through a descriptor. Each descriptor has base rights, for itself, and inheriting rights,
// the most that descriptors opened through it may have. They can be dropped (fd_fdstat_set_rights), never regained.
//
// The 30 defined bits fit a small integer, so they are kept as numbers; the u64 of the interface is cut to them on the way in.
// A right that makes no sense for a kind of file is dropped when the file is opened, as the specification permits:
// programs tell a terminal from a file by the seek right, and a directory must not have it.
// Source: `rights` in typenames.witx. Who checks: `descriptor-table.ts`.

/** One bit per right, named after the call that it permits. */
export const Right = {
  fd_datasync: 1 << 0,
  fd_read: 1 << 1,
  fd_seek: 1 << 2,
  fd_fdstat_set_flags: 1 << 3,
  fd_sync: 1 << 4,
  fd_tell: 1 << 5,
  fd_write: 1 << 6,
  fd_advise: 1 << 7,
  fd_allocate: 1 << 8,
  path_create_directory: 1 << 9,
  path_create_file: 1 << 10,
  path_link_source: 1 << 11,
  path_link_target: 1 << 12,
  path_open: 1 << 13,
  fd_readdir: 1 << 14,
  path_readlink: 1 << 15,
  path_rename_source: 1 << 16,
  path_rename_target: 1 << 17,
  path_filestat_get: 1 << 18,
  path_filestat_set_size: 1 << 19,
  path_filestat_set_times: 1 << 20,
  fd_filestat_get: 1 << 21,
  fd_filestat_set_size: 1 << 22,
  fd_filestat_set_times: 1 << 23,
  path_symlink: 1 << 24,
  path_remove_directory: 1 << 25,
  path_unlink_file: 1 << 26,
  poll_fd_readwrite: 1 << 27,
  sock_shutdown: 1 << 28,
  sock_accept: 1 << 29,
} as const;

/** Every defined right. */
export const ALL_RIGHTS = 2 ** 30 - 1;

/** Rights that mean something for a regular file. */
// biome-ignore format: a list in the order of the document.
export const FILE_RIGHTS =
  Right.fd_datasync | Right.fd_read | Right.fd_seek | Right.fd_fdstat_set_flags | Right.fd_sync | Right.fd_tell |
  Right.fd_write | Right.fd_advise | Right.fd_allocate | Right.fd_filestat_get | Right.fd_filestat_set_size |
  Right.fd_filestat_set_times | Right.poll_fd_readwrite;

/** Rights that mean something for a directory. */
// biome-ignore format: a list in the order of the document.
export const DIRECTORY_RIGHTS =
  Right.fd_fdstat_set_flags | Right.fd_sync | Right.fd_datasync | Right.path_create_directory | Right.path_create_file |
  Right.path_link_source | Right.path_link_target | Right.path_open | Right.fd_readdir | Right.path_readlink |
  Right.path_rename_source | Right.path_rename_target | Right.path_filestat_get | Right.path_filestat_set_size |
  Right.path_filestat_set_times | Right.fd_filestat_get | Right.fd_filestat_set_times | Right.path_symlink |
  Right.path_remove_directory | Right.path_unlink_file;

/** Rights of a stream, besides reading or writing: no seek and no tell, by which programs know a terminal. */
export const STREAM_RIGHTS =
  Right.fd_fdstat_set_flags | Right.fd_sync | Right.fd_datasync | Right.fd_filestat_get | Right.poll_fd_readwrite;

/** Cuts a u64 of rights, as a call passes it, to the defined bits. */
export function rightsFrom(bits: bigint): number {
  return Number(bits & BigInt(ALL_RIGHTS));
}
