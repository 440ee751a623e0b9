// What every example plays on: a machine, UVM on it, a kernel for scripts, and a transcript.

import { KIB } from '../src/base/index.ts';
import { MemoryDevice } from '../src/machine/index.ts';
import { Kernel, type ScriptProcess, type ScriptProgram } from '../src/process/index.ts';
import { frameMap, piecesOf, Transcript } from '../src/report/index.ts';
import { buildMachine } from '../src/systems/index.ts';

/** One example: `play` starts processes on the stage and lets them run. */
export interface Example {
  readonly title: string;
  readonly ramBytes: number;
  readonly play: (stage: Stage) => void;
}

/** Where an example happens. */
export class Stage {
  readonly kernel: Kernel;
  readonly #transcript: Transcript;
  readonly #write: (line: string) => void;

  /** @param system the memory manager, by name; @param write gets each line of text */
  constructor(ramBytes: number, system: string, write: (line: string) => void) {
    const swap = new MemoryDevice((1024 * KIB) / 4096);
    const built = buildMachine({ ramBytes, frames: 'bitmap', policy: 'uvm', system, liveSpaces: 0, swap, seed: 1 });
    this.kernel = new Kernel({ ...built, spaceBytes: 16 * 1024 * KIB });
    this.#write = write;
    this.#transcript = new Transcript(this.kernel, write);
  }

  /** Writes a sentence about what comes. */
  say(sentence: string): void {
    this.#transcript.flush();
    this.#write('');
    this.#write(`-- ${sentence}`);
  }

  /** Starts a process. */
  start(program: ScriptProgram): void {
    const started = this.kernel.start(program);
    if (typeof started === 'string') throw new Error(`${program.name} cannot be started: ${started}`);
  }

  /** Returns the living process of this name. */
  process(name: string): ScriptProcess {
    const found = this.kernel.processes.find((process) => process.name === name && process.memory !== undefined);
    if (found === undefined) throw new Error(`no process ${name} lives`);
    return found;
  }

  /** Writes which frames the named processes' pages are in, by their first letters or those given. */
  showFrames(letters: Readonly<Record<string, string>>): void {
    this.#transcript.flush();
    const { machine, system } = this.kernel;
    const living = Object.entries(letters).filter(([, name]) =>
      this.kernel.processes.some((one) => one.name === name && one.memory !== undefined),
    );
    const spaces = living.map(([letter, name]) => ({ letter, space: this.space(name) }));
    const names = living.map(([letter, name]) => `${letter} ${name}`);
    this.#write(`        frames of RAM (. free, # kernel, ${names.join(', ')}):`);
    for (const line of frameMap(machine, system, spaces)) this.#write(`        ${line}`);
  }

  /** Returns in how many pieces of RAM the pages of a process are. */
  pieces(name: string): number {
    return piecesOf(this.kernel.machine, this.kernel.system, this.space(name));
  }

  /** Writes the map of a living process. */
  showMap(name: string): void {
    this.#transcript.flush();
    const process = this.process(name);
    this.#write(`        the memory of ${process.name}.${process.pid}:`);
    this.#transcript.map(process);
  }

  private space(name: string) {
    const { memory } = this.process(name);
    if (memory === undefined) throw new Error(`${name} has no memory`);
    return memory.process.space;
  }

  /** Ends what still runs, and checks the whole machine. */
  end(): void {
    this.#transcript.detach();
    this.kernel.system.check();
    this.kernel.shutDown();
    this.kernel.system.check();
  }
}
