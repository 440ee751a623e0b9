// Node's errors as WASI's: the one place where a failed host call becomes an errno.

import { isErrnoName, type WasiErrnoName, WasiError } from '../src/wasm/wasi/index.ts';

/** Host error codes that WASI knows by another name (same meaning on Linux). */
const ALIASES: Readonly<Record<string, WasiErrnoName>> = { EOPNOTSUPP: 'ENOTSUP', EWOULDBLOCK: 'EAGAIN' };

/** Returns the host's error code, such as `ENOENT`, or undefined if `error` is not a failed host call. */
export function hostCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return 'syscall' in error ? error.code : undefined;
}

/** Runs a host call; its failure is thrown as `WasiError`, with EIO for codes that WASI does not have. */
export function hostCall<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw wasiErrorOf(error);
  }
}

/** Returns the `WasiError` for a failed host call, and any other error as it is. */
export function wasiErrorOf(error: unknown): unknown {
  const code = hostCode(error);
  if (code === undefined) return error;
  const name = ALIASES[code] ?? code;
  return new WasiError(isErrnoName(name) ? name : 'EIO');
}
