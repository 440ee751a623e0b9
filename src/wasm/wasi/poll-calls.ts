// poll_oneoff: waits until at least one of several subscriptions has happened, and writes an event for each that has.
//
//   files, streams   always ready; a bad descriptor is an event with an error, at once
//   clocks           ready when their time has come: relative to now, or absolute
// If a descriptor's event is there, only clocks that are due now are added; otherwise the call sleeps until the earliest
// clock is due, then reports all that are. The clock is not read again after the sleep, so a deterministic clock stays one.

import type { ClockReader } from './clock-calls.ts';
import { requireReadable, requireWritable, StructBuffer, type WasiCalls, type WasiContext } from './context.ts';
import { WasiErrno, WasiError } from './errno.ts';
import { CLOCK_ABSOLUTE, EVENT, EventTag, type SnapshotLayout, SUBSCRIPTION } from './layout.ts';
import { Right } from './rights.ts';

/** The most subscriptions in one call: as many as there can be descriptors. They fit the staging buffer. */
const MAX_SUBSCRIPTIONS = 1024;

/** A subscription, and what has become of it. */
interface Pending {
  readonly userdata: bigint;
  readonly tag: number;
  /** Nanoseconds until it happens: 0 or less is now. */
  readonly wait: bigint;
  readonly errno: number;
  readonly bytes: bigint;
}

/** The polling call. */
export function pollCalls(context: WasiContext, layout: SnapshotLayout, reader: ClockReader): WasiCalls {
  const { memory, clock } = context;
  const event = new StructBuffer(EVENT.size);

  function writeEvent(address: number, pending: Pending): void {
    event.view.setBigUint64(EVENT.userdata, pending.userdata, true);
    event.view.setUint16(EVENT.error, pending.errno, true);
    event.view.setUint8(EVENT.type, pending.tag);
    event.view.setBigUint64(EVENT.bytes, pending.bytes, true);
    event.copyOut(memory, address);
  }

  return {
    poll_oneoff(subscriptions: number, events: number, count: number, result: number): number {
      const wanted = count >>> 0;
      if (wanted === 0 || wanted > MAX_SUBSCRIPTIONS) throw new WasiError('EINVAL');
      requireReadable(memory, subscriptions >>> 0, wanted * layout.subscription.size);
      requireWritable(memory, events >>> 0, wanted * EVENT.size);
      requireWritable(memory, result >>> 0, 4);
      const pending = readSubscriptions(context, layout, reader, subscriptions >>> 0, wanted);
      const due = soonestOf(pending);
      if (due > 0n) clock.sleep(due);
      let written = 0;
      for (const one of pending) if (one.wait <= due) writeEvent((events >>> 0) + EVENT.size * written++, one);
      memory.writeU32(result >>> 0, written);
      return 0;
    },
  };
}

/** Nanoseconds until the first of `pending` happens, at least 0. */
function soonestOf(pending: readonly Pending[]): bigint {
  let soonest = (pending[0] as Pending).wait;
  for (const { wait } of pending) if (wait < soonest) soonest = wait;
  return soonest > 0n ? soonest : 0n;
}

function readSubscriptions(context: WasiContext, layout: SnapshotLayout, reader: ClockReader, address: number, count: number): Pending[] {
  const { size } = layout.subscription;
  const bytes = context.staging.subarray(0, count * size);
  context.memory.copyIn(address, bytes);
  const pending: Pending[] = [];
  for (let i = 0; i < count; i++) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + i * size, size);
    pending.push(readSubscription(context, layout, reader, view));
  }
  return pending;
}

/** Reads one subscription and finds out when it happens. An unknown kind is EINVAL for the whole call. */
function readSubscription(context: WasiContext, layout: SnapshotLayout, reader: ClockReader, view: DataView): Pending {
  const userdata = view.getBigUint64(SUBSCRIPTION.userdata, true);
  const tag = view.getUint8(SUBSCRIPTION.tag);
  if (tag > EventTag.write) throw new WasiError('EINVAL');
  try {
    if (tag === EventTag.clock) return { userdata, tag, wait: clockWait(layout, reader, view), errno: WasiErrno.SUCCESS, bytes: 0n };
    const fd = view.getUint32(SUBSCRIPTION.descriptor, true);
    return { userdata, tag, wait: 0n, errno: WasiErrno.SUCCESS, bytes: bytesReady(context, fd, tag) };
  } catch (error) {
    if (!(error instanceof WasiError)) throw error;
    return { userdata, tag, wait: 0n, errno: error.errno, bytes: 0n };
  }
}

/** Nanoseconds until a clock subscription is due. */
function clockWait(layout: SnapshotLayout, reader: ClockReader, view: DataView): bigint {
  const { clockId, timeout, clockFlags } = layout.subscription;
  const time = view.getBigUint64(timeout, true);
  const now = reader.now(view.getUint32(clockId, true));
  return (view.getUint16(clockFlags, true) & CLOCK_ABSOLUTE) !== 0 ? time - now : time;
}

/** Bytes that can be read or written without waiting, where that is known; else 1 for a stream to read, 0 to write. */
function bytesReady(context: WasiContext, fd: number, tag: number): bigint {
  const right = tag === EventTag.read ? Right.fd_read : Right.fd_write;
  const descriptor = context.descriptors.get(fd, Right.poll_fd_readwrite | right);
  if (tag === EventTag.write) return 0n;
  if (descriptor.kind !== 'file') return 1n;
  return BigInt(Math.max(0, descriptor.file.size() - descriptor.position));
}
