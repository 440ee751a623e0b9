// What an allocator must do, and what a good one does: each a check by itself, on heaps that begin empty.
//
//   must     ISO C 7.24.3 and POSIX.1-2024. One that is broken is a bug of the allocator
//   should   what users rely on without a standard: that memory is used again, split and joined. One that is not is advice
//
// Checks by random scripts (heap-scripts.ts) answer with a script that was made small; the others are procedures and answer with a
// sentence. Nothing here knows how an allocator works, and answers are held against the shadow map, as in every replay.

import { MallocOperation, type MallocTrace } from '../../trace/index.ts';
import { type HeapError, HeapReplay } from './heap-replay.ts';
import { randomScript, type ScriptMix, shrinkScript } from './heap-scripts.ts';
import { type Finding, ShadowMap } from './shadow-map.ts';
import type { HeapSubject } from './subject.ts';

/** What a check works with. */
export interface CheckSetting {
  /** Makes a subject with an empty heap; another one each time. */
  readonly make: () => HeapSubject;
  readonly seed: number;
  /** Random scripts of each kind. */
  readonly scripts: number;
  /** Bytes that a heap has been seen to give (`capacityOf`). */
  readonly capacityBytes: number;
  /** Hears of each script before it is run, and of one that fails before it is made small. */
  readonly tell?: (news: CheckNews) => void;
}

/** What is told while a check runs. */
export type CheckNews =
  | { readonly kind: 'script'; readonly script: MallocTrace }
  | { readonly kind: 'found'; readonly finding: CheckFinding };

/** What a check has found. */
export interface CheckFinding {
  /** A sentence without its dot. */
  readonly what: string;
  /** What shows it, if a script does. */
  readonly script?: MallocTrace;
  /** A call that did not return is broken, whatever was being checked. */
  readonly call?: 'lost';
}

/** One check. */
export interface HeapCheck {
  readonly name: string;
  /** What holds, if it finds nothing. */
  readonly claim: string;
  readonly weight: 'must' | 'should';
  /** Returns what is wrong, or undefined. What the subject throws is thrown. */
  readonly run: (setting: CheckSetting) => CheckFinding | undefined;
}

const { malloc, calloc, memalign, realloc } = MallocOperation;
const MIB = 1 << 20;
/** Bytes that random scripts ask for, at most. */
const SCRIPT_BYTES = 256 * 1024;
/** Bytes that a heap is asked for until it is said to be without end. */
export const MOST_CAPACITY = 48 * MIB;
const CHUNK = 64 * 1024;
const SMALL_CHUNK = 1024;

/** Replays a script on a new heap and returns the first thing that is wrong. */
export function judgeScript(script: MallocTrace, make: () => HeapSubject): HeapError | undefined {
  const replay = new HeapReplay(script, make(), { contents: 'whole', mostErrors: 1 });
  replay.finish();
  return replay.errors[0];
}

/** Returns the bytes that a heap gives before it gives nothing, as far as they are counted. */
export function capacityOf(make: () => HeapSubject): number {
  const subject = make();
  let given = 0;
  for (const chunk of [CHUNK, SMALL_CHUNK]) while (given < MOST_CAPACITY && subject.malloc(chunk) !== 0) given += chunk;
  return given;
}

function byScripts(name: string, claim: string, mix: ScriptMix): HeapCheck {
  return { name, claim, weight: 'must', run: (setting) => runScripts(mix, setting) };
}

function runScripts(mix: ScriptMix, { make, seed, scripts, capacityBytes, tell }: CheckSetting): CheckFinding | undefined {
  const budgetBytes = Math.max(1024, Math.min(SCRIPT_BYTES, capacityBytes / 4));
  const largestAlignment = Math.min(65_536, 2 ** Math.floor(Math.log2(budgetBytes / 16)));
  for (let number = 0; number < scripts; number++) {
    const script = randomScript({ seed, number, mix, budgetBytes, largestAlignment });
    if (script.length === 0) continue;
    tell?.({ kind: 'script', script });
    const error = judgeScript(script, make);
    if (error === undefined) continue;
    tell?.({ kind: 'found', finding: { what: error.what, script } });
    const small = shrinkScript(script, (candidate) => judgeScript(candidate, make)?.fault === error.fault);
    return { what: judgeScript(small, make)?.what ?? error.what, script: small };
  }
  return undefined;
}

/** Asks a subject for blocks and holds what it answers against a shadow map; throws a Wrong at the first fault. */
class Client {
  readonly subject: HeapSubject;
  readonly #shadow: ShadowMap;
  #next = 0;
  /** The highest end of a block so far. */
  highest = 0;

  constructor(subject: HeapSubject, blocks: number) {
    this.subject = subject;
    const { base, lowest = base, alignment } = subject;
    this.#shadow = new ShadowMap(blocks, { base: lowest, alignment, contents: 'tags' });
  }

  /** Takes a block that was given by `call`; returns its id, or undefined if nothing was given. */
  take(address: number, bytes: number, alignment = 1): number | undefined {
    if (address === 0) return undefined;
    const id = this.#next++;
    expect(this.#shadow.given(id, address, bytes, alignment, this.subject.bytes()));
    this.highest = Math.max(this.highest, address + bytes);
    return id;
  }

  /** Allocates; a block there must be. */
  malloc(bytes: number): number {
    const id = this.take(this.subject.malloc(bytes), bytes);
    if (id === undefined) throw new Wrong(`malloc(${bytes}) gave nothing`);
    return id;
  }

  address(id: number): number {
    return this.#shadow.addressOf(id);
  }

  intact(id: number): void {
    expect(this.#shadow.compare(id, this.subject.bytes()));
  }

  free(id: number): void {
    this.intact(id);
    const address = this.address(id);
    this.#shadow.freed(id);
    if (this.subject.free(address) === false) throw new Wrong(`the free of a live block at 0x${address.toString(16)} is refused`);
  }

  /** Resizes; a block there must be. */
  resize(id: number, bytes: number): void {
    const address = this.subject.realloc(this.address(id), bytes);
    if (address === 0) throw new Wrong(`realloc to ${bytes} bytes gave nothing`);
    expect(this.#shadow.resized(id, address, bytes, this.subject.bytes()));
    this.highest = Math.max(this.highest, address + bytes);
  }
}

/** Leaves a check with what is wrong. */
class Wrong extends Error {}

function expect(finding: Finding | undefined): void {
  if (finding !== undefined) throw new Wrong(finding.what);
}

function procedure(
  name: string,
  claim: string,
  weight: HeapCheck['weight'],
  work: (client: Client, setting: CheckSetting) => string | undefined,
): HeapCheck {
  const run = (setting: CheckSetting): CheckFinding | undefined => {
    try {
      const what = work(new Client(setting.make(), MOST_BLOCKS), setting);
      return what === undefined ? undefined : { what };
    } catch (error) {
      if (error instanceof Wrong) return { what: error.message };
      throw error;
    }
  };
  return { name, claim, weight, run };
}

/** Blocks that one procedure takes. */
const MOST_BLOCKS = 60_000;

const EDGE_SIZES = [
  1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 4095, 4096, 4097,
];
const IMPOSSIBLE = [2 ** 32 - 1, 2 ** 32 - 4, 2 ** 32 - 8, 2 ** 32 - 16, 2 ** 32 - 4096, 2 ** 32 - 65_536];
const PRODUCTS: readonly (readonly [number, number])[] = [
  [65_536, 65_537],
  [2 ** 31, 2],
  [2 ** 32 - 1, 2],
  [3, 0x5555_5556],
  [2 ** 16 + 1, 2 ** 16],
];

/** Every check, in the order in which they are run. */
export const heapChecks: readonly HeapCheck[] = [
  procedure('edge sizes', 'malloc gives blocks of sizes around each power of two, aligned and apart from each other', 'must', edgeSizes),
  procedure('zero bytes', 'malloc(0), calloc(0, n) and calloc(n, 0) give nothing or a block that can be freed', 'must', zeroBytes),
  procedure('null pointer', 'free(0) does nothing, and realloc(0, n) is malloc(n)', 'must', nullPointer),
  byScripts('malloc, free', 'blocks of random scripts lie in memory, aligned, apart, and keep their content', [malloc]),
  byScripts('calloc', "calloc's blocks are zero, also where memory was used before", [malloc, malloc, calloc]),
  byScripts('realloc', 'realloc keeps what both sizes have, in place or moved', [malloc, realloc]),
  byScripts('memalign', 'memalign gives what is aligned as asked for, and it can be freed', [malloc, memalign]),
  byScripts('all together', 'all of them hold when they are mixed', [malloc, malloc, calloc, realloc, memalign]),
  procedure('realloc growth', 'a block can grow from 1 byte on, again and again, between others', 'must', reallocGrowth),
  procedure('large alignment', 'memalign aligns to every power of two up to 1 MiB, as far as there is room', 'must', largeAlignment),
  procedure('impossible sizes', 'sizes near 4 GiB give nothing, and the heap works afterwards', 'must', impossibleSizes),
  procedure('calloc overflow', 'calloc gives nothing where the product passes 4 GiB', 'must', callocOverflow),
  procedure('exhaustion', 'when there is no room, malloc and realloc give nothing and every block stays as it is', 'must', exhaustion),
  procedure('room again', 'after exhaustion and freeing everything, as much can be given again', 'should', roomAgain),
  procedure('reuse', 'freed memory is used again: a block that comes and goes takes no more and more', 'should', reuse),
  procedure('splitting', 'a large freed block makes room for small ones', 'should', splitting),
  procedure('coalescing', 'small freed blocks beside each other make room for a large one', 'should', coalescing),
];

function edgeSizes(client: Client, { capacityBytes }: CheckSetting): undefined {
  const live: number[] = [];
  for (const bytes of EDGE_SIZES) {
    if (bytes * 16 > capacityBytes) continue;
    live.push(client.malloc(bytes));
  }
  for (const id of live) client.intact(id);
  for (const id of live) client.free(id);
}

function zeroBytes(client: Client): undefined {
  const { subject } = client;
  const live = [client.malloc(8)];
  for (const call of [() => subject.malloc(0), () => subject.malloc(0), () => subject.calloc(0, 8), () => subject.calloc(8, 0)]) {
    const id = client.take(call(), 0);
    if (id !== undefined) live.push(id);
  }
  for (const id of live) client.free(id);
  client.malloc(8);
}

function nullPointer(client: Client): undefined {
  const { subject } = client;
  const first = client.malloc(40);
  subject.free(0);
  client.intact(first);
  const id = client.take(subject.realloc(0, 100), 100);
  if (id === undefined) throw new Wrong('realloc(0, 100) gave nothing');
  client.free(first);
  client.free(id);
}

function reallocGrowth(client: Client, { capacityBytes }: CheckSetting): undefined {
  const most = Math.min(256 * 1024, capacityBytes / 32);
  const grower = client.malloc(1);
  const others: number[] = [];
  for (let bytes = 2; bytes <= most; bytes = Math.ceil(bytes * 1.7)) {
    client.resize(grower, bytes);
    others.push(client.malloc(24));
  }
  for (let bytes = most; bytes >= 1; bytes = Math.floor(bytes / 3)) client.resize(grower, Math.max(1, Math.floor(bytes)));
  for (const id of others) client.free(id);
  client.free(grower);
}

function largeAlignment(client: Client, { capacityBytes }: CheckSetting): undefined {
  const live: number[] = [];
  for (let alignment = 1; alignment <= MIB && 8 * alignment <= capacityBytes; alignment *= 2) {
    const id = client.take(client.subject.memalign(alignment, 40), 40, alignment);
    if (id === undefined) throw new Wrong(`memalign(${alignment}, 40) gave nothing`);
    live.push(id);
  }
  for (const id of live) client.free(id);
}

function impossibleSizes(client: Client): string | undefined {
  const { subject } = client;
  const before = client.malloc(100);
  for (const bytes of IMPOSSIBLE) {
    if (subject.malloc(bytes) !== 0) return `malloc(${bytes}) gave a block: the size has probably wrapped when something was added to it`;
    if (subject.realloc(client.address(before), bytes) !== 0) return `realloc of a block to ${bytes} bytes gave one`;
    if (subject.memalign(64, bytes) !== 0) return `memalign(64, ${bytes}) gave a block`;
  }
  client.intact(before);
  client.free(client.malloc(100));
  client.free(before);
  return undefined;
}

function callocOverflow(client: Client): string | undefined {
  for (const [count, bytes] of PRODUCTS) {
    if (client.subject.calloc(count, bytes) !== 0) return `calloc(${count}, ${bytes}) gave a block: the product has wrapped`;
  }
  client.free(client.malloc(100));
  return undefined;
}

/** Fills the heap; undefined if it has no end that can be reached. */
function filled(client: Client): number[] | undefined {
  const live: number[] = [];
  let given = 0;
  for (const chunk of [CHUNK, SMALL_CHUNK]) {
    for (;;) {
      if (given >= MOST_CAPACITY || live.length === MOST_BLOCKS / 2) return undefined;
      const id = client.take(client.subject.malloc(chunk), chunk);
      if (id === undefined) break;
      live.push(id);
      given += chunk;
    }
  }
  return live;
}

function exhaustion(client: Client): string | undefined {
  const live = filled(client);
  if (live === undefined) return undefined;
  const [first] = live;
  if (first === undefined) return 'malloc gave nothing at all';
  if (client.subject.realloc(client.address(first), 64 * MIB) !== 0) return 'realloc of a block to 64 MiB gave one in a full heap';
  for (const id of live) client.intact(id);
  for (const id of live) client.free(id);
  return undefined;
}

function roomAgain(client: Client): string | undefined {
  const live = filled(client);
  if (live === undefined) return undefined;
  for (const id of live) client.free(id);
  const again = filled(client) ?? live;
  return again.length < live.length
    ? `${live.length} blocks filled the heap at first, and ${again.length} after they were freed`
    : undefined;
}

/** Bytes that a heap may grow by where it should not: tables, first pages of size classes. */
const SLACK = 128 * 1024;

function reuse(client: Client, { capacityBytes }: CheckSetting): string | undefined {
  const rounds = Math.min(MOST_BLOCKS - 10, 20_000);
  client.free(client.malloc(200));
  const before = client.highest;
  for (let round = 0; round < rounds; round++) {
    const address = client.subject.malloc(100 + (round % 100));
    if (address === 0) return `after ${round} blocks that were freed at once, malloc gave nothing`;
    client.subject.free(address);
    client.highest = Math.max(client.highest, address + 200);
  }
  const grown = client.highest - before;
  return grown > Math.min(SLACK, capacityBytes / 4) ? `${rounds} blocks that were freed at once took ${grown} bytes more` : undefined;
}

function splitting(client: Client, { capacityBytes }: CheckSetting): string | undefined {
  const large = Math.min(4 * MIB, Math.floor(capacityBytes / 8));
  const small = 200;
  const block = client.malloc(large);
  const fence = client.malloc(16);
  const before = client.highest;
  client.free(block);
  const count = Math.min(MOST_BLOCKS - 10, Math.floor(large / 2 / small));
  for (let i = 0; i < count; i++) client.malloc(small);
  client.free(fence);
  const grown = client.highest - before;
  return grown > Math.min(SLACK, large / 4)
    ? `${count} blocks of ${small} bytes in place of a freed one of ${large} took ${grown} bytes more`
    : undefined;
}

function coalescing(client: Client, { capacityBytes }: CheckSetting): string | undefined {
  const small = 200;
  const count = Math.min(10_000, Math.floor(capacityBytes / 4 / small));
  const live = Array.from({ length: count }, () => client.malloc(small));
  const fence = client.malloc(16);
  const before = client.highest;
  // Every second one, then the rest: each of those joins on both sides.
  for (const parity of [0, 1]) for (const id of live.filter((_, at) => at % 2 === parity)) client.free(id);
  const large = Math.floor(count * small * 0.75);
  const id = client.take(client.subject.malloc(large), large);
  if (id === undefined) return `after ${count} blocks of ${small} bytes beside each other were freed, malloc(${large}) gave nothing`;
  client.free(fence);
  const grown = client.highest - before;
  return grown > Math.min(SLACK, large / 4)
    ? `a block of ${large} bytes did not go where ${count} of ${small} beside each other were freed: the heap grew by ${grown} bytes`
    : undefined;
}
