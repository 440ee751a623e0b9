// Messages between processes, and pages that go along without being copied.
//
// A message waits in a block of the kernel's heap, so that a flood of them is pressure on memory; its pages are in the receiver's space
// as soon as it is sent. The kernel writes the sender's pid: a receiver knows who asks.

import type { Errno, VirtAddr } from '../../base/index.ts';
import { PAGE_SIZE } from '../../base/index.ts';
import { HeapUse } from '../../heap/index.ts';
import type { KernelLoan, PageMover } from '../../system/index.ts';
import { callerMemory, kernelBlock, type ScriptCore } from './core.ts';
import { freeMessage, MESSAGE_HEADER } from './lifecycle.ts';
import { isErrno, type Message, type ScriptProcess } from './process-table.ts';
import { Blocked, call } from './script.ts';
import type { MessageCalls, ReceivedMessage, SentPages } from './system-calls.ts';

const MAX_PAYLOAD = 256;
/** Messages that may wait for one receiver. */
const MAX_WAITING = 16;

/** Makes the calls about messages and moved pages. */
export function messageCalls(core: ScriptCore): MessageCalls {
  return {
    send: (to, payload, pages) => call('send', [to, payload, pages], () => send(core, to, bytesOf(payload), pages)),
    receive: (from) => call('receive', [from], () => receive(core, from)),
    endLoan: (loan) => call('endLoan', [loan], () => endLoan(core, loan)),
    lendToKernel: (start, size) =>
      call('lendToKernel', [start, size], () =>
        withMover(core, (mover) => keep(core, mover.lendToKernel(callerMemory(core).space, start, size))),
      ),
    readKernelLoan: (loan) => call('readKernelLoan', [loan], () => readKernelLoan(core, loan)),
    endKernelLoan: (loan) => call('endKernelLoan', [loan], () => endKernelLoan(core, loan)),
    kernelPages: (bytes) => call('kernelPages', [bytes], () => kernelPages(core, bytes)),
    transfer: (loan, place) =>
      call('transfer', [loan, place], () => {
        const kept = ownLoan(core, loan);
        if (kept === undefined) return 'EINVAL';
        const at = withMover(core, (mover) => mover.transfer(kept, callerMemory(core).space, place));
        if (!isErrno(at)) core.kernelLoans.delete(loan);
        return at;
      }),
  };
}

const bytesOf = (payload: Uint8Array | string): Uint8Array => (typeof payload === 'string' ? new TextEncoder().encode(payload) : payload);

function withMover<T>({ system }: ScriptCore, action: (mover: PageMover) => T | Errno): T | Errno {
  return system.mover === undefined ? 'ENOSYS' : action(system.mover);
}

function send(core: ScriptCore, to: number, payload: Uint8Array, pages: SentPages | undefined): 0 | Errno | Blocked {
  const receiver = core.processes.get(to);
  if (receiver?.memory === undefined) return 'ESRCH';
  if (payload.length > MAX_PAYLOAD) return 'EMSGSIZE';
  if (receiver.inbox.length >= MAX_WAITING) {
    return new Blocked(`room in the queue of process ${to}`, () => receiver.inbox.length < MAX_WAITING || receiver.memory === undefined);
  }
  const { heap, ram } = core.machine;
  const size = MESSAGE_HEADER + payload.length;
  const block = kernelBlock(core, () => heap.allocate(size, HeapUse.process));
  if (block === 0) return 'ENOMEM';
  const moved = pages === undefined ? undefined : movePages(core, receiver, pages);
  if (isErrno(moved)) {
    heap.free(block, size, HeapUse.process);
    return moved;
  }
  ram.bytes.set(payload, block + MESSAGE_HEADER);
  const received = moved === undefined ? undefined : { start: moved.start, size: pages?.size ?? 0 };
  receiver.inbox.push({ from: core.current.process.pid, block, size: payload.length, pages: received, loan: moved?.loan });
  return 0;
}

function movePages(
  core: ScriptCore,
  receiver: ScriptProcess,
  { start, size, how }: SentPages,
): { readonly start: VirtAddr; readonly loan: number | undefined } | Errno {
  const to = receiver.memory?.process.space;
  if (to === undefined) return 'ESRCH';
  return withMover(core, (mover) => {
    const from = callerMemory(core).space;
    if (how === 'lendWritable') {
      const loan = mover.lendWritable(from, start, size, to);
      if (isErrno(loan)) return loan;
      const id = core.nextLoan++;
      core.loans.set(id, { id, lender: core.current.process, borrower: receiver, loan });
      return { start: loan.borrowerStart, loan: id };
    }
    const at = how === 'lend' ? mover.lendToSpace(from, start, size, to) : mover.pass(from, start, size, to, how);
    return isErrno(at) ? at : { start: at, loan: undefined };
  });
}

function receive(core: ScriptCore, from: number | undefined): ReceivedMessage | Blocked {
  const { inbox } = core.current.process;
  const fits = (message: Message): boolean => from === undefined || message.from === from;
  const at = inbox.findIndex(fits);
  if (at < 0) return new Blocked(from === undefined ? 'a message' : `a message from process ${from}`, () => inbox.some(fits));
  const [message] = inbox.splice(at, 1) as [Message];
  const payload = core.machine.ram.bytes.slice(message.block + MESSAGE_HEADER, message.block + MESSAGE_HEADER + message.size);
  freeMessage(core, message);
  return {
    from: message.from,
    payload,
    ...(message.pages !== undefined && { pages: { start: message.pages.start as VirtAddr, size: message.pages.size } }),
    ...(message.loan !== undefined && { loan: message.loan }),
  };
}

function endLoan(core: ScriptCore, id: number): 0 | Errno {
  const open = core.loans.get(id);
  if (open === undefined || open.borrower !== core.current.process) return 'EINVAL';
  core.loans.delete(id);
  core.system.mover?.endWritableLoan(open.loan);
  return 0;
}

function keep(core: ScriptCore, loan: KernelLoan | Errno): number | Errno {
  if (isErrno(loan)) return loan;
  const id = core.nextLoan++;
  core.kernelLoans.set(id, { owner: core.current.process, loan });
  return id;
}

function ownLoan(core: ScriptCore, id: number): KernelLoan | undefined {
  const kept = core.kernelLoans.get(id);
  return kept?.owner === core.current.process ? kept.loan : undefined;
}

function endKernelLoan(core: ScriptCore, id: number): 0 | Errno {
  const loan = ownLoan(core, id);
  if (loan === undefined) return 'EINVAL';
  core.kernelLoans.delete(id);
  core.system.mover?.endKernelLoan(loan);
  return 0;
}

function readKernelLoan(core: ScriptCore, id: number): Uint8Array | Errno {
  const loan = ownLoan(core, id);
  if (loan === undefined) return 'EINVAL';
  const bytes = new Uint8Array(loan.size);
  forEachRun(loan, (physical, at, run) => bytes.set(core.machine.ram.bytes.subarray(physical, physical + run), at));
  return bytes;
}

function kernelPages(core: ScriptCore, bytes: Uint8Array): number | Errno {
  return withMover(core, (mover) => {
    const loan = mover.kernelPages(bytes.length);
    if (isErrno(loan)) return loan;
    forEachRun(loan, (physical, at, run) => core.machine.ram.bytes.set(bytes.subarray(at, at + run), physical));
    return keep(core, loan);
  });
}

/** Calls `visit` with each run of a loan inside one frame: its physical address, its place in the loan, its length. */
function forEachRun({ frames, offset, size }: KernelLoan, visit: (physical: number, at: number, run: number) => void): void {
  for (let at = 0; at < size; ) {
    const inLoan = offset + at;
    const inFrame = inLoan % PAGE_SIZE;
    const run = Math.min(size - at, PAGE_SIZE - inFrame);
    visit((frames[Math.floor(inLoan / PAGE_SIZE)] as number) * PAGE_SIZE + inFrame, at, run);
    at += run;
  }
}
