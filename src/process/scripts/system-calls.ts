// The system calls of scripts: the contract. Each is a generator to be used with `yield*`; each takes one step of the schedule.
//
// A call that cannot be met answers an `Errno` and changes nothing. An access that cannot be resolved is a fault: it goes to the
// handler that the process installed with `onFault`, or ends the process (SIGSEGV, SIGBUS for a page that its pager cannot give, SIGKILL
// for want of memory). Addresses are byte addresses of the caller's own space.

import type { Errno, VirtAddr } from '../../base/index.ts';
import type {
  Advice,
  AreaReport,
  FaultOutcome,
  Inheritance,
  LockScope,
  MapRequest,
  Place,
  SpaceLimits,
  SpaceUsage,
} from '../../system/index.ts';
import type { SpaceHeapSettings, SpaceHeapUsage } from '../space-heap/index.ts';
import type { Executable } from './executable.ts';
import type { ExitStatus, Script } from './script.ts';

/** A program: a number that it returns is its exit code; otherwise that is 0. */
export type ScriptProgram = (sys: SystemCalls) => Script<unknown>;

/** Reading and writing memory, as the CPU does it or a C library over it. */
export interface AccessCalls {
  /** Loads an unsigned number of 1, 2 or 4 bytes (4 if not said), little-endian. */
  load(at: number, size?: 1 | 2 | 4): Script<number>;
  /** Stores the low bytes of `value`. */
  store(at: number, value: number, size?: 1 | 2 | 4): Script<void>;
  /** Returns a copy of [at, at + size). */
  read(at: number, size: number): Script<Uint8Array>;
  /** Writes bytes; what lies before a fault is written. */
  write(at: number, bytes: Uint8Array): Script<void>;
  /** Returns the text up to the next 0 byte, at most `limit` bytes (4096). */
  readString(at: number, limit?: number): Script<string>;
  /** Writes text in UTF-8 and a 0 byte; returns how many bytes that are. */
  writeString(at: number, text: string): Script<number>;
  memset(at: number, value: number, size: number): Script<void>;
  /** Copies as if through a buffer: the ranges may overlap, so this is memmove as well. */
  memcpy(to: number, from: number, size: number): Script<void>;
  /** Returns 0 if the ranges are equal, else the difference of the first two bytes that differ. */
  memcmp(a: number, b: number, size: number): Script<number>;
  /** Returns the address of the first byte of the range that is the low byte of `value`, or -1. */
  memchr(at: number, value: number, size: number): Script<number>;
  /** Returns the number of bytes before the next 0 byte. */
  strlen(at: number): Script<number>;
}

/**
 * malloc and its family, as a C library over the caller's break and mappings (space-heap/). The first call makes a heap; from then on the break
 * is the heap's. A forked child has the heap with everything in it.
 */
export interface HeapCalls {
  /** Makes the heap now, in a design of choice, hardened, or with guard pages. EBUSY if the break has moved already, ENOMEM. */
  useHeap(settings: SpaceHeapSettings): Script<0 | Errno>;
  /** Returns a block's address, or 0. */
  malloc(bytes: number): Script<number>;
  calloc(count: number, bytes: number): Script<number>;
  realloc(address: number, bytes: number): Script<number>;
  memalign(alignment: number, bytes: number): Script<number>;
  /** Returns false for an address that is visibly none of a block. */
  free(address: number): Script<boolean>;
  usableSize(address: number): Script<number>;
  heapUsage(): Script<SpaceHeapUsage | Errno>;
  /** Says which guarded block a fault at `address` concerns; empty if none. */
  explainFault(address: number): Script<string>;
}

/** What `mmap` takes: a mapping of the contract, with a descriptor instead of an object. */
export interface MmapRequest extends Omit<MapRequest, 'object'> {
  /** From `open` or `shmOpen`; anonymous memory without. */
  readonly fd?: number;
}

/** The mmap family: each call is the contract's of the same meaning (`MemorySystem`), with its errors. */
export interface MemoryCalls {
  /** Maps an area. EBADF for a descriptor that is not open; otherwise as `map`. */
  mmap(request: MmapRequest): Script<VirtAddr | Errno>;
  munmap(start: number, size: number): Script<0 | Errno>;
  mprotect(start: number, size: number, protection: number): Script<0 | Errno>;
  mremap(start: number, oldSize: number, newSize: number, place: 'here' | 'anywhere' | Place): Script<VirtAddr | Errno>;
  madvise(start: number, size: number, advice: Advice): Script<0 | Errno>;
  minherit(start: number, size: number, inheritance: Inheritance): Script<0 | Errno>;
  mlock(start: number, size: number): Script<0 | Errno>;
  munlock(start: number, size: number): Script<0 | Errno>;
  mlockall(scope: LockScope): Script<0 | Errno>;
  munlockall(): Script<void>;
  /** Returns 1 or 0 for each page of the range. */
  mincore(start: number, size: number): Script<Uint8Array | Errno>;
  /** Writes shared file pages back; if their pager is a process, waits until that has taken them. */
  msync(start: number, size: number): Script<0 | Errno>;
  /** Sets the break; returns it. */
  brk(end: number): Script<VirtAddr | Errno>;
  /** Moves the break by `bytes`; returns where it was before. */
  sbrk(bytes: number): Script<VirtAddr | Errno>;
  /** Takes addresses without memory behind them. */
  reserve(size: number, place?: Place): Script<VirtAddr | Errno>;
  commit(start: number, size: number, protection: number): Script<0 | Errno>;
  decommit(start: number, size: number): Script<0 | Errno>;
  setrlimit(limits: SpaceLimits): Script<void>;
  getrusage(): Script<SpaceUsage>;
  /** Returns the areas of the caller's space, as /proc/self/maps does. */
  maps(): Script<readonly AreaReport[]>;
  /** Opens a file, or shared memory that exists: a descriptor. ENOENT. */
  open(name: string): Script<number | Errno>;
  /** Opens shared memory, made with `size` bytes if there is none of that name. ENOENT without a size, EINVAL, ENOMEM. */
  shmOpen(name: string, size?: number): Script<number | Errno>;
  /** Forgets a name; what has it open or mapped keeps it. ENOENT. */
  shmUnlink(name: string): Script<0 | Errno>;
  close(fd: number): Script<0 | Errno>;
}

/** A child that has ended. */
export interface EndedChild {
  readonly pid: number;
  readonly status: ExitStatus;
}

/** A fault as the process's handler sees it. */
export interface FaultInfo {
  readonly outcome: FaultOutcome;
  readonly address: number;
  readonly access: 'read' | 'write';
}

/** Mends a fault: `retry` makes the access again, `die` ends the process as if there were no handler. A fault inside it ends the process. */
export type FaultHandler = (fault: FaultInfo, sys: SystemCalls) => Script<'retry' | 'die'>;

/** Processes and threads. */
export interface ProcessCalls {
  /** Makes a process with a copy of the caller's space, in which `script` runs. EAGAIN for too many processes, ENOMEM. */
  fork(script: ScriptProgram): Script<number | Errno>;
  /** Makes a process in the caller's own space; the caller goes on when the child has called `exec` or ended. */
  vfork(script: ScriptProgram): Script<number | Errno>;
  /**
   * Makes a process with a new space: an empty one, or that of an executable. `lazy`: the process, and its children, take memory as a promise
   * that may be broken: when there is none left, for itself or for another, it is killed.
   */
  spawn(script: ScriptProgram, executable?: Executable, allocation?: 'lazy'): Script<number | Errno>;
  /** Replaces the caller's space and script; its other threads end. Returns only if it fails: ENOMEM. */
  exec(executable: Executable, script: ScriptProgram): Script<Errno>;
  /** Ends the process with all its threads. */
  exit(code: number): Script<never>;
  /** Waits for a child, or any, and takes its status. ECHILD if there is none. */
  wait(pid?: number): Script<EndedChild | Errno>;
  /** Ends a process. ESRCH if there is none; EPERM for init. */
  kill(pid: number): Script<0 | Errno>;
  /** Runs `script` in the caller's space beside it; the process ends with its last thread. Returns the thread's number. EAGAIN, ENOMEM. */
  thread(script: ScriptProgram): Script<number | Errno>;
  /** Lets others run. */
  yield_(): Script<void>;
  /** Waits until `ticks` ticks have passed. */
  sleep(ticks: number): Script<void>;
  /** Returns the number of ticks since boot. */
  tick(): Script<number>;
  getpid(): Script<number>;
  getppid(): Script<number>;
  /** Installs the process's fault handler, or none. */
  onFault(handler: FaultHandler | undefined): Script<void>;
}

/** Pages that go with a message: lent (copy-on-write), lent to be written into, shared, copied or moved. */
export interface SentPages {
  readonly start: number;
  readonly size: number;
  readonly how: 'lend' | 'lendWritable' | 'share' | 'copy' | 'move';
}

/** A message as its receiver gets it. */
export interface ReceivedMessage {
  /** Who sent it: the kernel says so, not the sender. */
  readonly from: number;
  readonly payload: Uint8Array;
  /** Where the pages are in the receiver's space. */
  readonly pages?: { readonly start: VirtAddr; readonly size: number };
  /** For `endLoan`, if the pages were lent to be written into. */
  readonly loan?: number;
}

/** Messages between processes, and pages without copying. */
export interface MessageCalls {
  /**
   * Sends up to 256 bytes (text in UTF-8) and perhaps pages, waiting while the receiver's queue of 16 is full. ESRCH, EMSGSIZE, ENOMEM;
   * ENOSYS for pages on a manager that cannot move them, otherwise what the move answers.
   */
  send(to: number, payload: Uint8Array | string, pages?: SentPages): Script<0 | Errno>;
  /** Waits for the next message, from anybody or from `from` only. */
  receive(from?: number): Script<ReceivedMessage>;
  /** Gives pages back that were lent to be written into: the lender has them again. EINVAL. */
  endLoan(loan: number): Script<0 | Errno>;
  /** Lends pages to the kernel, as for I/O from them: a number for `endKernelLoan` and `transfer`. */
  lendToKernel(start: number, size: number): Script<number | Errno>;
  /** Returns the bytes that the kernel sees through a loan. EINVAL. */
  readKernelLoan(loan: number): Script<Uint8Array | Errno>;
  endKernelLoan(loan: number): Script<0 | Errno>;
  /** Has the kernel receive bytes into pages of its own, as from a network. */
  kernelPages(bytes: Uint8Array): Script<number | Errno>;
  /** Makes a loan's pages the caller's anonymous memory (page transfer) and ends the loan. */
  transfer(loan: number, place?: Place): Script<VirtAddr | Errno>;
}

/** What a pager in user space is asked for. */
export interface PagerRequest {
  /** The name given to `servePager`. */
  readonly name: string;
  readonly kind: 'read' | 'write';
  readonly index: number;
  /** The page to be written back. */
  readonly bytes?: Uint8Array;
}

/** Pagers in user space: a process that gives the pages of an object, and takes them back. */
export interface PagerCalls {
  /** Makes a file of `pages` pages, which others can open, with the caller as its pager. EEXIST, EINVAL, ENOMEM. */
  servePager(name: string, pages: number): Script<0 | Errno>;
  /** Waits for the next request. EINVAL for a process that serves nothing, EBUSY while the last one is not answered. */
  pagerRequest(): Script<PagerRequest | Errno>;
  /**
   * Answers the request taken last: with a page's bytes (zeros behind them) to a read, with nothing to a write, or with an error. EINVAL if
   * there is none, or nobody waits for it any more; ENOMEM if the kernel has no room for the page: answer again.
   */
  pagerReply(answer?: Uint8Array | Errno): Script<0 | Errno>;
}

/** Everything that a script can ask for. */
export interface SystemCalls extends AccessCalls, HeapCalls, MemoryCalls, ProcessCalls, MessageCalls, PagerCalls {}
