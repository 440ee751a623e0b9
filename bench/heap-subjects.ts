// What the heap benchmark runs: Quire's allocators and two peers, behind one face. Each is made anew for each trace.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AllocatorName, allocatorNames, Heap } from '../src/heap/malloc/index.ts';
import { rootFolder } from './host.ts';

/** A heap that a trace can be replayed on. */
export interface TimedHeap {
  readonly malloc: (bytes: number) => number;
  readonly free: (address: number) => unknown;
  readonly realloc: (address: number, bytes: number) => number;
  readonly memalign: (alignment: number, bytes: number) => number;
  /** The first byte of all that the heap takes, its own words included. */
  readonly base: number;
}

/** The peers by name. */
export const peerNames = ['wasm-dlmalloc', 'thi.ng'] as const;

/** Peers and allocators of Quire's by name, the unit of the ratios first. */
export const subjectNames: readonly string[] = [...peerNames, ...allocatorNames];

const WASM_PAGE = 65_536;
/** What Quire's heaps may grow to, and what thi.ng gets at once since it cannot grow. */
const MOST_BYTES = 256 * 1024 * 1024;

/** Makes an empty heap. Quire's lie in a WebAssembly memory that grows from one page, as the dlmalloc's does. */
export async function makeHeap(name: string): Promise<TimedHeap> {
  if (name === 'wasm-dlmalloc') return wasmDlmalloc();
  if (name === 'thi.ng') return thiNg();
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_BYTES / WASM_PAGE });
  const { malloc, free, realloc, memalign } = Heap.create(memory, { allocator: name as AllocatorName });
  return { malloc, free, realloc, memalign, base: 0 };
}

/** Returns the peers that are not installed. */
export function missingPeers(): string[] {
  return existsSync(join(rootFolder(), 'node_modules', '@thi.ng', 'malloc')) ? [] : ['thi.ng'];
}

interface WasmHeap {
  readonly _initialize: () => void;
  readonly malloc: TimedHeap['malloc'];
  readonly free: TimedHeap['free'];
  readonly realloc: TimedHeap['realloc'];
  readonly memalign: TimedHeap['memalign'];
  readonly __heap_base: { readonly value: number };
}

function wasmDlmalloc(): TimedHeap {
  const module = new WebAssembly.Module(readFileSync(join(rootFolder(), 'bench', 'peers', 'dlmalloc.wasm')));
  const { _initialize, malloc, free, realloc, memalign, __heap_base } = new WebAssembly.Instance(module).exports as unknown as WasmHeap;
  _initialize();
  return { malloc, free, realloc, memalign, base: __heap_base.value };
}

// It has no aligned allocation; traces of real programs have so few that a plain one may stand in.
async function thiNg(): Promise<TimedHeap> {
  const { MemPool } = await import('@thi.ng/malloc');
  const pool = new MemPool({ buf: new ArrayBuffer(MOST_BYTES) });
  return {
    malloc: (bytes) => pool.malloc(bytes),
    free: (address) => pool.free(address),
    realloc: (address, bytes) => pool.realloc(address, bytes),
    memalign: (_, bytes) => pool.malloc(bytes),
    base: 0,
  };
}
