// A module from the cache is the one that was kept: the same bytes, the same counts, and the same places in the original.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { assemble } from '../../../test/support/assemble.ts';
import { referenceLayout } from '../../../test/support/wasm/reference-kernel.ts';
import { readModule } from '../binary/index.ts';
import { type CodeCache, type CodeKey, codeKey, rewriteWithCache } from './code-cache.ts';
import { readEntry, writeEntry } from './code-entry.ts';
import { type HeapCall, whyNotHeapCall } from './heap-calls.ts';
import { type RewriteOptions, type RewrittenModule, rewriteModule } from './rewrite-module.ts';

const info = readModule(readFileSync(new URL('../../../programs/mallocstress.wasm', import.meta.url)));
const plain: RewriteOptions = { layout: referenceLayout, nullPage: 'unmapped' };
/** Any function with the signature of malloc is as good as the real one. */
const malloc = Array.from(info.functionTypes, (_, functionIndex) => ({ name: 'malloc', functionIndex }) as const).find(
  (call) => whyNotHeapCall(info, call) === undefined,
) as HeapCall;
const window = { top: 65_536, delta: 1 << 20 };

/** Every setting that changes the code, each alone. */
const settings: Readonly<Record<string, RewriteOptions>> = {
  plain,
  'other tables': { ...plain, layout: { ...referenceLayout, readTable: referenceLayout.readTable + 65_536 } },
  'page 0 mapped': { ...plain, nullPage: 'mapped' },
  'inlined nowhere': { ...plain, inlining: 'nowhere' },
  recording: { ...plain, recording: 'on' },
  'with a window': { ...plain, window },
  'another window': { ...plain, window: { ...window, delta: window.delta + 65_536 } },
  deep: { ...plain, form: 'deep' },
  'heap calls': { ...plain, heapCalls: [malloc] },
};

class MemoryCache implements CodeCache {
  readonly entries = new Map<string, Uint8Array<ArrayBuffer>>();
  find({ settings }: CodeKey): Uint8Array<ArrayBuffer> | undefined {
    return this.entries.get(settings);
  }
  keep({ settings }: CodeKey, entry: Uint8Array<ArrayBuffer>): void {
    this.entries.set(settings, entry);
  }
}

/** Where the engine could say that it is, in every function and a little beyond. */
function allPlaces({ bytes, locate }: RewrittenModule): unknown[] {
  const { bodies, functionTypes } = readModule(bytes);
  const [first, last] = [bodies.start[0] as number, bodies.end[bodies.count - 1] as number];
  const places: unknown[] = [];
  for (let i = 0; i < functionTypes.length + 2; i++) {
    const own = i - (functionTypes.length - bodies.count);
    const [start, end] = own < 0 || own >= bodies.count ? [first, first] : [bodies.start[own] as number, bodies.end[own] as number];
    for (const offset of [first - 1, start, end - 1, end, last + 1]) places.push(locate(i, offset));
    for (let offset = start; offset < end; offset += 397) places.push(locate(i, offset));
  }
  return places;
}

it.each(Object.entries(settings))('%s: what comes from the cache is what was rewritten', (_, options) => {
  const cache = new MemoryCache();
  const fresh = rewriteModule(info, options);
  expect(rewriteWithCache(info, options, cache)).toMatchObject({ origin: 'rewritten', rewritten: { form: fresh.form } });
  const { origin, rewritten } = rewriteWithCache(info, options, cache);
  expect([origin, rewritten.form, rewritten.counts, rewritten.helpers]).toEqual(['cache', fresh.form, fresh.counts, fresh.helpers]);
  expect(Buffer.compare(rewritten.bytes, fresh.bytes)).toBe(0);
  const places = allPlaces(rewritten);
  expect(places).toEqual(allPlaces(fresh));
  const found = places.filter((place) => place !== undefined);
  expect(found.length).toBeGreaterThan(info.bodies.count);
});

it('takes each setting for another, as their code differs, and equal ones for one', () => {
  const cache = new MemoryCache();
  for (const options of Object.values(settings)) expect(rewriteWithCache(info, options, cache).origin).toBe('rewritten');
  expect(cache.entries.size).toBe(Object.keys(settings).length);
  const codes = [...cache.entries.values()].map((entry) => Buffer.from(entry).toString('latin1'));
  expect(new Set(codes).size).toBe(codes.length);
  for (const options of Object.values(settings)) expect(rewriteWithCache(info, { ...options }, cache).origin).toBe('cache');
});

it('takes modules for one whose code is the same: they differ in data alone, and in sections that code does not follow from', () => {
  const keyOf = (bytes: Uint8Array): string => {
    const { module, settings } = codeKey(readModule(bytes), plain);
    return `${settings} ${Buffer.concat(module).toString('latin1')}`;
  };
  const module = (data: string, constant: number, name: string): Uint8Array =>
    assemble(`(module (memory (export "memory") 1) ${data} (func $${name} (drop (i32.const ${constant}))) (func (export "_start")))`).bytes;
  const one = keyOf(module('(data (i32.const 8) "one")', 1, 'f'));
  expect(keyOf(module('(data (i32.const 16) "another")', 1, 'f'))).toBe(one);
  const others = [
    module('(data (i32.const 8) "one") (data (i32.const 9) "two")', 1, 'f'),
    module('(data (i32.const 8) "one")', 2, 'f'),
    module('(data (i32.const 8) "one")', 1, 'g'),
  ].map(keyOf);
  expect(new Set([one, ...others]).size).toBe(4);
  expect(keyOf(Buffer.concat([module('(data (i32.const 8) "one")', 1, 'f'), Uint8Array.of(0, 3, 1, 120, 7)]))).toBe(one);
});

it('rewrites anew, and keeps that, where the entry is none', () => {
  const entry = writeEntry(rewriteModule(info, plain));
  const changed = (at: number, word: number): Uint8Array<ArrayBuffer> => {
    const copy = entry.slice();
    new DataView(copy.buffer).setUint32(at, word, true);
    return copy;
  };
  const first = new DataView(entry.buffer).getUint32(24, true);
  const none = [
    new Uint8Array(0),
    entry.slice(0, 23),
    // A form, a number of helpers and a helper that there are not, one helper twice, and a list that is cut short.
    changed(0, 3),
    changed(20, 1 << 20),
    changed(24, 9999),
    changed(28, first),
    entry.slice(0, 26),
  ];
  for (const kept of none) {
    expect(readEntry(kept)).toBeUndefined();
    const cache = new MemoryCache();
    cache.keep(codeKey(info, plain), kept);
    expect(rewriteWithCache(info, plain, cache).origin).toBe('rewritten');
    expect(rewriteWithCache(info, plain, cache).origin).toBe('cache');
  }
});

it('keeps nothing of a module that cannot be rewritten', () => {
  const cache = new MemoryCache();
  const bytes = readFileSync(new URL('../../../programs/mallocstress.wasm', import.meta.url));
  // An opcode that there is not, at the last function's end.
  bytes[(info.bodies.end[info.bodies.count - 1] as number) - 2] = 0xff;
  expect(() => rewriteWithCache(readModule(bytes), plain, cache)).toThrow();
  expect(cache.entries.size).toBe(0);
});
