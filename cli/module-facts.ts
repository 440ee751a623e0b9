// What `quire info` tells about a module: what it needs, how its memory is laid out, whether it runs here and why not.
// Everything is read from the module; nothing of it runs. What the parts mean: src/wasm/address-layout.ts and command.ts.

import {
  type AddressLayout,
  createWasi,
  deterministicClock,
  deterministicRandom,
  type Feature,
  layOut,
  type ModuleInfo,
  readModule,
  scanFeatures,
  segmentAddresses,
  unknownImports,
  WASM_PAGE_BYTES,
  type WasiOptions,
  whyNotCommand,
} from '../src/wasm/index.ts';

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

/** Where the module puts things in its memory; addresses are null where it has no such thing. */
export interface Layout {
  readonly order: AddressLayout['order'];
  readonly stackTop: number | null;
  readonly dataStart: number | null;
  readonly dataEnd: number | null;
  /** `unmapped`: accesses through a null pointer are caught. */
  readonly pageZero: AddressLayout['nullPage'];
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
    memory: memory ? { initialBytes: memory.minimum * WASM_PAGE_BYTES, maximumBytes: maximumBytes(memory.maximum) } : null,
    layout: layoutOf(module),
    data: { segments: data.count, bytes: data.length.reduce((sum, length) => sum + length, 0) },
    code: { functions: bodies.count, instructions, loads, stores },
    customBytes: sections.filter(({ id }) => id === 0).reduce((sum, { start, end }) => sum + end - start, 0),
  };
}

function maximumBytes(pages: number | undefined): number | null {
  return pages === undefined ? null : pages * WASM_PAGE_BYTES;
}

function importsByModule({ imports }: ModuleInfo): Record<string, string[]> {
  const byModule = new Map<string, string[]>();
  for (const { module, name } of imports) byModule.set(module, [...(byModule.get(module) ?? []), name]);
  return Object.fromEntries(byModule);
}

function verdictOn(module: ModuleInfo): Verdict {
  const reasons: string[] = [];
  const unknown = unknownImports(module, wasiModules());
  if (unknown.length > 0) reasons.push(`it imports what Quire does not have: ${unknown.join(', ')}`);
  const notCommand = whyNotCommand(module);
  if (notCommand !== undefined) reasons.push(notCommand);
  if (reasons.length === 0 && !WebAssembly.validate(module.bytes)) reasons.push('the engine of this Node does not accept its code');
  return { runs: reasons.length === 0 ? 'yes' : 'no', reasons };
}

// The system interface is made only to be asked for the names of its calls: none is made, so no memory is touched.
function wasiModules(): ReturnType<typeof createWasi>['modules'] {
  const memory = {} as WasiOptions['memory'];
  return createWasi({ memory, clock: deterministicClock(), random: deterministicRandom(0) }).modules;
}

// A module that places data at an imported global cannot run here, so what address that is does not matter.
function layoutOf(module: ModuleInfo): Layout {
  const { order, stackTop, dataStart, dataEnd, nullPage } = layOut(
    module,
    segmentAddresses(module, () => 0),
  );
  const hasData = dataEnd > 0;
  return {
    order,
    stackTop: stackTop ?? null,
    dataStart: hasData ? dataStart : null,
    dataEnd: hasData ? dataEnd : null,
    pageZero: nullPage,
  };
}
