// How processes come to be and end: fork, vfork, spawn, exec, threads, exit, and what wait finds.
//
// Whatever a new process needs is got before anything is changed, so that a call that fails has changed nothing. When the last thread
// ends, or the process is killed, its memory, descriptors, messages and loans go at once; record and status stay until the parent takes
// them. Children that are left belong to init (pid 1), which takes them as they end.

import { type Errno, EventType, PAGE_SIZE, pagesFor } from '../../base/index.ts';
import { HeapUse } from '../../heap/index.ts';
import { Tlb } from '../../machine/index.ts';
import { FaultOutcome, type Space, type SpaceLayout } from '../../system/index.ts';
import { Process } from '../process.ts';
import { kernelBlock, type ScriptCore } from './core.ts';
import { type Executable, layOutExecutable } from './executable.ts';
import { isErrno, type Message, PROCESS_BYTES, type ProcessMemory, ScriptProcess, THREAD_BYTES, Thread } from './process-table.ts';
import type { ExitStatus, Signal } from './script.ts';
import type { ScriptProgram, SystemCalls } from './system-calls.ts';

/** Most processes at once, zombies included. */
const MAX_PROCESSES = 4096;
/** Header of a message block: sender, size, pages. */
export const MESSAGE_HEADER = 16;

/** Makes and ends the processes of one kernel. */
export class Lifecycle {
  readonly #core: ScriptCore;
  readonly #calls: SystemCalls;
  readonly #init: ScriptProcess;

  constructor(core: ScriptCore, calls: SystemCalls, init: ScriptProcess) {
    this.#core = core;
    this.#calls = calls;
    this.#init = init;
  }

  /** Starts a process in a new space. EAGAIN, ENOMEM. */
  spawn(parent: ScriptProcess, program: ScriptProgram, executable: Executable | undefined, allocation?: 'lazy'): ScriptProcess | Errno {
    return this.#create(parent, program, executable?.name ?? program.name, () => this.#newMemory(executable, allocation));
  }

  /** Starts a process in a copy of the parent's space. EAGAIN, ENOMEM. */
  fork(parent: ScriptProcess, program: ScriptProgram): ScriptProcess | Errno {
    const { system } = this.#core;
    const { process, allocation } = parent.memory as ProcessMemory;
    const child = this.#create(parent, program, program.name, () => this.#inNewSpace(allocation, (tlb) => system.fork(process.space, tlb)));
    if (!isErrno(child)) this.#inherit(parent, child);
    return child;
  }

  /** Starts a process in the parent's own space. EAGAIN, ENOMEM. */
  vfork(parent: ScriptProcess, program: ScriptProgram): ScriptProcess | Errno {
    const memory = parent.memory as ProcessMemory;
    const child = this.#create(parent, program, program.name, () => {
      memory.users++;
      return memory;
    });
    if (!isErrno(child)) this.#inherit(parent, child);
    return child;
  }

  #inherit(parent: ScriptProcess, child: ScriptProcess): void {
    for (const [fd, named] of parent.descriptors) {
      named.references++;
      child.descriptors.set(fd, named);
    }
    child.faultHandler = parent.faultHandler;
  }

  #create(parent: ScriptProcess, program: ScriptProgram, name: string, getMemory: () => ProcessMemory | Errno): ScriptProcess | Errno {
    const { processes, machine } = this.#core;
    if (processes.size >= MAX_PROCESSES) return 'EAGAIN';
    const block = this.#block(PROCESS_BYTES);
    const threadBlock = block === 0 ? 0 : this.#block(THREAD_BYTES);
    const memory = threadBlock === 0 ? 'ENOMEM' : getMemory();
    if (isErrno(memory)) {
      if (block !== 0) machine.heap.free(block, PROCESS_BYTES, HeapUse.process);
      if (threadBlock !== 0) machine.heap.free(threadBlock, THREAD_BYTES, HeapUse.process);
      return memory;
    }
    const process = new ScriptProcess(this.#core.nextPid++, block, name || 'script', parent);
    process.memory = memory;
    processes.set(process.pid, process);
    this.#addThread(process, program, threadBlock);
    machine.events.emit(EventType.start, memory.process.space.pmap.id);
    return process;
  }

  /** Starts a thread. ENOMEM. */
  thread(process: ScriptProcess, program: ScriptProgram): Thread | Errno {
    const block = this.#block(THREAD_BYTES);
    return block === 0 ? 'ENOMEM' : this.#addThread(process, program, block);
  }

  #addThread(process: ScriptProcess, program: ScriptProgram, block: number): Thread {
    const thread = new Thread(this.#core.nextThread++, process, block, program(this.#calls));
    process.threads.push(thread);
    process.mainThread ??= thread;
    this.#core.threads.push(thread);
    return thread;
  }

  #block(size: number): number {
    const { heap } = this.#core.machine;
    return kernelBlock(this.#core, () => heap.allocate(size, HeapUse.process));
  }

  /** Replaces the memory and the script of the current thread's process. ENOMEM, with nothing changed. */
  exec(executable: Executable, program: ScriptProgram): Errno | undefined {
    const { current } = this.#core;
    const { process } = current;
    const memory = this.#newMemory(executable, process.memory?.allocation);
    if (isErrno(memory)) return memory;
    for (const thread of [...process.threads]) if (thread !== current) this.#dropThread(thread);
    this.#closeLoans(process);
    this.#leaveMemory(process);
    process.memory = memory;
    process.name = executable.name;
    process.faultHandler = undefined;
    process.mainThread = current;
    current.frames = [{ script: program(this.#calls), request: undefined, answer: undefined }];
    return undefined;
  }

  #newMemory(executable: Executable | undefined, allocation: 'lazy' | undefined): ProcessMemory | Errno {
    const { system, spaceBytes } = this.#core;
    const plan = executable === undefined ? undefined : layOutExecutable(executable, spaceBytes);
    const breakLimit = spaceBytes / 2;
    const breakStart = plan?.breakStart ?? spaceBytes / 16;
    const layout: SpaceLayout = {
      low: PAGE_SIZE,
      high: spaceBytes,
      breakStart,
      breakLimit,
      ...(allocation !== undefined && { allocation }),
    };
    const memory = this.#inNewSpace(allocation, (tlb) => system.createSpace(layout, tlb));
    if (isErrno(memory)) return memory;
    for (const area of plan?.areas ?? []) {
      const object = area.file === undefined ? undefined : this.#core.objects.image(area.file.image);
      const at = isErrno(object)
        ? object
        : system.map(memory.process.space, {
            size: area.size,
            protection: area.protection,
            sharing: 'private',
            place: { how: 'fixed', address: area.start },
            name: area.name,
            ...(object !== undefined && { object: object.object, offset: area.file?.offset ?? 0 }),
          });
      if (isErrno(at)) {
        this.#freeMemory(memory);
        return at;
      }
    }
    return memory;
  }

  #inNewSpace(allocation: 'lazy' | undefined, make: (tlb: Tlb) => Space | Errno): ProcessMemory | Errno {
    const { machine, system, freeTlbs, reserveStack, spaceBytes } = this.#core;
    const tlb = freeTlbs.pop() ?? newTlb(spaceBytes);
    const space = make(tlb);
    if (isErrno(space)) {
      freeTlbs.push(tlb);
      return space;
    }
    return { process: new Process(machine, system, space, () => 0, reserveStack), allocation, users: 1 };
  }

  #leaveMemory(process: ScriptProcess): void {
    const memory = process.memory as ProcessMemory;
    process.memory = undefined;
    if (--memory.users === 0) this.#freeMemory(memory);
  }

  #freeMemory({ process: { space } }: ProcessMemory): void {
    this.#core.system.destroySpace(space);
    this.#core.freeTlbs.push(space.pmap.tlb);
  }

  /** Ends a thread whose script has ended; the process ends with its last one. */
  threadEnds(thread: Thread, result: unknown): void {
    const { process } = thread;
    if (process.mainThread === thread && typeof result === 'number') process.exitCode = result;
    if (process.threads.length === 1) this.end(process, { kind: 'exit', code: process.exitCode });
    else this.#dropThread(thread);
  }

  /** Kills a process. */
  kill(process: ScriptProcess, signal: Signal, reason: string): void {
    this.end(process, { kind: 'killed', signal, reason });
  }

  /** Ends the processes of a space that the memory manager has chosen, because memory is out. */
  endVictim(space: Space): 'ended' {
    for (const process of this.#core.processes.values()) {
      if (process.memory?.process.space !== space) continue;
      this.#core.machine.events.emit(EventType.kill, space.pmap.id, FaultOutcome.outOfMemory);
      this.kill(process, 'SIGKILL', 'out of memory (chosen by the memory manager)');
    }
    return 'ended';
  }

  /** Ends a process with all its threads. */
  end(process: ScriptProcess, status: ExitStatus): void {
    const { machine, objects, observer } = this.#core;
    observer?.ending?.(process, status);
    const space = process.memory?.process.space.pmap.id ?? 0;
    for (const thread of [...process.threads]) this.#dropThread(thread);
    this.#closeLoans(process);
    for (const message of process.inbox.splice(0)) freeMessage(this.#core, message);
    this.#leaveMemory(process);
    for (const pager of process.pagers.splice(0)) {
      pager.close();
      if (objects.find(pager.name) !== undefined) objects.unlink(pager.name);
    }
    for (const named of process.descriptors.values()) objects.release(named);
    process.descriptors.clear();
    process.status = status;
    if (status.kind === 'exit') machine.events.emit(EventType.exit, space, status.code);
    for (const child of [...process.children]) this.#adopt(child);
    if (process.parent === this.#init) this.reap(process);
  }

  #adopt(child: ScriptProcess): void {
    child.parent?.children.delete(child);
    child.parent = this.#init;
    this.#init.children.add(child);
    if (child.status !== undefined) this.reap(child);
  }

  /** Takes a zombie out of the table. */
  reap(process: ScriptProcess): void {
    this.#core.processes.delete(process.pid);
    process.parent?.children.delete(process);
    this.#core.machine.heap.free(process.block, PROCESS_BYTES, HeapUse.process);
  }

  #dropThread(thread: Thread): void {
    const { threads, machine } = this.#core;
    stopAwaiting(thread);
    if (thread.serving !== undefined) thread.serving.pager.fail(thread.serving);
    thread.serving = undefined;
    threads.splice(threads.indexOf(thread), 1);
    thread.process.threads.splice(thread.process.threads.indexOf(thread), 1);
    thread.frames = [];
    machine.heap.free(thread.block, THREAD_BYTES, HeapUse.process);
  }

  #closeLoans(process: ScriptProcess): void {
    const { loans, kernelLoans, system } = this.#core;
    for (const { id, lender, borrower, loan } of [...loans.values()]) {
      if (lender !== process && borrower !== process) continue;
      loans.delete(id);
      system.mover?.endWritableLoan(loan);
    }
    for (const [id, { owner, loan }] of [...kernelLoans]) {
      if (owner !== process) continue;
      kernelLoans.delete(id);
      system.mover?.endKernelLoan(loan);
    }
  }
}

/** A TLB for a space of its own, outside the machine's memory: no generated code uses it. */
function newTlb(spaceBytes: number): Tlb {
  const entries = pagesFor(spaceBytes);
  return new Tlb(new ArrayBuffer(8 * entries), 0, 4 * entries, entries);
}

/** Gives a message's block back. */
export function freeMessage({ machine }: ScriptCore, message: Message): void {
  machine.heap.free(message.block, MESSAGE_HEADER + message.size, HeapUse.process);
}

/** Lets a thread wait for pages no longer, and gives up answers that nobody waits for now. */
export function stopAwaiting(thread: Thread): void {
  const { awaits } = thread;
  thread.awaits = [];
  for (const request of awaits) if (--request.waiters === 0) request.pager.discard(request);
}
