// Makes a module of a sketch.
//
// Locals of a function: its parameters, then one more of each type so that there is always one, the frame pointer, the pointers of groups,
// scratch for accesses, and a counter for each loop. Globals: the stack pointer, the fuel, two for anything.
//
// `guarded` modules are for plain memory where Quire leaves page 0 unmapped: each access asks first whether it begins there, and then ends the
// program as one outside of memory does.

import { buildModule, type FunctionSpec, signed, unsigned } from '../support/wasm/module-builder.ts';
import {
  type Access,
  type Expression,
  type FunctionSketch,
  GROUP_OFFSETS,
  LENGTHS,
  OFFSETS,
  type Place,
  type ProgramSketch,
  type Statement,
  WASM_PAGE,
} from './sketch.ts';

const PAGE = 4096;
const SPACE = 2 ** 32;
const I32 = 0x7f;
const I64 = 0x7e;
const F32 = 0x7d;
const F64 = 0x7c;
const V128 = 0x7b;
const EMPTY = 0x40;
const TYPES = [I32, I64, F32, F64] as const;
type Type = (typeof TYPES)[number];

const STACK_POINTER = 0;
const FUEL = 1;
const OTHER_GLOBALS = [2, 3] as const;
/** How many pointers a function has. */
const POINTERS = 3;
/** How far below a stack pointer the window reaches (wasm/abi.ts has the same number; the test should not follow it). */
const MARGIN = 1024;
/** Own functions are numbered behind the one import. */
const IMPORTS = 1;
/** The passive segment. */
const SEGMENT = 1;
const SEGMENT_BYTES = 4100;

/** Where calls from the start leave what they return: a place in the data. */
const resultsOf = ({ stackTop, order }: ProgramSketch): number => (order === 'stack first' ? stackTop + 40 : 1024 + 40);
/** Where the host writes when the program lets it steal pages. */
const stolenAt = (program: ProgramSketch): number => resultsOf(program) + 8 * 30;

/** One kind of load or store. `vector`: its value is made of, or becomes, an i64. */
interface AccessKind {
  readonly code: readonly number[];
  readonly shift: number;
  readonly type: Type;
  readonly form: 'scalar' | 'vector' | 'lane';
}

const scalar = (opcode: number, shift: number, type: Type): AccessKind => ({ code: [opcode], shift, type, form: 'scalar' });
const vector = (opcode: number, shift: number, form: 'vector' | 'lane' = 'vector'): AccessKind => ({
  code: [0xfd, ...unsigned(opcode)],
  ...{ shift, type: I64, form },
});

const LOADS: readonly AccessKind[] = [
  ...[scalar(0x28, 2, I32), scalar(0x2c, 0, I32), scalar(0x2d, 0, I32), scalar(0x2e, 1, I32), scalar(0x2f, 1, I32)],
  ...[scalar(0x29, 3, I64), scalar(0x30, 0, I64), scalar(0x31, 0, I64), scalar(0x32, 1, I64), scalar(0x33, 1, I64)],
  ...[scalar(0x34, 2, I64), scalar(0x35, 2, I64), scalar(0x2a, 2, F32), scalar(0x2b, 3, F64), vector(0, 4)],
  ...[1, 2, 3, 4, 5, 6].map((opcode) => vector(opcode, 3)),
  ...[0, 1, 2, 3].flatMap((shift) => [vector(7 + shift, shift), vector(84 + shift, shift, 'lane')]),
  ...[vector(92, 2), vector(93, 3)],
];
const STORES: readonly AccessKind[] = [
  ...[scalar(0x36, 2, I32), scalar(0x3a, 0, I32), scalar(0x3b, 1, I32), scalar(0x37, 3, I64), scalar(0x3c, 0, I64)],
  ...[scalar(0x3d, 1, I64), scalar(0x3e, 2, I64), scalar(0x38, 2, F32), scalar(0x39, 3, F64), vector(11, 4)],
  ...[0, 1, 2, 3].map((shift) => vector(88 + shift, shift, 'lane')),
];
/** Arithmetic, without division, which ends programs; the same at the same distance for i64. */
const BINARY = [0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77] as const;
const I64_BINARY = 0x7c - 0x6a;
/** How often, of 99, the operation is a comparison, and a division. */
const COMPARISONS = 20;
const DIVISIONS = 1;

const pick = <T>(list: readonly T[], index: number): T => list[Math.abs(index) % list.length] as T;

/** Encodes a program. */
export function encode(program: ProgramSketch, form: 'as it is' | 'guarded'): Uint8Array<ArrayBuffer> {
  const { functions, stackTop, pages, mostPages, fuel } = program;
  const text = (length: number, factor: number): number[] => Array.from({ length }, (_, i) => (i * factor + 3) & 0xff);
  return buildModule({
    imports: [{ module: 'wasi_snapshot_preview1', name: 'clock_time_get', parameters: [I32, I64, I32], results: [I32] }],
    functions: [...functions.map((sketch) => new FunctionCode(program, sketch, form).spec()), startOf(program)],
    memory: [pages, mostPages],
    globals: [stackTop, fuel, 0x1234, -1],
    elements: functions.map((_, i) => IMPORTS + i),
    data: [{ at: resultsOf(program) - 40, bytes: text(40, 7) }, { bytes: text(SEGMENT_BYTES, 11) }],
  });
}

const STORE_OF: Readonly<Record<Type, number>> = { [I32]: 0x36, [I64]: 0x37, [F32]: 0x38, [F64]: 0x39 };

/** Calls what is to be called, and leaves each result and all globals in memory. */
function startOf(program: ProgramSketch): FunctionSpec {
  const { functions, calls } = program;
  const code = calls.flatMap(({ at, operands }, i) => {
    const index = at % functions.length;
    const { parameters, result } = functions[index] as FunctionSketch;
    const place = resultsOf(program) + 32 * i;
    const type = pick(TYPES, result);
    return [
      ...[0x41, ...signed(place)],
      ...parameters.flatMap((parameter, k) => constant(pick(TYPES, parameter), operands[k] ?? 0)),
      ...[0x10, ...unsigned(IMPORTS + index)],
      ...[STORE_OF[type], 0, 0],
      ...[STACK_POINTER, FUEL, ...OTHER_GLOBALS].flatMap((global, k) => [0x41, ...signed(place + 8 + 4 * k), 0x23, global, 0x36, 0, 0]),
    ];
  });
  return { name: '_start', code };
}

function constant(type: Type, value: number): number[] {
  const low = value | 0;
  const bytes = [0, 8, 16, 24].map((shift) => (low >>> shift) & 0xff);
  switch (type) {
    case I32:
      return [0x41, ...signed(low)];
    case I64:
      return [0x42, ...signed(BigInt.asIntN(64, BigInt(value) * 0x1_0000_0003n))];
    case F32:
      return [0x43, ...bytes];
    default:
      return [0x44, ...bytes, ...bytes];
  }
}

/** The code of one function. */
class FunctionCode {
  readonly #program: ProgramSketch;
  readonly #sketch: FunctionSketch;
  readonly #isGuarded: boolean;
  readonly #code: number[] = [];
  readonly #locals: number[] = [];
  readonly #parameters: readonly Type[];
  readonly #result: Type;
  /** What the open blocks yield, the innermost last. */
  readonly #labels: ('nothing' | 'a value')[] = [];
  readonly #framePointer: number;

  constructor(program: ProgramSketch, sketch: FunctionSketch, form: 'as it is' | 'guarded') {
    this.#program = program;
    this.#sketch = sketch;
    this.#isGuarded = form === 'guarded' && program.order === 'stack first';
    this.#parameters = sketch.parameters.map((index) => pick(TYPES, index));
    this.#result = pick(TYPES, sketch.result);
    this.#locals.push(...TYPES, I32, ...Array.from({ length: POINTERS }, () => I32));
    this.#framePointer = this.#parameters.length + TYPES.length;
  }

  spec(): FunctionSpec {
    this.#prologue();
    this.#spendFuel(() => {
      this.#restore();
      this.#put(...constant(this.#result, 0), 0x0f);
    });
    for (let pointer = 0; pointer < POINTERS; pointer++) {
      this.#i32((2 + pointer) * PAGE + 16 * pointer);
      this.#set(this.#pointer(pointer));
    }
    this.#body(this.#sketch.body);
    this.#value(this.#sketch.value, this.#result);
    this.#restore();
    return { parameters: this.#parameters, results: [this.#result], locals: this.#locals, code: this.#code };
  }

  #put(...bytes: readonly number[]): void {
    for (const byte of bytes) this.#code.push(byte);
  }

  #get(local: number): void {
    this.#put(0x20, ...unsigned(local));
  }

  #set(local: number): void {
    this.#put(0x21, ...unsigned(local));
  }

  #tee(local: number): void {
    this.#put(0x22, ...unsigned(local));
  }

  #i32(value: number): void {
    this.#put(...constant(I32, value));
  }

  #newLocal(type: number): number {
    return this.#parameters.length + this.#locals.push(type) - 1;
  }

  /** A local of a type that sketches may name. */
  #local(type: Type, index: number): number {
    const types = [...this.#parameters, ...TYPES];
    return pick(
      types.flatMap((each, local) => (each === type ? [local] : [])),
      index,
    );
  }

  #pointer(index: number): number {
    return this.#framePointer + 1 + (index % POINTERS);
  }

  #prologue(): void {
    const { frame } = this.#sketch;
    if (frame === null) return;
    const { bytes, shape } = frame;
    this.#put(0x23, STACK_POINTER);
    this.#i32(shape.startsWith('add') ? -bytes : bytes);
    this.#put(shape.startsWith('add') ? 0x6a : 0x6b);
    if (shape === 'leaf tee used') {
      this.#tee(this.#framePointer);
      this.#i32(0x0707_0707);
      this.#access({ code: [0x36], shift: 2, type: I32, form: 'scalar' }, 12, 0);
      return;
    }
    if (shape.endsWith('tee')) this.#tee(this.#framePointer);
    else this.#set(this.#framePointer);
    if (shape === 'leaf') return;
    if (shape.endsWith('set')) this.#get(this.#framePointer);
    this.#put(0x24, STACK_POINTER);
  }

  /** Puts the stack pointer back. */
  #restore(): void {
    const { frame } = this.#sketch;
    if (frame === null || frame.shape.startsWith('leaf')) return;
    this.#get(this.#framePointer);
    this.#i32(frame.bytes);
    this.#put(0x6a, 0x24, STACK_POINTER);
  }

  /** Takes one from the fuel; `empty` is done if there is none. */
  #spendFuel(empty: () => void): void {
    this.#put(0x23, FUEL, 0x41, 1, 0x6b, 0x24, FUEL, 0x23, FUEL, 0x41, 0, 0x48, 0x04, EMPTY);
    this.#labels.push('nothing');
    empty();
    this.#labels.pop();
    this.#put(0x0b);
  }

  #body(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #block(opcode: number, body: readonly Statement[]): void {
    this.#put(opcode, EMPTY);
    this.#labels.push('nothing');
    this.#body(body);
    this.#labels.pop();
    this.#put(0x0b);
  }

  #statement(statement: Statement): void {
    switch (statement.do) {
      case 'set': {
        const type = pick(TYPES, statement.at);
        this.#value(statement.value, type);
        this.#set(this.#local(type, statement.at >> 2));
        return;
      }
      case 'set global':
        this.#value(statement.value, I32);
        this.#put(0x24, pick(OTHER_GLOBALS, statement.at));
        return;
      case 'drop':
        this.#value(statement.value, I32);
        this.#put(0x1a);
        return;
      case 'store':
        this.#store(statement.access, statement.value);
        return;
      case 'point':
      case 'bump':
      case 'point too':
        this.#point(statement);
        return;
      case 'gather':
        this.#put(0x23, OTHER_GLOBALS[0]);
        this.#i32(31);
        this.#put(0x6c);
        this.#load(statement.access, I32);
        this.#put(0x6a, 0x24, OTHER_GLOBALS[0]);
        return;
      case 'update':
        this.#update(statement.access, statement.value);
        return;
      case 'group':
        this.#body(statement.body);
        return;
      case 'call from':
        this.#callFrom(statement);
        return;
      case 'copy':
        this.#place(statement.to, 0);
        this.#place(statement.from, 0);
        this.#i32(pick(LENGTHS, statement.length));
        this.#bulk('both', 0xfc, 10, 0, 0);
        return;
      case 'fill':
        this.#place(statement.to, 0);
        this.#value(statement.value, I32);
        this.#i32(pick(LENGTHS, statement.length));
        this.#bulk('first', 0xfc, 11, 0);
        return;
      case 'init':
        this.#place(statement.to, 0);
        this.#i32(statement.from);
        this.#i32(pick(LENGTHS.slice(0, 6), statement.length));
        this.#bulk('first', 0xfc, 8, SEGMENT, 0);
        return;
      case 'drop data':
        this.#put(0xfc, 9, SEGMENT);
        return;
      case 'steal':
        this.#put(0x41, 1, 0x42, 0);
        this.#i32(stolenAt(this.#program));
        this.#put(0x10, 0, 0x1a);
        return;
      case 'unreachable':
        this.#put(0x00);
        return;
      case 'if':
        this.#if(
          statement.condition,
          EMPTY,
          () => this.#body(statement.body),
          () => this.#body(statement.otherwise),
        );
        return;
      case 'block':
        this.#block(0x02, statement.body);
        return;
      case 'loop':
        this.#loop(statement.times, statement.body);
        return;
      default:
        this.#jump(statement);
        return;
    }
  }

  #point(statement: Extract<Statement, { do: 'point' | 'bump' | 'point too' }>): void {
    if (statement.do === 'point') {
      this.#place(statement.to, 0);
    } else if (statement.do === 'bump') {
      this.#get(this.#pointer(statement.pointer));
      this.#i32(statement.by);
      this.#put(0x6a);
    } else {
      this.#get(this.#pointer(statement.to));
    }
    this.#set(this.#pointer(statement.pointer));
  }

  /** The address is made twice. */
  #update(access: Access, right: Expression): void {
    this.#store(access, { op: 'binary', by: 30 + (access.kind % 3), left: { op: 'load', access }, right });
  }

  #callFrom({ where, pages, delta, after, at, operands }: Extract<Statement, { do: 'call from' }>): void {
    const { functions, stackTop } = this.#program;
    const edge = Math.max(1, Math.floor((stackTop - MARGIN) / PAGE) - pages) * PAGE;
    const { frame, result } = functions[at % functions.length] as FunctionSketch;
    const saved = this.#newLocal(I32);
    this.#put(0x23, STACK_POINTER);
    this.#set(saved);
    this.#i32(where === 'floor' ? (frame?.bytes ?? 0) + delta : edge + MARGIN + delta);
    this.#put(0x24, STACK_POINTER);
    this.#call({ op: 'call', how: 'direct', at, operands }, pick(TYPES, result));
    this.#put(0x1a);
    if (after === 'left') return;
    this.#get(saved);
    this.#put(0x24, STACK_POINTER);
  }

  #jump(statement: Extract<Statement, { do: 'branch' | 'table' | 'return' | 'move stack' | 'move frame' }>): void {
    switch (statement.do) {
      case 'branch': {
        const depth = this.#depth(statement.depth);
        if (depth < 0) return;
        this.#value(statement.condition, I32);
        this.#put(0x0d, ...unsigned(depth));
        return;
      }
      case 'table': {
        const depths = statement.depths.map((each) => this.#depth(each));
        if (depths.includes(-1)) return;
        this.#value(statement.index, I32);
        this.#put(0x41, 3, 0x71, 0x0e, ...unsigned(depths.length - 1), ...depths.flatMap(unsigned));
        return;
      }
      case 'return':
        this.#value(statement.value, this.#result);
        if (statement.how === 'restoring') this.#restore();
        this.#put(0x0f);
        return;
      case 'move stack':
        this.#place(statement.to, 0);
        this.#put(0x24, STACK_POINTER);
        return;
      default:
        if (this.#sketch.frame === null) return;
        this.#place(statement.to, 0);
        this.#set(this.#framePointer);
    }
  }

  /** A label that yields nothing, counted from the innermost, or -1. */
  #depth(index: number): number {
    const found = this.#labels.flatMap((label, at) => (label === 'nothing' ? [this.#labels.length - 1 - at] : []));
    return found.length === 0 ? -1 : pick(found, index);
  }

  #if(condition: Expression, type: number, first: () => void, second: () => void): void {
    this.#value(condition, I32);
    this.#put(0x04, type);
    this.#labels.push(type === EMPTY ? 'nothing' : 'a value');
    first();
    this.#put(0x05);
    second();
    this.#labels.pop();
    this.#put(0x0b);
  }

  #loop(times: number, body: readonly Statement[]): void {
    const counter = this.#newLocal(I32);
    this.#i32(times);
    this.#set(counter);
    this.#put(0x02, EMPTY, 0x03, EMPTY);
    this.#labels.push('nothing', 'nothing');
    this.#spendFuel(() => this.#put(0x0c, 2));
    this.#body(body);
    this.#get(counter);
    this.#put(0x41, 1, 0x6b);
    this.#tee(counter);
    this.#put(0x0d, 0);
    this.#labels.length -= 2;
    this.#put(0x0b, 0x0b);
  }

  #value(expression: Expression, type: Type): void {
    switch (expression.op) {
      case 'constant':
        this.#put(...constant(type, expression.value));
        return;
      case 'local':
        this.#get(this.#local(type, expression.at));
        return;
      case 'tee':
        this.#value(expression.value, type);
        this.#tee(this.#local(type, expression.at));
        return;
      case 'select':
        this.#value(expression.left, type);
        this.#value(expression.right, type);
        this.#value(expression.condition, I32);
        this.#put(0x1b);
        return;
      case 'if':
        this.#if(
          expression.condition,
          type,
          () => this.#value(expression.left, type),
          () => this.#value(expression.right, type),
        );
        return;
      case 'block':
        this.#put(0x02, type);
        this.#labels.push('a value');
        this.#body(expression.body);
        this.#value(expression.value, type);
        this.#labels.pop();
        this.#put(0x0b);
        return;
      case 'load':
        this.#load(expression.access, type);
        return;
      case 'call':
        this.#call(expression, type);
        return;
      case 'binary':
        this.#binary(expression, type);
        return;
      case 'convert':
        this.#converted(expression.by, expression.value, type);
        return;
      default:
        this.#number(expression);
        this.#fromI32(type);
    }
  }

  #number(expression: Extract<Expression, { op: 'global' | 'size' | 'stack pointer' | 'grow' }>): void {
    switch (expression.op) {
      case 'global':
        this.#put(0x23, pick(OTHER_GLOBALS, expression.at));
        return;
      case 'stack pointer':
        this.#put(0x23, STACK_POINTER);
        return;
      case 'size':
        this.#put(0x3f, 0);
        return;
      default:
        this.#i32(expression.pages);
        this.#put(0x40, 0);
    }
  }

  #fromI32(type: Type): void {
    if (type === I64) this.#put(0xac);
    if (type === F32) this.#put(0xbe);
    if (type === F64) this.#put(0xad, 0xbf);
  }

  #binary({ by, left, right }: Extract<Expression, { op: 'binary' }>, type: Type): void {
    const isWide = type === I64 || type === F64;
    this.#value(left, isWide ? I64 : I32);
    this.#value(right, isWide ? I64 : I32);
    if (by < COMPARISONS) {
      this.#put((isWide ? 0x51 : 0x46) + (by % 10));
      if (isWide) this.#put(0xad);
    } else if (by < COMPARISONS + DIVISIONS) {
      this.#put(isWide ? 0x7f : 0x6d);
    } else {
      this.#put(pick(BINARY, by) + (isWide ? I64_BINARY : 0));
    }
    if (type === F32) this.#put(0xbe);
    if (type === F64) this.#put(0xbf);
  }

  #converted(by: number, value: Expression, type: Type): void {
    const from: Readonly<Record<Type, readonly (readonly [Type, readonly number[]])[]>> = {
      [I32]: [
        [I64, [0xa7]],
        [F32, [0xbc]],
        [I32, [0xc0]],
        [I32, [0x45]],
        [I64, [0x50]],
        [I32, [0x67]],
      ],
      [I64]: [
        [I32, [0xad]],
        [I32, [0xac]],
        [F64, [0xbd]],
        [I64, [0xc4]],
      ],
      [F32]: [[I32, [0xbe]]],
      [F64]: [[I64, [0xbf]]],
    };
    const [source, code] = pick(from[type], by);
    this.#value(value, source);
    this.#put(...code);
  }

  #call({ how, at, operands }: Extract<Expression, { op: 'call' }>, type: Type): void {
    const { functions } = this.#program;
    const index = at % functions.length;
    const callee = functions[index] as FunctionSketch;
    for (const [i, parameter] of callee.parameters.entries()) {
      const operand = operands[i];
      if (operand === undefined) this.#put(...constant(pick(TYPES, parameter), i));
      else this.#value(operand, pick(TYPES, parameter));
    }
    if (how === 'direct') {
      this.#put(0x10, ...unsigned(IMPORTS + index));
    } else {
      // Type index i + 1 is that of own function i. Mistyped, or past the table's end.
      this.#i32(how === 'indirect' ? index : index + 1);
      this.#put(0x11, ...unsigned(index + 1), 0);
    }
    this.#cast(pick(TYPES, callee.result), type);
  }

  #cast(from: Type, to: Type): void {
    if (from === to) return;
    if (from === F32) this.#put(0xbc);
    if (from === F64) this.#put(0xbd);
    const isWide = from === I64 || from === F64;
    const toWide = to === I64 || to === F64;
    if (isWide && !toWide) this.#put(0xa7);
    if (!isWide && toWide) this.#put(0xad);
    if (to === F32) this.#put(0xbe);
    if (to === F64) this.#put(0xbf);
  }

  #load(access: Access, type: Type): void {
    const kind = pick(
      LOADS.filter((each) => each.type === type),
      access.kind,
    );
    const offset = this.#place(access.place, pick(OFFSETS, access.offset));
    if (kind.form === 'lane') this.#put(0x42, 0x35, 0xfd, 18);
    this.#access(kind, offset, access.unaligned);
    if (kind.form !== 'scalar') this.#put(0xfd, 29, access.kind & 1);
  }

  #store(access: Access, value: Expression): void {
    const kind = pick(STORES, access.kind);
    const offset = this.#place(access.place, pick(OFFSETS, access.offset));
    this.#value(value, kind.type);
    if (kind.form !== 'scalar') this.#put(0xfd, 18);
    this.#access(kind, offset, access.unaligned);
  }

  /** The operands are on the stack. */
  #access(kind: AccessKind, offset: number, unaligned: number): void {
    if (this.#isGuarded) this.#guard(kind, offset);
    this.#put(...kind.code, Math.max(0, kind.shift - unaligned), ...unsigned(offset));
    if (kind.form === 'lane') this.#put((offset + unaligned) % (16 >> kind.shift));
  }

  #guard({ code, form, type }: AccessKind, offset: number): void {
    const isStore = STORES.some((each) => each.code.join() === code.join());
    const value = isStore || form === 'lane' ? this.#newLocal(form === 'scalar' ? type : V128) : -1;
    const address = this.#newLocal(I32);
    if (value >= 0) this.#set(value);
    this.#tee(address);
    this.#put(0xad, 0x42, ...signed(offset), 0x7c, 0x42, ...signed(PAGE), 0x54);
    this.#trapIf();
    this.#get(address);
    if (value >= 0) this.#get(value);
  }

  /** Ends the program as an access outside of memory does, if what is on the stack is not 0. */
  #trapIf(): void {
    this.#put(0x04, EMPTY, 0x41, 0x7f, 0x2d, 0, ...unsigned(SPACE - 1), 0x1a, 0x0b);
  }

  /** Three operands are on the stack, the first and perhaps the second an address. */
  #bulk(addresses: 'first' | 'both', ...code: readonly number[]): void {
    if (this.#isGuarded) {
      const [first, second, length] = [this.#newLocal(I32), this.#newLocal(I32), this.#newLocal(I32)] as const;
      this.#set(length);
      this.#set(second);
      this.#set(first);
      this.#get(first);
      this.#put(0x41, ...signed(PAGE), 0x49);
      if (addresses === 'both') {
        this.#get(second);
        this.#put(0x41, ...signed(PAGE), 0x49, 0x72);
      }
      this.#get(length);
      this.#put(0x41, 0, 0x47, 0x71);
      this.#trapIf();
      for (const local of [first, second, length]) this.#get(local);
    }
    this.#put(...code);
  }

  /** Leaves the base of an access that is to have `offset`; returns the offset that it has. */
  #place(place: Place, offset: number): number {
    switch (place.in) {
      case 'edge':
      case 'near edge': {
        const { at, isFar } = this.#edge(place.page, place.delta);
        const used = at >= offset || isFar ? offset : 0;
        this.#i32(at - used);
        if (place.in === 'near edge') {
          this.#get(this.#local(I32, place.local));
          this.#i32(place.mask);
          this.#put(0x71, 0x6a);
        }
        return used;
      }
      case 'group':
        this.#get(this.#pointer(place.pointer));
        if (place.added !== 0) {
          this.#i32(place.added);
          this.#put(0x6a);
        }
        return pick(GROUP_OFFSETS, place.offset);
      case 'frame':
        return this.#framePlace(place, offset);
      case 'stack': {
        const used = offset <= 12 ? offset : 0;
        this.#put(0x23, STACK_POINTER);
        this.#i32(place.distance - used);
        this.#put(0x6a);
        return used;
      }
      case 'low':
        this.#value(place.at, I32);
        this.#i32(0xbfff);
        this.#put(0x71, 0x41, ...signed(0x2000), 0x6a);
        return offset <= PAGE + 1 ? offset : 0;
      case 'space':
        this.#value(place.at, I32);
        return offset;
      default:
        this.#i32(-place.below);
        return offset;
    }
  }

  /** An edge of a page; few are such that an access there can fault. */
  #edge(page: number, delta: number): { readonly at: number; readonly isFar: boolean } {
    const last = (this.#program.pages * WASM_PAGE) / PAGE;
    const edge = page === 57 ? last : page === 58 ? 1 : page === 59 ? 0 : 2 + (page % (last - 3));
    return { at: edge * PAGE + delta, isFar: page === 57 };
  }

  /** Bulk accesses, which have no offset, ask for 0. */
  #framePlace({ whose, distance: far, split }: Extract<Place, { in: 'frame' }>, offset: number): number {
    const { frame } = this.#sketch;
    const bytes = frame?.bytes ?? 1;
    const distance = whose === 'any' ? far : whose === 'own' ? Math.abs(far) % bytes : Math.max(0, bytes - far);
    if (frame === null) return this.#place({ in: 'edge', page: Math.abs(distance) % 56, delta: split % 9 }, offset);
    const added = distance < 0 || offset === 0 ? distance : Math.min(split, distance);
    this.#get(this.#framePointer);
    if (added === 0) return distance;
    this.#i32(added);
    this.#put(0x6a);
    return distance - added;
  }
}
