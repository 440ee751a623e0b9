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

import type { CodeLayout } from '../abi.ts';
import { type ModuleInfo, readModule, type Section, SectionId } from '../binary/index.ts';
import { AddedFunctions, type Recording } from './added-functions.ts';
import { ByteWriter } from './byte-writer.ts';
import type { CodegenContext, NullPage } from './codegen-access.ts';
import { emitHeapCall } from './codegen-heap-call.ts';
import { emitHelper } from './codegen-helpers.ts';
import { CompilationHints } from './compilation-hints.ts';
import { FunctionRewriter } from './function-rewriter.ts';
import type { HeapCall } from './heap-calls.ts';
import type { Inlining } from './inlining.ts';
import { PositionMap } from './position-map.ts';
import {
  elementSection,
  emitSection,
  exportSection,
  functionSection,
  globalSection,
  importSection,
  nameSection,
  startSection,
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
export interface RewrittenModule {
  /** The binary, ready to compile. */
  readonly bytes: Uint8Array<ArrayBuffer>;
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
  const { recording = 'off', inlining = 'auto', heapCalls = [] } = options;
  // Only helpers tell of references.
  const context: CodegenContext = {
    ...options,
    inlining: recording === 'on' ? 'nowhere' : inlining,
    functions: new AddedFunctions(info, recording, heapCalls),
  };
  const codeSize = codeBytes(info);
  const headRoom = HEAD_ROOM + 2 * (codeSection(info)?.start ?? info.bytes.length) + MAXIMUM_HINTS * codeSize;
  const out = new ByteWriter(headRoom + MAXIMUM_GROWTH * codeSize);
  out.length = headRoom;
  const { places, hints } = rewriteCode(out, info, context);
  const head = emitHead(info, options.layout, context.functions, hints, out.length - headRoom);
  const begin = headRoom - head.length;
  out.bytes.set(head.written(), begin);
  if (info.sections.some((section) => section.name === 'name')) emitSection(out, SectionId.custom, nameSection(info, context.functions));
  return {
    bytes: out.bytes.subarray(begin, out.length),
    info,
    locate: (functionIndex, offset) => locate(info, context, places, functionIndex, offset + begin),
  };
}

const codeSection = (info: ModuleInfo): Section | undefined => info.sections.find((section) => section.id === SectionId.code);

function codeBytes(info: ModuleInfo): number {
  const section = codeSection(info);
  return section === undefined ? 0 : section.end - section.contents;
}

// Where each own function's instructions lie in `out`.
interface CodePlaces {
  readonly start: Uint32Array;
  readonly end: Uint32Array;
}

// Appends the code section's bodies: the guest's, or the wrappers in their place; the originals of those; the helpers. Returns with
// their places the contents of the sections that hint at how to compile them.
function rewriteCode(out: ByteWriter, info: ModuleInfo, context: CodegenContext): { places: CodePlaces; hints: ByteWriter[] } {
  const { start, end, count } = info.bodies;
  const { functions } = context;
  const hints = new CompilationHints(info);
  const rewriter = new FunctionRewriter(info, context);
  const places = { start: new Uint32Array(count), end: new Uint32Array(count) };
  const append = (i: number, newIndex: number): void => {
    const codeStart = rewriter.rewrite(i);
    rewriter.appendTo(out, i, codeStart, newIndex);
    places.start[i] = out.length - rewriter.code.length;
    places.end[i] = out.length;
  };
  const ownOf = ({ functionIndex }: HeapCall): number => functionIndex - info.importedFunctionCount;
  const callAt = new Map(functions.heapCalls.map((call, at) => [ownOf(call), at]));
  for (let i = 0; i < count; i++) {
    const at = callAt.get(i);
    if (at === undefined) append(i, functions.renumber(info.importedFunctionCount + i));
    else emitHeapCall(out, functions.heapCalls[at] as HeapCall, at, functions);
    hints.add((end[i] as number) - (start[i] as number), at === undefined ? rewriter.control : 'straight');
  }
  for (const [at, call] of functions.heapCalls.entries()) append(ownOf(call), functions.original(at));
  // A helper's body asks for no other helper, so the list does not grow here.
  for (const helper of functions.helpers) emitHelper(out, helper, context.layout, functions, rewriter.branchHints);
  const { heapCalls, helpers } = functions;
  const sections = [hints.section(heapCalls.length + helpers.length), rewriter.branchHints.section()];
  return { places, hints: sections.filter((section) => section !== undefined) };
}

// Everything before the bodies: all sections in front of code, and the code section's own header.
function emitHead(
  info: ModuleInfo,
  layout: CodeLayout,
  functions: AddedFunctions,
  hints: readonly ByteWriter[],
  bodiesBytes: number,
): ByteWriter {
  const out = new ByteWriter(1 << 16);
  out.copy(info.bytes, 0, 8);
  emitSection(out, SectionId.type, typeSection(info, functions));
  emitSection(out, SectionId.import, importSection(info, layout, functions));
  emitSection(out, SectionId.function, functionSection(info, functions));
  for (const section of info.sections) emitMiddleSection(out, info, section, functions);
  const added = functions.heapCalls.length + functions.helpers.length;
  for (const section of hints) emitSection(out, SectionId.custom, section);
  const count = new ByteWriter(8);
  count.u32(info.bodies.count + added);
  out.u8(SectionId.code);
  out.u32(count.length + bodiesBytes);
  out.append(count);
  return out;
}

// The sections between function and code, in file order.
function emitMiddleSection(out: ByteWriter, info: ModuleInfo, section: Section, functions: AddedFunctions): void {
  switch (section.id) {
    case SectionId.table: {
      const contents = new ByteWriter(section.end - section.contents);
      contents.copy(info.bytes, section.contents, section.end);
      emitSection(out, section.id, contents);
      return;
    }
    case SectionId.global:
      emitSection(out, section.id, globalSection(info, section, functions));
      return;
    case SectionId.export:
      emitSection(out, section.id, exportSection(info, functions));
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

function locate(info: ModuleInfo, context: CodegenContext, places: CodePlaces, newIndex: number, offset: number): CodeLocation | undefined {
  const functionIndex = context.functions.originalIndex(newIndex);
  if (functionIndex === undefined || functionIndex < info.importedFunctionCount) return undefined;
  const own = functionIndex - info.importedFunctionCount;
  const within = offset - (places.start[own] as number);
  if (within < 0 || offset >= (places.end[own] as number)) return undefined;
  const map = new PositionMap();
  new FunctionRewriter(info, context, (output, input, span) => map.add(output, input, span)).rewrite(own);
  return { functionIndex, name: info.functionName(functionIndex), offset: map.find(within) };
}
