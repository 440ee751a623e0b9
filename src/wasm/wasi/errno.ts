// The error numbers of WASI preview1, and the exception that carries one from the place that noticed to the call's one catch.
//
// Numbers are the positions in the enumeration `errno` of the snapshot's typenames.witx; snapshot 0 has the same ones.
// A call's result is a number from here; 0 is success. `BadAddress` becomes EFAULT in `wasi.ts` and nowhere else.

/** Error numbers by their POSIX names. `ENOTCAPABLE` (a right is missing, or a path leaves its directory) is WASI's own. */
// biome-ignore format: a table, eight to a line.
export const WasiErrno = {
  SUCCESS: 0, E2BIG: 1, EACCES: 2, EADDRINUSE: 3, EADDRNOTAVAIL: 4, EAFNOSUPPORT: 5, EAGAIN: 6, EALREADY: 7,
  EBADF: 8, EBADMSG: 9, EBUSY: 10, ECANCELED: 11, ECHILD: 12, ECONNABORTED: 13, ECONNREFUSED: 14, ECONNRESET: 15,
  EDEADLK: 16, EDESTADDRREQ: 17, EDOM: 18, EDQUOT: 19, EEXIST: 20, EFAULT: 21, EFBIG: 22, EHOSTUNREACH: 23,
  EIDRM: 24, EILSEQ: 25, EINPROGRESS: 26, EINTR: 27, EINVAL: 28, EIO: 29, EISCONN: 30, EISDIR: 31,
  ELOOP: 32, EMFILE: 33, EMLINK: 34, EMSGSIZE: 35, EMULTIHOP: 36, ENAMETOOLONG: 37, ENETDOWN: 38, ENETRESET: 39,
  ENETUNREACH: 40, ENFILE: 41, ENOBUFS: 42, ENODEV: 43, ENOENT: 44, ENOEXEC: 45, ENOLCK: 46, ENOLINK: 47,
  ENOMEM: 48, ENOMSG: 49, ENOPROTOOPT: 50, ENOSPC: 51, ENOSYS: 52, ENOTCONN: 53, ENOTDIR: 54, ENOTEMPTY: 55,
  ENOTRECOVERABLE: 56, ENOTSOCK: 57, ENOTSUP: 58, ENOTTY: 59, ENXIO: 60, EOVERFLOW: 61, EOWNERDEAD: 62, EPERM: 63,
  EPIPE: 64, EPROTO: 65, EPROTONOSUPPORT: 66, EPROTOTYPE: 67, ERANGE: 68, EROFS: 69, ESPIPE: 70, ESRCH: 71,
  ESTALE: 72, ETIMEDOUT: 73, ETXTBSY: 74, EXDEV: 75, ENOTCAPABLE: 76,
} as const;

/** The name of a WASI error. */
export type WasiErrnoName = keyof typeof WasiErrno;

/** A request of the guest that cannot be met; its call answers `errno`. The state is as before the call. */
export class WasiError extends Error {
  readonly errno: number;

  constructor(name: WasiErrnoName) {
    super(name);
    this.name = 'WasiError';
    this.errno = WasiErrno[name];
  }
}

/** Tells whether `code`, such as a host's error code, names a WASI error. */
export function isErrnoName(code: string): code is WasiErrnoName {
  return Object.hasOwn(WasiErrno, code);
}
