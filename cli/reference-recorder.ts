// A running program's references as a trace of pages.
//
//   load or store -> batch of references -> pages (one that crosses a boundary becomes two) -> repeats collapsed? -> file

import { PageStream, ReferenceBatch } from '../src/trace/index.ts';
import type { ReferenceObserver } from '../src/wasm/index.ts';
import type { PageChoice } from './trace-options.ts';
import type { TraceWriter } from './trace-writer.ts';

/** Writes what a program refers to. */
export class ReferenceRecorder {
  /** To be called at every access. WebAssembly's accesses are reads (0) and writes (1), as `ReferenceKind` has them; instructions are in no pages. */
  readonly record: ReferenceObserver;
  readonly #batch = new ReferenceBatch();
  readonly #stream: PageStream;
  readonly #writer: TraceWriter;
  #state: 'recording' | 'writing' = 'recording';
  /** Pages written down so far. */
  written = 0;

  constructor(choice: PageChoice, writer: TraceWriter) {
    this.#writer = writer;
    this.#stream = new PageStream({ ...choice, unit: 'bytes' }, (pages) => {
      this.written += pages.count;
      writer.sink(pages);
    });
    const batch = this.#batch;
    const { addresses, sizes, kinds, capacity } = batch;
    this.record = (base, offset, size, access) => {
      if (size === 0) return;
      const at = batch.count;
      addresses[at] = (base >>> 0) + (offset >>> 0);
      // A length of 2 GiB and more arrives negative, and is stored as it should be.
      sizes[at] = size;
      kinds[at] = access;
      batch.count = at + 1;
      if (at + 1 === capacity) this.#flush();
    };
  }

  /** References of the program so far. */
  get references(): number {
    return this.#stream.references + this.#batch.count;
  }

  /** Writes what is left. A program that was interrupted may have been so in the midst of writing: then some of the last references are lost. */
  end(): void {
    if (this.#state === 'writing') this.#writer.cut();
    else {
      this.#flush();
      this.#stream.end();
    }
    this.#writer.end();
  }

  #flush(): void {
    this.#state = 'writing';
    this.#stream.add(this.#batch);
    this.#batch.count = 0;
    this.#state = 'recording';
  }
}
