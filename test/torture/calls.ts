// Which calls a memory manager has: each is asked once, on a machine of its own, and ENOSYS is a no.

import { PAGE_SIZE } from '../../src/base/index.ts';
import { kernelHeapNames, kernelMapChoices } from '../../src/systems/index.ts';
import type { Script, StepName } from './script.ts';
import { layout, newTlb, Stage } from './stage.ts';

/** Calls that every manager has. */
const always: readonly StepName[] = [
  'load',
  'store',
  'fill',
  'map',
  'unmap',
  'protect',
  'fork',
  'exit',
  'brk',
  'sync',
  'reclaim',
  'renew',
  'tick',
  'limit',
  'verify',
  'check',
];

/** Returns the steps that mean something to a system. */
export function callsOf(system: string, policy: string, allocator: string): ReadonlySet<StepName> {
  const script: Script = {
    ...{ seed: 1, system, policy, allocator, frames: 128, swapPages: 64, memory: 'roomy', failures: [], steps: [] },
    ...{ kernelHeap: kernelHeapNames[0] as string, kernelMap: kernelMapChoices[0] as string, largePages: 'never' },
  };
  const { system: manager, extraDevices } = new Stage(script, (_machine, made) => made);
  const space = manager.createSpace(layout, newTlb());
  if (typeof space === 'string') throw new Error(`there is no space to ask for calls: ${space}`);
  const start = manager.map(space, { size: PAGE_SIZE, protection: 3, sharing: 'private' });
  if (typeof start === 'string') throw new Error(`there is no area to ask for calls: ${start}`);
  const { mover } = manager;
  const answers: Partial<Record<StepName, unknown>> = {
    advise: manager.advise(space, start, PAGE_SIZE, 'normal'),
    inherit: manager.inherit(space, start, PAGE_SIZE, 'copy'),
    lock: manager.lock(space, start, PAGE_SIZE),
    unlock: manager.unlock(space, start, PAGE_SIZE),
    residency: manager.residency(space, start, PAGE_SIZE, new Uint8Array(1)),
    commit: manager.commit(space, start, PAGE_SIZE, 3),
    decommit: manager.decommit(space, start, PAGE_SIZE),
    remap: manager.remap(space, start, PAGE_SIZE, PAGE_SIZE, 'here'),
    swapOn: extraDevices[0] === undefined ? 'ENOSYS' : manager.swapOn(extraDevices[0], 0),
    swapOff: extraDevices[0] === undefined ? 'ENOSYS' : manager.swapOff(extraDevices[0]),
    kernelLoan: mover?.lendToKernel(space, start, PAGE_SIZE) ?? 'ENOSYS',
    kernelPages: mover?.kernelPages(PAGE_SIZE) ?? 'ENOSYS',
    lockAll: manager.lockAll(space, 'current'),
    lendWritable: mover?.lendWritable(space, start, PAGE_SIZE, space) ?? 'ENOSYS',
    lend: mover?.lendToSpace(space, start, PAGE_SIZE, space) ?? 'ENOSYS',
    pass: mover?.pass(space, start, PAGE_SIZE, space, 'copy') ?? 'ENOSYS',
  };
  const calls = new Set<StepName>(always);
  for (const [name, answer] of Object.entries(answers)) if (answer !== 'ENOSYS') calls.add(name as StepName);
  if (calls.has('lockAll')) calls.add('unlockAll');
  if (calls.has('lendWritable')) calls.add('endWritableLoan');
  if (calls.has('kernelLoan')) calls.add('endLoan').add('transfer');
  return calls;
}
