// The window: the part of a program's stack that lies in frames side by side, locked, so that generated code reaches it without a table.
//
//   guest      page 0 | not yet touched ...... | window, grows down: [top - bytes, top) | heap or data ...
//                                              |            |            |
//   physical      ... other frames ... | run:  | spared ... | frame      | frame ]         physical = guest + (end of the run - top)
//
// The run is frames that the machine keeps for this stack as long as memory is not short (`Machine.stackRun`). Whatever brings in a page
// of the stack, be it the program's own access, a system call or the window, asks for the frame that lies right for it. When code needs a page in the
// window, it is brought in for writing by an ordinary fault, if it was not, and locked, as by mlock; if it is in its frame then, the window takes it
// in. Where one of these fails the window ends, and code that needs more of the stack uses the tables as elsewhere.
//
// What generated code relies on:
//   W1  a page in the window is mapped writable, modified and locked, in its frame of the run
//   W2  the window never loses a page while the program runs: nothing unlocks, unmaps or protects its stack, which only the program's own
//       requests could, and programs have no such call. A fork copies locked pages at once, for the child's own frames.
//   W3  the window is one piece, from `top` down; its pages were all within the program's rights to write
//
// Cost: the first touch of a page takes one fault as ever, and a lock. Elsewhere: the code (wasm/rewrite/codegen-window.ts), frames (frames/).

import { PAGE_SIZE, type Pfn, pageOf } from '../base/index.ts';
import type { FrameRun } from '../system/index.ts';
import type { PagePlacement, Process } from './process.ts';

/** The window of one program's stack. */
export class StackWindow implements PagePlacement {
  readonly #process: Process;
  readonly #top: number;
  readonly #run: FrameRun;
  #first: number;

  /** Begins empty. @param top guest address one past the stack's last page. */
  constructor(process: Process, top: number, run: FrameRun) {
    this.#process = process;
    this.#top = pageOf(top);
    this.#run = run;
    this.#first = this.#top;
    process.place(this);
  }

  /** How much of the stack, from its top down, is in the window. */
  get bytes(): number {
    return (this.#top - this.#first) * PAGE_SIZE;
  }

  /** Returns the frame that a page should be in, or 0 for one that no frame of the run is for. */
  frameOf(page: number): Pfn | 0 {
    const frame = this.#run.end - (this.#top - page);
    return page < this.#top && frame >= this.#run.first ? (frame as Pfn) : 0;
  }

  /** Takes the pages from the window's end down to that of `address` in. Returns whether the address is in the window now. */
  extendTo(address: number): boolean {
    const page = pageOf(address);
    if (address < 0 || page >= this.#top) return false;
    while (this.#first > page) {
      if (!this.#take(this.#first - 1)) return false;
      this.#first--;
    }
    return true;
  }

  #take(page: number): boolean {
    const frame = this.frameOf(page);
    return frame !== 0 && this.#process.lockPage(page, frame);
  }
}
