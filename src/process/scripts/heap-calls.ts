// malloc for scripts, as a C library over the caller's own memory: each call is one step, and what it touches is faulted in, as the script's own
// accesses are. The heap's state is in the process's memory, so a forked child finds it there and goes on with its copy.

import type { Errno } from '../../base/index.ts';
import type { Process } from '../process.ts';
import { SpaceHeap, type SpaceHeapSettings } from '../space-heap/index.ts';
import { callerMemory, type ScriptCore } from './core.ts';
import { isErrno } from './process-table.ts';
import { call } from './script.ts';
import type { HeapCalls } from './system-calls.ts';

/** Makes the calls of the heap. */
export function heapCalls(core: ScriptCore): HeapCalls {
  const heaps = new WeakMap<Process, SpaceHeap>();
  const heap = (): SpaceHeap | undefined => heapOf(heaps, callerMemory(core));
  return {
    useHeap: (settings) => call('useHeap', [settings], () => useHeap(heaps, callerMemory(core), settings)),
    malloc: (bytes) => call('malloc', [bytes], () => heap()?.malloc(bytes) ?? 0),
    calloc: (count, bytes) => call('calloc', [count, bytes], () => heap()?.calloc(count, bytes) ?? 0),
    realloc: (address, bytes) => call('realloc', [address, bytes], () => heap()?.realloc(address, bytes) ?? 0),
    memalign: (alignment, bytes) => call('memalign', [alignment, bytes], () => heap()?.memalign(alignment, bytes) ?? 0),
    free: (address) => call('free', [address], () => heap()?.free(address) ?? false),
    usableSize: (address) => call('usableSize', [address], () => heap()?.usableSize(address) ?? 0),
    heapUsage: () => call('heapUsage', [], () => heap()?.usage() ?? 'ENOMEM'),
    explainFault: (address) => call('explainFault', [address], () => heap()?.explain(address) ?? ''),
  };
}

function useHeap(heaps: WeakMap<Process, SpaceHeap>, process: Process, settings: SpaceHeapSettings): 0 | Errno {
  const made = SpaceHeap.create(process, settings);
  if (isErrno(made)) return made;
  heaps.set(process, made);
  return 0;
}

/** The heap of a process: the one in use, one inherited, or a new one. Undefined if there is none and none can be made. */
function heapOf(heaps: WeakMap<Process, SpaceHeap>, process: Process): SpaceHeap | undefined {
  const known = heaps.get(process);
  if (known !== undefined) return known;
  const found = process.space.breakEnd === process.space.breakStart ? SpaceHeap.create(process) : SpaceHeap.openIfAny(process);
  if (found === undefined || isErrno(found)) return undefined;
  heaps.set(process, found);
  return found;
}
