// A real program on Quire: an unmodified WASI module, rewritten, in an address space of its own.
//
//   module bytes -> read -> lay out -> map image, stack, bss -> rewrite -> compile -> instantiate -> _start
//
// Nothing of the image is copied at start: its pages come in by faults, like everything else. Whatever can be refused is refused
// by `load`, before the program's first instruction, with one sentence. Elsewhere: the trap (process/), the WASI calls (wasi/).

import { type Errno, UsageError } from '../base/index.ts';
import { Process, type Stopwatch } from '../process/index.ts';
import { type Machine, type MemorySystem, PROT_READ, PROT_WRITE, type Space } from '../system/index.ts';
import { type AddressLayout, initialAreas, layOut, segmentAddresses } from './address-layout.ts';
import { type ModuleInfo, readModule } from './binary/index.ts';
import { compileModule, requireCommand } from './command.ts';
import { ImagePager } from './image-pager.ts';
import { kernelImports, type TrapObserver } from './kernel-imports.ts';
import { PagedMemory } from './paged-memory.ts';
import { exitOf, type ProgramExit } from './program-exit.ts';
import { QUIRE_MODULE } from './abi.ts';
import { type CodeLocation, type RewrittenModule, rewriteModule, STACK_POINTER_EXPORT } from './rewrite/index.ts';
import { createWasi, type Wasi, type WasiOptions } from './wasi/index.ts';

/** What to run, and on what. */
export interface ProgramOptions {
  readonly module: Uint8Array;
  /** What to call the module in messages, such as its file name. */
  readonly name: string;
  readonly machine: Machine;
  readonly system: MemorySystem;
  /** Number of the live space (its TLB tables) the program gets. */
  readonly liveSpace: number;
  readonly wasi: Omit<WasiOptions, 'memory'>;
  readonly now: Stopwatch;
  /** Called at every trap. */
  readonly observe?: TrapObserver;
}

/** A loaded program: run it once. */
export class Program {
  readonly info: ModuleInfo;
  readonly layout: AddressLayout;
  readonly process: Process;
  readonly #options: ProgramOptions;
  readonly #rewritten: RewrittenModule;
  readonly #module: WebAssembly.Module;
  readonly #wasi: Wasi;
  #instance: WebAssembly.Instance | undefined;

  private constructor(options: ProgramOptions, info: ModuleInfo, layout: AddressLayout, process: Process, wasi: Wasi) {
    this.#options = options;
    this.info = info;
    this.layout = layout;
    this.process = process;
    this.#wasi = wasi;
    this.#rewritten = rewriteModule(info, {
      layout: options.machine.tlbTables(options.liveSpace),
      nullPage: layout.nullPage,
    });
    this.#module = compileModule(this.#rewritten.bytes, options.name);
  }

  /** Builds the address space and compiles the program. Throws a `UsageError` if it cannot run here. */
  static load(options: ProgramOptions): Program {
    const info = readModule(options.module);
    const addresses = segmentAddresses(info, () => {
      throw new UsageError(`${options.name} places data at an imported global, which WASI does not define`);
    });
    const layout = layOut(info, addresses);
    checkSegments(info, layout);
    const process = new Process(options.machine, options.system, buildSpace(options, info, layout, addresses), options.now);
    const wasi = createWasi({ ...options.wasi, memory: new PagedMemory(process) });
    requireCommand(info, options.name, wasi.modules);
    return new Program(options, info, layout, process, wasi);
  }

  /** Runs the program to its end, whatever that is. */
  run(): ProgramExit {
    const { machine, observe } = this.#options;
    const quire = kernelImports(this.process, machine.memory as WebAssembly.Memory, this.info, this.layout.growLimit, observe ?? (() => undefined));
    try {
      this.#instance = new WebAssembly.Instance(this.#module, { ...this.#wasi.modules, [QUIRE_MODULE]: { ...quire } });
      (this.#instance.exports['_start'] as () => void)();
      return { kind: 'exit', code: 0 };
    } catch (error) {
      return exitOf(error);
    } finally {
      this.#wasi.close();
    }
  }

  /** The shadow-stack pointer as it is now, if the module has one. */
  stackPointer(): number | undefined {
    const global = this.#instance?.exports[STACK_POINTER_EXPORT];
    return global instanceof WebAssembly.Global ? global.value >>> 0 : undefined;
  }

  /** Returns where in the original module the innermost frame of a call stack is, from the engine's text of it. */
  locate(stack: string): CodeLocation | undefined {
    for (const [, index, offset] of stack.matchAll(/wasm-function\[(\d+)\]:0x([0-9a-f]+)/g)) {
      const place = this.#rewritten.locate(Number(index), Number.parseInt(offset as string, 16));
      if (place !== undefined) return place;
    }
    return undefined;
  }
}

function checkSegments(info: ModuleInfo, layout: AddressLayout): void {
  if (layout.dataEnd <= layout.initialEnd) return;
  throw new UsageError(`the module's data reaches to address ${layout.dataEnd}, beyond its initial memory of ${layout.initialEnd} bytes`);
}

function buildSpace(options: ProgramOptions, info: ModuleInfo, layout: AddressLayout, addresses: Float64Array): Space {
  const { system, machine } = options;
  const space = must(options, system.createSpace(
    { low: 0, high: layout.mapHigh, breakStart: layout.initialEnd, breakLimit: layout.mapLow },
    machine.liveTlb(options.liveSpace),
  ));
  const pager = new ImagePager(info.bytes, info.data, addresses, layout.initialEnd / 4096);
  const image = must(options, system.createObject(pager));
  const dataRuns: (readonly [number, number])[] = [];
  pager.forEachDataRun((first, end) => dataRuns.push([first, end]));
  for (const area of initialAreas(layout, dataRuns)) {
    must(options, system.map(space, {
      size: area.end - area.start,
      protection: PROT_READ | PROT_WRITE,
      sharing: 'private',
      place: { how: 'fixed', address: area.start },
      name: area.name,
      ...(area.backing === 'image' && { object: image, offset: area.start }),
    }));
  }
  system.releaseObject(image);
  return space;
}

/** At this point only memory can be lacking. */
function must<T>(options: ProgramOptions, result: T | Errno): T {
  if (typeof result !== 'string') return result;
  throw new UsageError(`${options.name}: ${options.machine.ram.frameCount * 4} KiB of RAM are too few to set the program up (${result}): give it more`);
}
