// A pager in user space: the pages of an object come from a process, and dirty ones go back to it.
//
//   fault -> manager -> read(index) -> no answer yet: EAGAIN, and a request for the process -> the fault fails, its thread waits
//                                                            |
//                    pagerRequest, pagerReply of the process v
//   the thread runs, the same access faults again -> read(index) -> the answer's bytes: resolved
//
// So the kernel never runs one process from within another's fault, and never waits: what a fault began is undone, and done again when
// the page is there. A request ends in any case: answered; with an error; when the process that should answer ends; or when its time
// (`patience`, in steps of the schedule) is over: then the access fails with an I/O error. A process that faults on a page that only
// itself could bring fails at once.
// Writing back does not wait either: the page is copied into a block of the kernel's heap, a message to the process, and its frame is
// free. A block is kept for the time when there is no other; when that is under way as well the page stays where it is, and who runs out
// of memory waits for the writes that are under way. A page asked for again is asked for behind its own write.
// Cost: a fault more for each page that is waited for (counted as `failed`), and a copy each way.

import { type Errno, PAGE_SIZE } from '../../base/index.ts';
import { HeapUse } from '../../heap/index.ts';
import type { Machine, Pager } from '../../system/index.ts';

/** A page that is asked for, or given back. */
export interface PageRequest {
  readonly pager: UserPager;
  readonly kind: 'read' | 'write';
  readonly index: number;
  state: 'queued' | 'taken' | 'answered' | 'failed';
  /** The page's bytes in the kernel's heap: of a write until it is answered, of a read from then on. 0 for none. */
  block: number;
  /** Step at which it fails if it is not answered. */
  readonly deadline: number;
  /** Threads that wait for it. */
  waiters: number;
}

/** Tells whether a request is over, one way or another, at step `steps`. */
export const hasEnded = ({ state, deadline }: PageRequest, steps: number): boolean =>
  state === 'answered' || state === 'failed' || steps >= deadline;

/** What pagers share with the kernel that runs them. */
export interface PagerWorld {
  readonly machine: Machine;
  /** Steps of the schedule so far. */
  readonly steps: number;
  /** Steps that a request may take. */
  readonly patience: number;
  /** What was asked of pagers since the current call began. */
  readonly raised: PageRequest[];
}

/** The pager of one object, on the kernel's side. */
export class UserPager implements Pager {
  readonly kind = 'user';
  readonly name: string;
  readonly pages: number;
  readonly #world: PagerWorld;
  /** Not taken yet, in order. */
  readonly queue: PageRequest[] = [];
  readonly #reads = new Map<number, PageRequest>();
  /** Of them those that are taken too. */
  readonly #writes = new Set<PageRequest>();
  #isServed = true;
  /** The block kept for a write when the heap has none; 0 while it is in use. */
  #spare: number;

  private constructor(world: PagerWorld, name: string, pages: number, spare: number) {
    this.#world = world;
    this.name = name;
    this.pages = pages;
    this.#spare = spare;
  }

  /** Makes a pager. ENOMEM. */
  static create(world: PagerWorld, name: string, pages: number): UserPager | Errno {
    const spare = world.machine.heap.allocate(PAGE_SIZE, HeapUse.process);
    return spare === 0 ? 'ENOMEM' : new UserPager(world, name, pages, spare);
  }

  /** Writes that the process has not answered yet. */
  get writes(): ReadonlySet<PageRequest> {
    return this.#writes;
  }

  read(index: number, into: Uint8Array): Errno | undefined {
    const request = this.#reads.get(index);
    if (request === undefined) {
      if (!this.#isServed) return 'EIO';
      const asked = this.#ask('read', index, 0);
      this.#reads.set(index, asked);
      return 'EAGAIN';
    }
    if (request.state === 'answered') {
      into.set(this.#bytes(request));
      this.discard(request);
      return undefined;
    }
    this.expire(request);
    if (request.state === 'failed') {
      this.#reads.delete(index);
      return 'EIO';
    }
    this.#world.raised.push(request);
    return 'EAGAIN';
  }

  write(index: number, from: Uint8Array): Errno | undefined {
    if (!this.#isServed) return 'EIO';
    // A write that the process has not taken yet is simply overtaken.
    const queued = this.queue.findLast((request) => request.index === index);
    if (queued?.kind === 'write') {
      this.#bytes(queued).set(from);
      this.#world.raised.push(queued);
      return undefined;
    }
    const block = this.#world.machine.heap.allocate(PAGE_SIZE, HeapUse.process) || this.#spare;
    if (block === 0) return 'EAGAIN';
    if (block === this.#spare) this.#spare = 0;
    const request = this.#ask('write', index, block);
    this.#bytes(request).set(from);
    this.#writes.add(request);
    return undefined;
  }

  #ask(kind: 'read' | 'write', index: number, block: number): PageRequest {
    const { steps, patience, raised } = this.#world;
    const request: PageRequest = { pager: this, kind, index, state: 'queued', block, deadline: steps + patience, waiters: 0 };
    this.queue.push(request);
    raised.push(request);
    return request;
  }

  #bytes(request: PageRequest): Uint8Array {
    return this.#world.machine.ram.bytes.subarray(request.block, request.block + PAGE_SIZE);
  }

  /** Takes the next request; `bytes` is a copy of a page to be written back. */
  take(): { readonly request: PageRequest; readonly bytes: Uint8Array | undefined } | undefined {
    const request = this.queue.shift();
    if (request === undefined) return undefined;
    request.state = 'taken';
    return { request, bytes: request.kind === 'write' ? this.#bytes(request).slice() : undefined };
  }

  /** Answers a request that was taken. EINVAL if it is over, or the answer does not fit it; ENOMEM if there is no room for the page. */
  answer(request: PageRequest, answer: Uint8Array | Errno | undefined): 0 | Errno {
    if (request.state !== 'taken') return 'EINVAL';
    if (typeof answer === 'string') {
      this.fail(request);
      return 0;
    }
    if (request.kind === 'write') {
      request.state = 'answered';
      this.#drop(request);
      return 0;
    }
    if (answer === undefined || answer.length > PAGE_SIZE) return 'EINVAL';
    request.block = this.#world.machine.heap.allocate(PAGE_SIZE, HeapUse.process);
    if (request.block === 0) return 'ENOMEM';
    this.#bytes(request).set(answer);
    request.state = 'answered';
    if (request.waiters === 0) this.discard(request);
    return 0;
  }

  /** Ends a request without its page. */
  fail(request: PageRequest): void {
    if (request.state === 'answered' || request.state === 'failed') return;
    request.state = 'failed';
    this.#drop(request);
    if (request.kind === 'read' && request.waiters === 0) this.#reads.delete(request.index);
  }

  /** Fails a request whose time is over. */
  expire(request: PageRequest): void {
    if (this.#world.steps >= request.deadline) this.fail(request);
  }

  /** Gives up what a request that has ended still holds, once nobody waits for it. */
  discard(request: PageRequest): void {
    if (request.state !== 'answered' && request.state !== 'failed') return;
    if (this.#reads.get(request.index) === request) this.#reads.delete(request.index);
    this.#drop(request);
  }

  #drop(request: PageRequest): void {
    if (request.block !== 0) this.#giveBack(request.block);
    request.block = 0;
    this.#writes.delete(request);
    const at = this.queue.indexOf(request);
    if (at >= 0) this.queue.splice(at, 1);
  }

  #giveBack(block: number): void {
    if (this.#spare === 0 && this.#isServed) this.#spare = block;
    else this.#world.machine.heap.free(block, PAGE_SIZE, HeapUse.process);
  }

  /** The process is gone: whatever is asked fails from now on. */
  close(): void {
    this.#isServed = false;
    if (this.#spare !== 0) this.#giveBack(this.#spare);
    this.#spare = 0;
    for (const request of [...this.#reads.values(), ...this.#writes]) this.fail(request);
  }
}
