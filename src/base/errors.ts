// Errors, by who made the mistake: the kernel (KernelPanic), whoever called it from outside (UsageError),
// or nobody (an Errno: a request that cannot be met, returned as a value).

/** The POSIX error names a memory request can return. A failed request changes nothing. */
export type Errno =
  | 'EACCES'
  | 'EAGAIN'
  | 'EBADF'
  | 'EBUSY'
  | 'ECHILD'
  | 'EEXIST'
  | 'EFAULT'
  | 'EINVAL'
  | 'EIO'
  | 'EMSGSIZE'
  | 'ENODEV'
  | 'ENOENT'
  | 'ENOMEM'
  | 'ENOSPC'
  | 'ENOSYS'
  | 'ENXIO'
  | 'EPERM'
  | 'ESRCH';

/** A broken invariant or a caller's bug inside the kernel. `id` names the invariant in the file that owns it. */
export class KernelPanic extends Error {
  readonly id: string;

  constructor(id: string, message: string) {
    super(`${id}: ${message}`);
    this.name = 'KernelPanic';
    this.id = id;
  }
}

/** Bad input from outside: one sentence that says what, where and what to do. The CLI exits with 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** Throws `KernelPanic` unless `condition`; the message is made only when it fails. */
export function invariant(condition: boolean, id: string, message: () => string): asserts condition {
  if (!condition) throw new KernelPanic(id, message());
}
