// Android's memory_replay traces: what bionic's malloc debugging records, with addresses and threads.
//
//   1234: malloc 0x7a5c 64                  1234: realloc NEW OLD 128       a thread's number, what it called, the block's address
//   1234: calloc 0x7b00 4 16                1234: free 0x7a5c
//   1234: memalign 0x7c00 4096 100          1234: thread_done 0x0
//
// Newer files append two times, which are ignored. The null pointer is a call that failed, or a free of nothing: left out.
// Source: system/extras/memory_replay of AOSP.

import { Ascii } from '../formats/ascii.ts';
import { MallocParser } from './malloc-parser.ts';
import { MallocOperation } from './malloc-trace.ts';

/** Parses memory_replay's lines. */
export class MemoryReplayParser extends MallocParser {
  protected readonly expected = "a call such as '1234: malloc 0x7a5c 64'";

  protected override parseLine(bytes: Uint8Array): void {
    const { builder, reader } = this;
    const thread = this.decimal(bytes, 'thread');
    if (!reader.passes(bytes, Ascii.colon)) this.refuseLine(bytes);
    const call = this.word(bytes);
    const pointer = this.address(bytes);
    builder.thread = thread;
    switch (call) {
      case 'malloc':
        this.#allocate(MallocOperation.malloc, pointer, this.decimal(bytes, 'size'), 1);
        break;
      case 'calloc':
        this.#allocate(MallocOperation.calloc, pointer, this.decimal(bytes, 'count') * this.decimal(bytes, 'size'), 1);
        break;
      case 'memalign': {
        const alignment = this.decimal(bytes, 'alignment');
        this.#allocate(MallocOperation.memalign, pointer, this.decimal(bytes, 'size'), alignment);
        break;
      }
      case 'realloc': {
        const old = this.address(bytes);
        this.#reallocate(old, pointer, this.decimal(bytes, 'size'));
        break;
      }
      case 'free':
        if (pointer !== 0) this.take(builder.free(pointer));
        break;
      case 'thread_done':
        break;
      default:
        this.refuseLine(bytes);
    }
    this.#passTimes(bytes);
  }

  #allocate(operation: MallocOperation, pointer: number, size: number, alignment: number): void {
    if (pointer !== 0) this.take(this.builder.allocate(operation, pointer, size, alignment));
  }

  /** Of nothing: an allocation. To nothing: a free, or one that failed. */
  #reallocate(old: number, pointer: number, size: number): void {
    if (old === 0) this.#allocate(MallocOperation.malloc, pointer, size, 1);
    else if (pointer !== 0) this.take(this.builder.reallocate(old, pointer, size));
    else if (size === 0) this.take(this.builder.free(old));
  }

  #passTimes(bytes: Uint8Array): void {
    const { reader } = this;
    for (reader.blanks(bytes); bytes[reader.position] !== Ascii.newline; reader.blanks(bytes)) this.decimal(bytes, 'time');
  }
}
