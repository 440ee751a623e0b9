// The kernel of scripts: many processes, each a script, side by side on one machine and one memory manager.
//
//   step:  choose a thread -> its script runs to its next request -> the request is carried out
//                                                                      -> answered: the script gets it at its next turn
//                                                                      -> blocked: again when it can go on
//                                                                      -> fault: the process's handler, or its end
//
// The schedule is the only source of order: round robin, or at random by a seed. The same scripts, machine, schedule and seed give the same
// sequence of events. A tick is `STEPS_PER_TICK` steps; when no thread can go on but one sleeps, time passes and the manager learns
// that the machine is idle.

import { type Errno, EventType, MIB, Random, UsageError } from '../../base/index.ts';
import { FaultOutcome, type Machine, type MemorySystem, type Pager } from '../../system/index.ts';
import { GuestFault } from '../guest-fault.ts';
import { makeStackReserve } from '../stack-reserve.ts';
import { accessCalls } from './access-calls.ts';
import type { ScriptCore } from './core.ts';
import type { Executable } from './executable.ts';
import { heapCalls } from './heap-calls.ts';
import { Lifecycle, stopAwaiting } from './lifecycle.ts';
import { memoryCalls } from './memory-calls.ts';
import { messageCalls } from './message-calls.ts';
import { NamedObjects } from './named-objects.ts';
import type { KernelObserver, StepOutcome } from './observer.ts';
import { pagerCalls } from './pager-calls.ts';
import { INIT_PID, processCalls } from './process-calls.ts';
import { type Frame, isErrno, ScriptProcess, Thread } from './process-table.ts';
import { Blocked, type ExitStatus, type Request, type Script, ScriptAborted, type Signal } from './script.ts';
import type { FaultInfo, ScriptProgram, SystemCalls } from './system-calls.ts';
import { hasEnded } from './user-pager.ts';

/** Steps in a tick, as long as threads run. */
const STEPS_PER_TICK = 16;
const PATIENCE_STEPS = 10_000;
const SPACE_BYTES = 256 * MIB;

/** What a kernel is made of. */
export interface KernelOptions {
  readonly machine: Machine;
  readonly system: MemorySystem;
  /** Who has the next turn: the next in turn, or anybody, by `seed`. Default `roundRobin`. */
  readonly schedule?: 'roundRobin' | 'random';
  /** Default: the machine's. */
  readonly seed?: number;
  /** Size of each address space, a multiple of 64 KiB; default 256 MiB. */
  readonly spaceBytes?: number;
  /** Steps of the schedule within which a pager in user space must answer; default 10,000. */
  readonly pagerPatience?: number;
}

/** How a run came to its end: no process is left; nobody can go on; or it took as many steps as allowed. */
export type RunResult =
  | { readonly kind: 'done' | 'stepLimit' }
  | { readonly kind: 'waiting'; readonly threads: readonly { readonly pid: number; readonly process: string; readonly reason: string }[] };

/** A process that was started from outside. */
export interface StartedProcess {
  readonly pid: number;
  readonly name: string;
  /** Once it has ended. */
  readonly status: ExitStatus | undefined;
}

/** Processes as scripts on one memory manager. */
export class Kernel {
  readonly machine: Machine;
  readonly system: MemorySystem;
  readonly #core: ScriptCore;
  readonly #lifecycle: Lifecycle;
  readonly #calls: SystemCalls;
  readonly #init = new ScriptProcess(INIT_PID, 0, 'init', undefined);
  readonly #schedule: 'roundRobin' | 'random';
  /** Round robin: who had the last turn. */
  #lastTurn = 0;

  constructor(options: KernelOptions) {
    const { machine, system } = options;
    this.machine = machine;
    this.system = system;
    this.#schedule = options.schedule ?? 'roundRobin';
    const spaceBytes = options.spaceBytes ?? SPACE_BYTES;
    if (!(spaceBytes >= MIB && spaceBytes <= 2048 * MIB && spaceBytes % 65536 === 0)) {
      throw new UsageError(`an address space of ${spaceBytes} bytes is not possible: give 1 MiB to 2 GiB, a multiple of 64 KiB`);
    }
    this.#core = {
      machine,
      system,
      objects: new NamedObjects(system),
      processes: new Map(),
      threads: [],
      random: new Random(options.seed ?? machine.seed),
      reserveStack: makeStackReserve(),
      spaceBytes,
      freeTlbs: [],
      raised: [],
      loans: new Map(),
      kernelLoans: new Map(),
      observer: undefined,
      current: new Thread(0, this.#init, 0, idle()),
      steps: 0,
      patience: options.pagerPatience ?? PATIENCE_STEPS,
      now: 0,
      nextPid: INIT_PID + 1,
      nextThread: 1,
      nextLoan: 1,
    };
    const core = this.#core;
    this.#calls = {
      ...accessCalls(core),
      ...heapCalls(core),
      ...memoryCalls(core),
      ...processCalls(core, () => this.#lifecycle),
      ...messageCalls(core),
      ...pagerCalls(core),
    };
    this.#lifecycle = new Lifecycle(core, this.#calls, this.#init);
    system.setVictimHandler?.((space) => this.#lifecycle.endVictim(space));
  }

  /** Steps so far. */
  get steps(): number {
    return this.#core.steps;
  }

  /** Living processes and zombies, in the order in which they were made. */
  get processes(): readonly ScriptProcess[] {
    return [...this.#core.processes.values()];
  }

  /** Tells `observer` what happens from now on; undefined for nobody. */
  observe(observer: KernelObserver | undefined): void {
    this.#core.observer = observer;
  }

  /** Names a file that processes can open. EEXIST, ENOMEM. */
  addFile(pager: Pager): 0 | Errno {
    const named = this.#core.objects.addFile(pager);
    return isErrno(named) ? named : 0;
  }

  /** Starts a process, a child of init, in an empty space or an executable's, as `spawn` does. EAGAIN, ENOMEM. */
  start(program: ScriptProgram, executable?: Executable, allocation?: 'lazy'): StartedProcess | Errno {
    return this.#lifecycle.spawn(this.#init, program, executable, allocation);
  }

  /** Lets the processes run until none can go on, or `steps` more steps are done. */
  run(steps = Number.POSITIVE_INFINITY): RunResult {
    for (let left = steps; left > 0; ) {
      const thread = this.#next();
      if (thread !== undefined) {
        this.#step(thread);
        left--;
      } else if (!this.#passTime()) return this.#rest();
    }
    return { kind: 'stepLimit' };
  }

  #rest(): RunResult {
    const { threads } = this.#core;
    if (threads.length === 0) return { kind: 'done' };
    const waiting = threads.map(({ process, blocked }) => ({ pid: process.pid, process: process.name, reason: blocked?.reason ?? '' }));
    return { kind: 'waiting', threads: waiting };
  }

  /** Kills every process and forgets all names: what is then still in memory is nobody's. */
  shutDown(): void {
    for (const process of this.processes) if (process.status === undefined) this.#lifecycle.kill(process, 'SIGKILL', 'shut down');
    this.#core.objects.unlinkAll();
  }

  /** Chooses the thread whose turn it is. */
  #next(): Thread | undefined {
    const { threads, random } = this.#core;
    if (this.#schedule === 'random') {
      const ready = threads.filter(isReady);
      return ready[ready.length > 1 ? random.below(ready.length) : 0];
    }
    // Threads are in the order of their numbers.
    let first = 0;
    while (first < threads.length && (threads[first] as Thread).id <= this.#lastTurn) first++;
    for (let turn = 0; turn < threads.length; turn++) {
      const thread = threads[(first + turn) % threads.length] as Thread;
      if (isReady(thread)) return thread;
    }
    return undefined;
  }

  /** Nobody can go on. Lets a tick pass if somebody sleeps; else ends the wait for a page that will not come. False if there is neither. */
  #passTime(): boolean {
    const core = this.#core;
    if (core.threads.some(({ blocked }) => blocked?.until !== undefined)) {
      core.now++;
      this.system.tick();
      return true;
    }
    const request = core.threads.flatMap(({ awaits }) => awaits)[0];
    request?.pager.fail(request);
    return request !== undefined;
  }

  #step(thread: Thread): void {
    const core = this.#core;
    core.current = thread;
    this.#lastTurn = thread.id;
    core.steps++;
    if (core.steps % STEPS_PER_TICK === 0) core.now++;
    const frame = thread.frames.at(-1) as Frame;
    if (frame.request === undefined && !this.#advance(thread, frame)) return;
    this.#carryOut(thread, frame, frame.request as Request);
  }

  /** Runs the script to its next request. False if it has ended instead. */
  #advance(thread: Thread, frame: Frame): boolean {
    let next: IteratorResult<Request, unknown>;
    try {
      next = frame.script.next(frame.answer);
    } catch (error) {
      if (!(error instanceof ScriptAborted)) throw error;
      this.#lifecycle.kill(thread.process, 'SIGABRT', error.message);
      this.#report(thread, undefined, { kind: 'ended', status: thread.process.status });
      return false;
    }
    frame.answer = undefined;
    if (next.done !== true) {
      frame.request = next.value;
      return true;
    }
    if (frame.fault !== undefined) this.#handlerEnds(thread, frame.fault, next.value);
    else {
      this.#lifecycle.threadEnds(thread, next.value);
      this.#report(thread, undefined, { kind: 'ended', status: thread.process.status });
    }
    return false;
  }

  #handlerEnds(thread: Thread, fault: FaultInfo, verdict: unknown): void {
    thread.frames.pop();
    if (verdict === 'retry') return;
    this.#killByFault(thread, fault);
  }

  #carryOut(thread: Thread, frame: Frame, request: Request): void {
    const { raised } = this.#core;
    raised.length = 0;
    thread.blocked = undefined;
    let result: unknown;
    let fault: GuestFault | undefined;
    try {
      result = request.run();
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      fault = error;
    }
    // Only now: until here the pages that it waited for had to stay.
    stopAwaiting(thread);
    if (result instanceof Blocked) this.#block(thread, request, result);
    else if (raised.length > 0 && (fault?.outcome === FaultOutcome.ioError || result === 'EIO')) this.#awaitPages(thread, request);
    else if (fault?.outcome === FaultOutcome.outOfMemory && this.#awaitsWrites(thread, request)) return;
    else if (fault !== undefined) this.#faults(thread, request, fault);
    else {
      frame.request = undefined;
      frame.answer = result;
      const { status } = thread.process;
      this.#report(thread, request, status === undefined ? { kind: 'answered', value: result } : { kind: 'ended', status });
    }
  }

  #block(thread: Thread, request: Request, blocked: Blocked): void {
    thread.blocked = blocked;
    this.#report(thread, request, { kind: 'blocked', reason: blocked.reason });
  }

  /** Lets a thread wait for the pages that its access asked for; if only itself could bring one, that fails at once. */
  #awaitPages(thread: Thread, request: Request): void {
    const core = this.#core;
    const pages = [...core.raised];
    thread.awaits = pages;
    for (const page of pages) {
      page.waiters++;
      if (this.#isHopeless(thread)) page.pager.fail(page);
    }
    const names = [...new Set(pages.map(({ pager, index }) => `page ${index} of ${pager.name}`))];
    this.#block(thread, request, new Blocked(names.join(', '), () => pages.some((page) => hasEnded(page, core.steps))));
  }

  /** Out of memory: if pages are on their way to other processes' pagers, lets a thread wait until one has arrived. */
  #awaitsWrites(thread: Thread, request: Request): boolean {
    const core = this.#core;
    const others = this.processes.filter((process) => process !== thread.process);
    const writes = others.flatMap(({ pagers }) => pagers.flatMap((pager) => [...pager.writes]));
    if (writes.every((write) => hasEnded(write, core.steps))) return false;
    thread.awaits = writes;
    for (const write of writes) write.waiters++;
    this.#block(
      thread,
      request,
      new Blocked('memory: pages are being written back', () => writes.some((write) => hasEnded(write, core.steps))),
    );
    return true;
  }

  /** Tells whether a thread waits for pages of its own process, and no other thread of that can bring them. */
  #isHopeless({ process, awaits }: Thread): boolean {
    const ownPagesOnly = (pages: Thread['awaits']): boolean => pages.some(({ pager }) => process.pagers.includes(pager));
    return ownPagesOnly(awaits) && process.threads.every((other) => ownPagesOnly(other.awaits));
  }

  #faults(thread: Thread, request: Request, { outcome, address, access }: GuestFault): void {
    const fault: FaultInfo = { outcome, address, access };
    const handler = thread.process.faultHandler;
    if (handler === undefined || thread.frames.length > 1) {
      this.#killByFault(thread, fault, request);
      return;
    }
    thread.frames.push({ script: handler(fault, this.#calls), request: undefined, answer: undefined, fault });
    this.#report(thread, request, { kind: 'fault', fault, ends: 'in handler' });
  }

  #killByFault(thread: Thread, fault: FaultInfo, request?: Request): void {
    const { process } = thread;
    const space = process.memory?.process.space.pmap.id ?? 0;
    this.machine.events.emit(EventType.kill, space, fault.outcome);
    const at = `${fault.access} at 0x${fault.address.toString(16)}`;
    this.#lifecycle.kill(process, signalOf[fault.outcome], fault.outcome === FaultOutcome.outOfMemory ? `out of memory (${at})` : at);
    this.#report(thread, request, { kind: 'fault', fault, ends: 'killed' });
  }

  #report(thread: Thread, request: Request | undefined, outcome: StepOutcome): void {
    const { steps: step, now: tick, observer } = this.#core;
    observer?.step?.({ step, tick, pid: thread.process.pid, thread: thread.id, process: thread.process.name, request, outcome });
  }
}

/** What init does between its children's ends. */
function* idle(): Script<undefined> {
  yield* [];
  return undefined;
}

const isReady = ({ blocked }: Thread): boolean => blocked === undefined || blocked.isReady();

/** By outcome of a fault. */
const signalOf: Readonly<Record<FaultOutcome, Signal>> = {
  [FaultOutcome.resolved]: 'SIGABRT',
  [FaultOutcome.unmapped]: 'SIGSEGV',
  [FaultOutcome.protection]: 'SIGSEGV',
  [FaultOutcome.outOfMemory]: 'SIGKILL',
  [FaultOutcome.ioError]: 'SIGBUS',
};
