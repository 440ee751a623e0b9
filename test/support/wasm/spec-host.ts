// Where a WebAssembly specification test runs: on the engine as it is, or rewritten on a kernel. A test script (spec-script.ts) drives
// two hosts and compares them.

import { type ModuleInfo, SegmentKind } from '../../../src/wasm/binary/index.ts';
import { type Inlining, rewriteModule } from '../../../src/wasm/rewrite/index.ts';
import { ReferenceKernel, referenceLayout } from './reference-kernel.ts';

/** A running module: its exports, where a memory is whatever the host makes of memories. */
export type SpecInstance = Readonly<Record<string, unknown>>;

/** Runs modules for a test script. */
export interface SpecHost {
  /** What the specification's scripts may import as `spectest`. */
  readonly spectest: SpecInstance;
  /** Instantiates a module. Throws CompileError or UsageError (malformed or invalid), LinkError, or RuntimeError (its start traps). */
  instantiate(bytes: Uint8Array, imports: Readonly<Record<string, SpecInstance>>): SpecInstance;
}

const printers = (): Record<string, unknown> =>
  Object.fromEntries(
    ['print', 'print_i32', 'print_i64', 'print_f32', 'print_f64', 'print_i32_f32', 'print_f64_f64'].map((name) => [name, () => undefined]),
  );

const spectestGlobals = (): Record<string, unknown> => ({
  global_i32: new WebAssembly.Global({ value: 'i32' }, 666),
  global_i64: new WebAssembly.Global({ value: 'i64' }, 666n),
  global_f32: new WebAssembly.Global({ value: 'f32' }, 666.6),
  global_f64: new WebAssembly.Global({ value: 'f64' }, 666.6),
  table: new WebAssembly.Table({ element: 'anyfunc', initial: 10, maximum: 20 }),
});

/** The engine itself. */
export class PlainHost implements SpecHost {
  readonly spectest: SpecInstance = { ...printers(), ...spectestGlobals(), memory: new WebAssembly.Memory({ initial: 1, maximum: 2 }) };

  instantiate(bytes: Uint8Array, imports: Readonly<Record<string, SpecInstance>>): SpecInstance {
    return new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes)), imports).exports;
  }
}

/** Rewritten modules on the reference kernel; a memory is a `ReferenceKernel`. */
export class RewrittenHost implements SpecHost {
  readonly spectest: SpecInstance = { ...printers(), ...spectestGlobals(), memory: new ReferenceKernel(1, 2) };
  readonly #inlining: Inlining;

  constructor(inlining: Inlining) {
    this.#inlining = inlining;
  }

  instantiate(bytes: Uint8Array, imports: Readonly<Record<string, SpecInstance>>): SpecInstance {
    const rewritten = rewriteModule(bytes, { layout: referenceLayout, nullPage: 'mapped', inlining: this.#inlining });
    const module = new WebAssembly.Module(rewritten.bytes);
    const kernel = kernelFor(rewritten.info, imports);
    const quire = kernel.imports(bytes, rewritten.info.data);
    // Data goes in before instantiation, which runs the start function.
    checkImports(rewritten.info, imports);
    writeActiveSegments(rewritten.info, kernel, imports);
    const instance = new WebAssembly.Instance(module, { ...imports, quire });
    const memories = rewritten.info.exports.filter((entry) => entry.kind === 'memory').map((entry) => [entry.name, kernel]);
    return { ...instance.exports, ...Object.fromEntries(memories) };
  }
}

function kernelFor(info: ModuleInfo, imports: Readonly<Record<string, SpecInstance>>): ReferenceKernel {
  const { memory } = info;
  if (memory === undefined) return new ReferenceKernel(0, 0);
  if (memory.source === 'own') return new ReferenceKernel(memory.minimum, memory.maximum);
  const entry = info.imports.find((candidate) => candidate.kind === 'memory');
  const given = imports[entry?.module ?? '']?.[entry?.name ?? ''];
  if (!(given instanceof ReferenceKernel)) throw new WebAssembly.LinkError('the import is not a memory');
  const tooLarge = memory.maximum !== undefined && (given.maximumPages === undefined || given.maximumPages > memory.maximum);
  if (given.sizePages < memory.minimum || tooLarge) throw new WebAssembly.LinkError('the memory has other limits');
  return given;
}

function checkImports(info: ModuleInfo, imports: Readonly<Record<string, SpecInstance>>): void {
  for (const entry of info.imports) {
    if (imports[entry.module]?.[entry.name] === undefined)
      throw new WebAssembly.LinkError(`nothing to import as ${entry.module}.${entry.name}`);
  }
}

function writeActiveSegments(info: ModuleInfo, kernel: ReferenceKernel, imports: Readonly<Record<string, SpecInstance>>): void {
  const { data } = info;
  for (let i = 0; i < data.count; i++) {
    if (data.kind[i] === SegmentKind.passive) continue;
    const start = data.fileOffset[i] as number;
    kernel.write(segmentAddress(info, i, imports), info.bytes.subarray(start, start + (data.length[i] as number)));
  }
}

function segmentAddress(info: ModuleInfo, segment: number, imports: Readonly<Record<string, SpecInstance>>): number {
  const offset = info.data.offset[segment] as number;
  if (info.data.kind[segment] === SegmentKind.activeAtConstant) return offset;
  const entry = info.imports.find((candidate) => candidate.kind === 'global' && candidate.index === offset);
  if (entry === undefined) return (info.globals[offset]?.initialI32 ?? 0) >>> 0;
  const global = imports[entry.module]?.[entry.name] as WebAssembly.Global;
  return global.value >>> 0;
}
