// A heap that several workers use at once: any design, hardened or not, behind one lock in the heap's header.
//
//   word 8   0 free | 1 held | 2 held, and somebody may sleep           word 4   the memory's end when the lock was last given back
//
//   acquire:  0 -> 1, or look a while, or  x -> 2 and sleep until woken      release:  x -> 0, and wake one if x was 2
//
// Each worker opens the heap for itself (`Heap.open`) over the same SharedArrayBuffer or shared WebAssembly.Memory. Whoever finds another end
// in the header than it knows reads the memory anew: a worker has made it grow.
//
// Invariants:
//   LK1  between acquire and release no other worker reads or writes a word of the heap, but for blocks, which are their owners' affair
//   LK2  a word 2 stands there as long as somebody sleeps: a woken worker puts it back when it does not get the lock at once
//   LK3  an operation that throws (hardened.ts) gives the lock back
//
// Fair enough: who is awake may overtake who sleeps, but a release always wakes a sleeper. A worker that is terminated while it holds the
// lock takes the heap with it, as with any lock in shared memory. A browser's main thread may not sleep: it looks until it gets the lock.
// Cost: two atomic operations per call when nobody else is there; in time: docs/heap-library.md. Source: Drepper, "Futexes Are Tricky", 2011.

import type { HeapAllocator } from './allocator.ts';
import { HeapHeader } from './heap-header.ts';
import type { HeapMemory } from './heap-memory.ts';

const FREE = 0;
const HELD = 1;
const CONTENDED = 2;

/** Looks at a held lock before sleeping: an operation takes less than a microsecond, sleep and wake-up some ten. */
const LOOKS = 200;

/** Throws a RangeError if the memory cannot be shared by workers. */
export function expectShared({ words: { buffer } }: HeapMemory): void {
  if (typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer) return;
  throw new RangeError('a heap for many threads needs a SharedArrayBuffer or a shared WebAssembly.Memory');
}

/** Returns the operations of `inner`, each under the lock of the heap in this memory, which is shared. */
export function lock(memory: HeapMemory, inner: HeapAllocator): HeapAllocator {
  const { buffer } = memory.words;
  // A shared wasm memory that has grown has a new buffer, but the old one is a view of the same bytes.
  const header = new Int32Array(buffer, memory.start, HeapHeader.BYTES / 4);
  const maySleep = canSleep();
  /** The end that this worker's views reach; none yet. */
  let knownEnd = -1;

  function acquire(): void {
    if (Atomics.compareExchange(header, HeapHeader.LOCK, FREE, HELD) !== FREE) acquireHeld();
    // The memory's own end differs if somebody has read its bytes anew in between.
    if (header[HeapHeader.END] === knownEnd && (memory.end | 0) === knownEnd) return;
    memory.refresh();
    inner.refresh();
    knownEnd = memory.end | 0;
    header[HeapHeader.END] = knownEnd;
  }

  function acquireHeld(): void {
    for (let looks = 0; looks < LOOKS || !maySleep; looks++) {
      if (Atomics.load(header, HeapHeader.LOCK) === FREE && Atomics.compareExchange(header, HeapHeader.LOCK, FREE, HELD) === FREE) return;
    }
    while (Atomics.exchange(header, HeapHeader.LOCK, CONTENDED) !== FREE) Atomics.wait(header, HeapHeader.LOCK, CONTENDED);
  }

  function release(): void {
    const end = memory.end | 0;
    if (end !== knownEnd) {
      knownEnd = end;
      header[HeapHeader.END] = end;
    }
    if (Atomics.exchange(header, HeapHeader.LOCK, FREE) === CONTENDED) Atomics.notify(header, HeapHeader.LOCK, 1);
  }

  return {
    malloc(bytes) {
      acquire();
      try {
        return inner.malloc(bytes);
      } finally {
        release();
      }
    },
    free(address) {
      acquire();
      try {
        return inner.free(address);
      } finally {
        release();
      }
    },
    realloc(address, bytes) {
      acquire();
      try {
        return inner.realloc(address, bytes);
      } finally {
        release();
      }
    },
    memalign(alignment, bytes) {
      acquire();
      try {
        return inner.memalign(alignment, bytes);
      } finally {
        release();
      }
    },
    usableSize(address) {
      acquire();
      try {
        return inner.usableSize(address);
      } finally {
        release();
      }
    },
    walk(visit) {
      acquire();
      try {
        inner.walk(visit);
      } finally {
        release();
      }
    },
    check() {
      acquire();
      try {
        inner.check();
      } finally {
        release();
      }
    },
    reset() {
      acquire();
      try {
        inner.reset();
      } finally {
        release();
      }
    },
    top() {
      acquire();
      try {
        return inner.top();
      } finally {
        release();
      }
    },
    refresh() {
      knownEnd = -1;
      acquire();
      release();
    },
  };
}

/** Tells whether this thread may sleep: a browser's main thread may not. */
function canSleep(): boolean {
  try {
    // The word is not 1, so it returns at once.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}
