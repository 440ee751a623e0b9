import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { detectMallocTraceFormat, type MallocTrace } from '../../trace/index.ts';
import { AddressSet } from './address-set.ts';
import { HeapReplay } from './heap-replay.ts';
import type { HeapSubject } from './subject.ts';

const HEAP_BYTES = 1 << 16;

/** An allocator that is right for as long as it lasts: it never takes anything back. */
function bump(alignment = 8): HeapSubject {
  const bytes = new Uint8Array(HEAP_BYTES);
  const sizes = new Map<number, number>();
  let top = 64;
  const memalign = (wanted: number, size: number): number => {
    const at = Math.ceil(top / Math.max(wanted, alignment)) * Math.max(wanted, alignment);
    if (at + size > HEAP_BYTES) return 0;
    top = at + Math.max(1, size);
    sizes.set(at, size);
    return at;
  };
  const malloc = (size: number): number => memalign(1, size);
  return {
    malloc,
    calloc: (count, size) => malloc(count * size),
    realloc: (address, size) => {
      const moved = malloc(size);
      if (moved !== 0) bytes.copyWithin(moved, address, address + Math.min(size, sizes.get(address) as number));
      return moved;
    },
    memalign,
    free: (address) => sizes.delete(address),
    bytes: () => bytes,
    base: 0,
    alignment,
  };
}

function traceOf(...lines: string[]): MallocTrace {
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
  const parser = detectMallocTraceFormat(bytes, 'script').make('script');
  parser.feed(bytes);
  return parser.end();
}

/** Replays a script; `whole` contents, so that nothing is missed. */
function replayed(subject: HeapSubject, ...lines: string[]): HeapReplay {
  const replay = new HeapReplay(traceOf(...lines), subject, { contents: 'whole' });
  replay.finish();
  return replay;
}

const script = ['a 0 100', 'a 1 30', 'c 2 64', 'm 3 1024 10', 'r 0 200', 'f 1', 'a 4 30', 'r 0 20', 'f 2', 'c 5 64', 'f 0'];

test('an allocator that is right has no errors, and its extent is measured', () => {
  for (const contents of ['tags', 'whole'] as const) {
    const replay = new HeapReplay(traceOf(...script), bump(), { contents });
    replay.finish();
    expect(replay.errors).toEqual([]);
    expect([replay.position, replay.payload]).toEqual([script.length, 10 + 30 + 64]);
    // 64 | 100, 30, 64 | 1024: 10 | 200 | 30 | 20 | 64, each from a multiple of 8 on.
    expect(replay.heapBytes).toBe(1024 + 16 + 200 + 32 + 24 + 64);
  }
});

describe('a broken allocator is found out:', () => {
  const faultsOf = (subject: HeapSubject, ...lines: string[]): string[] =>
    replayed(subject, ...lines).errors.map(({ operation, fault }) => `${operation} ${fault}`);

  test('one that gives a block twice', () => {
    expect(faultsOf({ ...bump(), malloc: () => 64 }, 'a 0 8', 'a 1 8')).toEqual(['1 overlap']);
    const { errors } = replayed({ ...bump(), malloc: () => 64 }, '# two', 'a 0 8', 'a 1 16');
    expect(errors).toEqual([
      { operation: 1, line: 3, fault: 'overlap', what: '16 bytes at 0x40 are given twice: there lives block 0 with 8 bytes at 0x40' },
    ]);
  });

  test('one whose blocks overlap by a byte, from below and from above', () => {
    const places = [1024, 1024 + 24, 1024 - 8, 1024 - 16];
    const overlapping = (): HeapSubject => {
      let next = 0;
      return { ...bump(), malloc: () => places[next++] as number };
    };
    expect(faultsOf(overlapping(), 'a 0 25', 'a 1 8')).toEqual(['1 overlap']);
    expect(faultsOf(overlapping(), 'a 0 24', 'a 1 8', 'a 2 9')).toEqual(['2 overlap']);
    expect(faultsOf(overlapping(), 'a 0 24', 'a 1 8', 'a 2 8', 'a 3 8')).toEqual([]);
  });

  test('one that forgets to align', () => {
    const crooked = { ...bump(), malloc: (size: number) => bump(1).malloc(size) + 4 };
    expect(faultsOf(crooked, 'a 0 8')).toEqual(['0 misaligned']);
    expect(faultsOf({ ...bump(), memalign: () => 8 }, 'm 0 4096 8')).toEqual(['0 misaligned']);
  });

  test('one that leaves the heap, below, above, or to no number', () => {
    const at = (address: number): HeapSubject => ({ ...bump(), base: 64, malloc: () => address });
    for (const address of [56, HEAP_BYTES - 8, HEAP_BYTES, -8, 1.5, Number.NaN])
      expect(faultsOf(at(address), 'a 0 9')).toEqual(['0 outside']);
    expect(faultsOf(at(HEAP_BYTES - 16), 'a 0 9')).toEqual([]);
  });

  test('one whose realloc loses the content, or its end', () => {
    const losing = (kept: number): HeapSubject => {
      const right = bump();
      const realloc = (address: number, size: number): number => {
        const moved = right.malloc(size);
        right.bytes().copyWithin(moved, address, address + kept);
        return moved;
      };
      return { ...right, realloc };
    };
    expect(faultsOf(losing(0), 'a 0 100', 'r 0 200')).toEqual(['1 content']);
    expect(faultsOf(losing(99), 'a 0 100', 'r 0 200')).toEqual(['1 content']);
    expect(faultsOf(losing(99), 'a 0 100', 'r 0 99')).toEqual([]);
  });

  test('one that writes into blocks that are given', () => {
    const scribbling = (): HeapSubject => {
      const right = bump();
      const free = (address: number): void => {
        right.bytes().fill(0, address - 4, address);
      };
      return { ...right, free };
    };
    // The bytes before block 1 are the last of block 0: seen when block 0 is freed, or at the end.
    expect(faultsOf(scribbling(), 'a 0 64', 'a 1 8', 'f 1', 'f 0')).toEqual(['3 content']);
    expect(faultsOf(scribbling(), 'a 0 64', 'a 1 8', 'f 1')).toEqual(['3 content']);
  });

  test('one whose calloc does not clear', () => {
    const right = bump();
    right.bytes().fill(7, 64 + 32);
    expect(faultsOf(right, 'c 0 32', 'c 1 8')).toEqual(['1 not-zero']);
  });

  test('one that has no room, or does not take a block back', () => {
    expect(faultsOf(bump(), `a 0 ${2 * HEAP_BYTES}`, 'f 0')).toEqual(['0 no-room']);
    expect(faultsOf({ ...bump(), realloc: () => 0 }, 'a 0 8', 'r 0 9', 'f 0')).toEqual(['1 no-room']);
    expect(faultsOf({ ...bump(), free: () => false }, 'a 0 8', 'f 0')).toEqual(['1 refused']);
  });

  test('one that throws, or whose own check does', () => {
    const broken = (): never => {
      throw new Error('unreachable');
    };
    const { errors, isStopped, position } = replayed({ ...bump(), malloc: broken }, 'a 0 8', 'a 1 8');
    expect(errors.map(({ what }) => what)).toEqual(['malloc(8) did not return: unreachable']);
    expect([isStopped, position]).toEqual([true, 0]);
    expect(faultsOf({ ...bump(), check: broken }, 'a 0 8')).toEqual(['1 damage']);
  });
});

test('blocks of no bytes have a place of their own, or none at all', () => {
  expect(replayed(bump(), 'a 0 0', 'a 1 0', 'r 0 0', 'f 0', 'f 1').errors).toEqual([]);
  expect(replayed({ ...bump(), malloc: () => 0 }, 'a 0 0', 'f 0').errors).toEqual([]);
  expect(replayed({ ...bump(), malloc: () => 64 }, 'a 0 0', 'a 1 0').errors.map(({ fault }) => fault)).toEqual(['overlap']);
  expect(replayed({ ...bump(), realloc: () => 0 }, 'a 0 5', 'r 0 0', 'f 0')).toMatchObject({ errors: [], payload: 0 });
});

test('the replay stops after so many findings', () => {
  const lines = Array.from({ length: 50 }, (_, id) => `a ${id} 8`);
  const replay = new HeapReplay(traceOf(...lines), { ...bump(), malloc: () => 64 }, { mostErrors: 3 });
  replay.finish();
  expect([replay.errors.length, replay.isStopped, replay.position]).toEqual([3, true, 4]);
});

test('the blocks of a range come in address order, those that reach into it too', () => {
  const { shadow } = replayed(bump(), 'a 0 40', 'a 1 40', 'a 2 40', 'f 1', 'a 3 8');
  expect([...shadow.blocksIn(64 + 39, 64 + 81)]).toEqual([0, 2]);
  expect([...shadow.blocksIn(64 + 40, 64 + 80)]).toEqual([]);
  expect([...shadow.blocksIn(0, HEAP_BYTES)]).toEqual([0, 2, 3]);
});

test('an address set finds neighbours as a sorted list does', () => {
  const address = fc.oneof(
    fc.integer({ min: 0, max: 200_000 }),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.constantFrom(0, 65_535, 65_536, 2 ** 32 - 1),
  );
  fc.assert(
    fc.property(fc.uniqueArray(address, { maxLength: 60 }), fc.array(address, { maxLength: 30 }), (members, probes) => {
      const set = new AddressSet();
      for (const member of members) set.add(member);
      const removed = new Set(members.filter((_, i) => i % 3 === 0));
      for (const member of removed) set.remove(member);
      const left = members.filter((member) => !removed.has(member));
      for (const probe of [...probes, ...members]) {
        expect(set.atOrAbove(probe)).toBe([...left].sort((a, b) => a - b).find((member) => member >= probe) ?? -1);
        expect(set.atOrBelow(probe)).toBe(Math.max(...left.filter((member) => member <= probe), -1));
      }
    }),
  );
});
