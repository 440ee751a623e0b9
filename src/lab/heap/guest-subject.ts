// Anyone's allocator as a subject: a WebAssembly module that exports malloc and free, or the exports of a JavaScript module.
//
//   must      malloc(bytes) -> address, 0 if there is no room; free(address)
//   may       realloc, calloc, memalign or aligned_alloc (alignment first), usableSize or malloc_usable_size
//   at first  _initialize(), as reactors have it; then init(), or init(start, bytes), which gets memory of its own
//   imports   functions of WASI, which answer "not supported"; a memory; `abort`. Nothing else
//
// What is missing of the second line is emulated over malloc and free, here: what the judge then tells of it is told of the emulation, so
// `emulated` names it. A guest's heap is in its own memory: it can overwrite itself, trap, or never return, but reach nothing of the host's.

import { UsageError } from '../../base/index.ts';
import { type ModuleInfo, readModule, ValueType } from '../../wasm/index.ts';
import type { HeapSubject } from './subject.ts';

/** What a guest does not have. */
export type Emulated = 'calloc' | 'realloc' | 'memalign';

/** A guest, ready to be judged. */
export interface GuestSubject extends HeapSubject {
  readonly emulated: readonly Emulated[];
}

/** The calls of a guest, whichever language it is written in. Numbers come in and go out as unsigned. */
export interface GuestCalls {
  readonly malloc: (bytes: number) => number;
  readonly free: (address: number) => unknown;
  readonly realloc?: ((address: number, bytes: number) => number) | undefined;
  readonly calloc?: ((count: number, bytes: number) => number) | undefined;
  readonly memalign?: ((alignment: number, bytes: number) => number) | undefined;
  readonly usableSize?: ((address: number) => number) | undefined;
  readonly bytes: () => Uint8Array;
}

/** Thrown into the host by a guest that asks for its end: `abort`, or WASI's proc_exit. */
export class GuestQuit extends Error {}

/** Sizes whose first blocks tell where the heap begins. */
const PROBES = [1, 24, 100, 1000, 5000, 40_000];
const WASM_PAGE = 65_536;
/** What an allocator that is given its memory gets at most. */
const MOST_GIVEN_BYTES = 256 * 1024 * 1024;
/** WASI's errno for a call that is not there. */
const NOT_SUPPORTED = 58;
const WASI_MODULES = ['wasi_snapshot_preview1', 'wasi_unstable'];

/** Returns where a guest's heap begins, as far as a few blocks of different sizes tell. They are not given back. */
export function guestBase({ malloc }: GuestCalls): number {
  const addresses = PROBES.map((bytes) => malloc(bytes)).filter((address) => address > 0);
  const lowest = addresses.length === 0 ? 0 : Math.min(...addresses);
  return lowest - (lowest % 16);
}

/** Makes a subject of a guest. @param base where its heap begins */
export function guestSubject(calls: GuestCalls, base: number, alignment: number): GuestSubject {
  const emulated = (['calloc', 'realloc', 'memalign'] as const).filter((name) => calls[name] === undefined);
  const over = new Emulation(calls, alignment);
  return {
    malloc: emulated.length === 0 ? calls.malloc : over.malloc,
    free: emulated.length === 0 ? calls.free : over.free,
    calloc: calls.calloc ?? over.calloc,
    realloc: calls.realloc === undefined ? over.realloc : emulated.length === 0 ? calls.realloc : over.resized,
    memalign: calls.memalign === undefined ? over.memalign : over.aligned,
    bytes: calls.bytes,
    base,
    // Blocks may well lie below the first ones; only the null pointer is none.
    lowest: 1,
    alignment,
    ...(calls.usableSize && { usableSize: calls.usableSize }),
    emulated,
  };
}

/** What is made of malloc and free where a guest has nothing better. It remembers sizes and where shifted blocks really begin. */
class Emulation {
  readonly #calls: GuestCalls;
  readonly #alignment: number;
  readonly #sizes = new Map<number, number>();
  /** Of blocks that were moved up to be aligned: what malloc gave. */
  readonly #given = new Map<number, number>();

  constructor(calls: GuestCalls, alignment: number) {
    this.#calls = calls;
    this.#alignment = alignment;
  }

  readonly malloc = (bytes: number): number => {
    const address = this.#calls.malloc(bytes);
    if (address !== 0) this.#sizes.set(address, bytes);
    return address;
  };

  readonly free = (address: number): unknown => {
    const given = this.#given.get(address) ?? address;
    this.#given.delete(address);
    this.#sizes.delete(address);
    return this.#calls.free(given);
  };

  readonly calloc = (count: number, bytes: number): number => {
    if (count * bytes >= 2 ** 32) return 0;
    const address = this.malloc(count * bytes);
    if (address !== 0) this.#calls.bytes().fill(0, address, address + count * bytes);
    return address;
  };

  /** The guest's own realloc, its result noted. A shifted block cannot be given to it. */
  readonly resized = (address: number, bytes: number): number => {
    if (this.#given.has(address)) return this.realloc(address, bytes);
    const moved = (this.#calls.realloc as (address: number, bytes: number) => number)(address, bytes);
    if (moved === 0) return 0;
    this.#sizes.delete(address);
    this.#sizes.set(moved, bytes);
    return moved;
  };

  readonly realloc = (address: number, bytes: number): number => {
    const moved = this.malloc(bytes);
    if (moved === 0 || address === 0) return moved;
    const kept = Math.min(bytes, this.#sizes.get(address) ?? 0);
    this.#calls.bytes().copyWithin(moved, address, address + kept);
    this.free(address);
    return moved;
  };

  readonly memalign = (alignment: number, bytes: number): number => {
    if (alignment <= this.#alignment) return this.malloc(bytes);
    if (bytes + alignment >= 2 ** 32) return 0;
    const given = this.#calls.malloc(bytes + alignment);
    if (given === 0) return 0;
    const address = Math.ceil(given / alignment) * alignment;
    this.#given.set(address, given);
    this.#sizes.set(address, bytes);
    return address;
  };

  /** The guest's own memalign, its result noted. */
  readonly aligned = (alignment: number, bytes: number): number => {
    const address = (this.#calls.memalign as (alignment: number, bytes: number) => number)(alignment, bytes);
    if (address !== 0) this.#sizes.set(address, bytes);
    return address;
  };
}

/** A WebAssembly module that has what an allocator must have. */
export class WasmGuest {
  readonly #module: WebAssembly.Module;
  readonly #info: ModuleInfo;

  /** @param name the file's, for messages. Throws a UsageError if it is no module, exports no malloc or free, or imports what it cannot have. */
  constructor(bytes: Uint8Array, name: string) {
    this.#info = readModule(bytes);
    requireExports(this.#info, name);
    requireImports(this.#info, name);
    try {
      this.#module = new WebAssembly.Module(bytes);
    } catch (error) {
      throw new UsageError(`${name} is refused by the engine: ${(error as Error).message}`);
    }
  }

  /** Makes an instance with an empty heap. What its start traps with is thrown. */
  calls(limitBytes: number): GuestCalls {
    const imported = this.#importedMemory(limitBytes);
    const { exports } = new WebAssembly.Instance(this.#module, this.#imports(imported));
    const memory =
      (Object.values(exports).find((each) => each instanceof WebAssembly.Memory) as WebAssembly.Memory | undefined) ?? imported;
    if (memory === undefined) throw new GuestQuit('there is no memory');
    callIfThere(exports, '_initialize');
    this.#callInit(exports, memory, limitBytes);
    const call = (...names: string[]) => unsignedCall(exports, names);
    let view = new Uint8Array(memory.buffer);
    return {
      malloc: call('malloc') as GuestCalls['malloc'],
      free: exports['free'] as GuestCalls['free'],
      realloc: call('realloc') as GuestCalls['realloc'],
      calloc: call('calloc') as GuestCalls['calloc'],
      memalign: call('memalign', 'aligned_alloc') as GuestCalls['memalign'],
      usableSize: call('usableSize', 'malloc_usable_size') as GuestCalls['usableSize'],
      bytes: () => {
        if (view.buffer !== memory.buffer) view = new Uint8Array(memory.buffer);
        return view;
      },
    };
  }

  #importedMemory(limitBytes: number): WebAssembly.Memory | undefined {
    const { memory } = this.#info;
    if (memory?.source !== 'imported') return undefined;
    const most = memory.maximum ?? Math.max(memory.minimum, Math.ceil(limitBytes / WASM_PAGE));
    return new WebAssembly.Memory({ initial: memory.minimum, maximum: Math.min(most, WASM_PAGE) });
  }

  #imports(memory: WebAssembly.Memory | undefined): WebAssembly.Imports {
    const imports: WebAssembly.Imports = {};
    for (const { module, name, kind } of this.#info.imports) {
      imports[module] ??= {};
      (imports[module] as Record<string, unknown>)[name] = kind === 'memory' ? memory : stubOf(name);
    }
    return imports;
  }

  /** `init(start, bytes)` gets memory behind all that is there. */
  #callInit(exports: WebAssembly.Exports, memory: WebAssembly.Memory, limitBytes: number): void {
    const init = this.#info.exports.find(({ kind, name }) => kind === 'function' && name === 'init');
    if (init === undefined) return;
    const type = this.#info.types[this.#info.functionTypes[init.index] as number];
    const function_ = exports['init'] as (...parameters: number[]) => unknown;
    if (type?.parameters.length !== 2) {
      function_();
      return;
    }
    const start = memory.buffer.byteLength;
    const pages = Math.floor(Math.min(limitBytes, MOST_GIVEN_BYTES) / WASM_PAGE);
    memory.grow(pages);
    function_(start, pages * WASM_PAGE);
  }
}

function requireExports(info: ModuleInfo, name: string): void {
  const { i32 } = ValueType;
  for (const [needed, parameters] of [
    ['malloc', 1],
    ['free', 1],
  ] as const) {
    const found = info.exports.find((each) => each.kind === 'function' && each.name === needed);
    if (found === undefined) throw new UsageError(`${name} exports no ${needed}: an allocator exports malloc and free`);
    const type = info.types[info.functionTypes[found.index] as number];
    const fits = type?.parameters.length === parameters && type.parameters.every((each) => each === i32);
    if (!fits || (needed === 'malloc' && type.results[0] !== i32)) {
      throw new UsageError(`${name} exports a ${needed} with another signature than C's on 32 bits`);
    }
  }
  if (info.memory === undefined) throw new UsageError(`${name} has no memory to give blocks of`);
  const sees = info.memory.source === 'imported' || info.exports.some(({ kind }) => kind === 'memory');
  if (!sees) throw new UsageError(`${name} does not export its memory, so nobody can use its blocks`);
}

function requireImports(info: ModuleInfo, name: string): void {
  for (const each of info.imports) {
    const isStub = each.kind === 'function' && (WASI_MODULES.includes(each.module) || stubs[each.name] !== undefined);
    if (isStub || each.kind === 'memory') continue;
    throw new UsageError(`${name} imports the ${each.kind} ${each.module}.${each.name}: an allocator gets a memory and WASI, nothing else`);
  }
}

const quit = (): never => {
  throw new GuestQuit('the guest has called its end');
};

/** Functions that need not be WASI's. */
const stubs: Readonly<Record<string, () => unknown>> = {
  abort: quit,
  proc_exit: quit,
  emscripten_notify_memory_growth: () => undefined,
};

const stubOf = (name: string): (() => unknown) => stubs[name] ?? (() => NOT_SUPPORTED);

function callIfThere(exports: WebAssembly.Exports, name: string): void {
  if (typeof exports[name] === 'function') (exports[name] as () => unknown)();
}

/** Returns the first of the exports that is a function, its result unsigned; undefined if there is none. */
function unsignedCall(exports: WebAssembly.Exports, names: readonly string[]): ((one: number, two: number) => number) | undefined {
  const found = names.map((name) => exports[name]).find((each) => typeof each === 'function');
  if (found === undefined) return undefined;
  const function_ = found as (one: number, two: number) => number;
  return (one, two) => function_(one, two) >>> 0;
}

/** Returns the calls of a JavaScript module's exports: a factory, or functions. Throws a UsageError if they are no allocator's. */
export function jsGuestCalls(exports: Readonly<Record<string, unknown>>, name: string, limitBytes: number): GuestCalls {
  const factory = [exports['default'], exports['create']].find((each) => typeof each === 'function');
  const made = typeof factory === 'function' ? factory({ limitBytes }) : undefined;
  const found = (made ?? (isAllocator(exports['default']) ? exports['default'] : exports)) as Readonly<Record<string, unknown>>;
  if (!isAllocator(found)) throw new UsageError(`${name} exports no malloc and free, and no function that makes an object with them`);
  if (made === undefined && typeof found['init'] === 'function') found['init']();
  const optional = (...names: string[]) => names.map((each) => found[each]).find((each) => typeof each === 'function');
  return {
    malloc: found['malloc'] as GuestCalls['malloc'],
    free: found['free'] as GuestCalls['free'],
    realloc: optional('realloc') as GuestCalls['realloc'],
    calloc: optional('calloc') as GuestCalls['calloc'],
    memalign: optional('memalign', 'aligned_alloc') as GuestCalls['memalign'],
    usableSize: optional('usableSize', 'malloc_usable_size') as GuestCalls['usableSize'],
    bytes: bytesOf(found, name),
  };
}

function isAllocator(value: unknown): boolean {
  const each = value as Readonly<Record<string, unknown>> | null | undefined;
  return typeof each?.['malloc'] === 'function' && typeof each['free'] === 'function';
}

/** `bytes()`, or a `buffer`, or a `memory` whose buffer is looked at anew. */
function bytesOf(found: Readonly<Record<string, unknown>>, name: string): () => Uint8Array {
  const { bytes, memory } = found;
  if (typeof bytes === 'function') return bytes as () => Uint8Array;
  const bufferOf = (): unknown => (memory instanceof WebAssembly.Memory ? memory.buffer : found['buffer']);
  let view: Uint8Array | undefined;
  const current = (): Uint8Array => {
    const buffer = bufferOf() as ArrayBuffer;
    if (view?.buffer !== buffer) view = new Uint8Array(buffer);
    return view;
  };
  const first = bufferOf();
  if (first instanceof ArrayBuffer || first instanceof SharedArrayBuffer) return current;
  throw new UsageError(`${name} tells of no bytes: export a function bytes(), a buffer or a memory beside malloc`);
}
