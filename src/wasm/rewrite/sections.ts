// The sections of a rewritten module other than code: what is added, removed and renumbered.
//
//   type      + the signatures of Quire's imports and of the helpers in use
//   import    - the guest's memory, + quire.ram and Quire's functions
//   function  + originals of wrapped functions, + the helpers
//   memory    dropped                     data, data count   dropped: the kernel's image pager has the bytes
//   export    - the memory, + the stack pointer as `quire:stack-pointer`
//   start, element, global                function indices renumbered
//   name      function names renumbered, names of helpers added; local and label names dropped
//   compilationHints                      added: which functions to optimize at once (compilation-hints.ts)
//   metadata.code.branch_hint             added: which way branches go (branch-hints.ts)
//   other custom sections                 dropped: their offsets (DWARF, branch hints) would be wrong; the original file has them

import { TLB_TABLE_SPAN } from '../../machine/index.ts';
import { type CodeLayout, QUIRE_MODULE } from '../abi.ts';
import {
  ByteReader,
  type FunctionIndexVisitor,
  type FunctionType,
  type ModuleInfo,
  readConstant,
  type Section,
  ValueType,
  visitElements,
} from '../binary/index.ts';
import { type AddedFunctions, helperName, helperType } from './added-functions.ts';
import { ByteWriter } from './byte-writer.ts';

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

/** The global section, renumbered. */
export function globalSection(module: ModuleInfo, section: Section, functions: AddedFunctions): ByteWriter {
  return renumbered(module, section, functions, (reader, visit) => {
    for (let count = reader.u32(); count > 0; count--) {
      reader.skip(2);
      readConstant(reader, visit);
    }
  });
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

/** The import section: functions keep their order; the memory is Quire's. */
export function importSection(module: ModuleInfo, layout: CodeLayout, functions: AddedFunctions): ByteWriter {
  const kept = module.imports.filter((entry) => entry.kind !== 'memory');
  const out = new ByteWriter(1024);
  out.u32(kept.length + functions.hosts.length + 1);
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
  return out;
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
export function exportSection(module: ModuleInfo, functions: AddedFunctions): ByteWriter {
  const kept = module.exports.filter((entry) => entry.kind !== 'memory');
  const exportsPointer = hasStackPointer(module);
  const out = new ByteWriter(1024);
  out.u32(kept.length + (exportsPointer ? 1 : 0));
  for (const entry of kept) {
    out.name(entry.name);
    out.u8(kindBytes[entry.kind]);
    out.u32(entry.kind === 'function' ? functions.renumber(entry.index) : entry.index);
  }
  if (exportsPointer) {
    out.name(STACK_POINTER_EXPORT);
    out.ops(kindBytes.global, 0);
  }
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

/** The name section: function names only. */
export function nameSection(module: ModuleInfo, functions: AddedFunctions): ByteWriter {
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
  return wrapNames(names, count);
}

function wrapNames(names: ByteWriter, count: number): ByteWriter {
  const map = new ByteWriter(names.length + 8);
  map.u32(count);
  map.append(names);
  const out = new ByteWriter(map.length + 16);
  out.name('name');
  emitSection(out, 1, map);
  return out;
}
