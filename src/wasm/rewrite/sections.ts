// The sections of a rewritten module other than code: what is added, removed and renumbered.
//
//   type      + the signatures of Quire's imports and of the helpers in use
//   import    - the guest's memory, + quire.ram and Quire's functions
//   function  + originals of wrapped functions, + the helpers
//   memory    dropped                     data, data count   dropped: the kernel's image pager has the bytes
//   export    - the memory, + the stack pointer as `quire:stack-pointer`
//   with a window (codegen-window.ts): + its limit, a global; + the table of deep functions; both exported, and all that deep code shares
//   deep code: its globals and tables are imports, it exports nothing, and its one element segment fills the table of deep functions
//   global    + what is left to optimize of those functions that tell of their first calls (first-calls.ts)
//   start, element, global                function indices renumbered
//   name      function names renumbered, names of helpers added; local and label names dropped
//   metadata.code.branch_hint             added: which way branches go (branch-hints.ts)
//   other custom sections                 dropped: their offsets (DWARF, branch hints) would be wrong; the original file has them

import { TLB_TABLE_SPAN } from '../../machine/index.ts';
import { type CodeLayout, DEEP_EXPORT, QUIRE_MODULE, SHARED_MODULE, WINDOW_LIMIT_EXPORT } from '../abi.ts';
import {
  ByteReader,
  type FunctionIndexVisitor,
  type FunctionType,
  type ModuleInfo,
  Op,
  readConstant,
  type Section,
  SectionId,
  ValueType,
  visitElements,
} from '../binary/index.ts';
import { type AddedFunctions, helperName, helperType } from './added-functions.ts';
import { ByteWriter } from './byte-writer.ts';
import type { FirstCalls } from './first-calls.ts';

/** The name under which a rewritten module exports the guest's stack pointer. */
export const STACK_POINTER_EXPORT = 'quire:stack-pointer';

const WASM_PAGE = 65_536;
const kindBytes = { function: 0, table: 1, memory: 2, global: 3 } as const;

/** Appends a section. */
export function emitSection(out: ByteWriter, id: number, contents: ByteWriter): void {
  out.u8(id);
  out.u32(contents.length);
  out.append(contents);
}

/** Returns a section's contents with the function indices that `visitAll` shows renumbered, the rest copied. */
function renumbered(
  module: ModuleInfo,
  section: Section,
  functions: AddedFunctions,
  visitAll: (reader: ByteReader, visit: FunctionIndexVisitor) => void,
): ByteWriter {
  const out = new ByteWriter(section.end - section.contents + 64);
  let copied = section.contents;
  const reader = new ByteReader(module.bytes, section.contents, section.end, 'a section that names functions');
  visitAll(reader, (start, end, functionIndex) => {
    if (functionIndex >= module.functionTypes.length) reader.fail(`there is no function ${functionIndex}`, start);
    out.copy(module.bytes, copied, start);
    out.u32(functions.renumber(functionIndex));
    copied = end;
  });
  out.copy(module.bytes, copied, section.end);
  return out;
}

/** The element section, renumbered. */
export function elementSection(module: ModuleInfo, section: Section, functions: AddedFunctions): ByteWriter {
  return renumbered(module, section, functions, visitElements);
}

/**
 * The global section: the guest's own, renumbered, but not in deep code, which imports them; with a window, its limit, which lets nothing
 * through at first; and those of the first calls. `section` is the guest's, if it has one.
 */
export function globalSection(
  module: ModuleInfo,
  section: Section | undefined,
  functions: AddedFunctions,
  { form, firstCalls }: { readonly form: CodeForm; readonly firstCalls: FirstCalls },
): ByteWriter {
  const out = new ByteWriter(1024);
  const own = section === undefined || form === 'deep' ? 0 : new ByteReader(module.bytes, section.contents, section.end, 'globals').u32();
  out.u32(own + (form === 'window' ? 1 : 0) + firstCalls.told.length);
  if (section !== undefined && own > 0) {
    const globals = renumbered(module, section, functions, (reader, visit) => {
      for (let count = reader.u32(); count > 0; count--) {
        reader.skip(2);
        readConstant(reader, visit);
      }
    });
    out.copy(globals.bytes, lebEnd(globals.bytes, 0), globals.length);
  }
  if (form === 'window') {
    out.ops(ValueType.i32, 1);
    out.i32(-1);
    out.u8(Op.end);
  }
  firstCalls.emitGlobals(out);
  return out;
}

function lebEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while ((bytes[at] as number) >= 0x80) at++;
  return at + 1;
}

/**
 * What the code is made for. `plain`: a module that runs alone. `window`: one whose functions use the window where they can. `deep`: one that
 * shares everything with that but its functions, which do without.
 */
export type CodeForm = 'plain' | 'window' | 'deep';

const globalName = (index: number): string => `quire:global-${index}`;
const tableName = (index: number): string => `quire:table-${index}`;

/** The table section: the guest's own; with a window, that of deep functions comes last. `section` is the guest's, if it has one. */
export function tableSection(module: ModuleInfo, section: Section | undefined, form: CodeForm): ByteWriter {
  const out = new ByteWriter(64);
  const start = section === undefined ? 0 : lebEnd(module.bytes, section.contents);
  out.u32(module.tables.length + (form === 'window' ? 1 : 0));
  if (section !== undefined) out.copy(module.bytes, start, section.end);
  if (form === 'window') {
    out.ops(ValueType.funcref, 0);
    out.u32(module.bodies.count);
  }
  return out;
}

/** Deep code's element section: every function of its own, into the table of deep functions. */
export function deepElementSection(module: ModuleInfo, functions: AddedFunctions): ByteWriter {
  const out = new ByteWriter(module.bodies.count * 3 + 64);
  // One segment: active, with a table index, of function indices.
  out.ops(1, 2);
  out.u32(module.tables.length);
  out.i32(0);
  out.ops(Op.end, 0);
  out.u32(module.bodies.count);
  for (let i = 0; i < module.bodies.count; i++) out.u32(functions.renumber(module.importedFunctionCount + i));
  return out;
}

function emitType(out: ByteWriter, type: FunctionType): void {
  out.u8(0x60);
  out.u32(type.parameters.length);
  out.ops(...type.parameters);
  out.u32(type.results.length);
  out.ops(...type.results);
}

// Signatures in the order in which the type section lists them after the guest's own.
function addedTypes(functions: AddedFunctions): FunctionType[] {
  return [...functions.hosts.map((entry): FunctionType => entry.type), ...functions.helpers.map(helperType)];
}

/** The type section: the guest's types, then one for each of Quire's imports, then one for each helper. */
export function typeSection(module: ModuleInfo, functions: AddedFunctions): ByteWriter {
  const added = addedTypes(functions);
  const out = new ByteWriter(1024);
  out.u32(module.types.length + added.length);
  for (const type of module.types) emitType(out, type);
  for (const type of added) emitType(out, type);
  return out;
}

/** The import section: functions keep their order; the memory is Quire's. Deep code imports tables and globals as well. */
export function importSection(module: ModuleInfo, layout: CodeLayout, functions: AddedFunctions, form: CodeForm): ByteWriter {
  const kept = module.imports.filter((entry) => entry.kind !== 'memory');
  const out = new ByteWriter(1024);
  const shared = form === 'deep' ? module.tables.length + 1 + module.globals.length : 0;
  out.u32(kept.length + functions.hosts.length + 1 + shared);
  for (const entry of kept) out.copy(module.bytes, entry.start, entry.end);
  functions.hosts.forEach((entry, i) => {
    out.name(QUIRE_MODULE);
    out.name(entry.name);
    out.u8(kindBytes.function);
    out.u32(module.types.length + i);
  });
  out.name(QUIRE_MODULE);
  out.name('ram');
  // A memory too small for the tables is refused when the module is instantiated.
  out.ops(kindBytes.memory, 0);
  out.u32(Math.ceil((Math.max(layout.readTable, layout.writeTable) + TLB_TABLE_SPAN) / WASM_PAGE));
  if (form === 'deep') importShared(out, module);
  return out;
}

// All tables and globals of a module that has these as its own, in the order of their index spaces.
function importShared(out: ByteWriter, module: ModuleInfo): void {
  const section = module.sections.find(({ id }) => id === SectionId.table);
  if (section !== undefined) {
    const reader = new ByteReader(module.bytes, section.contents, section.end, 'the table section');
    const count = reader.u32();
    for (let index = 0; index < count; index++) {
      const start = reader.position;
      reader.skip(1);
      const hasMaximum = reader.u32();
      reader.u32();
      if (hasMaximum === 1) reader.u32();
      out.name(SHARED_MODULE);
      out.name(tableName(index));
      out.u8(kindBytes.table);
      out.copy(module.bytes, start, reader.position);
    }
  }
  out.name(SHARED_MODULE);
  out.name(DEEP_EXPORT);
  out.ops(kindBytes.table, ValueType.funcref, 0);
  out.u32(module.bodies.count);
  module.globals.forEach(({ type, mutability }, index) => {
    out.name(SHARED_MODULE);
    out.name(globalName(index));
    out.ops(kindBytes.global, type, mutability === 'variable' ? 1 : 0);
  });
}

function exportShared(out: ByteWriter, module: ModuleInfo): void {
  const add = (name: string, kind: 'table' | 'global', index: number): void => {
    out.name(name);
    out.u8(kindBytes[kind]);
    out.u32(index);
  };
  module.tables.forEach((_, index) => {
    add(tableName(index), 'table', index);
  });
  add(DEEP_EXPORT, 'table', module.tables.length);
  module.globals.forEach((_, index) => {
    add(globalName(index), 'global', index);
  });
  add(WINDOW_LIMIT_EXPORT, 'global', module.globals.length);
}

/** The function section: the guest's own functions, originals of those that have a wrapper, then the helpers. */
export function functionSection(module: ModuleInfo, functions: AddedFunctions): ByteWriter {
  const out = new ByteWriter(module.bodies.count * 2 + 64);
  out.u32(module.bodies.count + functions.heapCalls.length + functions.helpers.length);
  for (let i = module.importedFunctionCount; i < module.functionTypes.length; i++) out.u32(module.functionTypes[i] as number);
  for (const { functionIndex } of functions.heapCalls) out.u32(module.functionTypes[functionIndex] as number);
  for (let i = 0; i < functions.helpers.length; i++) out.u32(module.types.length + functions.hosts.length + i);
  return out;
}

/** The export section: no memory, and the stack pointer if there is one. */
export function exportSection(module: ModuleInfo, functions: AddedFunctions, form: CodeForm): ByteWriter {
  const kept = module.exports.filter((entry) => entry.kind !== 'memory');
  const exportsPointer = hasStackPointer(module);
  const out = new ByteWriter(1024);
  const shared = form === 'window' ? module.tables.length + 1 + module.globals.length + 1 : 0;
  out.u32(kept.length + (exportsPointer ? 1 : 0) + shared);
  for (const entry of kept) {
    out.name(entry.name);
    out.u8(kindBytes[entry.kind]);
    out.u32(entry.kind === 'function' ? functions.renumber(entry.index) : entry.index);
  }
  if (exportsPointer) {
    out.name(STACK_POINTER_EXPORT);
    out.ops(kindBytes.global, 0);
  }
  if (form === 'window') exportShared(out, module);
  return out;
}

/** Tells whether global 0 can be a stack pointer, as it is in everything that LLVM links: a mutable i32. */
function hasStackPointer(module: ModuleInfo): boolean {
  const first = module.globals[0];
  return (
    first !== undefined &&
    first.type === ValueType.i32 &&
    first.mutability === 'variable' &&
    !module.exports.some((entry) => entry.name === STACK_POINTER_EXPORT)
  );
}

/** The start section. */
export function startSection(startFunction: number, functions: AddedFunctions): ByteWriter {
  const out = new ByteWriter(8);
  out.u32(functions.renumber(startFunction));
  return out;
}

/** The name that deep code has in the engine's call stacks. */
export const DEEP_MODULE_NAME = 'quire-deep';

/** The name section: function names, and the module's if it is deep code. */
export function nameSection(module: ModuleInfo, functions: AddedFunctions, form: CodeForm): ByteWriter {
  const names = new ByteWriter(1 << 16);
  let count = 0;
  const add = (index: number, name: string | undefined): void => {
    if (name === undefined) return;
    names.u32(index);
    names.name(name);
    count++;
  };
  const total = module.functionTypes.length;
  for (let i = 0; i < module.importedFunctionCount; i++) add(i, module.functionName(i));
  for (const { name } of functions.hosts) add(functions.host(name), `quire:${name}`);
  for (let i = module.importedFunctionCount; i < total; i++) add(functions.renumber(i), module.functionName(i));
  functions.heapCalls.forEach(({ name }, at) => {
    add(functions.original(at), `quire:${name}`);
  });
  for (const helper of functions.helpers) add(functions.helper(helper), helperName(helper));
  return wrapNames(names, count, form);
}

function wrapNames(names: ByteWriter, count: number, form: CodeForm): ByteWriter {
  const map = new ByteWriter(names.length + 8);
  map.u32(count);
  map.append(names);
  const out = new ByteWriter(map.length + 16);
  out.name('name');
  if (form === 'deep') {
    const name = new ByteWriter(16);
    name.name(DEEP_MODULE_NAME);
    emitSection(out, 0, name);
  }
  emitSection(out, 1, map);
  return out;
}
