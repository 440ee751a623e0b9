// Turns a module into one whose every load and store goes through the TLB tables of abi.ts. The result imports its memory and the
// kernel's functions from `quire`, and behaves as the original does, except that memory is what the kernel says it is.
//
// Order of work: code first, because it decides which helpers exist, with room left in front for the sections that come before it.
//
// R1  The result never exports memory: neither the guest's embedder nor the guest can reach RAM by another way than the code here.
// R2  Every index that guest code names is checked against the guest's own index spaces (F1, F2 in function-rewriter.ts), because the
//     engine checks against the larger ones of the result.
// R3  All else is validated by the engine that compiles the result, on code that differs from the guest's only at memory instructions.
//
// Cost: one pass over the code, no object per instruction.

import type { CodeLayout, WindowLayout } from '../abi.ts';
import { type FunctionBodies, type ModuleInfo, readModule, type Section, SectionId, ValueType } from '../binary/index.ts';
import { AddedFunctions, type FirstCallChoice, type Recording } from './added-functions.ts';
import { ByteWriter } from './byte-writer.ts';
import { type CodeEntry, readEntry } from './code-entry.ts';
import type { CodegenContext } from './codegen-access.ts';
import { emitHeapCall } from './codegen-heap-call.ts';
import { emitHelper } from './codegen-helpers.ts';
import type { WindowCode } from './codegen-window.ts';
import { FirstCalls } from './first-calls.ts';
import { type AccessCounts, FunctionRewriter } from './function-rewriter.ts';
import type { HeapCall } from './heap-calls.ts';
import type { Inlining } from './inlining.ts';
import type { NullPage } from './memory-access.ts';
import { PositionMap } from './position-map.ts';
import {
  type CodeForm,
  deepElementSection,
  elementSection,
  emitSection,
  exportSection,
  functionSection,
  globalSection,
  importSection,
  nameSection,
  startSection,
  tableSection,
  typeSection,
} from './sections.ts';

// Room in front of the code for the sections before it: they grow by Quire's imports and types (under 1 KiB), by indices that take a
// byte more, and by the function section's entries for helpers; twice their old size and this much more is plenty. The hints at how
// to compile the code take at most 7 bytes for an access, which takes at least 3, and less for a function than its own body.
const HEAD_ROOM = 1 << 16;
const MAXIMUM_HINTS = 4;
// Inlined throughout, code grows four- to fivefold. Room that is not used is never touched, and costs the host nothing.
const MAXIMUM_GROWTH = 6;

/** What the rewritten code is to rely on. */
export interface RewriteOptions {
  readonly layout: CodeLayout;
  /** `unmapped`: the kernel promises that page 0 never has a valid TLB word, which makes the hit path shorter. */
  readonly nullPage: NullPage;
  /** Where to inline hit paths; `auto` if not given. */
  readonly inlining?: Inlining;
  /** `on`: the code calls the import `reference` at every access; nothing is inlined then. Default `off`. */
  readonly recording?: Recording;
  /** Where the window is; default: there is none. Not used by a module that cannot have one (`RewrittenModule.form` says so). */
  readonly window?: WindowLayout;
  /** `deep`: the code that functions of a module with a window call where that ends. Only for a module whose code with a window was made. */
  readonly form?: 'deep';
  /** `told`: functions with loops call the import `optimize` before they run for the first time. Default `untold`. */
  readonly firstCalls?: FirstCallChoice;
  /** Functions whose calls are told to the imports `heapEnter` and `heapLeave`; default none. */
  readonly heapCalls?: readonly HeapCall[];
}

/** A place in the original module. */
export interface CodeLocation {
  /** Index in the original's function index space. */
  readonly functionIndex: number;
  /** From the name section, if it is there. */
  readonly name: string | undefined;
  /** Byte offset in the original file. */
  readonly offset: number;
}

/** A rewritten module. */
export interface RewrittenModule extends CodeEntry {
  /** What the original declared; its data segments are for the kernel to supply. */
  readonly info: ModuleInfo;
  /**
   * Translates a position that the engine reports (`wasm-function[functionIndex]:0xoffset`) to the original module.
   * Returns undefined for imports and for code that Quire added.
   */
  locate(functionIndex: number, offset: number): CodeLocation | undefined;
}

/**
 * Rewrites a core module.
 * @param module the file's bytes, or what `readModule` made of them.
 * @throws UsageError when the module is malformed, or uses what Quire does not run.
 */
export function rewriteModule(module: Uint8Array | ModuleInfo, options: RewriteOptions): RewrittenModule {
  const info = module instanceof Uint8Array ? readModule(module) : module;
  const { recording = 'off', heapCalls = [], window, form = 'plain' } = options;
  const isAlone = recording === 'off' && heapCalls.length === 0;
  if (window === undefined || !isAlone || !canShare(info)) return emitModule(info, options, form) as RewrittenModule;
  return emitModule(info, options, 'window') ?? (emitModule(info, options, 'plain') as RewrittenModule);
}

/**
 * Returns the module that was rewritten with equal options before, from the entry kept of it; undefined if that is none.
 */
export function restoreModule(info: ModuleInfo, options: RewriteOptions, kept: Uint8Array<ArrayBuffer>): RewrittenModule | undefined {
  const entry = readEntry(kept);
  if (entry === undefined) return undefined;
  const context = codegenContext(info, options, entry.form);
  for (const helper of entry.helpers) context.functions.helper(helper);
  return withPlaces(info, context, entry);
}

/**
 * Tells whether a second module could share what this one has, and has a stack pointer: nothing but functions is imported, nothing runs
 * before the kernel can reach the exports, and no export has a name of Quire's.
 */
function canShare(info: ModuleInfo): boolean {
  const [pointer] = info.globals;
  return (
    pointer?.type === ValueType.i32 &&
    pointer.mutability === 'variable' &&
    info.imports.every(({ kind }) => kind === 'function' || kind === 'memory') &&
    info.startFunction === undefined &&
    info.exports.length > 0 &&
    !info.exports.some(({ name }) => name.startsWith('quire:'))
  );
}

/** Emits the module in that form. Returns undefined if it was to have a window, and its code turns out to have no use for one, or to share what cannot be shared. */
function emitModule(info: ModuleInfo, options: RewriteOptions, form: CodeForm): RewrittenModule | undefined {
  const context = codegenContext(info, options, form);
  const codeSize = codeBytes(info);
  const headRoom = HEAD_ROOM + 2 * (codeSection(info)?.start ?? info.bytes.length) + MAXIMUM_HINTS * codeSize;
  const out = new ByteWriter(headRoom + MAXIMUM_GROWTH * codeSize);
  out.length = headRoom;
  const { hints, counts, isShareable, firstCalls } = rewriteCode(out, info, context, options.firstCalls);
  if (form === 'window' && (!isShareable || counts.window === 0)) return undefined;
  const head = emitHead(info, { layout: options.layout, functions: context.functions, hints, form, firstCalls }, out.length - headRoom);
  const begin = headRoom - head.length;
  out.bytes.set(head.written(), begin);
  const hasNames = form === 'deep' || info.sections.some((section) => section.name === 'name');
  if (hasNames) emitSection(out, SectionId.custom, nameSection(info, context.functions, form));
  return withPlaces(info, context, { bytes: out.bytes.subarray(begin, out.length), form, counts, helpers: context.functions.helpers });
}

function codegenContext(info: ModuleInfo, options: RewriteOptions, form: CodeForm): CodegenContext {
  const { recording = 'off', inlining = 'auto', heapCalls = [], firstCalls = 'untold' } = options;
  return {
    layout: options.layout,
    nullPage: options.nullPage,
    // Only helpers tell of references.
    inlining: recording === 'on' ? 'nowhere' : inlining,
    functions: new AddedFunctions(info, { recording, heapCalls, window: form === 'window' ? 'used' : 'none', firstCalls }),
    window: form === 'window' ? windowCode(info, options.window as WindowLayout) : undefined,
  };
}

function withPlaces(info: ModuleInfo, context: CodegenContext, entry: CodeEntry): RewrittenModule {
  let read: FunctionBodies | undefined;
  const bodies = (): FunctionBodies => {
    read ??= readModule(entry.bytes).bodies;
    return read;
  };
  return { ...entry, info, locate: (functionIndex, offset) => locate(info, context, bodies, functionIndex, offset) };
}

function windowCode(info: ModuleInfo, layout: WindowLayout): WindowCode {
  return { layout, limitGlobal: info.globals.length, deepTable: info.tables.length };
}

const codeSection = (info: ModuleInfo): Section | undefined => info.sections.find((section) => section.id === SectionId.code);

function codeBytes(info: ModuleInfo): number {
  const section = codeSection(info);
  return section === undefined ? 0 : section.end - section.contents;
}

interface RewrittenCode {
  readonly counts: AccessCounts;
  readonly isShareable: boolean;
  /** The contents of the section of branch hints. */
  readonly hints: ByteWriter | undefined;
  readonly firstCalls: FirstCalls;
}

// Appends the code section's bodies: the guest's, or the wrappers in their place; the originals of those; the helpers.
function rewriteCode(out: ByteWriter, info: ModuleInfo, context: CodegenContext, told: FirstCallChoice = 'untold'): RewrittenCode {
  const { functions } = context;
  const firstCalls = new FirstCalls(info, functions, info.globals.length + (context.window === undefined ? 0 : 1));
  const rewriter = new FunctionRewriter(info, context);
  const counts: AccessCounts = { window: 0, grouped: 0, inlined: 0, called: 0 };
  const append = (i: number, newIndex: number): void => {
    const codeStart = rewriter.rewrite(i);
    counts.window += rewriter.counts.window;
    counts.grouped += rewriter.counts.grouped;
    counts.inlined += rewriter.counts.inlined;
    counts.called += rewriter.counts.called;
    if (told === 'told') firstCalls.precede(rewriter, i, newIndex);
    rewriter.appendTo(out, i, codeStart, newIndex);
  };
  const ownOf = ({ functionIndex }: HeapCall): number => functionIndex - info.importedFunctionCount;
  const callAt = new Map(functions.heapCalls.map((call, at) => [ownOf(call), at]));
  for (let i = 0; i < info.bodies.count; i++) {
    const at = callAt.get(i);
    if (at === undefined) append(i, functions.renumber(info.importedFunctionCount + i));
    else emitHeapCall(out, functions.heapCalls[at] as HeapCall, at, functions);
  }
  for (const [at, call] of functions.heapCalls.entries()) append(ownOf(call), functions.original(at));
  // A helper's body asks for no other helper, so the list does not grow here.
  for (const helper of functions.helpers) emitHelper(out, helper, context.layout, functions, rewriter.branchHints);
  return { counts, isShareable: rewriter.isShareable, hints: rewriter.branchHints.section(), firstCalls };
}

// Everything before the bodies: all sections in front of code, and the code section's own header.
function emitHead(info: ModuleInfo, parts: HeadParts, bodiesBytes: number): ByteWriter {
  const { layout, functions, hints, form } = parts;
  const out = new ByteWriter(1 << 16);
  out.copy(info.bytes, 0, 8);
  emitSection(out, SectionId.type, typeSection(info, functions));
  emitSection(out, SectionId.import, importSection(info, layout, functions, form));
  emitSection(out, SectionId.function, functionSection(info, functions));
  if (form === 'deep') {
    emitSection(out, SectionId.global, globalSection(info, undefined, functions, parts));
    emitSection(out, SectionId.element, deepElementSection(info, functions));
  } else emitMiddleSections(out, info, parts);
  const added = functions.heapCalls.length + functions.helpers.length;
  if (hints !== undefined) emitSection(out, SectionId.custom, hints);
  const count = new ByteWriter(8);
  count.u32(info.bodies.count + added);
  out.u8(SectionId.code);
  out.u32(count.length + bodiesBytes);
  out.append(count);
  return out;
}

interface HeadParts {
  readonly layout: CodeLayout;
  readonly functions: AddedFunctions;
  readonly hints: ByteWriter | undefined;
  readonly form: CodeForm;
  readonly firstCalls: FirstCalls;
}

// The sections between function and code, of a module that has its own.
function emitMiddleSections(out: ByteWriter, info: ModuleInfo, parts: HeadParts): void {
  const { form } = parts;
  if (form === 'window' && !info.sections.some(({ id }) => id === SectionId.table)) {
    emitSection(out, SectionId.table, tableSection(info, undefined, form));
  }
  for (const section of info.sections) emitMiddleSection(out, info, section, parts);
}

// One of them, in file order.
function emitMiddleSection(out: ByteWriter, info: ModuleInfo, section: Section, parts: HeadParts): void {
  const { functions, form, firstCalls } = parts;
  switch (section.id) {
    case SectionId.table:
      emitSection(out, section.id, tableSection(info, section, form));
      return;
    case SectionId.global:
      emitSection(out, section.id, globalSection(info, section, functions, parts));
      return;
    case SectionId.export:
      if (firstCalls.told.length > 0 && !info.sections.some(({ id }) => id === SectionId.global)) {
        emitSection(out, SectionId.global, globalSection(info, undefined, functions, parts));
      }
      emitSection(out, section.id, exportSection(info, functions, form));
      return;
    case SectionId.start:
      emitSection(out, section.id, startSection(info.startFunction as number, functions));
      return;
    case SectionId.element:
      emitSection(out, section.id, elementSection(info, section, functions));
      return;
    default:
  }
}

// Rewriting the one function again gives the same code with its spans, since all helpers have their indices already.
function locate(
  info: ModuleInfo,
  context: CodegenContext,
  bodies: () => FunctionBodies,
  newIndex: number,
  offset: number,
): CodeLocation | undefined {
  const { functions } = context;
  const functionIndex = functions.originalIndex(newIndex);
  if (functionIndex === undefined || functionIndex < info.importedFunctionCount) return undefined;
  const map = new PositionMap();
  const rewriter = new FunctionRewriter(info, context, (output, input, span) => map.add(output, input, span));
  rewriter.rewrite(functionIndex - info.importedFunctionCount);
  const end = bodies().end[newIndex - info.importedFunctionCount - functions.hosts.length] as number;
  const within = offset - (end - rewriter.code.length);
  if (within < 0 || offset >= end) return undefined;
  return { functionIndex, name: info.functionName(functionIndex), offset: map.find(within) };
}
