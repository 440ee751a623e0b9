// What `quire info` tells about a module: what it needs, how its memory is laid out, whether it runs here and why not.
//
// Layout. A linker puts either the stack or the data at the bottom of memory:
//
//   stack first   0 |<-- stack   | data, bss | brk ...      an overflow runs down past 0; page 0 holds nothing: it can stay unmapped
//   data first    0 | 1024: data, bss |<-- stack | brk ...  an overflow runs into the data; page 0 holds data: it must be mapped
//
// The stack pointer is the module's first variable i32 global, and its first value the stack's top: so LLVM and wasm-ld make it.
// In a snapshot of a started program (Wizer) the first data segments restore the live end of the stack, so data may begin
// a little below the top: what counts is on which side most of it lies.

import { PAGE_SIZE } from '../src/base/index.ts';
import { type Feature, type ModuleInfo, readModule, SegmentKind, scanFeatures } from '../src/wasm/binary/index.ts';
import { createWasi, deterministicClock, deterministicRandom, type WasiOptions } from '../src/wasm/wasi/index.ts';

/** Bytes in the unit of a module's memory limits. */
const WASM_PAGE = 65_536;

/** The facts, as `quire info --json` prints them. Sizes and addresses are bytes. */
export interface ModuleFacts {
  readonly fileBytes: number;
  readonly verdict: Verdict;
  readonly features: readonly Feature[];
  /** Imported names by module. */
  readonly imports: Readonly<Record<string, readonly string[]>>;
  readonly exports: readonly string[];
  readonly memory: { readonly initialBytes: number; readonly maximumBytes: number | null } | null;
  readonly layout: Layout;
  readonly data: { readonly segments: number; readonly bytes: number };
  readonly code: {
    readonly functions: number;
    readonly instructions: number;
    readonly loads: number;
    readonly stores: number;
  };
  /** Custom sections: names, debug information; not needed to run. */
  readonly customBytes: number;
}

/** Whether the module runs here. */
export interface Verdict {
  readonly runs: 'yes' | 'no';
  /** Why not: clauses without a full stop. */
  readonly reasons: readonly string[];
}

/** Where the module puts things in its memory. */
export interface Layout {
  readonly order: 'stack-first' | 'data-first' | 'unknown';
  readonly stackTop: number | null;
  /** First and last address that data segments at constant addresses reach; null without any. */
  readonly dataStart: number | null;
  readonly dataEnd: number | null;
  /** `free`: no data in it, so it can stay unmapped and null accesses are caught. */
  readonly pageZero: 'free' | 'used' | 'unknown';
}

/** Reads all facts. Throws `UsageError` for what is not a module that can be read at all. */
export function moduleFacts(bytes: Uint8Array): ModuleFacts {
  const module = readModule(bytes);
  const { features, instructions, loads, stores } = scanFeatures(module);
  const { memory, data, bodies, sections } = module;
  return {
    fileBytes: bytes.length,
    verdict: verdictOn(module),
    features: [...features].sort(),
    imports: importsByModule(module),
    exports: module.exports.map(({ name }) => name),
    memory: memory ? { initialBytes: memory.minimum * WASM_PAGE, maximumBytes: maximumBytes(memory.maximum) } : null,
    layout: layoutOf(module),
    data: { segments: data.count, bytes: data.length.reduce((sum, length) => sum + length, 0) },
    code: { functions: bodies.count, instructions, loads, stores },
    customBytes: sections.filter(({ id }) => id === 0).reduce((sum, { start, end }) => sum + end - start, 0),
  };
}

function maximumBytes(pages: number | undefined): number | null {
  return pages === undefined ? null : pages * WASM_PAGE;
}

function importsByModule({ imports }: ModuleInfo): Record<string, string[]> {
  const byModule = new Map<string, string[]>();
  for (const { module, name } of imports) byModule.set(module, [...(byModule.get(module) ?? []), name]);
  return Object.fromEntries(byModule);
}

function verdictOn(module: ModuleInfo): Verdict {
  const reasons: string[] = [];
  const unknown = unknownImports(module);
  if (unknown.length > 0) reasons.push(`it imports what Quire does not have: ${unknown.join(', ')}`);
  const exported = new Set(module.exports.map(({ kind, name }) => `${kind} ${name}`));
  if (!exported.has('function _start')) {
    const library = exported.has('function _initialize') ? ': it is a library for a host program' : '';
    reasons.push(`it has no function _start${library}`);
  }
  if (!exported.has('memory memory')) reasons.push('it exports no memory named "memory"');
  if (reasons.length === 0 && !WebAssembly.validate(module.bytes)) reasons.push('the engine of this Node does not accept its code');
  return { runs: reasons.length === 0 ? 'yes' : 'no', reasons };
}

function unknownImports({ imports }: ModuleInfo): string[] {
  const known = wasiModules();
  const isKnown = (module: string, name: string): boolean => Object.hasOwn(known, module) && Object.hasOwn(known[module] ?? {}, name);
  return imports
    .filter(({ kind, module, name }) => kind !== 'function' || !isKnown(module, name))
    .map(({ kind, module, name }) => (kind === 'function' ? `${module}.${name}` : `${module}.${name} (a ${kind})`));
}

// The system interface is made only to be asked for the names of its calls: none is made, so no memory is touched.
function wasiModules(): ReturnType<typeof createWasi>['modules'] {
  const memory = {} as WasiOptions['memory'];
  return createWasi({ memory, clock: deterministicClock(), random: deterministicRandom(0) }).modules;
}

function layoutOf(module: ModuleInfo): Layout {
  const stackTop = module.globals.find((global) => global.mutability === 'variable' && global.initialI32 !== undefined)?.initialI32 ?? null;
  const { data } = module;
  let dataStart: number | null = null;
  let dataEnd: number | null = null;
  for (let index = 0; index < data.count; index++) {
    const start = data.offset[index] ?? 0;
    const length = data.length[index] ?? 0;
    if (data.kind[index] !== SegmentKind.activeAtConstant || length === 0) continue;
    dataStart = Math.min(dataStart ?? start, start);
    dataEnd = Math.max(dataEnd ?? 0, start + length);
  }
  return {
    order: orderOf(stackTop, dataStart, dataEnd),
    stackTop,
    dataStart,
    dataEnd,
    pageZero: pageZeroOf(dataStart),
  };
}

function orderOf(stackTop: number | null, dataStart: number | null, dataEnd: number | null): Layout['order'] {
  if (stackTop === null || dataStart === null || dataEnd === null) return 'unknown';
  return stackTop < (dataStart + dataEnd) / 2 ? 'stack-first' : 'data-first';
}

function pageZeroOf(dataStart: number | null): Layout['pageZero'] {
  if (dataStart === null) return 'unknown';
  return dataStart >= PAGE_SIZE ? 'free' : 'used';
}
