// Turns a module into one whose every load and store goes through the TLB tables of abi.ts. The result imports its memory and the
// kernel's functions from `quire`, and behaves as the original does, except that memory is what the kernel says it is.
//
// Order of work: code first, into a buffer of its own, because it decides which helpers exist; then the sections around it.
//
// R1  The result never exports memory: neither the guest's embedder nor the guest can reach RAM by another way than the code here.
// R2  Every index that guest code names is checked against the guest's own index spaces (F1, F2 in function-rewriter.ts), because the
//     engine checks against the larger ones of the result.
// R3  All else is validated by the engine that compiles the result, on code that differs from the guest's only at memory instructions.
//
// Cost: one pass over the code, no object per instruction.

import type { CodeLayout } from '../abi.ts';
import { readModule, SectionId, type ModuleInfo, type Section } from '../binary/index.ts';
import { AddedFunctions } from './added-functions.ts';
import { ByteWriter } from './byte-writer.ts';
import type { CodegenContext, NullPage } from './codegen-access.ts';
import { emitHelper } from './codegen-helpers.ts';
import { FunctionRewriter } from './function-rewriter.ts';
import { PositionMap } from './position-map.ts';
import {
  elementSection, emitSection, exportSection, functionSection, globalSection, importSection, nameSection, startSection, typeSection,
} from './sections.ts';

/** What the rewritten code is to rely on. */
export interface RewriteOptions {
  readonly layout: CodeLayout;
  /** `unmapped`: the kernel promises that page 0 never has a valid TLB word, which makes the hit path shorter. */
  readonly nullPage: NullPage;
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
  const context: CodegenContext = { ...options, functions: new AddedFunctions(info) };
  const { writer, starts } = rewriteCode(info, context);
  const out = new ByteWriter(writer.length + (1 << 16));
  out.copy(info.bytes, 0, 8);
  emitSection(out, SectionId.type, typeSection(info, context.functions));
  emitSection(out, SectionId.import, importSection(info, options.layout));
  emitSection(out, SectionId.function, functionSection(info, context.functions));
  for (const section of info.sections) emitMiddleSection(out, info, section, context.functions);
  emitSection(out, SectionId.code, writer);
  const codeBase = out.length - writer.length;
  if (info.sections.some((section) => section.name === 'name')) emitSection(out, SectionId.custom, nameSection(info, context.functions));
  return { bytes: out.written(), info, locate: (functionIndex, offset) => locate(info, context, starts, functionIndex, offset - codeBase) };
}

interface RewrittenCode {
  /** The contents of the code section. */
  readonly writer: ByteWriter;
  /** Where each own function's instructions begin in it; one more entry for the end. */
  readonly starts: Uint32Array;
}

function rewriteCode(info: ModuleInfo, context: CodegenContext): RewrittenCode {
  const { count } = info.bodies;
  const rewriter = new FunctionRewriter(info, context);
  const bodies = new ByteWriter(codeBytes(info) * 2);
  const starts = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) {
    const codeStart = rewriter.rewrite(i);
    rewriter.appendTo(bodies, i, codeStart);
    starts[i] = bodies.length - rewriter.code.length;
  }
  starts[count] = bodies.length;
  // A helper's body asks for no other helper, so the list does not grow here.
  for (const helper of context.functions.helpers) emitHelper(bodies, helper, context.layout, context.functions);
  const writer = new ByteWriter(bodies.length + 8);
  writer.u32(count + context.functions.helpers.length);
  const shift = writer.length;
  for (let i = 0; i <= count; i++) starts[i] = (starts[i] as number) + shift;
  writer.append(bodies);
  return { writer, starts };
}

function codeBytes(info: ModuleInfo): number {
  const section = info.sections.find((candidate) => candidate.id === SectionId.code);
  return section === undefined ? 0 : section.end - section.contents;
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
    case SectionId.global: emitSection(out, section.id, globalSection(info, section, functions)); return;
    case SectionId.export: emitSection(out, section.id, exportSection(info, functions)); return;
    case SectionId.start: emitSection(out, section.id, startSection(info.startFunction as number, functions)); return;
    case SectionId.element: emitSection(out, section.id, elementSection(info, section, functions)); return;
    default:
  }
}

function locate(info: ModuleInfo, context: CodegenContext, starts: Uint32Array, newIndex: number, offset: number): CodeLocation | undefined {
  const functionIndex = context.functions.originalIndex(newIndex);
  if (functionIndex === undefined || functionIndex < info.importedFunctionCount) return undefined;
  const own = functionIndex - info.importedFunctionCount;
  const within = offset - (starts[own] as number);
  if (within < 0 || offset >= (starts[own + 1] as number)) return undefined;
  const map = new PositionMap();
  new FunctionRewriter(info, context, (output, input, span) => map.add(output, input, span)).rewrite(own);
  return { functionIndex, name: info.functionName(functionIndex), offset: map.find(within) };
}
