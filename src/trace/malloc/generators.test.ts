import { describe, expect, test } from 'vitest';
import { generateMallocTrace, isGeneratedName, type MallocTrace, mallocGenerators, mallocTraceText, peakPayload } from '../index.ts';

/** FNV-1a over the trace as text. */
function hash(trace: MallocTrace): string {
  let value = 0x811c9dc5;
  for (const piece of mallocTraceText(trace, 'quire')) {
    for (let i = 0; i < piece.length; i++) value = Math.imul(value ^ piece.charCodeAt(i), 0x01000193) >>> 0;
  }
  return value.toString(16).padStart(8, '0');
}

const hashes: Readonly<Record<string, string>> = {
  random: '6916e4cd',
  coalescing: 'b8849307',
  binary: 'f20ad020',
  realloc: '948b8bbe',
  larson: '3ce3c394',
  graph: '76950f40',
  rptest: 'e524cb28',
  phases: '441e9b3f',
};

describe('generated traces', () => {
  test.each(mallocGenerators.map(({ name }) => name))('%s is the same everywhere, and as long as asked', (name) => {
    const trace = generateMallocTrace(name);
    expect(hash(trace)).toBe(hashes[name]);
    expect(trace.length).toBeGreaterThanOrEqual(50_000);
    expect(trace.length).toBeLessThanOrEqual(60_000);
  });

  test.each(mallocGenerators.map(({ name }) => name))('%s depends on its seed or has no chance in it', (name) => {
    const other = hash(generateMallocTrace(`${name}:seed=2`));
    expect(other === hashes[name]).toBe(['coalescing', 'binary', 'realloc'].includes(name));
  });

  test('what each is made for is in it', () => {
    const binary = generateMallocTrace('binary:operations=8000,small=16,large=112,larger=128,pairs=1000');
    // Half of the payload is freed, and as many larger blocks come.
    expect(peakPayload(binary)).toEqual({ bytes: 1000 * (16 + 128), operations: 4000 });
    const realloc = generateMallocTrace('realloc:operations=3000,first=100,step=50,most=20000,small=16');
    expect(Math.max(...realloc.sizes)).toBe(20_000);
    const larson = generateMallocTrace('larson:threads=3,slots=100,operations=20000');
    const givenBy = new Map<number, number>();
    let foreign = 0;
    for (let i = 0; i < larson.length; i++) {
      const thread = (larson.threads as Uint32Array)[i] as number;
      if (larson.operations[i] === 0) givenBy.set(larson.ids[i] as number, thread);
      else if (givenBy.get(larson.ids[i] as number) !== thread) foreign++;
    }
    expect(new Set(larson.threads)).toEqual(new Set([0, 1, 2]));
    expect(foreign).toBeGreaterThan(500);
  });

  test('names are told from paths, and refused with what is wrong', () => {
    expect(['random', 'larson:threads=2', 'random.rep', './random', 'randomly:1'].map(isGeneratedName)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(() => generateMallocTrace('random:sead=3')).toThrow("random:sead=3: random has no 'sead', only seed, operations, live, largest");
    expect(() => generateMallocTrace('random:operations=-1')).toThrow("operations is a whole number from 1 to 10000000, not '-1'");
    expect(() => generateMallocTrace('random:live=1e3')).toThrow("live is a whole number from 1 to 2147483647, not '1e3'");
    expect(() => generateMallocTrace('random:live=0')).toThrow('live is a whole number from 1');
  });
});
