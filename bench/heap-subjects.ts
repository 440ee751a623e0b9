// What the heap benchmark runs: Quire's allocators and two peers, as subjects of the laboratory.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HeapSubject, ownSubjects } from '../src/lab/index.ts';
import { rootFolder } from './host.ts';

/** The peers by name. */
export const peerNames = ['wasm-dlmalloc', 'thi.ng'] as const;

/** Behind a name: its heap lies in a WebAssembly memory that grows from one page. */
const GROWING = ' that grows';

/** Peers and allocators of Quire's by name, the unit of the ratios first; those with a goal also in memory that grows. */
export const subjectNames: readonly string[] = [
  ...peerNames,
  ...ownSubjects.map(({ name }) => name),
  ...['segregated', 'size-classes', 'tlsf'].map((name) => `${name}${GROWING}`),
];

/** What Quire's heaps and thi.ng's get at once, an ArrayBuffer whose pages the host brings when they are touched; or may grow to. */
const MOST_BYTES = 256 * 1024 * 1024;
const ALIGNMENT = 8;

/** Makes a subject with an empty heap. */
export async function makeSubject(name: string): Promise<HeapSubject> {
  if (name === 'wasm-dlmalloc') return wasmDlmalloc();
  if (name === 'thi.ng') return thiNg();
  const grows = name.endsWith(GROWING);
  const allocator = grows ? name.slice(0, -GROWING.length) : name;
  const kind = ownSubjects.find((each) => each.name === allocator);
  if (kind === undefined) throw new Error(`no allocator ${name}`);
  return kind.make({ alignment: ALIGNMENT, backing: grows ? 'wasm' : 'array', limitBytes: MOST_BYTES });
}

/** Returns the peers that are not installed. */
export function missingPeers(): string[] {
  return existsSync(join(rootFolder(), 'node_modules', '@thi.ng', 'malloc')) ? [] : ['thi.ng'];
}

interface DlmallocExports extends Pick<HeapSubject, 'malloc' | 'calloc' | 'realloc' | 'memalign' | 'free'> {
  readonly _initialize: () => void;
  readonly memory: WebAssembly.Memory;
  readonly __heap_base: { readonly value: number };
}

/** The exports themselves, with nothing of JavaScript between. */
function wasmDlmalloc(): HeapSubject {
  const module = new WebAssembly.Module(readFileSync(join(rootFolder(), 'bench', 'peers', 'dlmalloc.wasm')));
  const exports = new WebAssembly.Instance(module).exports as unknown as DlmallocExports;
  const { _initialize, memory, malloc, calloc, realloc, memalign, free, __heap_base } = exports;
  _initialize();
  const bytes = (): Uint8Array => new Uint8Array(memory.buffer);
  return { malloc, calloc, realloc, memalign, free, bytes, base: __heap_base.value, alignment: ALIGNMENT };
}

// It has no aligned allocation; traces of real programs have so few that a plain one may stand in.
async function thiNg(): Promise<HeapSubject> {
  const { MemPool } = await import('@thi.ng/malloc');
  const buffer = new ArrayBuffer(MOST_BYTES);
  const all = new Uint8Array(buffer);
  const pool = new MemPool({ buf: buffer });
  return {
    malloc: (bytes) => pool.malloc(bytes),
    calloc: (count, bytes) => pool.malloc(count * bytes),
    realloc: (address, bytes) => pool.realloc(address, bytes),
    memalign: (_, bytes) => pool.malloc(bytes),
    free: (address) => pool.free(address),
    bytes: () => all,
    base: 0,
    alignment: ALIGNMENT,
  };
}
