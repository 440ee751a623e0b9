// What code with a window calls where the stack reaches the window's end: more of the stack is taken into it, or the function is done by deep
// code, which is made then. Most programs never need it.
//
//   enter(stack pointer)   pages down to stack pointer - margin are in the window now? limit raised, go on
//                          else: deep code, made at the first time: rewritten, compiled, instantiated over what the program's instance shares

import type { StackWindow } from '../process/index.ts';
import { type QuireImports, SHARED_MODULE, WINDOW_LIMIT_EXPORT, WINDOW_MARGIN } from './abi.ts';

/** The calls of one program at the end of its window. */
export class WindowEntry {
  readonly #window: StackWindow;
  readonly #top: number;
  readonly #reserveStack: () => void;
  readonly #deepModule: () => WebAssembly.Module;
  #imports: WebAssembly.Imports = {};
  #shared: WebAssembly.Exports | undefined;
  #deep: WebAssembly.Instance | undefined;

  /**
   * @param top guest address one past the stack's last page. @param reserveStack throws if the engine's stack has no room for the kernel.
   * @param deepModule makes the deep code.
   */
  constructor(window: StackWindow, top: number, reserveStack: () => void, deepModule: () => WebAssembly.Module) {
    this.#window = window;
    this.#top = top;
    this.#reserveStack = reserveStack;
    this.#deepModule = deepModule;
  }

  /** Says what the program's instance imports and exports: before it runs. */
  attach(imports: WebAssembly.Imports, exports: WebAssembly.Exports): void {
    this.#imports = imports;
    this.#shared = exports;
  }

  /** As `QuireImports.enter`. */
  readonly enter: QuireImports['enter'] = (stackPointer) => {
    const pointer = stackPointer >>> 0;
    const isIn = pointer <= this.#top && this.#window.extendTo(pointer - WINDOW_MARGIN);
    const limit = this.#shared?.[WINDOW_LIMIT_EXPORT] as WebAssembly.Global;
    limit.value = ~Math.max(0, this.#window.bytes - WINDOW_MARGIN + 1);
    if (isIn) return 0;
    this.#makeDeep();
    return 1;
  };

  #makeDeep(): void {
    if (this.#deep !== undefined) return;
    this.#reserveStack();
    const imports = { ...this.#imports, [SHARED_MODULE]: this.#shared } as WebAssembly.Imports;
    this.#deep = new WebAssembly.Instance(this.#deepModule(), imports);
  }

  /** Bytes of the stack that are in the window. */
  get bytes(): number {
    return this.#window.bytes;
  }

  /** Whether the program has left its window. */
  get hasDeepCode(): boolean {
    return this.#deep !== undefined;
  }
}
