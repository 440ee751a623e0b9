// The process table: processes, their threads, and the address spaces they run in.
//
//   ScriptProcess --- ProcessMemory --- Process (the trap) --- Space        a space is shared after vfork, until exec or exit
//        |  parent, children, descriptors, messages
//      Thread --- frames: the script, and above it its fault handler's
//
// Invariants:
//   PT1  a process has memory exactly while it has threads; without either it is a zombie with a status, until its parent takes it
//   PT2  memory.users = processes that hold it
// The record of a process and of a thread is a block of the kernel's heap.

import type { Errno } from '../../base/index.ts';
import type { WritableLoan } from '../../system/index.ts';
import type { Process } from '../process.ts';
import type { NamedObject } from './named-objects.ts';
import type { Blocked, ExitStatus, Request, Script } from './script.ts';
import type { FaultHandler, FaultInfo } from './system-calls.ts';
import type { PageRequest, UserPager } from './user-pager.ts';

/** Bytes of the kernel's record of a process: identity, links, limits and a descriptor table of the smallest size. */
export const PROCESS_BYTES = 512;
/** Bytes of the record of a thread: its registers and what it waits for. */
export const THREAD_BYTES = 256;

/** An address space with the processes that run in it. */
export interface ProcessMemory {
  readonly process: Process;
  /** `lazy`: it may be taken away when memory is out. */
  readonly allocation: 'lazy' | undefined;
  users: number;
}

/** A script in progress: the thread's own, or a fault handler above it. */
export interface Frame {
  readonly script: Script<unknown>;
  /** The request being carried out, as long as it is blocked or its fault is being mended. */
  request: Request | undefined;
  /** What the script's next step gets. */
  answer: unknown;
  /** Handlers: the fault they were started for. */
  readonly fault?: FaultInfo;
}

/** One thread. */
export class Thread {
  readonly id: number;
  readonly process: ScriptProcess;
  readonly block: number;
  frames: Frame[];
  blocked: Blocked | undefined;
  /** Pages that it waits for. */
  awaits: readonly PageRequest[] = [];
  /** The request that it has taken as a pager and not yet answered. */
  serving: PageRequest | undefined;

  constructor(id: number, process: ScriptProcess, block: number, script: Script<unknown>) {
    this.id = id;
    this.process = process;
    this.block = block;
    this.frames = [{ script, request: undefined, answer: undefined }];
  }
}

/** A message that waits for its receiver. */
export interface Message {
  readonly from: number;
  /** The payload, in the kernel's heap. */
  readonly block: number;
  readonly size: number;
  readonly pages: { readonly start: number; readonly size: number } | undefined;
  readonly loan: number | undefined;
}

/** A writable loan, as long as it lasts. */
export interface OpenLoan {
  readonly id: number;
  readonly lender: ScriptProcess;
  readonly borrower: ScriptProcess;
  readonly loan: WritableLoan;
}

/** One process. */
export class ScriptProcess {
  readonly pid: number;
  readonly block: number;
  name: string;
  parent: ScriptProcess | undefined;
  readonly children = new Set<ScriptProcess>();
  memory: ProcessMemory | undefined;
  readonly threads: Thread[] = [];
  /** The first thread, or the one that called exec: its result is the exit code once the last thread has ended. */
  mainThread: Thread | undefined;
  status: ExitStatus | undefined;
  readonly descriptors = new Map<number, NamedObject>();
  readonly inbox: Message[] = [];
  readonly pagers: UserPager[] = [];
  faultHandler: FaultHandler | undefined;
  /** The main thread's result, once it has one. */
  exitCode = 0;

  constructor(pid: number, block: number, name: string, parent: ScriptProcess | undefined) {
    this.pid = pid;
    this.block = block;
    this.name = name;
    this.parent = parent;
    parent?.children.add(this);
  }

  /** The lowest descriptor that is free. */
  get freeDescriptor(): number {
    let fd = 0;
    while (this.descriptors.has(fd)) fd++;
    return fd;
  }
}

/** An errno, told from a result that is never a string. */
export const isErrno = (result: unknown): result is Errno => typeof result === 'string';
