// UVM's side of moving pages without copying (system/page-mover.ts): the calls, each in a file of its own, and memory for those that lack it.
//
//   loan.ts            to the kernel            lent-area.ts       to another space, and page transfer
//   writable-loan.ts   to write into            entry-passing.ts   whole areas

import type { Errno, VirtAddr } from '../base/index.ts';
import type { KernelLoan, PageMover, Place, WritableLoan } from '../system/index.ts';
import type { UvmCore } from './core.ts';
import { type PassMode, passEntries } from './entry-passing.ts';
import type { FaultHandler } from './fault.ts';
import { lendToSpace, transferFrames } from './lent-area.ts';
import { KernelLoans } from './loan.ts';
import type { PageDaemon } from './page-daemon.ts';
import type { VmMap } from './vm-map.ts';
import { WritableLoans } from './writable-loan.ts';

/** The moving calls of one UVM. */
export class UvmPageMover implements PageMover<VmMap> {
  readonly kernelLoans: KernelLoans;
  readonly #core: UvmCore;
  readonly #daemon: PageDaemon;
  readonly #writable: WritableLoans;

  constructor(core: UvmCore, daemon: PageDaemon, faults: FaultHandler) {
    this.#core = core;
    this.#daemon = daemon;
    this.kernelLoans = new KernelLoans(core, daemon, faults);
    this.#writable = new WritableLoans(core);
  }

  lendToKernel(space: VmMap, start: number, size: number): KernelLoan | Errno {
    return this.kernelLoans.lend(space, start, size);
  }

  endKernelLoan(loan: KernelLoan): void {
    this.kernelLoans.end(loan);
  }

  kernelPages(size: number): KernelLoan | Errno {
    return this.kernelLoans.kernelPages(size);
  }

  lendToSpace(from: VmMap, start: number, size: number, to: VmMap, place?: Place): VirtAddr | Errno {
    return this.#withMemory(() => lendToSpace(this.#core, from, start, size, to, place));
  }

  lendWritable(from: VmMap, start: number, size: number, to: VmMap, place?: Place): WritableLoan<VmMap> | Errno {
    return this.#withMemory(() => this.#writable.lend({ from, start, size, to, place }));
  }

  endWritableLoan(loan: WritableLoan<VmMap>): void {
    this.#writable.end(loan);
  }

  transfer(loan: KernelLoan, to: VmMap, place?: Place): VirtAddr | Errno {
    const ours = this.kernelLoans.expect(loan);
    const address = this.#withMemory(() => transferFrames(this.#core, ours, to, place));
    if (typeof address !== 'string') this.kernelLoans.end(loan);
    return address;
  }

  pass(from: VmMap, start: number, size: number, to: VmMap, mode: PassMode, place?: Place): VirtAddr | Errno {
    return this.#withMemory(() => passEntries(this.#core, { from, start, size, to, place }, mode));
  }

  /**
   * Tries, and while memory lacks lets the daemon make room, for twice as many frames each time. Ends: a try that brings pages in could
   * go on for ever otherwise.
   */
  #withMemory<T>(attempt: () => T | Errno): T | Errno {
    const { frames } = this.#core.machine;
    this.#daemon.wakeIfLow();
    for (let wanted = 1; ; wanted *= 2) {
      const result = attempt();
      if (result !== 'ENOMEM' || wanted > frames.managed || !this.#daemon.makeRoom(frames.freeCount + wanted)) return result;
    }
  }
}
