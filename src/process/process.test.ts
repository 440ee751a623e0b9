import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, smallMachine } from '../../test/support/uvm-machine.ts';
import { TestFile } from '../../test/support/uvm-probe.ts';
import { FailurePlan, KernelPanic, PAGE_SIZE, pageOf, Random } from '../base/index.ts';
import { FaultyDevice, MemoryDevice } from '../machine/index.ts';
import { livePolicies, type PolicyKind } from '../paging/index.ts';
import { FaultOutcome, type MemorySystem, PROT_NONE, PROT_READ, PROT_WRITE } from '../system/index.ts';
import type { Uvm } from '../uvm/index.ts';
import { GuestFault, HEAT_CELL_BYTES, Process } from './index.ts';

afterEach(checkMachines);

type VmMap = Parameters<Uvm['destroySpace']>[0];

const RW = PROT_READ | PROT_WRITE;
const BASE = 0x5000_0000;

function make(options: Parameters<typeof smallMachine>[0] = {}) {
  const small = smallMachine(options);
  const process = small.newProcess();
  const map = (start: number, pages: number, protection = RW) => {
    const at = small.system.map(process.space as VmMap, {
      size: pages * PAGE_SIZE,
      protection,
      sharing: 'private',
      place: { how: 'fixed', address: start },
    });
    if (typeof at === 'string') throw new Error(at);
  };
  const valid = (page: number, access: 0 | 1) => {
    const { tlb } = process.space.pmap;
    return access === 1 ? tlb.writes(page) : tlb.reads(page);
  };
  return { ...small, process, map, valid };
}

/** Runs `action`, which must fault, and returns what the fault says. */
function faultOf(action: () => void) {
  try {
    action();
  } catch (error) {
    if (error instanceof GuestFault) return { outcome: error.outcome, address: error.address, size: error.size, access: error.access };
    throw error;
  }
  throw new Error('no fault');
}

describe('trap', () => {
  it('counts no more than 50 µs for a refill that is timed, whatever the host did meanwhile', () => {
    const { machine, system, process: other, map } = make();
    map(BASE, 1);
    let calls = 0;
    const process = new Process(machine, system, other.space, () => 20 * Math.floor(++calls / 2));
    process.trap(BASE, 4, 0);
    const before = process.kernelMs;
    for (let i = 0; i < 640; i++) {
      other.space.pmap.tlb.invalidate(pageOf(BASE));
      process.trap(BASE, 4, 0);
    }
    expect(process.tlbMisses).toBe(640);
    expect(process.kernelMs - before).toBeCloseTo(640 * 0.05, 6);
  });

  it('times the first 4,096 faults, then one in 13 that counts for all, so the sum is right where faults take the same time', () => {
    const { machine, system, process: other, map } = make({ frames: 512 });
    map(BASE, 100);
    let now = 0;
    let reads = 0;
    const slow = Object.create(system) as Uvm;
    slow.fault = (...request: Parameters<Uvm['fault']>) => {
      now += 2;
      return system.fault(...request);
    };
    const process = new Process(machine, slow as MemorySystem, other.space, () => {
      reads++;
      return now;
    });
    const faults = (count: number) => {
      for (let i = 0; i < count; i++) {
        system.unmap(other.space as VmMap, BASE, PAGE_SIZE);
        map(BASE, 1);
        process.trap(BASE, 4, 1);
      }
    };
    faults(4096);
    expect(process.kernelMs).toBe(4096 * 2);
    const before = reads;
    faults(13 * 50);
    expect(process.kernelMs).toBe((4096 + 13 * 50) * 2);
    // One trap in 64 looks at the clock as well, in case it is a refill.
    expect(reads - before).toBeLessThan(2 * 50 + 13);
  });

  it('of one page makes that page accessible, and of a page already mapped only refills', () => {
    const { process, map, valid } = make();
    map(BASE, 2);
    process.trap(BASE + 8, 4, 0);
    expect([valid(pageOf(BASE), 0), valid(pageOf(BASE), 1), valid(pageOf(BASE) + 1, 0)]).toEqual([true, false, false]);
    expect([process.traps, process.tlbMisses, process.system.statistics().faults]).toEqual([1, 0, 1]);
    process.trap(BASE + 8, 4, 1);
    expect([process.traps, process.tlbMisses, process.system.statistics().faults]).toEqual([2, 1, 1]);
    expect(process.peakResident).toBe(1);
    expect(process.heat[BASE / HEAT_CELL_BYTES]).toBe(1);
  });

  it('takes the last byte of a page as that page, and the next as another', () => {
    const { process, map, valid } = make();
    map(BASE, 2);
    process.trap(BASE + PAGE_SIZE - 4, 4, 0);
    expect(valid(pageOf(BASE) + 1, 0)).toBe(false);
    process.trap(BASE + PAGE_SIZE - 3, 4, 0);
    expect([valid(pageOf(BASE), 0), valid(pageOf(BASE) + 1, 0)]).toEqual([true, true]);
  });

  it.each(livePolicies)('over two pages leaves both words valid at once, in the smallest RAM, under $name (GC2)', (policy: PolicyKind) => {
    const { process, map, valid, system } = make({ frames: 32, policy, liveSpaces: 1 });
    const pages = 60;
    map(BASE, pages);
    const image = system.createObject(new TestFile(16, 'image').pager);
    if (typeof image === 'string') throw new Error(image);
    system.map(process.space as VmMap, {
      size: 16 * PAGE_SIZE,
      protection: RW,
      sharing: 'private',
      object: image,
      place: { how: 'fixed', address: BASE + pages * PAGE_SIZE },
    });
    const random = new Random(5);
    const model = new Map<number, number>();
    for (let i = 0; i < 3000; i++) {
      const page = 1 + random.below(pages + 15);
      const access = random.below(2) as 0 | 1;
      const address = BASE + page * PAGE_SIZE - 1 - random.below(7);
      process.trap(address, 8, access);
      const first = pageOf(address);
      if (!valid(first, access) || !valid(first + 1, access)) throw new Error(`page ${page}: one word is not valid`);
      if (access === 1) {
        process.copyOut(address, new Uint8Array(8).fill(i));
        for (let byte = 0; byte < 8; byte++) model.set(address + byte, i & 0xff);
      }
    }
    const byte = new Uint8Array(1);
    for (const [address, value] of model) {
      process.copyIn(address, byte);
      if (byte[0] !== value) throw new Error(`byte at ${address} is ${byte[0]}, not ${value}`);
    }
  });

  it('says what was wrong, with the access as the program made it', () => {
    const { process, map } = make();
    map(BASE, 1);
    map(BASE + PAGE_SIZE, 1, PROT_READ);
    expect(faultOf(() => process.trap(0, 4, 0))).toEqual({ outcome: FaultOutcome.unmapped, address: 0, size: 4, access: 'read' });
    const straddle = BASE + PAGE_SIZE - 2;
    expect(faultOf(() => process.trap(straddle, 4, 1))).toEqual({
      outcome: FaultOutcome.protection,
      address: straddle,
      size: 4,
      access: 'write',
    });
    process.trap(straddle, 4, 0);
    expect(faultOf(() => process.trap(BASE + 2 * PAGE_SIZE - 2, 4, 0)).outcome).toBe(FaultOutcome.unmapped);
  });

  it.each([0xffff_ffff, 0x1_0000_0000, 0x1_ffff_fff0])('at %d, beyond the 32-bit space, does not wrap around', (address) => {
    const { process, map } = make();
    map(0, 1);
    expect(faultOf(() => process.trap(address, 8, 0))).toEqual({ outcome: FaultOutcome.unmapped, address, size: 8, access: 'read' });
  });

  it('reports a page that cannot be read back', () => {
    const reads = new FailurePlan(0);
    const { process, map, system } = make({ swap: new FaultyDevice(new MemoryDevice(64), { reads }) });
    map(BASE, 20);
    // A read of more than this page would be tried again.
    system.advise(process.space as VmMap, BASE, 20 * PAGE_SIZE, 'random');
    process.fill(BASE, 1, 20 * PAGE_SIZE);
    system.reclaim(128);
    expect(faultOf(() => process.trap(BASE, 1, 0)).outcome).toBe(FaultOutcome.ioError);
  });
});

describe('copyIn, copyOut, fill and move', () => {
  const pages = 12;
  const size = pages * PAGE_SIZE;
  const span = fc.record({ at: fc.nat(size - 1), length: fc.oneof(fc.nat(40), fc.nat(3 * PAGE_SIZE)) });
  const operations = fc.array(
    fc.oneof(
      span.map((each) => ({ ...each, do: 'out' as const })),
      span.map((each) => ({ ...each, do: 'in' as const })),
      span.map((each) => ({ ...each, do: 'fill' as const })),
      fc.record({
        at: fc.nat(size - 1),
        length: fc.oneof(fc.nat(40), fc.nat(3 * PAGE_SIZE)),
        from: fc.nat(size - 1),
        do: fc.constant('move' as const),
      }),
      // Overlapping by a little, both ways round.
      fc
        .record({ at: fc.nat(size - 1), length: fc.nat(2 * PAGE_SIZE), shift: fc.integer({ min: -300, max: 300 }) })
        .map(({ at, length, shift }) => ({ at, length, from: Math.min(size - 1, Math.max(0, at + shift)), do: 'move' as const })),
    ),
    { maxLength: 40 },
  );

  it('agree with one flat array, in a RAM too small for it', () => {
    fc.assert(
      fc.property(operations, fc.nat(0xffff), (script, seed) => {
        // 32 frames hold about eight pages of a process; the child shares them all at first, and keeps what they were.
        const { process, map, system, newTlb, machine } = make({ frames: 32, liveSpaces: 2 });
        map(BASE, pages);
        const random = new Random(seed);
        const model = new Uint8Array(size);
        random.fill(model);
        process.copyOut(BASE, model);
        const child = system.fork(process.space as VmMap, newTlb());
        if (typeof child === 'string') throw new Error(child);
        const original = model.slice();
        for (const each of script) {
          const length = Math.min(each.length, size - each.at, each.do === 'move' ? size - each.from : size);
          const bytes = new Uint8Array(length);
          if (each.do === 'out') {
            random.fill(bytes);
            process.copyOut(BASE + each.at, bytes);
            model.set(bytes, each.at);
          } else if (each.do === 'in') {
            process.copyIn(BASE + each.at, bytes);
            expect(Buffer.compare(bytes, model.subarray(each.at, each.at + length))).toBe(0);
          } else if (each.do === 'fill') {
            process.fill(BASE + each.at, length & 0xff, length);
            model.fill(length & 0xff, each.at, each.at + length);
          } else {
            process.move(BASE + each.at, BASE + each.from, length);
            model.copyWithin(each.at, each.from, each.from + length);
          }
        }
        const all = new Uint8Array(size);
        process.copyIn(BASE, all);
        expect(Buffer.compare(all, model)).toBe(0);
        new Process(machine, system, child, () => 0).copyIn(BASE, all);
        expect(Buffer.compare(all, original)).toBe(0);
        checkMachines();
      }),
      { numRuns: 40 },
    );
  });

  it('fill and move change nothing when a part is out of reach', () => {
    const { process, map } = make();
    map(BASE, 2);
    map(BASE + 2 * PAGE_SIZE, 1, PROT_READ);
    process.fill(BASE, 7, 2 * PAGE_SIZE);
    const before = new Uint8Array(2 * PAGE_SIZE).fill(7);
    const unchanged = () => {
      const now = new Uint8Array(2 * PAGE_SIZE);
      process.copyIn(BASE, now);
      expect(Buffer.compare(now, before)).toBe(0);
    };
    const cases: [() => void, number][] = [
      [() => process.fill(BASE + 10, 1, 2 * PAGE_SIZE), FaultOutcome.protection],
      [() => process.fill(BASE, 1, 4 * PAGE_SIZE), FaultOutcome.unmapped],
      [() => process.fill(BASE - 1, 1, 2), FaultOutcome.unmapped],
      [() => process.move(BASE + PAGE_SIZE, BASE, PAGE_SIZE + 1), FaultOutcome.protection],
      [() => process.move(BASE, BASE + 2 * PAGE_SIZE, PAGE_SIZE + 1), FaultOutcome.unmapped],
      [() => process.move(0xffff_f000, BASE, PAGE_SIZE + 1), FaultOutcome.unmapped],
    ];
    for (const [action, outcome] of cases) {
      expect(faultOf(action).outcome).toBe(outcome);
      unchanged();
    }
    process.move(BASE, BASE + 2 * PAGE_SIZE, PAGE_SIZE);
    expect(process.translate(BASE, 0)).toBeGreaterThanOrEqual(PAGE_SIZE);
  });

  it('move within one page, and between two pages that a fork shares', () => {
    const { process, map, system, newTlb } = make();
    map(BASE, 2);
    process.copyOut(
      BASE,
      Uint8Array.from({ length: 2 * PAGE_SIZE }, (_, i) => i & 0xff),
    );
    system.fork(process.space as VmMap, newTlb());
    process.move(BASE + 1, BASE, 100);
    process.move(BASE + PAGE_SIZE + 5, BASE + PAGE_SIZE - 5, 50);
    const bytes = new Uint8Array(4);
    process.copyIn(BASE + 99, bytes);
    expect([...bytes]).toEqual([98, 99, 101, 102]);
    process.copyIn(BASE + PAGE_SIZE + 3, bytes);
    expect([...bytes]).toEqual([3, 4, 251, 252]);
  });
});

describe('require', () => {
  it('takes an empty range in memory or at the break, and no other', () => {
    const { process, map, system } = make();
    map(BASE, 1);
    system.grow(process.space as VmMap, layout.breakStart + PAGE_SIZE);
    for (const address of [BASE, BASE + PAGE_SIZE - 1, layout.breakStart, layout.breakStart + PAGE_SIZE]) {
      process.require(address, 0, 'write');
    }
    for (const address of [BASE + PAGE_SIZE, 0xffff_ffff, 0x1_0000_0000]) {
      expect(faultOf(() => process.require(address, 0, 'read')).outcome).toBe(FaultOutcome.unmapped);
    }
  });

  it('ends exactly where the area, and the space, end', () => {
    const { process, map } = make();
    map(BASE, 2);
    process.require(BASE, 2 * PAGE_SIZE, 'write');
    expect(faultOf(() => process.require(BASE, 2 * PAGE_SIZE + 1, 'write')).address).toBe(BASE);
    expect(faultOf(() => process.require(BASE - 1, 2, 'read')).outcome).toBe(FaultOutcome.unmapped);
    expect(faultOf(() => process.require(0xffff_ffff, 2, 'read')).outcome).toBe(FaultOutcome.unmapped);
    expect(faultOf(() => process.require(BASE, 2 ** 40, 'read')).outcome).toBe(FaultOutcome.unmapped);
  });

  it('tells a forbidden range from one that is not there', () => {
    const { process, map } = make();
    map(BASE, 1, PROT_READ);
    map(BASE + PAGE_SIZE, 1, PROT_NONE);
    process.require(BASE, PAGE_SIZE, 'read');
    expect(faultOf(() => process.require(BASE, 1, 'write')).outcome).toBe(FaultOutcome.protection);
    expect(faultOf(() => process.require(BASE, PAGE_SIZE + 1, 'read')).outcome).toBe(FaultOutcome.protection);
    expect(faultOf(() => process.require(BASE, 2 * PAGE_SIZE + 1, 'read')).outcome).toBe(FaultOutcome.unmapped);
  });

  it('accessible says the same without a fault', () => {
    const { process, map } = make();
    map(BASE, 1, PROT_READ);
    expect([process.accessible(BASE, 10, 'read'), process.accessible(BASE, 10, 'write'), process.accessible(0, 0, 'write')]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

it('a memory manager that cannot keep two pages mapped is a panic, not a loop (PR1)', () => {
  const { machine, system, process, map } = make();
  map(BASE, 2);
  const forgetful = {
    fault: (space: VmMap, page: number, access: 0 | 1) => {
      const outcome = system.fault(space, page, access);
      machine.pmaps.remove(space.pmap, 0, page);
      machine.pmaps.remove(space.pmap, page + 1, machine.mmu.pages);
      return outcome;
    },
  } as unknown as MemorySystem;
  const victim = new Process(machine, forgetful, process.space, () => 0);
  expect(() => victim.trap(BASE + PAGE_SIZE - 1, 2, 1)).toThrow(KernelPanic);
});
