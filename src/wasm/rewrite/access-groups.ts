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
// made, a store joins a group of loads only where it is made each time.
//
// Cost: two passes over a body that has something to gain, no object per instruction. Source: the available expressions of data-flow analysis.

import { ByteReader, type ModuleInfo, Op, opShapes, Shape, skipImmediates } from '../binary/index.ts';
import type { NullPage } from './codegen-access.ts';
import { isLoad, kindOf, kindShift } from './memory-access.ts';
import { FIRST_BASE, OperandValues } from './operand-values.ts';

const PAGE = 4096;
/**
 * Bytes from a group's first to its last, unless they are all in one access: a group over the edge of a page calls helpers, which cost five
 * times as much, and of groups this long 1 in 64 is.
 */
const LONGEST_SPAN = 64;
/** Groups that can be joined at one place. */
const MAXIMUM_OPEN = 8;
/** Locals for groups that live at the same time. */
export const MAXIMUM_SLOTS = 6;
/** No group. */
export const ALONE = -1;

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
  /** File offsets. */
  readonly start: number;
  readonly end: number;
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

  at(index: number): number {
    return this.#values[index] as number;
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
  // Of each block, in the order in which they begin: its part of `#set`, what may let the kernel in so far when it begins and ends, file offset of its end.
  readonly #setFrom = new Numbers();
  readonly #setTo = new Numbers();
  readonly #entriesBefore = new Numbers();
  readonly #entriesAfter = new Numbers();
  readonly #ends = new Numbers();
  // Locals that are set, in the order of the code.
  readonly #set = new Numbers();
  // Of each access, in order: its group in `#groups`, or ALONE, and its distance from the group's base.
  readonly #groupOf = new Numbers();
  readonly #distanceOf = new Numbers();
  readonly #groups: AccessGroup[] = [];
  // The blocks around the code being decoded: their numbers, and loops among them.
  readonly #blocks: number[] = [];
  readonly #loops: number[] = [];
  // For each open block, the groups that were open when it began.
  readonly #openAtStart: (readonly number[])[] = [];
  #open: number[] = [];
  #stretch = 0;
  // What may have let the kernel in, so far.
  #entries = 0;

  constructor(module: ModuleInfo, nullPage: NullPage) {
    this.#module = module;
    this.#nullPage = nullPage;
    this.#reader = new ByteReader(module.bytes, 0, 0, '');
    this.#values = new OperandValues(module, new ByteReader(module.bytes, 0, module.bytes.length, 'code'));
  }

  /** Forgets the last body's groups: the next one has none. */
  none(): void {
    this.#groupOf.length = 0;
  }

  /** Finds the groups of a body. */
  find(body: GroupingBody): void {
    this.#body = body;
    this.#groupOf.length = 0;
    this.#distanceOf.length = 0;
    this.#groups.length = 0;
    if (this.#survey() < 2) return;
    this.#form();
    this.#assignSlots();
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

  /** First pass: what each block sets, and whether the kernel may be let in there. Returns how many accesses could be in groups. */
  #survey(): number {
    for (const numbers of [this.#setFrom, this.#setTo, this.#entriesBefore, this.#entriesAfter, this.#ends, this.#set]) numbers.length = 0;
    let candidates = 0;
    this.#decode((opcode, at) => {
      if (opcode === Op.localSet || opcode === Op.localTee) this.#set.push(this.#immediate(at));
      else if (opcode === Op.end) this.#closeSurveyed();
      else if (opShapes[opcode] === Shape.block) this.#surveyBlock();
      else if (this.#inlinedKind(opcode, at) >= 0) candidates++;
      else if (this.#letsKernelIn(opcode)) this.#entries++;
    });
    return candidates;
  }

  #surveyBlock(): void {
    this.#setFrom.push(this.#set.length);
    this.#setTo.push(0);
    this.#entriesBefore.push(this.#entries);
    this.#entriesAfter.push(0);
    this.#ends.push(0);
  }

  #closeSurveyed(): void {
    const block = this.#blocks[this.#blocks.length - 1];
    if (block === undefined) return;
    this.#setTo.put(block, this.#set.length);
    this.#entriesAfter.put(block, this.#entries);
    this.#ends.put(block, this.#reader.position);
  }

  /** Second pass: the groups. */
  #form(): void {
    const values = this.#values;
    const { pointer, leaves, localCount } = this.#body;
    values.begin(pointer, leaves, localCount);
    this.#open.length = 0;
    this.#openAtStart.length = 0;
    this.#stretch = 0;
    let blocks = 0;
    this.#decode((opcode, at) => {
      if (opcode === Op.end) this.#endBlock();
      else if (opcode === Op.else) this.#beginElse();
      else if (opShapes[opcode] === Shape.block) this.#beginBlock(opcode, blocks++);
      else if (opShapes[opcode] === Shape.memarg) this.#access(opcode, at);
      else if (this.#letsKernelIn(opcode)) this.#open.length = 0;
      else if (opcode >= Op.br && opcode <= Op.return) this.#stretch++;
      values.step(opcode, at);
    });
  }

  /**
   * Calls `visit` with each instruction, behind its immediates. Blocks are in `#blocks` and `#loops` from behind their first instruction until
   * behind their last. What is malformed ends it: whoever rewrites the body says what is wrong.
   */
  #decode(visit: (opcode: number, at: number) => void): void {
    const { start, end } = this.#body;
    this.#reader = new ByteReader(this.#module.bytes, start, end, 'code');
    const reader = this.#reader;
    this.#blocks.length = 0;
    this.#loops.length = 0;
    this.#entries = 0;
    let blocks = 0;
    for (let depth = 1; depth > 0 && reader.position < end; ) {
      const at = reader.position;
      const opcode = reader.bytes[at] as number;
      reader.position = at + 1;
      if (opShapes[opcode] !== Shape.none) skipImmediates(reader, opcode);
      visit(opcode, at);
      if (opShapes[opcode] === Shape.block) {
        depth++;
        if (opcode === Op.loop) this.#loops.push(blocks);
        this.#blocks.push(blocks++);
      } else if (opcode === Op.end) {
        depth--;
        if (this.#loops[this.#loops.length - 1] === this.#blocks.pop()) this.#loops.pop();
      }
    }
  }

  #immediate(at: number): number {
    const { position } = this.#reader;
    this.#reader.position = at + 1;
    const immediate = this.#reader.u32();
    this.#reader.position = position;
    return immediate;
  }

  /** Returns the kind of an access whose hit path is inlined, -1 of everything else. */
  #inlinedKind(opcode: number, at: number): number {
    if (opShapes[opcode] !== Shape.memarg) return -1;
    if (this.#body.inlining === 'loops' && this.#loops.length === 0) return -1;
    const kind = kindOf(opcode);
    return this.#immediate(at) === kindShift[kind] ? kind : -1;
  }

  /** Tells whether an instruction, if it is no inlined access, may let the kernel in each time it runs. */
  #letsKernelIn(opcode: number): boolean {
    const shape = opShapes[opcode];
    return (
      (opcode >= Op.call && opcode <= Op.returnCallIndirect) ||
      shape === Shape.memarg ||
      shape === Shape.zeroByte ||
      shape === Shape.prefix
    );
  }

  #beginBlock(opcode: number, block: number): void {
    this.#stretch++;
    const isCalm = this.#entriesBefore.at(block) === this.#entriesAfter.at(block);
    if (opcode === Op.loop) {
      if (!isCalm) this.#open.length = 0;
      this.#forgetSet(block);
    }
    this.#openAtStart.push(this.#open.slice());
  }

  #beginElse(): void {
    this.#stretch++;
    this.#open = (this.#openAtStart[this.#openAtStart.length - 1] ?? []).slice();
    this.#forgetSet(this.#blocks[this.#blocks.length - 1] as number);
  }

  #endBlock(): void {
    const block = this.#blocks[this.#blocks.length - 1];
    const open = this.#openAtStart.pop();
    if (block === undefined || open === undefined) return;
    this.#stretch++;
    const isCalm = this.#entriesBefore.at(block) === this.#entriesAfter.at(block);
    this.#open = isCalm ? open.slice() : [];
    this.#forgetSet(block);
  }

  #forgetSet(block: number): void {
    for (let i = this.#setFrom.at(block); i < this.#setTo.at(block); i++) this.#values.forget(this.#set.at(i));
  }

  #access(opcode: number, at: number): void {
    const kind = this.#inlinedKind(opcode, at);
    const values = this.#values;
    const below = isLoad(kindOf(opcode)) ? 0 : 1;
    const base = values.base(below);
    this.#groupOf.push(ALONE);
    this.#distanceOf.push(0);
    if (kind < 0) {
      this.#open.length = 0;
      return;
    }
    const offset = this.#offsetOf(at);
    const isNear = offset === 0 || (offset < PAGE && this.#nullPage === 'unmapped');
    if (base < FIRST_BASE || !isNear) return;
    this.#join(kind, base, values.offset(below) + offset, at);
  }

  #offsetOf(at: number): number {
    const { position } = this.#reader;
    this.#reader.position = at + 1;
    this.#reader.u32();
    const offset = this.#reader.u32();
    this.#reader.position = position;
    return offset;
  }

  /** Makes the access part of a group that is open, or the first of one. */
  #join(kind: number, base: number, low: number, start: number): void {
    const ordinal = this.#groupOf.length - 1;
    const high = low + (1 << (kindShift[kind] as number));
    const table = isLoad(kind) ? 'read' : 'write';
    const group = this.#openGroup(base, low, high, table);
    this.#distanceOf.put(ordinal, low);
    if (group >= 0) {
      this.#groupOf.put(ordinal, group);
      const joined = this.#groups[group] as AccessGroup;
      joined.low = Math.min(joined.low, low);
      joined.high = Math.max(joined.high, high);
      if (table === 'write') joined.table = 'write';
      joined.accesses++;
      joined.end = this.#endOfUse(joined);
      return;
    }
    if (this.#open.length === MAXIMUM_OPEN) this.#open.shift();
    this.#groupOf.put(ordinal, this.#groups.length);
    this.#open.push(this.#groups.length);
    const { position: end } = this.#reader;
    const [stretch, depth] = [this.#stretch, this.#blocks.length];
    this.#groups.push({ first: ordinal, base, low, high, table, accesses: 1, start, end, slot: -1, anchor: 0, stretch, depth });
  }

  #openGroup(base: number, low: number, high: number, table: 'read' | 'write'): number {
    for (const at of this.#open) {
      const group = this.#groups[at] as AccessGroup;
      if (group.base !== base) continue;
      const isCertain = group.stretch === this.#stretch;
      const isWithin = low >= group.low && high <= group.high;
      const isShort = Math.max(high, group.high) - Math.min(low, group.low) <= LONGEST_SPAN;
      if ((isCertain || table === 'read' || group.table === 'write') && (isWithin || (isCertain && isShort))) return at;
    }
    return -1;
  }

  /** Returns where the group's `physical` is last needed, if it is needed here: in a loop that began after it, as long as that runs. */
  #endOfUse({ depth }: AccessGroup): number {
    const loop = this.#loops.find((block) => this.#blocks.indexOf(block) >= depth);
    return loop === undefined ? this.#reader.position : this.#ends.at(loop);
  }

  /** Gives each group of several a slot while it lives, as long as there are any. */
  #assignSlots(): void {
    const busyUntil = new Array<number>(MAXIMUM_SLOTS).fill(0);
    for (const group of this.#groups) {
      if (group.accesses < 2) continue;
      const slot = busyUntil.findIndex((until) => until <= group.start);
      if (slot < 0) continue;
      group.slot = slot;
      busyUntil[slot] = group.end;
    }
  }
}
