// Malloc traces by definition: a name with a seed and some numbers gives the same trace everywhere.
//
//   random:seed=7,operations=100000        what is not said has a default
//
//   random      any size, any time: blocks of 1 to `largest` bytes, small ones far more often, live and die by chance
//   coalescing  two neighbours are freed and a block of both their sizes is asked for: who does not join free blocks, grows
//   binary      small and large blocks in turns, all large ones freed, then larger ones asked for: holes that nothing fits in
//   realloc     one block grows and grows while small ones come and go in its way
//   larson      a server: each slot's block is replaced by one of another size, by another thread after a while
//   graph       trees of objects are built, kept for a while, and dropped whole
//   rptest      sizes from 16 to 8,000 falling off linearly, lives of every length
//   phases      work of one block size after another; of each, a few blocks stay for ever and hold their pages
//
// larson, graph and rptest take the ideas of the benchmarks larson (Larson, Krishnan 1998), mstress and rptest of mimalloc-bench;
// coalescing, binary and realloc those of CS:APP's malloclab. Random numbers: base/random.ts. A hash of each default trace is in the tests.

import { Random, UsageError } from '../../base/index.ts';
import { MallocOperation, type MallocTrace, MallocTraceBuilder } from './malloc-trace.ts';

/** What a generator is told: numbers by name. */
export type GeneratorParameters = Readonly<Record<string, number>>;

/** A kind of trace that can be made. */
export interface MallocGenerator {
  readonly name: string;
  readonly meaning: string;
  /** Its parameters with their defaults; every one has `seed` and `operations`, about the length of the trace. */
  readonly defaults: GeneratorParameters;
  readonly make: (writer: ScriptWriter, parameters: GeneratorParameters) => void;
}

/** Operations and sizes at most: a trace is made in memory. */
const MOST_OPERATIONS = 10_000_000;
const MOST = 2 ** 31 - 1;

/** Writes a trace: blocks have numbers from 0 on. */
class ScriptWriter {
  readonly random: Random;
  readonly #builder = new MallocTraceBuilder();
  readonly #limit: number;
  #next = 0;

  constructor(seed: number, limit: number) {
    this.random = new Random(seed);
    this.#limit = limit;
  }

  /** Whether the trace is as long as it was asked to be. */
  get isDone(): boolean {
    return this.#builder.length >= this.#limit;
  }

  malloc(bytes: number, operation: MallocOperation = MallocOperation.malloc, alignment = 1): number {
    const id = this.#next++;
    this.#builder.line = this.#builder.length + 1;
    this.#builder.allocate(operation, id, bytes, alignment);
    return id;
  }

  realloc(id: number, bytes: number): void {
    this.#builder.line = this.#builder.length + 1;
    this.#builder.reallocate(id, id, bytes);
  }

  free(id: number): void {
    this.#builder.line = this.#builder.length + 1;
    this.#builder.free(id);
  }

  /** What follows is this thread's. */
  asThread(thread: number): void {
    this.#builder.thread = thread;
  }

  /** Returns an integer from `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.random.below(most - least + 1);
  }

  /** Returns an integer from 1 to `most`, each power of two as likely as any other. */
  sizeUpTo(most: number): number {
    const powers = Math.floor(Math.log2(most)) + 1;
    const power = 2 ** this.random.below(powers);
    return Math.min(most, this.between(power, 2 * power - 1));
  }

  build(name: string): MallocTrace {
    return this.#builder.build(name);
  }
}

const common = { seed: 1, operations: 50_000 };

/** Every generator. */
export const mallocGenerators: readonly MallocGenerator[] = [
  {
    name: 'random',
    meaning: 'blocks of any size live and die by chance',
    defaults: { ...common, live: 1000, largest: 32_768 },
    make: (writer, parameters) => makeRandom(writer, parameters),
  },
  {
    name: 'coalescing',
    meaning: 'two neighbours are freed, a block as large as both is asked for',
    defaults: { ...common, size: 4095 },
    make: (writer, parameters) => makeCoalescing(writer, parameters),
  },
  {
    name: 'binary',
    meaning: 'every second block is freed, and none of the holes is large enough again',
    defaults: { ...common, small: 64, large: 448, larger: 512, pairs: 2000 },
    make: (writer, parameters) => makeBinary(writer, parameters),
  },
  {
    name: 'realloc',
    meaning: 'one block grows while small ones come and go in its way',
    defaults: { ...common, first: 512, step: 128, small: 16, most: 1_000_000 },
    make: (writer, parameters) => makeRealloc(writer, parameters),
  },
  {
    name: 'larson',
    meaning: 'a server with threads that free what others were given',
    defaults: { ...common, threads: 4, slots: 1000, smallest: 8, largest: 1000, round: 1000 },
    make: (writer, parameters) => makeLarson(writer, parameters),
  },
  {
    name: 'graph',
    meaning: 'trees of objects are built and dropped whole',
    defaults: { ...common, trees: 40, nodes: 200 },
    make: (writer, parameters) => makeGraph(writer, parameters),
  },
  {
    name: 'rptest',
    meaning: 'sizes from 16 to 8,000 that fall off linearly',
    defaults: { ...common, slots: 2000, smallest: 16, largest: 8000 },
    make: (writer, parameters) => makeRptest(writer, parameters),
  },
  {
    name: 'phases',
    meaning: 'work of one block size after another, of which a few blocks stay',
    defaults: { ...common, live: 2000, stay: 50, length: 8000 },
    make: (writer, parameters) => makePhases(writer, parameters),
  },
];

/** Tells whether `text` names a generated trace rather than a file: a generator's name, alone or with parameters after a colon. */
export function isGeneratedName(text: string): boolean {
  return mallocGenerators.some(({ name }) => text === name || text.startsWith(`${name}:`));
}

/** Makes the trace of a name such as `random:seed=7,operations=1000`. Throws a UsageError that says what is wrong with it. */
export function generateMallocTrace(text: string): MallocTrace {
  const [name = '', ...rest] = text.split(':');
  const generator = mallocGenerators.find((each) => each.name === name);
  if (generator === undefined) throw new UsageError(`${text}: no generator is called '${name}'`);
  const parameters = parametersOf(generator, rest.join(':'), text);
  const writer = new ScriptWriter(parameters.seed as number, parameters.operations as number);
  generator.make(writer, parameters);
  return writer.build(text);
}

function parametersOf({ name, defaults }: MallocGenerator, settings: string, text: string): GeneratorParameters {
  const parameters: Record<string, number> = { ...defaults };
  for (const setting of settings === '' ? [] : settings.split(',')) {
    const [key = '', value = ''] = setting.split('=');
    if (defaults[key] === undefined) throw new UsageError(`${text}: ${name} has no '${key}', only ${Object.keys(defaults).join(', ')}`);
    const most = key === 'operations' ? MOST_OPERATIONS : MOST;
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    const least = key === 'seed' ? 0 : 1;
    if (!(number >= least && number <= most))
      throw new UsageError(`${text}: ${key} is a whole number from ${least} to ${most}, not '${value}'`);
    parameters[key] = number;
  }
  return parameters;
}

/** A parameter; each generator has those of its defaults. */
type Values<K extends string> = Readonly<Record<K, number>>;

function makeRandom(writer: ScriptWriter, parameters: GeneratorParameters): void {
  const { live, largest } = parameters as Values<'live' | 'largest'>;
  const blocks: number[] = [];
  while (!writer.isDone) {
    const at = writer.random.below(live);
    const block = blocks[at];
    const size = writer.sizeUpTo(largest);
    const drawn = writer.random.below(16);
    if (block === undefined) {
      const operation = drawn === 0 ? MallocOperation.memalign : drawn < 3 ? MallocOperation.calloc : MallocOperation.malloc;
      const alignment = drawn === 0 ? 2 ** writer.between(4, 12) : 1;
      blocks[at] = writer.malloc(size, operation, alignment);
    } else if (drawn < 3) writer.realloc(block, size);
    else {
      writer.free(block);
      delete blocks[at];
    }
  }
}

function makeCoalescing(writer: ScriptWriter, parameters: GeneratorParameters): void {
  const { size } = parameters as Values<'size'>;
  while (!writer.isDone) {
    const neighbours = [writer.malloc(size), writer.malloc(size)];
    for (const block of neighbours) writer.free(block);
    writer.free(writer.malloc(2 * size));
  }
}

function makeBinary(writer: ScriptWriter, parameters: GeneratorParameters): void {
  const { small, large, larger, pairs } = parameters as Values<'small' | 'large' | 'larger' | 'pairs'>;
  while (!writer.isDone) {
    const [smalls, larges]: [number[], number[]] = [[], []];
    for (let pair = 0; pair < pairs; pair++) {
      smalls.push(writer.malloc(small));
      larges.push(writer.malloc(large));
    }
    for (const block of larges) writer.free(block);
    const fits = larges.map(() => writer.malloc(larger));
    for (const block of [...smalls, ...fits]) writer.free(block);
  }
}

function makeRealloc(writer: ScriptWriter, parameters: GeneratorParameters): void {
  const { first, step, small, most } = parameters as Values<'first' | 'step' | 'small' | 'most'>;
  while (!writer.isDone) {
    const block = writer.malloc(first);
    let between = writer.malloc(small);
    for (let size = first + step; size <= most && !writer.isDone; size += step) {
      writer.realloc(block, size);
      const after = writer.malloc(small);
      writer.free(between);
      between = after;
    }
    writer.free(between);
    writer.free(block);
  }
}

function makeLarson(writer: ScriptWriter, parameters: GeneratorParameters): void {
  const { threads, slots, smallest, largest, round } = parameters as Values<'threads' | 'slots' | 'smallest' | 'largest' | 'round'>;
  const size = (): number => writer.between(Math.min(smallest, largest), largest);
  const held: number[][] = [];
  for (let thread = 0; thread < threads && !writer.isDone; thread++) {
    writer.asThread(thread);
    held.push(Array.from({ length: slots }, () => writer.malloc(size())));
  }
  // After each round the slots go to the next thread, as if a new one had taken a finished one's place.
  for (let turn = 0; !writer.isDone; turn++) {
    const thread = turn % threads;
    const mine = held[(turn + Math.floor(turn / threads)) % threads] as number[];
    writer.asThread(thread);
    for (let i = 0; i < round && !writer.isDone; i++) {
      const at = writer.random.below(slots);
      writer.free(mine[at] as number);
      mine[at] = writer.malloc(size());
    }
  }
}

function makeGraph(writer: ScriptWriter, parameters: GeneratorParameters): void {
  const { trees, nodes } = parameters as Values<'trees' | 'nodes'>;
  const alive: number[][] = [];
  while (!writer.isDone) {
    const at = writer.random.below(trees);
    for (const block of alive[at] ?? []) writer.free(block);
    // A node, now and then with an array of its children or a string of its own.
    alive[at] = Array.from({ length: writer.between(1, nodes) }, () => {
      const drawn = writer.random.below(8);
      return writer.malloc(drawn === 0 ? writer.sizeUpTo(2048) : drawn < 3 ? 8 * writer.between(1, 32) : 16 * writer.between(1, 4));
    });
  }
}

function makeRptest(writer: ScriptWriter, parameters: GeneratorParameters): void {
  const { slots, smallest, largest } = parameters as Values<'slots' | 'smallest' | 'largest'>;
  const range = Math.max(1, largest - smallest + 1);
  // The lesser of two even draws falls off linearly.
  const size = (): number => smallest + Math.min(writer.random.below(range), writer.random.below(range));
  const blocks: number[] = [];
  while (!writer.isDone) {
    // Low slots are drawn far more often: their blocks live shortly.
    const at = writer.random.below(1 + writer.random.below(1 + writer.random.below(slots)));
    const block = blocks[at];
    if (block !== undefined) writer.free(block);
    blocks[at] = writer.malloc(size());
  }
}

function makePhases(writer: ScriptWriter, parameters: GeneratorParameters): void {
  const { live, stay, length } = parameters as Values<'live' | 'stay' | 'length'>;
  while (!writer.isDone) {
    const size = writer.sizeUpTo(4096);
    const blocks = Array.from({ length: live }, () => writer.malloc(size));
    for (let i = 0; i < length && !writer.isDone; i++) {
      const at = writer.random.below(live);
      writer.free(blocks[at] as number);
      blocks[at] = writer.malloc(writer.between(Math.ceil(size / 2), size));
    }
    // Those that stay are spread over all that the phase had.
    for (const [at, block] of blocks.entries()) if (at % Math.max(1, Math.floor(live / stay)) !== 0) writer.free(block);
  }
}
