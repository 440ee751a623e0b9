// Which accesses of a function share one check: those whose addresses differ by known amounts (operand-values.ts), where nothing in between can
// have changed a translation.
//
//   i32.load  (p + 8)      the group's first access: is [p + 0, p + 16) in one page, and has that a valid word? If so, `physical` is where
//                          p + 0 is, else 0
//   i32.store (p + 12)     a later one: physical != 0 ? store at physical + 12 : call the helper
//   i64.load  (p + 0)      the same
//
// A group lives in what its first access dominates: straight on, into blocks, loops and the arms of an if, and over them. It ends
//
//   - at whatever may let the kernel in each time it runs: a call, memory.grow, a bulk operation, an access by a helper (GC1 in abi.ts)
//   - before a loop that has one of those
//   - behind a block that has one of those, or at the end of the block that its first access is in
//
// and its code goes on as follows:
//
//   AG1  `physical` is 0, or bytes [low, high) of the group are there, readable, and writable if one of its accesses is a store
//   AG2  whatever misses lets the kernel in, so the code behind every miss sets `physical` of all groups to 0; these then call helpers
//   AG3  an access adds at most a page less 1 to its base, or page 0 can be valid and it adds nothing: so a sum that wrapped lies in page 0, and
//        AG1 makes it a miss
//
// The word is taken from the write table if the group has a store, which never says yes where the read table says no. So that loads do not miss for a store that is not
// made, a store joins a group of loads only where it is made each time. Likewise only what is accessed each time makes a group longer.
//
// Cost: two passes over a body that may have something to gain, no object per instruction. Source: the available expressions of data-flow analysis.

import { ByteReader, type ModuleInfo, Op, opShapes, Shape, skipImmediates, ValueType } from '../binary/index.ts';
import { MAXIMUM_GROUPS } from './function-locals.ts';
import { isLoad, isNear, kindOf, kindShift, type NullPage } from './memory-access.ts';
import { FIRST_BASE, OperandValues } from './operand-values.ts';

/**
 * Bytes from a group's first to its last, unless they are all in one access: a group over the edge of a page calls helpers, which cost five
 * times as much, and of groups this long 1 in 64 is.
 */
const LONGEST_SPAN = 64;
/** Groups that can be joined at one place. */
const MAXIMUM_OPEN = 8;
/** No group. */
const ALONE = -1;

/** What an instruction is to the passes. */
const Role = { other: 0, setsLocal: 1, access: 2, letsKernelIn: 3, block: 4, loop: 5, else: 6, end: 7, leaves: 8 } as const;

const roles: Readonly<Uint8Array> = Uint8Array.from({ length: 256 }, (_, opcode) => roleOf(opcode));

function roleOf(opcode: number): number {
  const shape = opShapes[opcode];
  if (opcode === Op.localSet || opcode === Op.localTee) return Role.setsLocal;
  if (shape === Shape.memarg) return Role.access;
  if (opcode >= Op.call && opcode <= Op.returnCallIndirect) return Role.letsKernelIn;
  // memory.size and memory.grow, and all that has a prefix, as bulk operations and vectors.
  if (shape === Shape.zeroByte || shape === Shape.prefix) return Role.letsKernelIn;
  if (opcode === Op.loop) return Role.loop;
  if (shape === Shape.block) return Role.block;
  if (opcode === Op.else) return Role.else;
  if (opcode === Op.end) return Role.end;
  return opcode >= Op.br && opcode <= Op.return ? Role.leaves : Role.other;
}

/** Accesses that share one check. */
export interface AccessGroup {
  /** The first, counted from 0 in the order of the file. */
  readonly first: number;
  readonly base: number;
  /** Bytes that its accesses reach, relative to `base`. */
  low: number;
  high: number;
  table: 'read' | 'write';
  accesses: number;
  /** File offsets between which somebody may need `physical`. */
  readonly start: number;
  end: number;
  /** Which local holds `physical`. */
  slot: number;
  /** Where `physical` points to, relative to `base`; known when the first access has been emitted. */
  anchor: number;
  // What is straight on from the first access has its number.
  readonly stretch: number;
  // Open blocks around the first access.
  readonly depth: number;
}

/** A body, or what is to be rewritten of it. */
export interface GroupingBody {
  /** Stands at its first instruction, and stays there. */
  readonly reader: ByteReader;
  readonly localCount: number;
  /** In its loops only, or everywhere. */
  readonly inlining: 'everywhere' | 'loops';
  /** The local whose accesses are not to be grouped: the frame pointer, in a function with a window. -1: none. */
  readonly pointer: number;
  readonly leaves: 'on stack' | 'nothing';
}

/** Numbers that grow as needed. */
class Numbers {
  #values = new Int32Array(256);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const longer = new Int32Array(2 * this.length);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.length++] = value;
  }

  pop(): number {
    return this.length === 0 ? -1 : (this.#values[--this.length] as number);
  }

  at(index: number): number {
    return this.#values[index] as number;
  }

  get last(): number {
    return this.length === 0 ? -1 : (this.#values[this.length - 1] as number);
  }

  put(index: number, value: number): void {
    this.#values[index] = value;
  }
}

/** Finds the groups of one body after another. */
export class AccessGroups {
  readonly #module: ModuleInfo;
  readonly #nullPage: NullPage;
  readonly #values: OperandValues;
  #reader: ByteReader;
  #body!: GroupingBody;
  // File offset of each instruction, and behind them of the end.
  #starts = new Int32Array(1024);
  #instructionCount = 0;
  // Locals that are set, in the order of the code.
  #set = new Int32Array(1024);
  #setCount = 0;
  // Of each block, in the order in which they begin: its part of `#set`, how often the kernel may be let in before its begin and before its end, file offset of its end.
  readonly #setFrom = new Numbers();
  readonly #setTo = new Numbers();
  readonly #entriesBefore = new Numbers();
  readonly #entriesAfter = new Numbers();
  readonly #ends = new Numbers();
  // The blocks around the code being looked at: their numbers, and those of loops among them with their depths.
  readonly #blocks = new Numbers();
  readonly #loops = new Numbers();
  readonly #loopDepths = new Numbers();
  // Of each access, in order: its group in `#groups`, or ALONE, and its distance from the group's base.
  readonly #groupOf = new Numbers();
  readonly #distanceOf = new Numbers();
  readonly #groups: AccessGroup[] = [];
  // Groups that an access here can join.
  readonly #open = new Numbers();
  // For each open block those that were open when it began, and below them, last, how many.
  readonly #openBefore = new Numbers();
  #stretch = 0;

  constructor(module: ModuleInfo, nullPage: NullPage) {
    this.#module = module;
    this.#nullPage = nullPage;
    this.#reader = new ByteReader(module.bytes, 0, 0, '');
    this.#values = new OperandValues(module, new ByteReader(module.bytes, 0, module.bytes.length, 'code'));
  }

  /** Finds the groups of a body; those of the last one are forgotten. undefined: it is to have none. */
  find(body: GroupingBody | undefined): void {
    this.#groupOf.length = 0;
    this.#distanceOf.length = 0;
    this.#groups.length = 0;
    if (body === undefined || (body.inlining === 'loops' && !this.#mayHaveLoop(body))) return;
    this.#body = body;
    this.#reader = body.reader;
    const { position } = body.reader;
    if (this.#survey() >= 2) {
      this.#form();
      this.#assignSlots();
    }
    body.reader.position = position;
  }

  /** Returns the group of the `ordinal`-th scalar access of the body, undefined if it has none. */
  groupOf(ordinal: number): AccessGroup | undefined {
    const group = ordinal < this.#groupOf.length ? this.#groupOf.at(ordinal) : ALONE;
    return group === ALONE || (this.#groups[group] as AccessGroup).slot < 0 ? undefined : this.#groups[group];
  }

  /** Returns how far its first byte is from the base of its group. */
  distanceOf(ordinal: number): number {
    return this.#distanceOf.at(ordinal);
  }

  /** Looks for what a compiler's loops begin with; an immediate may look the same. */
  #mayHaveLoop({ reader: { bytes, position, end } }: GroupingBody): boolean {
    for (let at = position; at < end; at++) if (bytes[at] === Op.loop && bytes[at + 1] === ValueType.empty) return true;
    return false;
  }

  /**
   * First pass: where instructions begin, what each block sets, and whether the kernel may be let in there. Returns how many accesses could be in groups.
   * Few calls: for most modules this runs once, before the engine compiles it.
   */
  #survey(): number {
    const reader = this.#reader;
    const { bytes, position: start, end } = reader;
    const { pointer } = this.#body;
    this.#reset(end - start + 1);
    const starts = this.#starts;
    const set = this.#set;
    let count = 0;
    let candidates = 0;
    let entries = 0;
    let pointerRead = -1;
    let depth = 1;
    for (let at = start; depth > 0 && at < end; at = reader.position) {
      const opcode = bytes[at] as number;
      const role = roles[opcode];
      starts[count++] = at;
      reader.position = at + 1;
      if (opShapes[opcode] === Shape.none) {
        if (role !== Role.end) continue;
        depth--;
        this.#surveyEnd(entries);
        continue;
      }
      const immediate = bytes[at + 1] as number;
      if (opShapes[opcode] === Shape.index && immediate < 0x80) reader.position = at + 2;
      else skipImmediates(reader, opcode);
      if (role === Role.other) {
        if (opcode === Op.localGet && immediate === pointer) pointerRead = reader.position;
      } else if (role === Role.setsLocal) {
        set[this.#setCount++] = immediate < 0x80 ? immediate : this.#immediate(at);
      } else if (role === Role.access && this.#isInlined(opcode, at)) {
        if (pointerRead !== at) candidates++;
      } else if (role === Role.access || role === Role.letsKernelIn) {
        entries++;
      } else if (role === Role.block || role === Role.loop) {
        depth++;
        this.#surveyBlock(role, entries);
      }
    }
    starts[count] = reader.position;
    this.#instructionCount = count;
    return candidates;
  }

  /** Makes everything empty, with room for a body of so many bytes. */
  #reset(bodyBytes: number): void {
    if (bodyBytes > this.#starts.length) {
      this.#starts = new Int32Array(2 * bodyBytes);
      this.#set = new Int32Array(2 * bodyBytes);
    }
    this.#setCount = 0;
    this.#setFrom.length = 0;
    this.#setTo.length = 0;
    this.#entriesBefore.length = 0;
    this.#entriesAfter.length = 0;
    this.#ends.length = 0;
    this.#blocks.length = 0;
    this.#loops.length = 0;
    this.#loopDepths.length = 0;
  }

  #immediate(at: number): number {
    const { position } = this.#reader;
    this.#reader.position = at + 1;
    const immediate = this.#reader.u32();
    this.#reader.position = position;
    return immediate;
  }

  #surveyBlock(role: number, entries: number): void {
    this.#enter(role, this.#setFrom.length);
    this.#setFrom.push(this.#setCount);
    this.#setTo.push(0);
    this.#entriesBefore.push(entries);
    this.#entriesAfter.push(entries);
    this.#ends.push(0);
  }

  #surveyEnd(entries: number): void {
    const block = this.#blocks.last;
    if (block < 0) return;
    this.#setTo.put(block, this.#setCount);
    this.#entriesAfter.put(block, entries);
    this.#ends.put(block, this.#reader.position);
    this.#leave();
  }

  #enter(role: number, block: number): void {
    if (role === Role.loop) {
      this.#loops.push(block);
      this.#loopDepths.push(this.#blocks.length);
    }
    this.#blocks.push(block);
  }

  #leave(): void {
    if (this.#blocks.pop() !== this.#loops.last) return;
    this.#loops.pop();
    this.#loopDepths.pop();
  }

  /** Tells whether the access at `at` has its hit path inlined. */
  #isInlined(opcode: number, at: number): boolean {
    if (this.#body.inlining === 'loops' && this.#loops.length === 0) return false;
    return this.#module.bytes[at + 1] === kindShift[kindOf(opcode)];
  }

  /** Second pass: the groups. */
  #form(): void {
    const values = this.#values;
    const starts = this.#starts;
    const { bytes } = this.#module;
    const { pointer, leaves, localCount } = this.#body;
    values.begin(pointer, leaves, localCount);
    this.#open.length = 0;
    this.#openBefore.length = 0;
    this.#blocks.length = 0;
    this.#loops.length = 0;
    this.#loopDepths.length = 0;
    this.#stretch = 0;
    let blocks = 0;
    const count = this.#instructionCount;
    for (let i = 0; i < count; i++) {
      const at = starts[i] as number;
      const opcode = bytes[at] as number;
      switch (roles[opcode]) {
        case Role.access:
          this.#access(opcode, at, starts[i + 1] as number);
          break;
        case Role.letsKernelIn:
          this.#open.length = 0;
          break;
        case Role.loop:
        case Role.block:
          this.#beginBlock(roles[opcode] as number, blocks++);
          break;
        case Role.else:
          this.#beginElse();
          break;
        case Role.end:
          this.#endBlock();
          break;
        case Role.leaves:
          this.#stretch++;
          break;
        default:
      }
      values.step(opcode, at);
    }
  }

  #beginBlock(role: number, block: number): void {
    this.#stretch++;
    this.#enter(role, block);
    if (role === Role.loop) {
      if (!this.#isCalm(block)) this.#open.length = 0;
      this.#forgetSet(block);
    }
    const open = this.#open;
    for (let i = 0; i < open.length; i++) this.#openBefore.push(open.at(i));
    this.#openBefore.push(open.length);
  }

  #beginElse(): void {
    const block = this.#blocks.last;
    if (block < 0) return;
    this.#stretch++;
    this.#reopen();
    this.#forgetSet(block);
  }

  #endBlock(): void {
    const block = this.#blocks.last;
    if (block < 0) return;
    this.#stretch++;
    this.#reopen();
    if (!this.#isCalm(block)) this.#open.length = 0;
    this.#openBefore.length -= 1 + this.#openBefore.last;
    this.#forgetSet(block);
    this.#leave();
  }

  /** Makes those open that were when the innermost block began. */
  #reopen(): void {
    const before = this.#openBefore;
    const first = before.length - 1 - before.last;
    this.#open.length = 0;
    for (let i = first; i < before.length - 1; i++) this.#open.push(before.at(i));
  }

  /** Tells whether nothing in the block may let the kernel in but misses. */
  #isCalm(block: number): boolean {
    return this.#entriesBefore.at(block) === this.#entriesAfter.at(block);
  }

  #forgetSet(block: number): void {
    const end = this.#setTo.at(block);
    for (let i = this.#setFrom.at(block); i < end; i++) this.#values.forget(this.#set[i] as number);
  }

  #access(opcode: number, at: number, end: number): void {
    this.#groupOf.push(ALONE);
    this.#distanceOf.push(0);
    if (!this.#isInlined(opcode, at)) {
      this.#open.length = 0;
      return;
    }
    const kind = kindOf(opcode);
    const below = isLoad(kind) ? 0 : 1;
    const base = this.#values.base(below);
    if (base < FIRST_BASE) return;
    // The alignment, which is right, is one byte.
    this.#reader.position = at + 2;
    const offset = this.#reader.u32();
    if (isNear(offset, this.#nullPage)) this.#join(kind, base, this.#values.offset(below) + offset, { start: at, end });
  }

  /** Makes the access part of a group that is open, or the first of one. */
  #join(kind: number, base: number, low: number, place: { readonly start: number; readonly end: number }): void {
    const ordinal = this.#groupOf.length - 1;
    const high = low + (1 << (kindShift[kind] as number));
    const table = isLoad(kind) ? 'read' : 'write';
    const open = this.#openGroup(base, low, high, table);
    this.#distanceOf.put(ordinal, low);
    this.#groupOf.put(ordinal, open >= 0 ? open : this.#groups.length);
    if (open < 0) {
      if (this.#open.length === MAXIMUM_OPEN) this.#open.length = 0;
      this.#open.push(this.#groups.length);
      const [stretch, depth] = [this.#stretch, this.#blocks.length];
      this.#groups.push({ first: ordinal, base, low, high, table, accesses: 1, ...place, slot: -1, anchor: 0, stretch, depth });
      return;
    }
    const group = this.#groups[open] as AccessGroup;
    group.low = Math.min(group.low, low);
    group.high = Math.max(group.high, high);
    if (table === 'write') group.table = 'write';
    group.accesses++;
    group.end = this.#endOfUse(group, place.end);
  }

  /** Returns the open group that an access to bytes [low, high) can join, or -1. */
  #openGroup(base: number, low: number, high: number, table: 'read' | 'write'): number {
    for (let i = 0; i < this.#open.length; i++) {
      const group = this.#groups[this.#open.at(i)] as AccessGroup;
      if (group.base !== base) continue;
      const isCertain = group.stretch === this.#stretch;
      const isWithin = low >= group.low && high <= group.high;
      const isShort = Math.max(high, group.high) - Math.min(low, group.low) <= LONGEST_SPAN;
      if ((isCertain || table === 'read' || group.table === 'write') && (isWithin || (isCertain && isShort))) return this.#open.at(i);
    }
    return -1;
  }

  /** Returns where the group's `physical` is last needed, if it is needed before `end`: in a loop that began after it, as long as that runs. */
  #endOfUse({ depth }: AccessGroup, end: number): number {
    for (let i = 0; i < this.#loops.length; i++) if (this.#loopDepths.at(i) >= depth) return this.#ends.at(this.#loops.at(i));
    return end;
  }

  /** Gives each group of several a slot while it lives, as long as there are any. */
  #assignSlots(): void {
    const busyUntil = new Array<number>(MAXIMUM_GROUPS).fill(0);
    for (const group of this.#groups) {
      if (group.accesses < 2) continue;
      const slot = busyUntil.findIndex((until) => until <= group.start);
      if (slot < 0) continue;
      group.slot = slot;
      busyUntil[slot] = group.end;
    }
  }
}
