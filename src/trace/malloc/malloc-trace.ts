// A malloc trace: what a program asked of its heap, in columns of typed arrays, 18 bytes an operation.
//
//   operations  | malloc | memalign | realloc | free | ...   a MallocOperation
//   ids         |      0 |        1 |       0 |    1 | ...   which block: numbered from 0 in the order in which blocks are given
//   sizes       |     32 |      100 |      64 |    0 | ...   bytes asked for; up to 2^53, for there are traces of such programs
//   alignments  |      0 |        6 |       0 |    0 | ...   memalign: base-2 logarithm of what was asked for
//   lines       |      5 |        6 |       7 |    8 | ...   where it stands in the file, from 1 on
//   threads     |      1 |        1 |       2 |    1 | ...   who asked, if the file tells
//
// MT1  An allocation gives a new id. realloc and free name an id that was given and not freed.
// MT2  Ids below `blocks` are all given, each once.
//
// Files name blocks in their own way, by numbers or by addresses that come again; the builder keeps who is alive.

/** What is asked of a heap. */
export const MallocOperation = { malloc: 0, calloc: 1, memalign: 2, realloc: 3, free: 4 } as const;

export type MallocOperation = (typeof MallocOperation)[keyof typeof MallocOperation];

/** A whole trace. Columns have `length` entries. */
export interface MallocTrace {
  /** For people: the file's name, or how it was generated. */
  readonly name: string;
  readonly length: number;
  /** Blocks that were ever given: ids are below it. */
  readonly blocks: number;
  readonly operations: Uint8Array;
  readonly ids: Uint32Array;
  readonly sizes: Float64Array;
  readonly alignments: Uint8Array;
  readonly lines: Uint32Array;
  /** Undefined if the file does not tell of threads. */
  readonly threads: Uint32Array | undefined;
  /** Operations of the file on blocks that are older than it (mtrace): they are left out. */
  readonly skipped: number;
}

/** Operations at first; doubled when they are full. */
const FIRST_CAPACITY = 4096;

/** Puts a trace together, operation by operation. Methods return what is wrong, in words that follow the line's number, and have changed nothing then. */
export class MallocTraceBuilder {
  /** The line of the next operation. */
  line = 0;
  /** Who asks next; undefined until the file tells of threads. */
  thread: number | undefined;
  /** Operations left out so far. */
  skipped = 0;
  #length = 0;
  #blocks = 0;
  #operations = new Uint8Array(FIRST_CAPACITY);
  #ids = new Uint32Array(FIRST_CAPACITY);
  #sizes = new Float64Array(FIRST_CAPACITY);
  #alignments = new Uint8Array(FIRST_CAPACITY);
  #lines = new Uint32Array(FIRST_CAPACITY);
  #threads: Uint32Array | undefined;
  /** The id that a file's name of a block means, the last one if it came again; its complement once it is freed. */
  readonly #named = new BlockNames();

  /** Operations so far. */
  get length(): number {
    return this.#length;
  }

  /** Whether the file's name of a block was ever one. */
  knows(name: number): boolean {
    return this.#named.has(name);
  }

  /** Adds an allocation. @param alignment of memalign: a power of two */
  allocate(operation: MallocOperation, name: number, bytes: number, alignment = 1): string | undefined {
    const known = this.#named.get(name);
    if (known !== undefined && known >= 0) return `block ${label(name)} is given, and was not freed before`;
    if (known === undefined && !this.#named.hasRoom) return 'this is one more address than can be kept apart';
    const shift = Math.log2(alignment);
    if (!Number.isInteger(shift) || shift < 0) return `the alignment ${alignment} is no power of two`;
    this.#named.set(name, this.#blocks);
    this.#add(operation, this.#blocks++, bytes, shift);
    return undefined;
  }

  /** Adds a realloc. @param newName what the file calls the block from now on */
  reallocate(name: number, newName: number, bytes: number): string | undefined {
    const id = this.#named.get(name);
    if (id === undefined) return `block ${label(name)} is resized, and was never given`;
    if (id < 0) return `block ${label(name)} is resized, and was freed before`;
    const taken = newName === name ? undefined : this.#named.get(newName);
    if (taken === undefined && !this.#named.hasRoom) return 'this is one more address than can be kept apart';
    if (taken !== undefined && taken >= 0) return `block ${label(name)} moves to ${label(newName)}, where a block is alive`;
    this.#named.set(name, ~id);
    this.#named.set(newName, id);
    this.#add(MallocOperation.realloc, id, bytes, 0);
    return undefined;
  }

  /** Adds a free. */
  free(name: number): string | undefined {
    const id = this.#named.get(name);
    if (id === undefined) return `block ${label(name)} is freed, and was never given`;
    if (id < 0) return `block ${label(name)} is freed, and was freed before`;
    this.#named.set(name, ~id);
    this.#add(MallocOperation.free, id, 0, 0);
    return undefined;
  }

  /** Returns the trace. Nothing may be added afterwards. */
  build(name: string): MallocTrace {
    const length = this.#length;
    return {
      name,
      length,
      blocks: this.#blocks,
      operations: this.#operations.slice(0, length),
      ids: this.#ids.slice(0, length),
      sizes: this.#sizes.slice(0, length),
      alignments: this.#alignments.slice(0, length),
      lines: this.#lines.slice(0, length),
      threads: this.#threads?.slice(0, length),
      skipped: this.skipped,
    };
  }

  #add(operation: MallocOperation, id: number, bytes: number, shift: number): void {
    const at = this.#length;
    if (at === this.#operations.length) this.#grow(2 * at);
    this.#operations[at] = operation;
    this.#ids[at] = id;
    this.#sizes[at] = bytes;
    this.#alignments[at] = shift;
    this.#lines[at] = this.line;
    if (this.thread !== undefined) {
      this.#threads ??= new Uint32Array(this.#operations.length);
      this.#threads[at] = this.thread;
    }
    this.#length = at + 1;
  }

  #grow(capacity: number): void {
    const grown = <T extends Uint8Array | Uint32Array | Float64Array>(old: T, column: T): T => {
      column.set(old);
      return column;
    };
    this.#operations = grown(this.#operations, new Uint8Array(capacity));
    this.#ids = grown(this.#ids, new Uint32Array(capacity));
    this.#sizes = grown(this.#sizes, new Float64Array(capacity));
    this.#alignments = grown(this.#alignments, new Uint8Array(capacity));
    this.#lines = grown(this.#lines, new Uint32Array(capacity));
    if (this.#threads !== undefined) this.#threads = grown(this.#threads, new Uint32Array(capacity));
  }
}

const NO_ID = 2 ** 31 - 1;
/** Names in a Map at most, in V8. */
const MOST_NAMES = 2 ** 24 - 1;

/** Ids by name: in a column where names are numbers that follow each other, in a Map where they are addresses. */
class BlockNames {
  #column = new Int32Array(FIRST_CAPACITY).fill(NO_ID);
  /** Names in the column. */
  #count = 0;
  readonly #others = new Map<number, number>();

  /** Whether any name can be set that was not before. */
  get hasRoom(): boolean {
    return this.#others.size < MOST_NAMES;
  }

  has(name: number): boolean {
    return this.get(name) !== undefined;
  }

  get(name: number): number | undefined {
    const value = name < this.#column.length ? (this.#column[name] as number) : NO_ID;
    return value === NO_ID ? this.#others.get(name) : value;
  }

  set(name: number, value: number): void {
    if (this.#others.size > 0 && this.#others.has(name)) this.#others.set(name, value);
    else if (this.#isInColumn(name)) {
      if (this.#column[name] === NO_ID) this.#count++;
      this.#column[name] = value;
    } else this.#others.set(name, value);
  }

  /** A column that is half used at least is cheaper than a Map. */
  #isInColumn(name: number): boolean {
    const { length } = this.#column;
    if (name < length) return true;
    if (name >= 2 * length || this.#count < length / 2) return false;
    const grown = new Int32Array(2 * length).fill(NO_ID);
    grown.set(this.#column);
    this.#column = grown;
    return true;
  }
}

/** Numbers of blocks are small, addresses are not. */
function label(name: number): string {
  return name < 0x1_0000 ? String(name) : `0x${name.toString(16)}`;
}

/** Returns the most bytes that were asked for and not freed at one time, and the operations after which that is so first. */
export function peakPayload({ length, blocks, operations, ids, sizes }: MallocTrace): {
  readonly bytes: number;
  readonly operations: number;
} {
  const held = new Float64Array(blocks);
  let payload = 0;
  let peak = { bytes: 0, operations: 0 };
  for (let i = 0; i < length; i++) {
    const id = ids[i] as number;
    const size = operations[i] === MallocOperation.free ? 0 : (sizes[i] as number);
    payload += size - (held[id] as number);
    held[id] = size;
    if (payload > peak.bytes) peak = { bytes: payload, operations: i + 1 };
  }
  return peak;
}
