// Processes and threads, as their scripts ask for them.

import type { Errno } from '../../base/index.ts';
import type { ScriptCore } from './core.ts';
import type { Lifecycle } from './lifecycle.ts';
import { isErrno, type ScriptProcess } from './process-table.ts';
import { Blocked, call } from './script.ts';
import type { EndedChild, ProcessCalls, ScriptProgram } from './system-calls.ts';

/** init, the parent of processes that lost theirs: it waits for its children as they end, and has no script. */
export const INIT_PID = 1;

/** Makes the calls about processes. `lifecycle` is asked when a call is carried out: it is made after the calls. */
export function processCalls(core: ScriptCore, lifecycle: () => Lifecycle): ProcessCalls {
  const caller = (): ScriptProcess => core.current.process;
  return {
    fork: (script) => call('fork', [script], () => pidOf(lifecycle().fork(caller(), script))),
    vfork: (script) => call('vfork', [script], vforker(core, lifecycle, script)),
    spawn: (script, executable, allocation) =>
      call('spawn', [script, executable, allocation], () => pidOf(lifecycle().spawn(caller(), script, executable, allocation))),
    exec: (executable, script) => call('exec', [executable, script], () => lifecycle().exec(executable, script) as Errno),
    exit: (code) => call<never>('exit', [code], () => lifecycle().end(caller(), { kind: 'exit', code }) as never),
    wait: (pid) => call('wait', [pid], () => wait(core, lifecycle(), pid)),
    kill: (pid) => call('kill', [pid], () => kill(core, lifecycle(), pid)),
    thread: (script) =>
      call('thread', [script], () => {
        const thread = lifecycle().thread(caller(), script);
        return isErrno(thread) ? thread : thread.id;
      }),
    yield_: () => call('yield', [], () => undefined),
    sleep: (ticks) => call('sleep', [ticks], sleeper(core, ticks)),
    tick: () => call('tick', [], () => core.now),
    getpid: () => call('getpid', [], () => caller().pid),
    getppid: () => call('getppid', [], () => caller().parent?.pid ?? INIT_PID),
    onFault: (handler) =>
      call('onFault', [handler], () => {
        caller().faultHandler = handler;
      }),
  };
}

const pidOf = (process: ScriptProcess | Errno): number | Errno => (isErrno(process) ? process : process.pid);

/** vfork: the caller waits until the child has memory of its own, or none any more. */
function vforker(core: ScriptCore, lifecycle: () => Lifecycle, script: ScriptProgram): () => number | Errno | Blocked {
  let child: ScriptProcess | undefined;
  return () => {
    if (child !== undefined) return child.pid;
    const { process } = core.current;
    const made = lifecycle().vfork(process, script);
    if (isErrno(made)) return made;
    child = made;
    return new Blocked(`process ${made.pid} to call exec or end`, () => made.memory !== process.memory);
  };
}

function wait(core: ScriptCore, lifecycle: Lifecycle, pid: number | undefined): EndedChild | Errno | Blocked {
  const awaited = [...core.current.process.children].filter((child) => pid === undefined || child.pid === pid);
  if (awaited.length === 0) return 'ECHILD';
  const ended = awaited.find(({ status }) => status !== undefined);
  if (ended?.status === undefined) {
    return new Blocked(pid === undefined ? 'a child to end' : `process ${pid} to end`, () =>
      awaited.some(({ status }) => status !== undefined),
    );
  }
  lifecycle.reap(ended);
  return { pid: ended.pid, status: ended.status };
}

function kill(core: ScriptCore, lifecycle: Lifecycle, pid: number): 0 | Errno {
  if (pid === INIT_PID) return 'EPERM';
  const process = core.processes.get(pid);
  if (process === undefined) return 'ESRCH';
  // A zombie can be killed, and nothing happens.
  if (process.status === undefined) lifecycle.kill(process, 'SIGKILL', `killed by process ${core.current.process.pid}`);
  return 0;
}

function sleeper(core: ScriptCore, ticks: number): () => Blocked | undefined {
  let until: number | undefined;
  return () => {
    if (until !== undefined) return undefined;
    const end = core.now + ticks;
    until = end;
    return ticks > 0 ? new Blocked(`tick ${end}`, () => core.now >= end, end) : undefined;
  };
}
