// The system interface of one process: all functions of wasi_snapshot_preview1 (the 45 of its first edition and sock_accept, which
// came later), and those of wasi_unstable (snapshot 0: without sock_accept) for old binaries. They reach the guest only through `GuestMemory`, so they serve paged and flat memories alike, and files only
// through `Directory` and the streams, so they serve any host.
//
//   guest -- i32, i64 --> guarded call --> argument-, clock-, descriptor-, file-, path-, poll-, process-, socket-calls
//                            |                      all on one WasiContext
//                            +-- the one catch: WasiError -> its number, BadAddress -> EFAULT; everything else goes up
//
// What goes up ends the program: ProcessExit, ProcessSignal, a kill by the memory manager, a bug of ours.
// Sources: wasi_snapshot_preview1.witx and typenames.witx (preview 1), wasi_unstable.witx (snapshot 0), in WebAssembly/WASI, legacy.

import { BadAddress, type GuestMemory } from '../guest-memory.ts';
import { argumentCalls } from './argument-calls.ts';
import type { WasiClock, WasiRandom } from './clock.ts';
import { ClockReader, clockCalls } from './clock-calls.ts';
import { STAGING_BYTES, type WasiCall, type WasiCalls, type WasiContext } from './context.ts';
import { descriptorCalls } from './descriptor-calls.ts';
import { DescriptorTable, preopened, StreamDescriptor } from './descriptor-table.ts';
import { WasiErrno, WasiError } from './errno.ts';
import { fileCalls } from './file-calls.ts';
import type { Directory } from './file-system.ts';
import { PREVIEW1, SNAPSHOT0, type SnapshotLayout } from './layout.ts';
import { pathCalls } from './path-calls.ts';
import { pollCalls } from './poll-calls.ts';
import { processCalls } from './process-calls.ts';
import { socketCalls } from './socket-calls.ts';
import { type ByteSink, type ByteSource, bytesSource, discardingSink } from './streams.ts';
import { StringBlock } from './string-block.ts';
import { Transfer } from './transfer.ts';

/** What a process gets from its world. */
export interface WasiOptions {
  /** The guest's memory. */
  readonly memory: GuestMemory;
  /** The arguments, the program's name first. Default: none. */
  readonly args?: readonly string[];
  /** The environment, in order. Default: empty. */
  readonly environ?: Readonly<Record<string, string>>;
  /** Standard input. Default: empty. */
  readonly stdin?: ByteSource;
  /** Standard output. Default: discarded. */
  readonly stdout?: ByteSink;
  /** Standard error. Default: discarded. */
  readonly stderr?: ByteSink;
  /** Directories that the guest may use, by the path under which it knows them; descriptors 3 and up, in this order. */
  readonly preopens?: readonly { readonly guestPath: string; readonly directory: Directory }[];
  readonly clock: WasiClock;
  readonly random: WasiRandom;
}

/** The system interface of one process. */
export interface Wasi {
  /** The functions by the name of the module that imports them: `wasi_snapshot_preview1` and `wasi_unstable`. */
  readonly modules: Readonly<Record<string, WasiCalls>>;
  /** Closes all descriptors. The process must not run afterwards. */
  close(): void;
}

/** Makes the system interface of one process. Strings with NUL are a `UsageError`. */
export function createWasi(options: WasiOptions): Wasi {
  const context = createContext(options);
  const reader = new ClockReader(options.clock);
  const preview1 = callsOf(context, reader, PREVIEW1);
  const { sock_accept: _, ...snapshot0 } = callsOf(context, reader, SNAPSHOT0);
  return {
    modules: { wasi_snapshot_preview1: guardedTable(preview1), wasi_unstable: guardedTable(snapshot0) },
    close: () => context.descriptors.closeAll(),
  };
}

function createContext(options: WasiOptions): WasiContext {
  const descriptors = new DescriptorTable();
  descriptors.add(new StreamDescriptor({ source: options.stdin ?? bytesSource() }));
  descriptors.add(new StreamDescriptor({ sink: options.stdout ?? discardingSink() }));
  descriptors.add(new StreamDescriptor({ sink: options.stderr ?? discardingSink() }));
  for (const { guestPath, directory } of options.preopens ?? []) descriptors.add(preopened(directory, guestPath));
  const staging = new Uint8Array(STAGING_BYTES);
  return {
    memory: options.memory,
    descriptors,
    clock: options.clock,
    random: options.random,
    args: new StringBlock(options.args ?? []),
    environ: new StringBlock(Object.entries(options.environ ?? {}).map(([name, value]) => `${name}=${value}`)),
    transfer: new Transfer(options.memory, staging),
    staging,
  };
}

function callsOf(context: WasiContext, reader: ClockReader, layout: SnapshotLayout): WasiCalls {
  return {
    ...argumentCalls(context),
    ...clockCalls(context, reader),
    ...descriptorCalls(context, layout),
    ...fileCalls(context, layout),
    ...pathCalls(context, layout),
    ...pollCalls(context, layout, reader),
    ...processCalls(context),
    ...socketCalls(context),
  };
}

/** Returns the calls behind the one catch. Without a prototype: a module that imports `toString` must not find one. */
function guardedTable(calls: WasiCalls): WasiCalls {
  const table: Record<string, WasiCall> = Object.create(null);
  for (const [name, call] of Object.entries(calls)) table[name] = guarded(call);
  return table;
}

type Word = number | bigint;

/**
 * Wraps a call with the one catch. Nine parameters are as many as any call has (path_open); passing the missing ones on
 * as undefined costs less than a rest array on every call.
 */
function guarded(call: WasiCall): WasiCall {
  // A WebAssembly import is called with what its type says; the types of the calls are those of the specification.
  const run = call as unknown as (a?: Word, b?: Word, c?: Word, d?: Word, e?: Word, f?: Word, g?: Word, h?: Word, i?: Word) => number;
  return (a?: Word, b?: Word, c?: Word, d?: Word, e?: Word, f?: Word, g?: Word, h?: Word, i?: Word): number => {
    try {
      return run(a, b, c, d, e, f, g, h, i);
    } catch (error) {
      return errnoOf(error);
    }
  };
}

/** Returns the error number that `error` stands for, or throws it on. */
function errnoOf(error: unknown): number {
  if (error instanceof WasiError) return error.errno;
  if (error instanceof BadAddress) return WasiErrno.EFAULT;
  throw error;
}
