// Runs a random program on plain memory and on Quire, and compares how it ended, where, its stack pointer and every byte it left.
//
// On Quire a thief goes round: whenever the program reads the clock, and perhaps at every trap, before the kernel resolves it, it takes pages away, or
// only their TLB words, or makes them copy-on-write by a fork. So no translation and no frame that code or kernel remember survive a
// miss, but those that they may rely on (GC1 to GC4 in wasm/abi.ts).
//
// Some of the forked children stay for a while. What they see must be what the program's memory was at the fork, whatever the program
// has stored since: so a store that reaches a page without asking for it is seen there, too.

import { KIB, MIB, PAGE_SIZE, pageOf, Random } from '../../src/base/index.ts';
import { MemoryDevice } from '../../src/machine/index.ts';
import { GuestFault, Process } from '../../src/process/index.ts';
import { FaultOutcome, type Machine, type MemorySystem, type Space } from '../../src/system/index.ts';
import { buildMachine } from '../../src/systems/index.ts';
import { Program, type ProgramCode, type ProgramExit, prepareCode } from '../../src/wasm/index.ts';
import { type FirstCallChoice, type Inlining, rewriteModule } from '../../src/wasm/rewrite/index.ts';
import { deterministicRandom, type WasiClock } from '../../src/wasm/wasi/index.ts';
import { encode } from './encode.ts';
import type { ProgramSketch } from './sketch.ts';

const TIME = 0x0123_4567_89ab_cdefn;

/** What is taken at a trap: nothing; the words of the TLB; every page that is not locked; a few; each page copied by a fork; one of these. */
export const thefts = ['nothing', 'words', 'all', 'some', 'copies', 'any'] as const;
export type Theft = (typeof thefts)[number];

/** RAM with room for no window, for two or eight pages of one, for the whole stack. */
export const RAM_SIZES = [192 * KIB, 512 * KIB, MIB, 2 * MIB] as const;

/** On what a program runs. */
export interface Setting {
  readonly system: string;
  readonly ramBytes: number;
  readonly stackRuns: 'on' | 'off';
  readonly theft: Theft;
  /** Only where the program reads the clock, or at every trap as well: then hardly anything is found where it was. */
  readonly comes: 'when called' | 'at traps';
  readonly inlining: Exclude<Inlining, 'auto'>;
  /** Nobody listens: to tell of them must change nothing. */
  readonly firstCalls: FirstCallChoice;
  readonly seed: number;
}

/** What came of a program. */
export interface Ending {
  /** `done`, `outside` for an access where no memory is, or the engine's word. */
  readonly how: string;
  /** Where it ended: index of the function, and offset in the file where modules are the same. */
  readonly functionIndex: number | undefined;
  readonly offset: number | undefined;
  readonly memory: Uint8Array;
}

/** The engine's words, which differ between its versions and between calls through tables and others, by what they mean. */
function wordOf(reason: string): string {
  return /out of bounds/.test(reason) && /memory/.test(reason) ? 'outside' : reason;
}

/** Runs a module as it is. */
function runPlain(module: Uint8Array<ArrayBuffer>, isSame: boolean): Ending {
  let memory: WebAssembly.Memory | undefined;
  const clock = (_id: number, _precision: bigint, at: number): number => {
    new DataView((memory as WebAssembly.Memory).buffer).setBigUint64(at >>> 0, TIME, true);
    return 0;
  };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), { wasi_snapshot_preview1: { clock_time_get: clock } });
  memory = exports['memory'] as WebAssembly.Memory;
  const ended = (how: string, functionIndex?: number, offset?: number): Ending => ({
    ...{ how, functionIndex, offset: isSame ? offset : undefined },
    memory: new Uint8Array((memory as WebAssembly.Memory).buffer),
  });
  try {
    (exports['_start'] as () => void)();
    return ended('done');
  } catch (error) {
    const { message, stack = '' } = error as Error;
    const [, index, offset] = /wasm-function\[(\d+)\]:0x([0-9a-f]+)/.exec(stack) ?? [];
    return ended(wordOf(message), Number(index), Number.parseInt(offset as string, 16));
  }
}

/** Pages of a child that are looked at. */
const WITNESSED = 6;

/** A child of a program's space, and some of the pages that it had at the fork. */
class Child {
  readonly #machine: Machine;
  readonly #system: MemorySystem;
  readonly #space: Space;
  readonly #pages = new Map<number, Uint8Array>();

  private constructor(machine: Machine, system: MemorySystem, space: Space) {
    this.#machine = machine;
    this.#system = system;
    this.#space = space;
  }

  /** Forks `space`; undefined if there is no memory for it. */
  static of(machine: Machine, system: MemorySystem, space: Space, random: Random): Child | undefined {
    const forked = system.fork(space, machine.liveTlb(1));
    if (typeof forked === 'string') return undefined;
    const child = new Child(machine, system, forked);
    const pages = pageOf(space.breakEnd);
    const bytes = new Uint8Array((machine.memory as WebAssembly.Memory).buffer);
    for (let page = random.below(8); page < pages && child.#pages.size < WITNESSED; page += 1 + random.below(4)) {
      const frame = machine.pmaps.extract(space.pmap, page);
      if (frame !== -1) child.#pages.set(page, bytes.slice(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE));
    }
    return child;
  }

  /** How many of its pages are looked at. */
  get pageCount(): number {
    return this.#pages.size;
  }

  /** Ends it. Returns in words what it saw of its parent's stores, or undefined. */
  end(): string | undefined {
    const process = new Process(this.#machine, this.#system, this.#space, () => 0);
    const now = new Uint8Array(PAGE_SIZE);
    let seen: string | undefined;
    try {
      for (const [page, before] of this.#pages) {
        process.copyIn(page * PAGE_SIZE, now);
        if (Buffer.compare(before, now) !== 0) seen = `a child's page ${page} is not as it was at the fork`;
      }
    } catch (error) {
      // There may be no memory left to bring it in.
      if (!(error instanceof GuestFault && error.outcome === FaultOutcome.outOfMemory)) throw error;
    }
    this.#system.destroySpace(this.#space);
    return seen;
  }
}

/** Takes pages away from a program. */
class Thief {
  /** Pages of children that were looked at. */
  witnessed = 0;
  /** What they saw that they should not, in words. */
  seen: string | undefined;
  #child: Child | undefined;
  readonly #random: Random;
  readonly #theft: Theft;
  readonly #machine: Machine;
  readonly #system: MemorySystem;

  constructor(machine: Machine, system: MemorySystem, { theft, seed }: Setting) {
    this.#random = new Random(seed);
    this.#theft = theft;
    this.#machine = machine;
    this.#system = system;
  }

  steal({ process: { space } }: Program): void {
    const theft = this.#theft === 'any' ? (thefts[this.#random.below(thefts.length - 1)] as Theft) : this.#theft;
    switch (theft) {
      case 'nothing':
        return;
      case 'words':
        this.#machine.liveTlb(0).flush();
        return;
      case 'all':
        this.#system.reclaim(this.#machine.ram.frameCount);
        return;
      case 'some':
        this.#system.reclaim(1 + this.#random.below(6));
        return;
      default:
        // If the child goes at once, the pages are the parent's own again, in the same frames; if it stays for a while, stores copy them.
        this.end();
        this.#child = Child.of(this.#machine, this.#system, space, this.#random);
        if (this.#random.below(2) === 0) this.#system.reclaim(4);
        if (this.#random.below(2) === 0) this.end();
    }
  }

  /** Lets the child go that there may be. */
  end(): void {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    this.witnessed += child.pageCount;
    const seen = child.end();
    this.seen ??= seen;
  }
}

function inlined(module: Uint8Array, machine: Machine, { inlining, firstCalls }: Setting): ProgramCode {
  const tables = machine.tlbTables(0);
  const code = prepareCode(module, 'random', tables, { firstCalls });
  const window = code.window && { window: code.window.layout };
  const rewritten = rewriteModule(code.info, { layout: tables, nullPage: code.layout.nullPage, inlining, firstCalls, ...window });
  return { ...code, rewritten, module: new WebAssembly.Module(rewritten.bytes) };
}

/** What a run on Quire was like, besides its ending. */
export interface Facts {
  readonly traps: number;
  readonly windowAccesses: number;
  readonly leftWindow: boolean;
  /** Pages of children that were looked at. */
  readonly witnessed: number;
  /** What they saw that they should not, in words. */
  readonly seen: string | undefined;
}

type Built = ReturnType<typeof buildMachine>;

/** Machines, each used by one program after another: what one leaves behind is the next one's to find. */
export class Machines {
  readonly #idle = new Map<string, Built>();

  /** Runs `use` on a machine, which is used again only if it returns. */
  with<T>({ system, ramBytes, stackRuns }: Setting, use: (built: Built) => T): T {
    const key = `${system} ${ramBytes} ${stackRuns}`;
    const built = this.#idle.get(key) ?? build({ system, ramBytes, stackRuns });
    this.#idle.delete(key);
    const result = use(built);
    this.#idle.set(key, built);
    return result;
  }
}

const build = (setting: Pick<Setting, 'system' | 'ramBytes' | 'stackRuns'>): Built =>
  buildMachine({
    ...{ ...setting, frames: 'bitmap', policy: 'uvm', liveSpaces: 2, seed: 1 },
    swap: new MemoryDevice((4 * MIB) / PAGE_SIZE),
  });

function runOnQuire(module: Uint8Array<ArrayBuffer>, setting: Setting, { machine, system }: Built, isSame: boolean): Ending & Facts {
  const thief = new Thief(machine, system, setting);
  let program: Program | undefined;
  const steal = (): void => {
    if (program !== undefined) thief.steal(program);
  };
  const clock: WasiClock = {
    ...{ resolution: 1n, realtime: () => 0n, sleep: () => undefined },
    monotonic: () => {
      steal();
      return TIME;
    },
  };
  program = Program.load({
    ...{
      module,
      name: 'random',
      machine,
      system,
      liveSpace: 0,
      now: () => 0,
      code: inlined(module, machine, setting),
      ...(setting.comes === 'at traps' && { observe: steal }),
    },
    wasi: { clock, random: deterministicRandom(1) },
  });
  const exit = program.run();
  system.check();
  thief.end();
  const memory = memoryOf(program);
  const ending = endingOf(program, exit, memory, isSame);
  const facts = {
    traps: program.process.traps,
    windowAccesses: program.codeFacts.accesses.window,
    leftWindow: program.leftWindow,
    witnessed: thief.witnessed,
    seen: thief.seen,
  };
  system.destroySpace(program.process.space);
  system.check();
  return { ...ending, ...facts };
}

/** Page 0 reads as what it was where it cannot be read. */
function memoryOf({ process, layout }: Program): Uint8Array {
  const memory = new Uint8Array(process.space.breakEnd);
  const start = layout.nullPage === 'unmapped' ? PAGE_SIZE : 0;
  process.copyIn(start, memory.subarray(start));
  return memory;
}

function endingOf(program: Program, exit: ProgramExit, memory: Uint8Array, isSame: boolean): Ending {
  const stack = exit.kind === 'fault' ? exit.fault.stack : exit.kind === 'trap' ? exit.error.stack : undefined;
  const place = program.locate(stack ?? '');
  const ended = (how: string): Ending => ({ how, functionIndex: place?.functionIndex, offset: isSame ? place?.offset : undefined, memory });
  if (exit.kind === 'exit') return ended(exit.code === 0 ? 'done' : `exit code ${exit.code}`);
  if (exit.kind === 'trap') return ended(exit.reason);
  if (exit.kind === 'fault') return ended(exit.fault.outcome === FaultOutcome.unmapped ? 'outside' : `fault of kind ${exit.fault.outcome}`);
  return ended(exit.signal);
}

/** The first place where memories differ, in words, or undefined. */
function differenceOf(plain: Uint8Array, quire: Uint8Array, start: number): string | undefined {
  if (plain.length !== quire.length) return `memory has ${quire.length} bytes, not ${plain.length}`;
  if (Buffer.compare(plain.subarray(start), quire.subarray(start)) === 0) return undefined;
  const at = plain.findIndex((byte, i) => i >= start && byte !== quire[i]);
  return `the byte at ${at} is ${quire[at]}, not ${plain[at]}`;
}

/** What two runs differ in, in words, or undefined if in nothing; and facts of the run on Quire. */
export interface Verdict extends Facts {
  readonly how: string;
  readonly difference: string | undefined;
}

/** Runs a program both ways. */
export function compareRuns(machines: Machines, sketch: ProgramSketch, setting: Setting): Verdict {
  const module = encode(sketch, 'as it is');
  const guarded = encode(sketch, 'guarded');
  const isSame = Buffer.compare(module, guarded) === 0;
  const plain = runPlain(guarded, isSame);
  const quire = machines.with(setting, (built) => runOnQuire(module, setting, built, isSame));
  const { how, traps, windowAccesses, leftWindow, witnessed, seen } = quire;
  const end = ({ how: word, functionIndex, offset }: Ending): string => `${word} in function ${functionIndex} at ${offset}`;
  const difference =
    end(plain) === end(quire)
      ? (seen ?? differenceOf(plain.memory, quire.memory, sketch.order === 'stack first' ? PAGE_SIZE : 0))
      : `it ended as ${end(quire)}, not ${end(plain)}`;
  return { how, traps, windowAccesses, leftWindow, witnessed, seen, difference };
}
