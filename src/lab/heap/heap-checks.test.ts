import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { MallocOperation, type MallocTrace, mallocTraceText } from '../../trace/index.ts';
import {
  capacityOf,
  type GuestCalls,
  guestBase,
  guestSubject,
  HeapReplay,
  type HeapSubject,
  heapChecks,
  jsGuestCalls,
  judgeScript,
  ownSubjects,
  WasmGuest,
} from '../index.ts';
import { firstOperations, randomScript, shrinkScript } from './heap-scripts.ts';

const root = join(import.meta.dirname, '../../..');
const KIB = 1024;

/** Names of the checks that find something, with what they find. */
function findings(make: () => HeapSubject, scripts = 40): Record<string, string> {
  const capacityBytes = capacityOf(make);
  const setting = { make, seed: 3, scripts, capacityBytes };
  return Object.fromEntries(
    heapChecks.flatMap(({ name, run }) => {
      const finding = run(setting);
      return finding === undefined ? [] : [[name, finding.what]];
    }),
  );
}

/** First fit without headers, in the test's own words: blocks in a list by address. With one mistake, if it is told so. */
function plainHeap(mistake?: 'reuses-live' | 'forgets-content' | 'dirty-calloc' | 'misaligns' | 'wraps' | 'loses-on-failure'): HeapSubject {
  const memory = new Uint8Array(256 * KIB);
  const blocks: { start: number; end: number }[] = [];
  const malloc = (bytes: number, alignment = 8): number => {
    const size = mistake === 'wraps' ? (bytes + 8) >>> 0 : bytes;
    if (size > memory.length) return 0;
    let start = Math.ceil(16 / alignment) * alignment;
    let at = 0;
    for (; at < blocks.length; at++) {
      const block = blocks[at] as { start: number; end: number };
      if (start + Math.max(1, size) <= block.start) break;
      start = Math.max(start, Math.ceil(block.end / alignment) * alignment);
    }
    if (start + size > memory.length) return 0;
    blocks.splice(at, 0, { start, end: start + Math.max(1, size) });
    return mistake === 'misaligns' && bytes === 24 ? start + 4 : start;
  };
  const free = (address: number): void => {
    const at = blocks.findIndex(({ start }) => start === address || start + 4 === address);
    if (at >= 0) blocks.splice(at, 1);
  };
  return {
    malloc: (bytes) => {
      if (mistake === 'reuses-live' && bytes % 16 === 4 && blocks.length > 3) return (blocks[2] as { start: number }).start;
      return malloc(bytes);
    },
    free,
    calloc: (count, bytes) => {
      if (count * bytes >= 2 ** 32) return 0;
      const address = malloc(count * bytes);
      if (address !== 0 && mistake !== 'dirty-calloc') memory.fill(0, address, address + count * bytes);
      return address;
    },
    realloc: (address, bytes) => {
      if (address === 0) return malloc(bytes);
      const block = blocks.find(({ start }) => start === address) ?? { start: 0, end: 0 };
      if (mistake === 'loses-on-failure' && bytes > memory.length) memory[address] = 99;
      const moved = malloc(bytes);
      if (moved === 0) return 0;
      const kept = Math.min(bytes, block.end - block.start);
      memory.copyWithin(moved, address, address + (mistake === 'forgets-content' ? Math.min(kept, 40) : kept));
      free(address);
      return moved;
    },
    memalign: (alignment, bytes) => (bytes > memory.length ? 0 : malloc(bytes, Math.max(8, alignment))),
    bytes: () => memory,
    base: 16,
    alignment: 8,
  };
}

describe('checks of allocators', () => {
  it('find nothing in a heap that is right', () => {
    expect(findings(() => plainHeap(), 20)).toEqual({});
  });

  it.each(ownSubjects.map(({ name }) => name))('find nothing that must hold and does not in %s', (name) => {
    const kind = ownSubjects.find((each) => each.name === name);
    const make = () => kind?.make({ alignment: 8, backing: 'array', limitBytes: 4096 * KIB }) as HeapSubject;
    const capacityBytes = capacityOf(make);
    for (const { name: check, weight, run } of heapChecks) {
      if (weight === 'must') expect(run({ make, seed: 1, scripts: 10, capacityBytes }), check).toBeUndefined();
    }
  });

  it.each([
    ['reuses-live', 'malloc, free', /are given twice|overlap block/],
    ['forgets-content', 'realloc', /as its owner left it/],
    ['dirty-calloc', 'calloc', /of a block of calloc is/],
    ['misaligns', 'malloc, free', /do not begin at a multiple of 8/],
    ['wraps', 'impossible sizes', /^malloc\(4294967295\) gave a block: the size has probably wrapped/],
    ['loses-on-failure', 'exhaustion', /as its owner left it/],
  ] as const)('find what %s', (mistake, check, what) => {
    const found = findings(() => plainHeap(mistake));
    expect(found[check]).toMatch(what);
    // The checks that have nothing to do with it hold.
    expect(found['null pointer']).toBeUndefined();
  });

  it('advise where memory is not used again', () => {
    const make = () => ({ ...plainHeap(), free: () => undefined });
    expect(Object.keys(findings(make, 0)).sort()).toEqual(['coalescing', 'reuse', 'room again', 'splitting']);
  });
});

describe('random scripts', () => {
  const { malloc, calloc, realloc, memalign, free } = MallocOperation;
  const wish = { seed: 5, mix: [malloc, calloc, realloc, memalign], budgetBytes: 20 * KIB, largestAlignment: 256 };

  it('are the same for the same seed and number, and keep to their budget', () => {
    const texts = new Set<string>();
    for (let number = 0; number < 50; number++) {
      const script = randomScript({ ...wish, number });
      const text = [...mallocTraceText(script, 'rep')].join('');
      expect([...mallocTraceText(randomScript({ ...wish, number }), 'rep')].join('')).toBe(text);
      texts.add(text);
      const asked = script.sizes.reduce((sum, size) => sum + size, 0);
      // Where the budget is spent, blocks of a byte go on.
      expect(asked).toBeLessThanOrEqual(20 * KIB + script.length);
      expect(new HeapReplay(script, plainHeap()).position).toBe(0);
    }
    expect(texts.size).toBe(50);
  });

  it('become as small as what they show', () => {
    // Fails if a realloc of one block comes while another lives that has 1000 bytes or more.
    const fails = ({ length, operations, ids, sizes }: MallocTrace): boolean => {
      const large = new Set<number>();
      for (let at = 0; at < length; at++) {
        const [operation, id] = [operations[at], ids[at] as number];
        if (operation === free) large.delete(id);
        else if (operation !== realloc && (sizes[at] as number) >= 1000) large.add(id);
        if (operation === realloc && [...large].some((each) => each !== id)) return true;
      }
      return false;
    };
    const random = new Random(1);
    for (let round = 0; round < 10; round++) {
      const script = randomScript({ ...wish, seed: random.next(), number: round, budgetBytes: 200 * KIB });
      if (!fails(script)) continue;
      const small = shrinkScript(script, fails);
      expect([...small.operations].sort()).toEqual([malloc, malloc, realloc]);
      expect([...small.sizes].sort((one, other) => one - other)).toEqual([1, 1, 1000]);
      expect(firstOperations(small, 2).length).toBe(2);
    }
  });
});

describe('guests', () => {
  const wasm = (path: string) => new WasmGuest(readFileSync(join(root, path)), path);

  it('compiled from C: the bump allocator is right and advised, the wrong one is found out', () => {
    const make = (path: string) => () => guestSubject(wasm(path).calls(2 ** 24), guestBase(wasm(path).calls(2 ** 24)), 8);
    const bump = make('programs/allocator-bump.wasm');
    expect((bump() as { emulated?: unknown }).emulated).toEqual(['calloc', 'realloc', 'memalign']);
    expect(Object.keys(findings(bump, 5)).sort()).toEqual(['coalescing', 'reuse', 'splitting']);
    const wrong = make('programs/allocator-wrong.wasm');
    const check = heapChecks.find(({ name }) => name === 'realloc');
    const found = check?.run({ make: wrong, seed: 1, scripts: 50, capacityBytes: capacityOf(wrong) });
    expect(found?.script?.length).toBeLessThanOrEqual(5);
    expect(judgeScript(found?.script as MallocTrace, wrong)?.what).toBe(found?.what);
  });

  it('that lack realloc, calloc and memalign get them over malloc and free', () => {
    const { malloc, free, bytes } = plainHeap();
    const calls: GuestCalls = { malloc, free, bytes };
    const subject = guestSubject(calls, 0, 8);
    const block = subject.memalign(1024, 10);
    expect(block % 1024).toBe(0);
    bytes().fill(7, block, block + 10);
    const moved = subject.realloc(block, 100);
    expect([...bytes().subarray(moved, moved + 10)]).toEqual(new Array(10).fill(7));
    subject.free(moved);
    expect(findings(() => ({ ...guestSubject({ ...pick(plainHeap()) }, 0, 8) }), 20)).toEqual({});
    function pick(heap: HeapSubject): GuestCalls {
      return { malloc: heap.malloc, free: heap.free, bytes: heap.bytes };
    }
  });

  it('in JavaScript are made by a factory, or are functions with an init', () => {
    const factory = { default: () => ({ malloc: () => 8, free: () => undefined, buffer: new ArrayBuffer(16) }) };
    expect(jsGuestCalls(factory, 'f', 0).malloc(1)).toBe(8);
    let inits = 0;
    const functions = { malloc: () => 8, free: () => undefined, bytes: () => new Uint8Array(16), init: () => inits++ };
    jsGuestCalls(functions, 'f', 0);
    expect([jsGuestCalls({ default: functions }, 'f', 0).bytes().length, inits]).toEqual([16, 2]);
    expect(() => jsGuestCalls({ malloc: () => 8 }, 'f', 0)).toThrow('f exports no malloc and free');
    expect(() => jsGuestCalls({ malloc: () => 8, free: () => 0 }, 'f', 0)).toThrow('f tells of no bytes');
  });
});
