// Rewrites one function body in one pass: decodes each instruction, copies runs of unchanged ones in bulk, and generates code for
// those that touch memory or name a function.
//
// Elsewhere: which unchanged code is still to be copied (code-run.ts), what an access becomes (codegen-*.ts), where it is inlined
// (inlining.ts).
//
// F1  Only locals that the guest declared may be named by guest code (else it could reach ours): checked here, not by the engine.
// F2  Only functions, data segments, globals and tables that the guest declared, likewise.
//
// A function whose stack frame lies in the window (codegen-window.ts) is followed by an operand stack that knows addresses in the frame. If it
// turns out that its frame pointer does not stay as it is (CW1), or that nothing is gained, it is rewritten again without.

import {
  ByteReader,
  fcShapes,
  fdShapes,
  type ModuleInfo,
  Op,
  OpFC,
  OpFD,
  opShapes,
  Shape,
  skipImmediates,
  skipMemoryIndex,
  ValueType,
} from '../binary/index.ts';
import { AccessGroups } from './access-groups.ts';
import { HELPER_COPY, HELPER_FILL, HELPER_INIT } from './added-functions.ts';
import { BranchHints } from './branch-hints.ts';
import { ByteWriter } from './byte-writer.ts';
import { CodeRun, type PositionRecorder } from './code-run.ts';
import { AccessCode, type CodegenContext, ON_STACK, type StoredValue } from './codegen-access.ts';
import { emitAfterLoad, emitExtractLane, type VectorLowering, vectorLowerings } from './codegen-vector.ts';
import {
  emitEntryCheck,
  type Prologue,
  placeInFrame,
  type Reach,
  readPrologue,
  type WindowCode,
  wantsWholeFrame,
} from './codegen-window.ts';
import { FunctionLocals, LocalRole } from './function-locals.ts';
import { groupingOf, inliningOf } from './inlining.ts';
import { isLoad, KIND_V128_LOAD, KIND_V128_STORE, kindOf, kindShift, kindType } from './memory-access.ts';
import { OperandValues } from './operand-values.ts';
import { type StubStore, timeZoneStubStores } from './time-zone-stub.ts';

// What to do with the instruction at `at` of the file, whose opcode has been read. A table of them, not a chain of tests: the engine
// then compiles each by itself and early, where it used to inline all into the one loop and interpreted that until it was done.
type InstructionHandler = (at: number) => void;

/** A function with fewer accesses in its frame keeps them as others are: the check at its entry would cost as much. */
const LEAST_WINDOW_ACCESSES = 2;
/** Instructions whose first immediate is a table's index, by second opcode after 0xFC; those of two tables have both first. */
const TABLE_FIRST: ReadonlySet<number> = new Set([OpFC.tableCopy, OpFC.tableGrow, OpFC.tableSize, OpFC.tableFill]);

/** How many accesses of a body, or of a module, became what. */
export interface AccessCounts {
  /** In the stack frame, without a table. */
  window: number;
  /** In groups that share a check. */
  grouped: number;
  /** With a check of their own, inlined. */
  inlined: number;
  /** By a call of a helper. */
  called: number;
}

/** Rewrites function bodies of one module, one after another. */
export class FunctionRewriter {
  readonly #module: ModuleInfo;
  readonly #context: CodegenContext;
  /** The instructions of the body last rewritten, without locals and size. */
  readonly code = new ByteWriter(1 << 16);
  /** The locals that the body last rewritten needs. */
  readonly locals = new FunctionLocals();
  /** What the engine is told of the branches of all bodies appended. */
  readonly branchHints = new BranchHints();
  /** Whether the body last rewritten has a loop. */
  control: 'straight' | 'loop' = 'straight';
  /** Of the body last rewritten. */
  readonly counts: AccessCounts = { window: 0, grouped: 0, inlined: 0, called: 0 };
  /** Whether some body so far names functions or element segments in a way that a second module cannot share. */
  isShareable = true;
  readonly #access: AccessCode;
  readonly #value: StoredValue;
  readonly #run: CodeRun;
  #reader: ByteReader;
  // Of those that the loop over the instructions does not do itself.
  readonly #handlers: readonly InstructionHandler[];
  #localCount = 0;
  #inlining: 'everywhere' | 'loops' | 'nowhere' = 'nowhere';
  // One entry per open block: how many loops are open around its contents.
  readonly #openBlocks: number[] = [];
  // Whether the code being decoded is to have its hit paths inlined.
  #hot = false;
  // Whether the last alignment hint read was the access's size.
  #honest = false;
  // The body's prologue while it is rewritten with the window.
  #prologue: Prologue | undefined;
  #reach: Reach = 'margin';
  // Accesses in its frame that are too far below the stack pointer.
  #beyond = 0;
  readonly #operands: OperandValues;
  readonly #groups: AccessGroups;
  #grouping: 'grouped' | 'single' = 'single';
  // Scalar ones so far in the body.
  #accesses = 0;

  constructor(module: ModuleInfo, context: CodegenContext, record?: PositionRecorder) {
    this.#module = module;
    this.#context = context;
    this.#run = new CodeRun(module.bytes, this.code, record);
    this.#access = new AccessCode(this.code, context, this.locals, this.branchHints);
    this.#value = { local: -1, start: 0, end: 0, bytes: module.bytes };
    this.#reader = new ByteReader(module.bytes, 0, 0, '');
    this.#operands = new OperandValues(module, new ByteReader(module.bytes, 0, module.bytes.length, 'code'));
    this.#groups = new AccessGroups(module, context.nullPage);
    this.#handlers = Array.from({ length: 256 }, (_, opcode) => this.#handlerOf(opcode));
  }

  /** Rewrites the body of own function `i` into `code` and `locals`; returns the file offset at which its instructions begin. */
  rewrite(i: number): number {
    const module = this.#module;
    const functionIndex = module.importedFunctionCount + i;
    const start = module.bodies.start[i] as number;
    const end = module.bodies.end[i] as number;
    const reader = new ByteReader(module.bytes, start, end, `the code of function ${functionIndex}`);
    this.#reader = reader;
    this.#localCount = this.#countLocals(functionIndex);
    const first = reader.position;
    const stub = this.#context.nullPage === 'unmapped' ? timeZoneStubStores(module, i) : undefined;
    if (stub !== undefined) {
      this.#begin(first);
      this.#rewriteStub(stub, end);
      return first;
    }
    const inlining = inliningOf(this.#context.inlining, end - start, this.#moduleBytes);
    this.#grouping = groupingOf(this.#context.inlining, end - start, this.#moduleBytes);
    if (!this.#rewriteInWindow(i, inlining)) {
      this.#begin(first);
      this.#rewriteInstructions(inlining);
    }
    return first;
  }

  /** Appends the rewritten body to `out`: size, locals, code. It becomes function `functionIndex` of the result. */
  appendTo(out: ByteWriter, i: number, codeStart: number, functionIndex: number): void {
    const { bytes, bodies } = this.#module;
    const start = bodies.start[i] as number;
    const reader = new ByteReader(bytes, start, codeStart, 'the locals');
    const groups = reader.u32();
    const declarations = new ByteWriter(16);
    declarations.u32(groups + this.locals.groupCount);
    declarations.copy(bytes, reader.position, codeStart);
    this.locals.emitDeclarations(declarations);
    this.branchHints.end(functionIndex, declarations.length);
    out.u32(declarations.length + this.code.length);
    out.append(declarations);
    out.append(this.code);
  }

  /** Begins the body's code, which begins at `first` of the file. */
  #begin(first: number): void {
    this.locals.reset(this.#localCount);
    this.code.length = 0;
    this.branchHints.begin();
    this.control = 'straight';
    this.counts.window = 0;
    this.counts.grouped = 0;
    this.counts.inlined = 0;
    this.counts.called = 0;
    this.#reader.position = first;
    this.#run.reset(first);
    this.#prologue = undefined;
    this.#access.begin();
    this.#accesses = 0;
  }

  /** Rewrites the body of own function `own` with the window. Returns whether that is possible and worth it; if not, it is to be rewritten again. */
  #rewriteInWindow(own: number, inlining: 'everywhere' | 'loops' | 'nowhere'): boolean {
    const { window, functions } = this.#context;
    const { bytes, importedFunctionCount, functionTypes, types } = this.#module;
    const first = this.#reader.position;
    const type = functionTypes[importedFunctionCount + own] as number;
    const parameters = types[type]?.parameters.length ?? 0;
    const prologue = window === undefined ? undefined : readPrologue(bytes, first, this.#reader.end, parameters);
    if (window === undefined || prologue === undefined || prologue.pointer >= this.#localCount) return false;
    const rewriteWith = (reach: Reach): void => {
      this.#begin(first);
      this.#prologue = prologue;
      this.#reach = reach;
      this.#beyond = 0;
      this.#reader.position = prologue.end;
      this.#run.begin(prologue.end, prologue.end);
      emitEntryCheck(this.code, this.branchHints, { window, prologue, reach, functions, own, type, parameters });
      this.#run.replaced(prologue.end);
      this.#operands.begin(prologue.pointer, prologue.leaves, 0);
      this.#rewriteInstructions(inlining);
    };
    rewriteWith('margin');
    if (wantsWholeFrame(prologue, this.#beyond)) rewriteWith('frame');
    const isGood = !this.#operands.isBroken && this.counts.window >= LEAST_WINDOW_ACCESSES;
    if (!isGood) this.#reader.position = first;
    return isGood;
  }

  #countLocals(functionIndex: number): number {
    const reader = this.#reader;
    const type = this.#module.types[this.#module.functionTypes[functionIndex] as number];
    let count = (type?.parameters ?? []).length;
    for (let groups = reader.u32(); groups > 0; groups--) {
      count += reader.u32();
      reader.u8();
      // The engines' common limit; it also keeps indices far from overflow.
      if (count > 50_000) reader.fail('a function has too many locals');
    }
    return count;
  }

  get #moduleBytes(): number {
    const { start, end, count } = this.#module.bodies;
    return (end[count - 1] as number) - (start[0] as number);
  }

  #rewriteInstructions(inlining: 'everywhere' | 'loops' | 'nowhere'): void {
    const reader = this.#reader;
    const run = this.#run;
    const open = this.#openBlocks;
    const handlers = this.#handlers;
    const localCount = this.#localCount;
    const followed = this.#prologue !== undefined;
    this.#findGroups(inlining);
    open.length = 0;
    open.push(0);
    this.#inlining = inlining;
    this.#hot = inlining === 'everywhere';
    while (open.length > 0 && reader.position < reader.end) {
      const at = reader.position;
      const opcode = reader.bytes[at] as number;
      reader.position = at + 1;
      // The most frequent are done here: the engine calls what it finds in a table more slowly.
      const shape = opShapes[opcode] as number;
      if (opcode >= Op.localGet && opcode <= Op.localTee) {
        // F1.
        const local = reader.u32();
        if (local >= localCount) reader.fail(`there is no local ${local}`, at);
      } else if (shape === Shape.memarg) {
        this.#scalar(at, kindOf(opcode));
      } else if (opcode === Op.i32Const) {
        reader.s32();
      } else if (shape !== Shape.none || opcode === Op.end) {
        (handlers[opcode] as InstructionHandler)(at);
      }
      run.decoded(at);
      if (followed) this.#operands.step(opcode, at);
    }
    if (open.length > 0) reader.fail('a function has no end');
    if (reader.position !== reader.end) reader.fail('code follows the end of a function');
    run.flush(reader.end);
  }

  #findGroups(inlining: 'everywhere' | 'loops' | 'nowhere'): void {
    const { pointer = -1, leaves = 'nothing' } = this.#prologue ?? {};
    const isGrouped = inlining !== 'nowhere' && this.#grouping === 'grouped';
    this.#groups.find(isGrouped ? { reader: this.#reader, localCount: this.#localCount, inlining, pointer, leaves } : undefined);
  }

  // Each store happens only through a pointer that is not null.
  #rewriteStub(stores: readonly StubStore[], end: number): void {
    for (const { pointer, valueStart, valueEnd, end: storeEnd } of stores) {
      this.#run.begin(0, valueEnd);
      this.code.get(pointer);
      this.code.ops(Op.if, ValueType.empty);
      this.code.get(pointer);
      this.code.copy(this.#module.bytes, valueStart, valueEnd);
      this.#access.called(kindOf(Op.i32Store), 0);
      this.code.ops(Op.end);
      this.#run.replaced(storeEnd);
    }
    this.#run.flush(end);
  }

  #handlerOf(opcode: number): InstructionHandler {
    const shape = opShapes[opcode] as number;
    if (opcode === Op.end) return () => this.#end();
    if (opcode === Op.loop || shape === Shape.block) return (at) => this.#block(at, opcode);
    if (opcode === Op.globalGet || opcode === Op.globalSet) return (at) => this.#checkGlobal(at);
    if (opcode === Op.tableGet || opcode === Op.tableSet) return (at) => this.#checkTable(at);
    if (opcode === Op.call || opcode === Op.returnCall || opcode === Op.refFunc) return (at) => this.#functionReference(at, opcode);
    if (shape === Shape.zeroByte) return (at) => this.#memorySizeOrGrow(at, opcode);
    if (shape === Shape.prefix) return (at) => this.#prefixed(at, opcode);
    if (opcode === Op.callIndirect || opcode === Op.returnCallIndirect) return (at) => this.#checkIndirectCall(at);
    return () => skipImmediates(this.#reader, opcode);
  }

  #block(at: number, opcode: number): void {
    this.#checkBlockType(at);
    const open = this.#openBlocks;
    if (opcode === Op.loop) this.control = 'loop';
    open.push((open[open.length - 1] as number) + (opcode === Op.loop ? 1 : 0));
    this.#chooseInlining();
  }

  #end(): void {
    this.#openBlocks.pop();
    this.#chooseInlining();
  }

  #chooseInlining(): void {
    const open = this.#openBlocks;
    if (this.#inlining === 'loops') this.#hot = open.length > 0 && (open[open.length - 1] as number) > 0;
  }

  #prefixed(at: number, opcode: number): void {
    const second = this.#reader.u32();
    const shape = (opcode === Op.prefixFC ? fcShapes : fdShapes)[second];
    const vector = opcode === Op.prefixFD;
    if (vector && (shape === Shape.memarg || shape === Shape.memargLane)) {
      this.#vector(at, second);
    } else if (!vector && second >= OpFC.memoryInit && second <= OpFC.memoryFill) {
      this.#bulk(at, second);
    } else if (!vector && second > OpFC.memoryFill) {
      this.#tableInstruction(at, second);
    } else {
      this.#reader.position = at + 1;
      skipImmediates(this.#reader, opcode);
    }
  }

  // F2 for tables; element segments are for the engine to check, since there are no others.
  #tableInstruction(at: number, second: number): void {
    const reader = this.#reader;
    if (second === OpFC.tableInit || second === OpFC.elemDrop) {
      this.isShareable = false;
      reader.u32();
      if (second === OpFC.tableInit) this.#checkTable(at);
    } else if (TABLE_FIRST.has(second)) {
      this.#checkTable(at);
      if (second === OpFC.tableCopy) this.#checkTable(at);
    } else {
      reader.position = at + 1;
      skipImmediates(reader, Op.prefixFC);
    }
  }

  // F2.
  #checkGlobal(at: number): void {
    const index = this.#reader.u32();
    if (index >= this.#module.globals.length) this.#reader.fail(`there is no global ${index}`, at);
  }

  #checkTable(at: number): void {
    const index = this.#reader.u32();
    if (index >= this.#module.tables.length) this.#reader.fail(`there is no table ${index}`, at);
  }

  #checkBlockType(at: number): void {
    const reader = this.#reader;
    const type = reader.s32();
    if (type >= this.#module.types.length) reader.fail(`there is no type ${type}`, at);
  }

  #checkIndirectCall(at: number): void {
    const reader = this.#reader;
    const type = reader.u32();
    if (type >= this.#module.types.length) reader.fail(`there is no type ${type}`, at);
    this.#checkTable(at);
  }

  // F2.
  #functionReference(at: number, opcode: number): void {
    const reader = this.#reader;
    const index = reader.u32();
    if (index >= this.#module.functionTypes.length) reader.fail(`there is no function ${index}`, at);
    if (opcode === Op.refFunc) this.isShareable = false;
    const renumbered = this.#context.functions.renumber(index);
    if (renumbered === index) return;
    this.#run.begin(at, at);
    this.code.indexed(opcode, renumbered);
    this.#done();
  }

  #memorySizeOrGrow(at: number, opcode: number): void {
    skipMemoryIndex(this.#reader);
    this.#checkMemory(at);
    this.#run.begin(at, at);
    this.code.call(this.#context.functions.host(opcode === Op.memorySize ? 'size' : 'grow'));
    this.#done();
  }

  #bulk(at: number, second: number): void {
    const { functions } = this.#context;
    const reader = this.#reader;
    const segment = second === OpFC.memoryInit || second === OpFC.dataDrop ? this.#segment(at) : 0;
    if (second !== OpFC.dataDrop) {
      skipMemoryIndex(reader);
      if (second === OpFC.memoryCopy) skipMemoryIndex(reader);
      this.#checkMemory(at);
    }
    this.#run.begin(at, at);
    if (second === OpFC.memoryInit || second === OpFC.dataDrop) this.code.i32(segment);
    switch (second) {
      case OpFC.memoryInit:
        this.code.call(functions.helper(HELPER_INIT));
        break;
      case OpFC.dataDrop:
        this.code.call(functions.host('drop'));
        break;
      case OpFC.memoryCopy:
        this.code.call(functions.helper(HELPER_COPY));
        break;
      default:
        this.code.call(functions.helper(HELPER_FILL));
    }
    this.#done();
  }

  #segment(at: number): number {
    const reader = this.#reader;
    const segment = reader.u32();
    if (segment >= this.#module.data.count) reader.fail(`there is no data segment ${segment}`, at);
    return segment;
  }

  #checkMemory(at: number): void {
    if (this.#module.memory === undefined) this.#reader.fail('an instruction needs a memory and the module has none', at);
  }

  #memarg(at: number, naturalShift: number): number {
    const reader = this.#reader;
    const hint = reader.u32();
    if (hint >= 0x40) reader.unsupported('several memories', at);
    if (hint > naturalShift) reader.fail('an alignment is larger than the access', at);
    this.#checkMemory(at);
    this.#honest = hint === naturalShift;
    return reader.u32();
  }

  #scalar(at: number, kind: number): void {
    const offset = this.#memarg(at, kindShift[kind] as number);
    const ordinal = this.#accesses++;
    if (this.#prologue !== undefined && this.#inWindow(at, kind, offset)) return;
    const group = this.#groups.groupOf(ordinal);
    if (group === undefined) this.#access.alone(at);
    else this.#access.inGroup(at, group, ordinal === group.first ? 'first' : 'later', this.#groups.distanceOf(ordinal));
    if (isLoad(kind)) this.#load(at, kind, offset);
    else this.#store(at, kind, offset);
    this.#done();
  }

  /** Emits an access if it is one to the function's own frame. */
  #inWindow(at: number, kind: number, offset: number): boolean {
    const distance = this.#operands.distance(isLoad(kind) ? 0 : 1);
    if (distance < 0) return false;
    const place = placeInFrame(this.#prologue as Prologue, this.#reach, distance + offset, 1 << (kindShift[kind] as number));
    if (place === 'beyond') this.#beyond++;
    if (place !== 'window') return false;
    this.#run.begin(at, at);
    this.#access.inWindow(kind, offset, this.#context.window as WindowCode);
    this.counts.window++;
    this.#done();
    return true;
  }

  #load(at: number, kind: number, offset: number): void {
    if (!this.#hot || !this.#honest) {
      this.counts.called++;
      this.#run.begin(at, at);
      this.#access.called(kind, offset);
      return;
    }
    this.#countInlined();
    const address = this.#run.constantAddress(this.#run.last, offset);
    if (address >= 0 && this.#access.fitsConstant(kind, address)) {
      this.#run.begin(this.#run.last, at);
      this.#access.constantLoad(kind, address);
      return;
    }
    this.#access.inlineLoad(kind, this.#run.takeBase(this.#run.last, at, at), offset);
  }

  #store(at: number, kind: number, offset: number): void {
    if (!this.#hot || !this.#honest) {
      this.counts.called++;
      this.#run.begin(at, at);
      this.#access.called(kind, offset);
      return;
    }
    this.#countInlined();
    const valueStart = this.#run.takeValue(at, kindType[kind] as number, this.#value, this.locals);
    const baseStart = valueStart === at ? -1 : this.#run.lastButOne;
    const address = this.#run.constantAddress(baseStart, offset);
    if (address >= 0 && this.#access.fitsConstant(kind, address)) {
      this.#run.begin(baseStart, at);
      this.#access.constantStore(kind, address, this.#value);
      return;
    }
    this.#access.inlineStore(kind, this.#run.takeBase(baseStart, valueStart, at), offset, this.#value);
  }

  #countInlined(): void {
    if (this.#access.isGrouped) this.counts.grouped++;
    else this.counts.inlined++;
  }

  #vector(at: number, second: number): void {
    this.#access.alone(at);
    if (second === OpFD.load || second === OpFD.store) {
      const kind = second === OpFD.load ? KIND_V128_LOAD : KIND_V128_STORE;
      const offset = this.#memarg(at, kindShift[kind] as number);
      this.#run.begin(at, at);
      this.#access.called(kind, offset);
      this.#done();
      return;
    }
    const lowering = vectorLowerings.get(second) as VectorLowering;
    const offset = this.#memarg(at, kindShift[lowering.kind] as number);
    if (lowering.form === 'store-lane') this.#storeLane(at, lowering, offset);
    else this.#loadVector(at, lowering, offset);
    this.#done();
  }

  #loadVector(at: number, lowering: VectorLowering, offset: number): void {
    const { kind } = lowering;
    const lane = lowering.form === 'load-lane' ? this.#lane(at, kind) : 0;
    const vector = lowering.form === 'load-lane' ? this.locals.of(LocalRole.v128) : -1;
    if (vector >= 0) {
      this.#run.begin(at, at);
      this.code.set(vector);
      this.#run.replaced(at);
    }
    this.#load(at, kind, offset);
    emitAfterLoad(this.code, lowering, lane, () => this.locals.ofValue(kindType[kind] as number), vector);
  }

  #storeLane(at: number, lowering: VectorLowering, offset: number): void {
    const { kind } = lowering;
    const lane = this.#lane(at, kind);
    this.#run.begin(at, at);
    emitExtractLane(this.code, lowering, lane);
    if (!this.#hot || !this.#honest) {
      this.#access.called(kind, offset);
      return;
    }
    this.#value.local = this.locals.ofValue(kindType[kind] as number);
    this.code.set(this.#value.local);
    this.#access.inlineStore(kind, ON_STACK, offset, this.#value);
  }

  #lane(at: number, kind: number): number {
    const lane = this.#reader.u8();
    if (lane >= 16 >> (kindShift[kind] as number)) this.#reader.fail(`there is no lane ${lane}`, at);
    return lane;
  }

  // The instruction that ends here has been replaced.
  #done(): void {
    this.#run.replaced(this.#reader.position);
  }
}
