// A real program on Quire: an unmodified WASI module, rewritten, in an address space of its own.
//
//   module bytes -> read -> lay out -> map image, stack, bss -> rewrite -> compile -> instantiate -> _start
//
// Nothing of the image is copied at start: its pages come in by faults, like everything else. Whatever can be refused is refused
// by `load`, before the program's first instruction, with one sentence. Elsewhere: the trap (process/), the WASI calls (wasi/).

import { type Errno, EventType, PAGE_SIZE, type Pfn, UsageError } from '../base/index.ts';
import { Process, StackWindow, type Stopwatch } from '../process/index.ts';
import { type Machine, type MemoryObject, type MemorySystem, PROT_READ, PROT_WRITE, type Space } from '../system/index.ts';
import {
  type CodeLayout,
  type FunctionOptimizer,
  type HeapObserver,
  QUIRE_MODULE,
  type QuireImports,
  type ReferenceObserver,
  type WindowLayout,
} from './abi.ts';
import { type AddressLayout, initialAreas, layOut, segmentAddresses, windowLayout } from './address-layout.ts';
import { type ModuleInfo, readModule } from './binary/index.ts';
import { aboutModule, compileModule, requireCommand } from './command.ts';
import { ImagePager } from './image-pager.ts';
import { kernelImports, type TrapObserver } from './kernel-imports.ts';
import { PagedMemory } from './paged-memory.ts';
import { exitOf, type ProgramExit } from './program-exit.ts';
import {
  type AccessCounts,
  type CodeCache,
  type CodeLocation,
  type CodeOrigin,
  DEEP_MODULE_NAME,
  type FirstCallChoice,
  type HeapCall,
  hasTimeZoneStub,
  heapCallsOf,
  type Recording,
  type RewrittenModule,
  rewriteWithCache,
  STACK_POINTER_EXPORT,
  whyNotHeapCall,
} from './rewrite/index.ts';
import { createWasi, type Wasi, type WasiOptions } from './wasi/index.ts';
import { WindowEntry } from './window-entry.ts';

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
  /** Called at every load and store of the program, and for every range of a bulk one. What system calls copy is not the program's reference. */
  readonly record?: ReferenceObserver;
  /** Hears of the calls of malloc and its family. Throws a `UsageError` at loading if the module has none that can be found by name. */
  readonly recordHeap?: HeapObserver;
  /** Which functions those are, instead of by their names. Throws a `UsageError` at loading if they cannot be. */
  readonly heapCalls?: readonly HeapCall[];
  /** Gets each function with a loop before it runs for the first time. */
  readonly optimize?: FunctionOptimizer;
  /** Where code is looked for before the module is rewritten, and kept when it has been. */
  readonly codeCache?: CodeCache;
  /** The module as `prepareCode` made it for the same tables, and for recording if there is `record` or `recordHeap`; made here otherwise. */
  readonly code?: ProgramCode;
  /**
   * An object over the code's `image`, which the caller keeps: what one run of a program brought in is in memory for the next, as with a
   * file that stays cached. Made here otherwise, and gone with the program.
   */
  readonly image?: MemoryObject;
}

/** What a program's code became. */
export interface ProgramCodeFacts {
  readonly origin: CodeOrigin;
  /** Bytes of function bodies in the module, and of the module that runs in its place. */
  readonly originalBytes: number;
  readonly rewrittenBytes: number;
  /** How many loads and stores became what. */
  readonly accesses: Readonly<AccessCounts>;
  /** Bytes of the stack in the window at this moment. */
  readonly stackWindowBytes: number;
  readonly stackWindow: 'none' | 'used' | 'outgrown';
}

/** A module read, rewritten for the tables of one live space, and compiled. Any number of programs can run it. */
export interface ProgramCode {
  readonly info: ModuleInfo;
  readonly layout: AddressLayout;
  readonly rewritten: RewrittenModule;
  readonly origin: CodeOrigin;
  readonly module: WebAssembly.Module;
  readonly image: ImagePager;
  /** Of code that has one. */
  readonly window?: CodeWindow;
}

/** The window that a program's code has. */
interface CodeWindow {
  readonly layout: WindowLayout;
  /** Makes the code without, once. */
  readonly deep: () => { readonly rewritten: RewrittenModule; readonly module: WebAssembly.Module };
}

/** What the code is to tell of, and where it may come from. */
export interface CodeOptions {
  readonly references?: Recording;
  /** The calls of malloc and its family. */
  readonly heap?: Recording;
  /** The functions of the malloc family; found by name if not given. */
  readonly heapCalls?: readonly HeapCall[];
  /** `told` if there will be a `FunctionOptimizer`. */
  readonly firstCalls?: FirstCallChoice;
  readonly cache?: CodeCache;
}

/** Reads, rewrites and compiles a module. Throws a `UsageError` if it is malformed, has no place for its data or no heap to tell of. */
export function prepareCode(bytes: Uint8Array, name: string, tables: CodeLayout, given: CodeOptions = {}): ProgramCode {
  const info = aboutModule(name, () => readModule(bytes));
  const addresses = segmentAddresses(info, () => {
    throw new UsageError(`${name} places data at an imported global, which WASI does not define`);
  });
  const layout = aboutModule(name, () => layOut(info, addresses));
  checkSegments(layout);
  const { references = 'off', heap = 'off', firstCalls = 'untold', cache } = given;
  const heapCalls = heap === 'on' ? requireHeapCalls(info, name, given.heapCalls) : [];
  const options = { layout: tables, nullPage: layout.nullPage, recording: references, heapCalls, firstCalls };
  const window = windowLayout(layout, tables.stackEnd);
  const { rewritten, origin } = aboutModule(name, () => rewriteWithCache(info, { ...options, ...(window && { window }) }, cache));
  const module = compileModule(rewritten.bytes, name);
  const image = new ImagePager(bytes, info.data, addresses, layout.initialEnd / PAGE_SIZE);
  if (window === undefined || rewritten.form !== 'window') return { info, layout, rewritten, origin, module, image };
  const deep = once(() => {
    const code = rewriteWithCache(info, { ...options, form: 'deep' }, cache).rewritten;
    return { rewritten: code, module: compileModule(code.bytes, name) };
  });
  return { info, layout, rewritten, origin, module, image, window: { layout: window, deep } };
}

/** Returns a function that makes something at its first call and returns it at every one. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Returns the functions of the malloc family, with malloc and free among them. */
function requireHeapCalls(info: ModuleInfo, name: string, given: readonly HeapCall[] | undefined): readonly HeapCall[] {
  for (const call of given ?? []) {
    const why = whyNotHeapCall(info, call);
    if (why !== undefined) throw new UsageError(`${name}: ${call.name} cannot be told: ${why}`);
  }
  const calls = given ?? heapCallsOf(info);
  const missing = ['malloc', 'free'].filter((each) => !calls.some((call) => call.name === each));
  if (missing.length === 0) return calls;
  const where = info.sections.some((each) => each.name === 'name') ? 'its name section has' : 'it has no name section, and exports';
  throw new UsageError(`${name} has no ${missing.join(' and no ')} that can be told: ${where} none with the signature of C`);
}

const ignored = (): void => undefined;
/** Only code with a window calls it. */
const noWindow = (): number => 1;

/** A loaded program: run it once. */
export class Program {
  readonly process: Process;
  readonly #options: ProgramOptions;
  readonly #code: ProgramCode;
  readonly #wasi: Wasi;
  readonly #window: WindowEntry | undefined;
  #instance: WebAssembly.Instance | undefined;

  private constructor(options: ProgramOptions, code: ProgramCode, process: Process, wasi: Wasi) {
    this.#options = options;
    this.#code = code;
    this.process = process;
    this.#wasi = wasi;
    this.#window = this.#openWindow();
  }

  /** Code that was made for frames elsewhere runs without them. */
  #openWindow(): WindowEntry | undefined {
    const { window } = this.#code;
    if (window === undefined) return undefined;
    const { top, delta } = window.layout;
    const run = this.#options.machine.stackRun(this.#options.liveSpace);
    const end = (top + delta) / PAGE_SIZE;
    const frames = run?.end === end ? run : { first: end as Pfn, end: end as Pfn };
    return new WindowEntry(new StackWindow(this.process, top, frames), top, this.process.reserveStack, () => window.deep().module);
  }

  /** Builds the address space and compiles the program. Throws a `UsageError` if it cannot run here. */
  static load(options: ProgramOptions): Program {
    const { machine, system, name } = options;
    const given: CodeOptions = {
      references: options.record ? 'on' : 'off',
      heap: options.recordHeap ? 'on' : 'off',
      ...(options.heapCalls && { heapCalls: options.heapCalls }),
      firstCalls: options.optimize ? 'told' : 'untold',
      ...(options.codeCache && { cache: options.codeCache }),
    };
    const code = options.code ?? prepareCode(options.module, name, machine.tlbTables(options.liveSpace), given);
    const process = new Process(machine, system, buildSpace(options, code), options.now);
    const wasi = createWasi({ ...options.wasi, memory: new PagedMemory(process) });
    requireCommand(code.info, name, wasi.modules);
    return new Program(options, code, process, wasi);
  }

  /** Where the program's parts are. */
  get layout(): AddressLayout {
    return this.#code.layout;
  }

  /** Whether the module has the one function whose stores through null fall away. */
  get toleratesNullStores(): boolean {
    return this.layout.nullPage === 'unmapped' && hasTimeZoneStub(this.#code.info);
  }

  /** Runs the program to its end, whatever that is. */
  run(): ProgramExit {
    const {
      machine,
      observe = ignored,
      optimize = ignored,
      record = ignored,
      recordHeap = { enter: ignored, leave: ignored },
    } = this.#options;
    const { info, layout } = this.#code;
    const enter = this.#window?.enter ?? noWindow;
    const observers = { trap: observe, optimize, reference: record, heap: recordHeap, enter };
    const quire = kernelImports(this.process, machine.memory as WebAssembly.Memory, info, layout.growLimit, observers);
    const space = this.process.space.pmap.id;
    machine.events.emit(EventType.start, space);
    const exit = this.#run(quire);
    if (exit.kind === 'exit') machine.events.emit(EventType.exit, space, exit.code);
    if (exit.kind === 'fault') machine.events.emit(EventType.kill, space, exit.fault.outcome);
    return exit;
  }

  #run(quire: QuireImports): ProgramExit {
    const { module } = this.#code;
    try {
      const imports = { ...this.#wasi.modules, [QUIRE_MODULE]: { ...quire } };
      this.#instance = new WebAssembly.Instance(module, imports);
      this.#window?.attach(imports, this.#instance.exports);
      (this.#instance.exports['_start'] as () => void)();
      return { kind: 'exit', code: 0 };
    } catch (error) {
      return exitOf(error);
    } finally {
      this.#wasi.close();
    }
  }

  /** Whether some function was done without the window, since its stack frame did not lie there. */
  get leftWindow(): boolean {
    return this.#window?.hasDeepCode ?? false;
  }

  /** What the code became, as `RunReport` (report/) tells it. */
  get codeFacts(): ProgramCodeFacts {
    const { info, rewritten, origin } = this.#code;
    const { start, end, count } = info.bodies;
    return {
      origin,
      originalBytes: count === 0 ? 0 : (end[count - 1] as number) - (start[0] as number),
      rewrittenBytes: rewritten.bytes.length,
      accesses: { ...rewritten.counts },
      stackWindowBytes: this.#window?.bytes ?? 0,
      stackWindow: this.#window === undefined ? 'none' : this.leftWindow ? 'outgrown' : 'used',
    };
  }

  /** The shadow-stack pointer as it is now, if the module has one. */
  stackPointer(): number | undefined {
    const global = this.#instance?.exports[STACK_POINTER_EXPORT];
    return global instanceof WebAssembly.Global ? global.value >>> 0 : undefined;
  }

  /** Returns where in the original module the innermost frame of a call stack is, from the engine's text of it. */
  locate(stack: string): CodeLocation | undefined {
    for (const [, module, index, offset] of stack.matchAll(FRAME_OF_CODE)) {
      const code =
        module === DEEP_MODULE_NAME && this.#code.window !== undefined ? this.#code.window.deep().rewritten : this.#code.rewritten;
      const place = code.locate(Number(index), Number.parseInt(offset as string, 16));
      if (place !== undefined) return place;
    }
    return undefined;
  }
}

/** A frame of WebAssembly code in the engine's text of a call stack: the module's name where it is Quire's own, function index, byte offset. */
const FRAME_OF_CODE = new RegExp(`(?:(${DEEP_MODULE_NAME})[^\\s:]*:)?wasm-function\\[(\\d+)\\]:0x([0-9a-f]+)`, 'g');

function checkSegments(layout: AddressLayout): void {
  if (layout.dataEnd <= layout.initialEnd) return;
  throw new UsageError(`the module's data reaches to address ${layout.dataEnd}, beyond its initial memory of ${layout.initialEnd} bytes`);
}

function buildSpace(options: ProgramOptions, { image: pager, layout }: ProgramCode): Space {
  const { system, machine } = options;
  const space = must(
    options,
    system.createSpace(
      { low: 0, high: layout.mapHigh, breakStart: layout.initialEnd, breakLimit: layout.mapLow },
      machine.liveTlb(options.liveSpace),
    ),
  );
  const image = options.image ?? must(options, system.createObject(pager));
  const dataRuns: (readonly [number, number])[] = [];
  pager.forEachDataRun((first, end) => dataRuns.push([first, end]));
  for (const area of initialAreas(layout, dataRuns)) {
    must(
      options,
      system.map(space, {
        size: area.end - area.start,
        protection: PROT_READ | PROT_WRITE,
        sharing: 'private',
        place: { how: 'fixed', address: area.start },
        name: area.name,
        ...(area.backing === 'image' && { object: image, offset: area.start }),
      }),
    );
  }
  if (options.image === undefined) system.releaseObject(image);
  return space;
}

/** At this point only memory can be lacking. */
function must<T>(options: ProgramOptions, result: T | Errno): T {
  if (typeof result !== 'string') return result;
  throw new UsageError(
    `${options.name}: ${options.machine.ram.frameCount * 4} KiB of RAM are too few to set the program up (${result}): give it more`,
  );
}
