// What a process may ask of its areas: where they go, what is refused, what is left. POSIX says which errno; a refused request
// changes nothing.
import { afterEach, describe, expect, it } from 'vitest';
import { checkMachines, layout, type MakeSystem, type SmallMachineOptions } from '../../test/support/uvm-machine.ts';
import { load, store, TestFile } from '../../test/support/uvm-probe.ts';
import { at, BASE, oneSpaceOf } from '../../test/support/uvm-space.ts';
import { type Errno, FailurePlan, PAGE_SIZE } from '../base/index.ts';
import { GuestFault, type Process } from '../process/index.ts';
import { type MapRequest, PROT_EXECUTE, PROT_NONE, PROT_READ, PROT_WRITE } from './index.ts';

/** Declares what a process may ask of its areas. */
export function describeAreas(make: MakeSystem): void {
  afterEach(checkMachines);

  const RW = PROT_READ | PROT_WRITE;
  /** The page where brk starts, counted from there. */
  const BREAK = layout.breakStart / PAGE_SIZE - BASE;

  function one(options: SmallMachineOptions = {}) {
    const made = oneSpaceOf(make, options);
    const { system, space } = made;
    /** The areas as [first page - BASE, pages, protection]; neighbours with the same rights count as one, since not every manager joins entries. */
    const shape = () => {
      const joined: [number, number, number][] = [];
      for (const { start, end, protection } of system.areas(space)) {
        const [first, pages] = [start / PAGE_SIZE - BASE, (end - start) / PAGE_SIZE];
        const last = joined.at(-1);
        if (last !== undefined && last[0] + last[1] === first && last[2] === protection) last[1] += pages;
        else joined.push([first, pages, protection]);
      }
      return joined;
    };
    return { ...made, shape };
  }

  describe('where areas go', () => {
    it('without a place: from the top down', () => {
      const { system, space } = one();
      const request: MapRequest = { size: 3 * PAGE_SIZE, protection: PROT_READ, sharing: 'private' };
      expect(system.map(space, request)).toBe(layout.high - 3 * PAGE_SIZE);
      expect(system.map(space, { ...request, protection: RW })).toBe(layout.high - 6 * PAGE_SIZE);
      system.unmap(space, layout.high - 3 * PAGE_SIZE, 3 * PAGE_SIZE);
      expect(system.map(space, { ...request, size: 2 * PAGE_SIZE })).toBe(layout.high - 2 * PAGE_SIZE);
      expect(system.map(space, { ...request, size: 2 * PAGE_SIZE })).toBe(layout.high - 8 * PAGE_SIZE);
      expect(system.map(space, { ...request, size: 1 })).toBe(layout.high - 3 * PAGE_SIZE);
    });

    it('at a hint if that is free, else as if there were none', () => {
      const { map } = one();
      const hint = { place: { how: 'hint', address: at(4) } } as const;
      expect(map(0, 2, hint)).toBe(at(4));
      expect(map(0, 2, hint)).toBe(layout.high - 2 * PAGE_SIZE);
      expect(map(0, 2, { place: { how: 'hint', address: at(3) } })).toBe(layout.high - 4 * PAGE_SIZE);
      expect(map(0, 2, { place: { how: 'hint', address: at(2) } })).toBe(at(2));
    });

    it('not in the area that brk grows into, unless fixed there', () => {
      const { map } = one();
      expect(map(0, 1, { place: { how: 'hint', address: layout.breakStart } })).toBe(layout.high - PAGE_SIZE);
      expect(map(BREAK, 1)).toBe(layout.breakStart);
    });

    it('nowhere when there is no hole', () => {
      const { map } = one();
      expect(map(0, (layout.high - layout.breakLimit) / PAGE_SIZE + 1, { place: { how: 'hint', address: 0 } })).toBe('ENOMEM');
      expect(map(0, (layout.high - layout.breakLimit) / PAGE_SIZE, { place: { how: 'hint', address: 0 } })).toBe(layout.breakLimit);
      expect(map(0, 1, { place: { how: 'hint', address: 0 } })).toBe('ENOMEM');
    });
  });

  describe('map fixed over what is there', () => {
    it('replaces the pages below, keeps those beside, and frees what was replaced', () => {
      const { map, process, shape } = one();
      map(0, 8);
      for (let page = 0; page < 8; page++) store(process, at(page), page + 1);
      expect(map(2, 3, { protection: PROT_READ })).toBe(at(2));
      expect(shape()).toEqual([
        [0, 2, RW],
        [2, 3, PROT_READ],
        [5, 3, RW],
      ]);
      expect([0, 1, 2, 4, 5, 7].map((page) => load(process, at(page)))).toEqual([1, 2, 0, 0, 6, 8]);
    });

    it('covers several areas, holes, and the whole of a larger one', () => {
      const { map, shape } = one();
      map(0, 2);
      map(4, 2, { protection: PROT_READ });
      map(7, 3);
      map(1, 7, { protection: PROT_NONE });
      expect(shape()).toEqual([
        [0, 1, RW],
        [1, 7, PROT_NONE],
        [8, 2, RW],
      ]);
      map(0, 16, { protection: PROT_READ });
      expect(shape()).toEqual([[0, 16, PROT_READ]]);
    });
  });

  describe('protect', () => {
    const outcome = (action: () => unknown): string => {
      try {
        action();
        return 'fine';
      } catch (error) {
        if (error instanceof GuestFault) return 'fault';
        throw error;
      }
    };
    const can = (process: Process, page: number) => [outcome(() => load(process, at(page))), outcome(() => store(process, at(page), 9))];

    it.each([
      [PROT_NONE, ['fault', 'fault']],
      [PROT_READ, ['fine', 'fault']],
      [RW, ['fine', 'fine']],
      [PROT_READ | PROT_EXECUTE, ['fine', 'fault']],
    ])('to %i holds at once for pages that are mapped and pages that are not', (protection, expected) => {
      const { map, system, space, process } = one();
      map(0, 4);
      store(process, at(0), 1);
      load(process, at(1));
      expect(system.protect(space, at(0), 4 * PAGE_SIZE, protection)).toBe(0);
      for (let page = 0; page < 3; page++) expect(can(process, page)).toEqual(expected);
      expect(system.protect(space, at(0), 4 * PAGE_SIZE, RW)).toBe(0);
      for (let page = 0; page < 3; page++) expect(can(process, page)).toEqual(['fine', 'fine']);
    });

    it('keeps the bytes of a page that cannot be reached for a while', () => {
      const { map, system, space, process } = one();
      map(0, 1);
      store(process, at(0), 42);
      system.protect(space, at(0), PAGE_SIZE, PROT_NONE);
      system.reclaim(128);
      system.protect(space, at(0), PAGE_SIZE, PROT_READ);
      expect(load(process, at(0))).toBe(42);
    });
  });

  describe('unmap', () => {
    it('of nothing is fine, and of a range with gaps too', () => {
      const { map, system, space, shape } = one();
      expect(system.unmap(space, at(0), PAGE_SIZE)).toBe(0);
      map(1, 1);
      map(4, 1);
      expect(system.unmap(space, at(0), 16 * PAGE_SIZE)).toBe(0);
      expect(shape()).toEqual([]);
    });
  });

  describe('brk', () => {
    const start = layout.breakStart;
    it('stops at its limit, at another area and at its start', () => {
      const { system, space, map } = one();
      expect(system.grow(space, layout.breakLimit)).toBe(layout.breakLimit);
      expect(system.grow(space, layout.breakLimit + 1)).toBe('ENOMEM');
      system.grow(space, start + PAGE_SIZE);
      map(BREAK + 3, 1);
      expect(system.grow(space, start + 3 * PAGE_SIZE)).toBe(start + 3 * PAGE_SIZE);
      expect(system.grow(space, start + 3 * PAGE_SIZE + 1)).toBe('ENOMEM');
      expect(system.grow(space, start - 1)).toBe('EINVAL');
      expect(system.grow(space, Number.NaN)).toBe('EINVAL');
      expect(space.breakEnd).toBe(start + 3 * PAGE_SIZE);
    });
  });

  describe('bad arguments', () => {
    const unchanged = (prepare: (all: ReturnType<typeof one>) => unknown, expected: Errno) => {
      const all = one();
      all.map(0, 4);
      const before = { shape: all.shape(), counts: all.counts() };
      expect(prepare(all)).toBe(expected);
      expect({ shape: all.shape(), counts: all.counts() }).toEqual(before);
    };

    it.each<[string, (all: ReturnType<typeof one>) => unknown, Errno]>([
      ['map of no bytes', ({ map }) => map(0, 0), 'EINVAL'],
      ['map of fewer than no bytes', ({ map }) => map(0, -1), 'EINVAL'],
      ['map of NaN bytes', ({ map }) => map(0, Number.NaN), 'EINVAL'],
      ['map with unknown rights', ({ map }) => map(0, 1, { protection: 8 }), 'EINVAL'],
      ['map at an odd address', ({ map }) => map(0, 1, { place: { how: 'fixed', address: at(0) + 1 } }), 'EINVAL'],
      ['map below the space', ({ map }) => map(0, 1, { place: { how: 'fixed', address: -PAGE_SIZE } }), 'ENOMEM'],
      ['map beyond the space', ({ map }) => map(0, 2, { place: { how: 'fixed', address: layout.high - PAGE_SIZE } }), 'ENOMEM'],
      ['map at an odd offset', ({ map, object }) => map(0, 1, { object: object(new TestFile(4, 'file')), offset: 1 }), 'EINVAL'],
      [
        'map at a negative offset',
        ({ map, object }) => map(0, 1, { object: object(new TestFile(4, 'file')), offset: -PAGE_SIZE }),
        'EINVAL',
      ],
      ['map beyond the object', ({ map, object }) => map(0, 5, { object: object(new TestFile(4, 'file')) }), 'EINVAL'],
      [
        'map of an image, shared and writable',
        ({ map, object }) => map(0, 1, { object: object(new TestFile(4, 'image')), sharing: 'shared' }),
        'EACCES',
      ],
      ['unmap at an odd address', ({ system, space }) => system.unmap(space, at(0) + 1, PAGE_SIZE), 'EINVAL'],
      ['unmap of no bytes', ({ system, space }) => system.unmap(space, at(0), 0), 'EINVAL'],
      ['unmap of NaN bytes', ({ system, space }) => system.unmap(space, at(0), Number.NaN), 'EINVAL'],
      ['unmap beyond the space', ({ system, space }) => system.unmap(space, layout.high - PAGE_SIZE, 2 * PAGE_SIZE), 'EINVAL'],
      ['unmap below zero', ({ system, space }) => system.unmap(space, -PAGE_SIZE, PAGE_SIZE), 'EINVAL'],
      ['protect at an odd address', ({ system, space }) => system.protect(space, at(0) + 1, PAGE_SIZE, PROT_READ), 'EINVAL'],
      ['protect with unknown rights', ({ system, space }) => system.protect(space, at(0), PAGE_SIZE, 8), 'EINVAL'],
      ['protect of a range with a gap', ({ system, space }) => system.protect(space, at(2), 4 * PAGE_SIZE, PROT_READ), 'ENOMEM'],
      ['sync of a range with a gap', ({ system, space }) => system.sync(space, at(2), 4 * PAGE_SIZE), 'ENOMEM'],
      ['sync at an odd address', ({ system, space }) => system.sync(space, at(2) + 1, PAGE_SIZE), 'EINVAL'],
    ])('%s', (_name, request, expected) => {
      // Making an object changes the heap's counts of objects only, which are not compared.
      unchanged(request, expected);
    });

    it('protect beyond what the object allows', () => {
      const { system, space, map, object, shape } = one();
      map(0, 2, { object: object(new TestFile(4, 'image')), sharing: 'shared', protection: PROT_READ });
      expect(system.protect(space, at(0), PAGE_SIZE, RW)).toBe('EACCES');
      expect(shape()).toEqual([[0, 2, PROT_READ]]);
    });
  });

  describe('a request that lacks kernel memory', () => {
    it.each<[string, (all: ReturnType<typeof one>) => unknown]>([
      ['map', ({ map }) => map(2, 3, { protection: PROT_READ })],
      ['map of shared memory', ({ map }) => map(2, 3, { sharing: 'shared' })],
      ['unmap', ({ system, space }) => system.unmap(space, at(2), 3 * PAGE_SIZE)],
      ['protect', ({ system, space }) => system.protect(space, at(2), 3 * PAGE_SIZE, PROT_READ)],
      ['grow', ({ system, space }) => system.grow(space, layout.breakStart + PAGE_SIZE)],
    ])('%s: is refused at every allocation and changes nothing, then works', (_name, request) => {
      for (let k = 0; ; k++) {
        // The space, the first area, its amap, anons and index come first.
        const heapFailures = new FailurePlan(-1);
        const dry = one({ heapFailures });
        dry.map(0, 8);
        for (let page = 0; page < 8; page++) store(dry.process, at(page), page + 1);
        const failing = new FailurePlan(heapFailures.requests + k);
        const all = one({ heapFailures: failing });
        all.map(0, 8);
        for (let page = 0; page < 8; page++) store(all.process, at(page), page + 1);
        const before = { shape: all.shape(), counts: all.counts() };
        const result = request(all);
        if (failing.failures === 0) return expect(typeof result).toBe('number');
        expect(result).toBe('ENOMEM');
        expect({ shape: all.shape(), counts: all.counts() }).toEqual(before);
        for (let page = 0; page < 8; page++) expect(load(all.process, at(page))).toBe(page + 1);
        expect(typeof request(all)).toBe('number');
        checkMachines();
      }
    });
  });

  describe('files', () => {
    function shared() {
      const all = one();
      const file = new TestFile(8, 'file');
      const object = all.object(file);
      all.map(0, 8, { object, sharing: 'shared' });
      return { ...all, file, object };
    }
    it('sync writes the dirty pages of the range, once', () => {
      const { system, space, process, file } = shared();
      for (const page of [1, 2, 5]) store(process, at(page), 100 + page);
      load(process, at(3));
      expect(system.sync(space, at(0), 4 * PAGE_SIZE)).toBe(0);
      expect(file.writes).toEqual([1, 2]);
      expect([file.pages[1]?.[0], file.pages[5]?.[0]]).toEqual([101, 6]);
      expect(system.sync(space, at(0), 8 * PAGE_SIZE)).toBe(0);
      expect(file.writes).toEqual([1, 2, 5]);
      store(process, at(1), 7);
      expect(system.sync(space, at(0), 8 * PAGE_SIZE)).toBe(0);
      expect(file.writes).toEqual([1, 2, 5, 1]);
    });

    it('sync says EIO when the file cannot be written, and the page stays dirty', () => {
      const { system, space, process, file } = shared();
      store(process, at(1), 101);
      file.broken = 'write';
      expect(system.sync(space, at(0), 8 * PAGE_SIZE)).toBe('EIO');
      file.broken = undefined;
      expect(system.sync(space, at(0), 8 * PAGE_SIZE)).toBe(0);
      expect(file.pages[1]?.[0]).toBe(101);
    });

    it('private changes are never written back', () => {
      const all = one();
      const file = new TestFile(8, 'file');
      all.map(0, 8, { object: all.object(file) });
      store(all.process, at(1), 101);
      expect(all.system.sync(all.space, at(0), 8 * PAGE_SIZE)).toBe(0);
      all.system.unmap(all.space, at(0), 8 * PAGE_SIZE);
      expect(file.writes).toEqual([]);
    });

    it('eviction writes dirty pages to the file, not to swap', () => {
      const { system, process, file, swap } = shared();
      for (let page = 0; page < 8; page++) store(process, at(page), 100 + page);
      // The eight pages touched last are held: eight others take their places.
      system.reclaim(128);
      expect(file.writes).toEqual([]);
      system.grow(process.space, layout.breakStart + 8 * PAGE_SIZE);
      for (let page = 0; page < 8; page++) store(process, layout.breakStart + page * PAGE_SIZE, 1);
      system.reclaim(128);
      expect(swap?.counters.writeOperations).toBe(0);
      expect([...file.writes].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      for (let page = 0; page < 8; page++) expect(load(process, at(page))).toBe(100 + page);
    });
  });
}
