// sock_*: no descriptor here is a socket, so each call says so: ENOTSOCK for an open descriptor, EBADF for none.

import type { WasiCalls, WasiContext } from './context.ts';
import { WasiError } from './errno.ts';

/** The calls on sockets. */
export function socketCalls(context: WasiContext): WasiCalls {
  function notASocket(fd: number): number {
    context.descriptors.get(fd >>> 0);
    throw new WasiError('ENOTSOCK');
  }
  return { sock_accept: notASocket, sock_recv: notASocket, sock_send: notASocket, sock_shutdown: notASocket };
}
