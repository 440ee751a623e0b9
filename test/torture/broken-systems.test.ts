// The torture must be able to fail: managers with one fault each, of the kinds that managers really have, are found out and the script
// that shows it is cut to a few steps.
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, type Pfn } from '../../src/base/index.ts';
import { HeapUse } from '../../src/heap/index.ts';
import type { Access } from '../../src/pmap/index.ts';
import { FaultOutcome, type Machine, type MemorySystem, type Space } from '../../src/system/index.ts';
import { frameAllocatorNames, policyNames } from '../../src/systems/index.ts';
import { callsOf } from './calls.ts';
import { hunt, report } from './hunt.ts';
import { play } from './play.ts';
import type { MakeSystem } from './stage.ts';

/** A manager that does as `made` does, but for the calls given. */
function broken(made: MemorySystem, calls: Partial<MemorySystem>): MemorySystem {
  return new Proxy(made, {
    get: (target, name) => {
      if (name in calls) return calls[name as keyof MemorySystem];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** What goes wrong, each time after `rarely` times of going right. */
const faults: Readonly<Record<string, (machine: Machine, made: MemorySystem, rarely: () => boolean) => Partial<MemorySystem>>> = {
  'forgets to copy a page on write': (machine, made, rarely) => ({
    fault: (space: Space, page: number, access: Access) => {
      const before = machine.pmaps.extract(space.pmap, page);
      const outcome = made.fault(space, page, access);
      const after = machine.pmaps.extract(space.pmap, page);
      const copied = outcome === FaultOutcome.resolved && access === 1 && before !== -1 && before !== after;
      if (copied && rarely()) machine.pmaps.enter(space.pmap, page, before, 'write', 1);
      return outcome;
    },
  }),
  'forgets that a page was written': (machine, made, rarely) => {
    let written: Pfn | -1 = -1;
    return {
      fault: (space: Space, page: number, access: Access) => {
        if (written !== -1 && rarely()) machine.pmaps.clearModified(written);
        const outcome = made.fault(space, page, access);
        written = outcome === FaultOutcome.resolved && access === 1 ? machine.pmaps.extract(space.pmap, page) : -1;
        return outcome;
      },
    };
  },
  'forgets to take the right to write at fork': (machine, made, rarely) => ({
    fork: (space: Space, tlb: Parameters<MemorySystem['fork']>[1]) => {
      const child = made.fork(space, tlb);
      if (typeof child === 'string' || !rarely()) return child;
      for (const { start, end, protection, sharing } of made.areas(space)) {
        if ((protection & 2) === 0 || sharing === 'shared') continue;
        for (let page = start / PAGE_SIZE; page < end / PAGE_SIZE; page++) {
          const frame = machine.pmaps.extract(space.pmap, page);
          if (frame !== -1) machine.pmaps.enter(space.pmap, page, frame, 'write', undefined);
        }
      }
      return child;
    },
  }),
  'shows what a frame held before': (machine, made, rarely) => ({
    fault: (space: Space, page: number, access: Access) => {
      const zeroFills = made.statistics().zeroFill;
      const outcome = made.fault(space, page, access);
      if (made.statistics().zeroFill > zeroFills && rarely()) machine.ram.frame(machine.pmaps.extract(space.pmap, page) as Pfn)[9] = 7;
      return outcome;
    },
  }),
  'loses a block of kernel memory at unmap': (machine, made, rarely) => ({
    unmap: (space: Space, start: number, size: number) => {
      if (rarely()) machine.heap.allocate(16, HeapUse.map);
      return made.unmap(space, start, size);
    },
  }),
  'forgets to end a space, with all its pages and slots': (_machine, made, rarely) => ({
    destroySpace: (space: Space) => {
      if (!rarely()) made.destroySpace(space);
    },
  }),
  'changes something although it fails': (_machine, made, rarely) => ({
    protect: (space: Space, start: number, size: number, protection: number) => {
      const answer = made.protect(space, start, size, protection);
      if (answer === 'ENOMEM' && rarely()) made.unmap(space, start, PAGE_SIZE);
      return answer;
    },
  }),
  'takes a wrong error for the right one': (_machine, made, rarely) => ({
    unmap: (space: Space, start: number, size: number) => {
      const answer = made.unmap(space, start, size);
      return answer === 'EINVAL' && rarely() ? 'EACCES' : answer;
    },
  }),
};

const firstLine = (message: string | undefined) => message?.split('\n')[0];

/** Each fault shows itself only every third time. */
const EVERY = 3;
/** Steps of a shrunk script: what makes the fault, three times over, and what lets it be seen. */
const SHORT = 40;

describe('a manager that', () => {
  const calls = callsOf('uvm', policyNames[0] as string, frameAllocatorNames[0] as string);

  it.each(Object.keys(faults))('%s is found out, by a short script', (name) => {
    const makeSystem: MakeSystem = (machine, made) => {
      let times = 0;
      const rarely = () => ++times % EVERY === 0;
      return broken(made, faults[name]?.(machine, made, rarely) ?? {});
    };
    let found: ReturnType<typeof hunt>;
    for (let seed = 1; seed < 6 && found === undefined; seed++) found = hunt({ seed, steps: 6000, system: 'uvm', calls }, makeSystem);
    if (found === undefined) throw new Error('was not found out');
    expect(found.script.steps.length, report(found)).toBeLessThanOrEqual(SHORT);
    // It is the fault that fails, and it does so again.
    expect(firstLine(play(found.script, makeSystem)?.message)).toBe(firstLine(found.failure.message));
    expect(play(found.script)).toBeUndefined();
  });
});
