// Reads a core WebAssembly module's sections (specification, 5.5) into a ModuleInfo: one pass, no instruction decoded, nothing copied.
//
// It does not validate: the engine that compiles the rewritten module does. It checks what it relies on: section order and sizes,
// counts, indices into its own tables. Every malformed or unsupported input ends in one UsageError (byte-reader.ts words it).

import { UsageError } from '../../base/index.ts';
import { ByteReader } from './byte-reader.ts';
import { readConstant } from './constant-expressions.ts';
import { readDataSegments } from './data-segments.ts';
import { visitElements } from './element-segments.ts';
import type {
  ExportEntry,
  ExternKind,
  Feature,
  FunctionBodies,
  FunctionType,
  GlobalInfo,
  ImportEntry,
  Limits,
  MemoryInfo,
  ModuleInfo,
  Section,
} from './module-info.ts';
import { lazyFunctionNames } from './names.ts';
import { SectionId, ValueType } from './opcodes.ts';

const MAGIC = 0x6d73_6100;
const CORE_VERSION = 1;
// A component's preamble has a 16-bit version (0x0d now) and a 16-bit layer, 1 (component-model, Binary.md).
const COMPONENT_LAYER = 1;
// The specification's limit: 2^16 pages of 64 KiB are the whole 32-bit space.
const MAXIMUM_MEMORY_PAGES = 65_536;

const SECTION_NAMES = [
  'a custom section',
  'the type section',
  'the import section',
  'the function section',
  'the table section',
  'the memory section',
  'the global section',
  'the export section',
  'the start section',
  'the element section',
  'the code section',
  'the data section',
  'the data count section',
] as const;

// Position of each section id in the order that the specification asks for (data count comes before code); custom ones go anywhere.
const SECTION_ORDER = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10] as const;

const EXTERN_KINDS: readonly ExternKind[] = ['function', 'table', 'memory', 'global'];

/** Everything read so far; module-reader's own, frozen into a ModuleInfo by its type alone. */
interface Draft {
  readonly bytes: Uint8Array;
  readonly sections: Section[];
  types: FunctionType[];
  imports: ImportEntry[];
  exports: ExportEntry[];
  readonly functionTypes: number[];
  importedFunctionCount: number;
  readonly tables: Limits[];
  memory: MemoryInfo | undefined;
  readonly globals: GlobalInfo[];
  startFunction: number | undefined;
  dataCount: number | undefined;
  bodies: FunctionBodies;
  data: ModuleInfo['data'];
  readonly features: Set<Feature>;
}

/**
 * Reads a core module's declarations.
 * @param bytes the whole file; kept by the result and not to be changed afterwards.
 * @throws UsageError when it is not a core WebAssembly module, is malformed or cut short, or needs threads, several memories,
 * 64-bit memories, exceptions or garbage collection.
 */
export function readModule(bytes: Uint8Array): ModuleInfo {
  checkPreamble(bytes);
  const draft = newDraft(bytes);
  let order = 0;
  for (const section of listSections(bytes)) {
    draft.sections.push(section);
    if (section.id === SectionId.custom) continue;
    const place = SECTION_NAMES[section.id] as string;
    const reader = new ByteReader(bytes, section.contents, section.end, place);
    const position = SECTION_ORDER[section.id] as number;
    if (position <= order) reader.fail('a section is repeated or out of order', section.start);
    order = position;
    (sectionReaders[section.id] as (draft: Draft, reader: ByteReader) => void)(draft, reader);
    if (reader.position !== section.end) reader.fail('the section is longer than its contents');
  }
  return finish(draft);
}

function newDraft(bytes: Uint8Array): Draft {
  const none = new Uint32Array(0);
  return {
    bytes,
    sections: [],
    types: [],
    imports: [],
    exports: [],
    functionTypes: [],
    importedFunctionCount: 0,
    tables: [],
    memory: undefined,
    globals: [],
    startFunction: undefined,
    dataCount: undefined,
    features: new Set(),
    bodies: { count: 0, start: none, end: none },
    data: { count: 0, kind: new Uint8Array(0), offset: none, fileOffset: none, length: none },
  };
}

function finish(draft: Draft): ModuleInfo {
  const reader = new ByteReader(draft.bytes, draft.bytes.length, draft.bytes.length, 'the module');
  const declared = draft.functionTypes.length - draft.importedFunctionCount;
  if (declared !== draft.bodies.count) reader.fail(`${declared} functions are declared but ${draft.bodies.count} have code`);
  if (draft.dataCount !== undefined && draft.dataCount !== draft.data.count) {
    reader.fail(`${draft.dataCount} data segments are declared but ${draft.data.count} are present`);
  }
  if (draft.memory === undefined && draft.data.kind.some((kind) => kind !== 0)) reader.fail('a data segment has no memory to go to');
  const names = draft.sections.find((section) => section.id === SectionId.custom && section.name === 'name');
  const { features, functionTypes, dataCount: _, ...info } = draft;
  return {
    ...info,
    functionTypes: Uint32Array.from(functionTypes),
    declaredFeatures: features,
    functionName: lazyFunctionNames(draft.bytes, names),
  };
}

function checkPreamble(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint32(0, true) !== MAGIC) {
    throw new UsageError('not a WebAssembly file: it does not begin with the bytes 00 61 73 6d ("\\0asm")');
  }
  if (bytes.length < 8) throw new UsageError('malformed WebAssembly module: the file is cut short in its preamble, at byte 0x4');
  const version = view.getUint32(4, true);
  if (version === CORE_VERSION) return;
  if (version >>> 16 === COMPONENT_LAYER) {
    throw new UsageError(
      'this file is a WebAssembly component, and Quire runs core modules: pass the core module inside it (jco and wasm-tools can extract it)',
    );
  }
  throw new UsageError(`unsupported WebAssembly module: it has binary version ${version}, and the only one there is is 1, at byte 0x4`);
}

function* listSections(bytes: Uint8Array): Generator<Section> {
  const reader = new ByteReader(bytes, 8, bytes.length, 'a section header');
  while (reader.position < bytes.length) {
    const start = reader.position;
    const id = reader.u8();
    if (id === SectionId.tag) reader.unsupported('exception handling (a tag section)', start);
    if (id >= SECTION_NAMES.length) reader.fail(`there is no section with id ${id}`, start);
    const size = reader.u32();
    const contents = reader.position;
    // A section longer than the file is read as far as it goes, so that the error names the place where the file stops.
    const end = contents + size;
    if (id === SectionId.custom) yield customSection(bytes, start, contents, end);
    else yield { id, name: '', start, contents, end };
    reader.skip(size);
  }
}

function customSection(bytes: Uint8Array, start: number, contents: number, end: number): Section {
  const reader = new ByteReader(bytes, contents, end, 'a custom section');
  const name = reader.name();
  return { id: SectionId.custom, name, start, contents: reader.position, end };
}

const sectionReaders: Readonly<Record<number, (draft: Draft, reader: ByteReader) => void>> = {
  [SectionId.type]: readTypes,
  [SectionId.import]: readImports,
  [SectionId.function]: readFunctions,
  [SectionId.table]: readTables,
  [SectionId.memory]: readMemories,
  [SectionId.global]: readGlobals,
  [SectionId.export]: readExports,
  [SectionId.start]: (draft, reader) => {
    draft.startFunction = functionIndex(draft, reader);
  },
  [SectionId.element]: (draft, reader) => {
    const checkTable = (table: number): void => {
      if (table >= draft.tables.length) reader.fail(`there is no table ${table}`);
    };
    visitElements(reader, () => undefined, checkTable);
  },
  [SectionId.code]: readBodies,
  [SectionId.data]: (draft, reader) => {
    draft.data = readDataSegments(reader, draft.globals.length);
  },
  [SectionId.dataCount]: (draft, reader) => {
    draft.dataCount = reader.u32();
    draft.features.add('bulk-memory');
  },
};

function readTypes(draft: Draft, reader: ByteReader): void {
  const count = reader.count();
  for (let i = 0; i < count; i++) {
    const at = reader.position;
    const form = reader.u8();
    // 0x4e..0x50 and 0x5e, 0x5f: recursive groups, subtypes, arrays and structures.
    if (form !== 0x60) reader.unsupported(`a type of form 0x${form.toString(16)} (garbage collection)`, at);
    const type = { parameters: valueTypes(draft, reader), results: valueTypes(draft, reader) };
    if (type.results.length > 1) draft.features.add('multi-value');
    draft.types.push(type);
  }
}

function valueTypes(draft: Draft, reader: ByteReader): number[] {
  const count = reader.count();
  const types: number[] = [];
  for (let i = 0; i < count; i++) types.push(valueType(draft, reader));
  return types;
}

function valueType(draft: Draft, reader: ByteReader): number {
  const at = reader.position;
  const type = reader.u8();
  if (type === ValueType.v128) draft.features.add('simd');
  else if (type === ValueType.funcref || type === ValueType.externref) draft.features.add('reference-types');
  else if (type < ValueType.f64 || type > ValueType.i32) reader.unsupported(`a value of type 0x${type.toString(16)}`, at);
  return type;
}

function readImports(draft: Draft, reader: ByteReader): void {
  const count = reader.count();
  for (let i = 0; i < count; i++) {
    const start = reader.position;
    const module = reader.name();
    const name = reader.name();
    const kind = externKind(reader);
    const { index, type } = importedItem(draft, reader, kind);
    draft.imports.push({ module, name, kind, index, type, start, end: reader.position });
  }
  draft.importedFunctionCount = draft.functionTypes.length;
}

function externKind(reader: ByteReader): ExternKind {
  const at = reader.position;
  const byte = reader.u8();
  if (byte === 4) reader.unsupported('exception handling (a tag)', at);
  return EXTERN_KINDS[byte] ?? reader.fail(`there is no kind of import or export ${byte}`, at);
}

function importedItem(draft: Draft, reader: ByteReader, kind: ExternKind): { index: number; type: number | undefined } {
  switch (kind) {
    case 'function':
      return { index: draft.functionTypes.length, type: declareFunction(draft, reader) };
    case 'table':
      return { index: declareTable(draft, reader), type: undefined };
    case 'memory':
      return { index: declareMemory(draft, reader, 'imported'), type: undefined };
    case 'global': {
      const { type, mutability } = globalType(draft, reader);
      if (mutability === 'variable') draft.features.add('mutable-globals');
      draft.globals.push({ type, mutability, source: 'imported', initialI32: undefined });
      return { index: draft.globals.length - 1, type: undefined };
    }
  }
}

function declareFunction(draft: Draft, reader: ByteReader): number {
  const at = reader.position;
  const type = reader.u32();
  if (type >= draft.types.length) reader.fail(`there is no type ${type}`, at);
  draft.functionTypes.push(type);
  return type;
}

function declareTable(draft: Draft, reader: ByteReader): number {
  const at = reader.position;
  const type = reader.u8();
  if (type !== ValueType.funcref && type !== ValueType.externref) reader.unsupported(`a table of type 0x${type.toString(16)}`, at);
  if (type === ValueType.externref || draft.tables.length > 0) draft.features.add('reference-types');
  const limits = limitsOf(reader, 'table');
  draft.tables.push(limits);
  return draft.tables.length - 1;
}

function declareMemory(draft: Draft, reader: ByteReader, source: MemoryInfo['source']): number {
  const at = reader.position;
  if (draft.memory !== undefined) reader.unsupported('several memories', at);
  const limits = limitsOf(reader, 'memory');
  if (Math.max(limits.minimum, limits.maximum ?? 0) > MAXIMUM_MEMORY_PAGES) reader.fail('a memory is larger than 4 GiB', at);
  if (limits.maximum !== undefined && limits.maximum < limits.minimum) reader.fail("a memory's maximum is below its minimum", at);
  draft.memory = { ...limits, source };
  return 0;
}

// Flags: 1 a maximum follows, 2 shared, 4 64-bit (threads and memory64 proposals).
function limitsOf(reader: ByteReader, kind: 'memory' | 'table'): Limits {
  const at = reader.position;
  const flags = reader.u8();
  if (flags > 7) reader.fail(`a ${kind} has unknown limit flags 0x${flags.toString(16)}`, at);
  if ((flags & 4) !== 0) reader.unsupported(`a 64-bit ${kind} (memory64)`, at);
  if ((flags & 2) !== 0) reader.unsupported(`a shared ${kind} (threads)`, at);
  const minimum = reader.u32();
  return { minimum, maximum: (flags & 1) === 0 ? undefined : reader.u32() };
}

function readFunctions(draft: Draft, reader: ByteReader): void {
  const count = reader.count();
  for (let i = 0; i < count; i++) declareFunction(draft, reader);
}

function readTables(draft: Draft, reader: ByteReader): void {
  const count = reader.count();
  for (let i = 0; i < count; i++) declareTable(draft, reader);
}

function readMemories(draft: Draft, reader: ByteReader): void {
  const count = reader.count();
  for (let i = 0; i < count; i++) declareMemory(draft, reader, 'own');
}

function globalType(draft: Draft, reader: ByteReader): Pick<GlobalInfo, 'type' | 'mutability'> {
  const type = valueType(draft, reader);
  const at = reader.position;
  const mutable = reader.u8();
  if (mutable > 1) reader.fail(`a global has mutability ${mutable}`, at);
  return { type, mutability: mutable === 1 ? 'variable' : 'constant' };
}

function readGlobals(draft: Draft, reader: ByteReader): void {
  const count = reader.count();
  for (let i = 0; i < count; i++) {
    const { type, mutability } = globalType(draft, reader);
    const initial = readConstant(reader, () => undefined);
    if (initial.kind === 'extended') draft.features.add('extended-const');
    draft.globals.push({ type, mutability, source: 'own', initialI32: initial.kind === 'i32' ? initial.value : undefined });
  }
}

function functionIndex(draft: Draft, reader: ByteReader): number {
  const at = reader.position;
  const index = reader.u32();
  if (index >= draft.functionTypes.length) reader.fail(`there is no function ${index}`, at);
  return index;
}

function readExports(draft: Draft, reader: ByteReader): void {
  const count = reader.count();
  const limits = {
    function: draft.functionTypes.length,
    table: draft.tables.length,
    memory: draft.memory ? 1 : 0,
    global: draft.globals.length,
  };
  for (let i = 0; i < count; i++) {
    const name = reader.name();
    const kind = externKind(reader);
    const at = reader.position;
    const index = reader.u32();
    if (index >= limits[kind]) reader.fail(`there is no ${kind} ${index}`, at);
    if (kind === 'global' && draft.globals[index]?.mutability === 'variable') draft.features.add('mutable-globals');
    draft.exports.push({ name, kind, index });
  }
}

function readBodies(draft: Draft, reader: ByteReader): void {
  const count = reader.count();
  const bodies = { count, start: new Uint32Array(count), end: new Uint32Array(count) };
  for (let i = 0; i < count; i++) {
    const size = reader.u32();
    bodies.start[i] = reader.position;
    reader.skip(size);
    bodies.end[i] = reader.position;
  }
  draft.bodies = bodies;
}
