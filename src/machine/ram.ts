// RAM: one fixed-size buffer cut into frames of 4 KiB.
//
//   byte    0          4096        8192                      frameCount * 4096      buffer.byteLength
//           | frame 0  | frame 1   | ...                     | TLB tables, or nothing |
//
// The views cover RAM only, so no bug in the kernel's own stores reaches the TLB tables that live above it in the same buffer.
//
//   RAM1  frameCount whole frames fit in the buffer, and there is at least one
//   RAM2  the buffer never changes its size (views over a resizable buffer cost 25 to 42 %) and is never detached
//
// Cost: zero 0.1 us, copy 0.2 us per frame in cache. The built-in fill and copyWithin run at the speed of memset and memmove
// whatever the element type (Node 20: Uint8Array, Uint32Array, Float64Array, BigUint64Array within noise of each other);
// `set` from a subarray adds 15 % for the view it makes, and a Float64Array loop takes twice as long.
// Elsewhere: four frames zeroed at once (zero-run.ts).

import { invariant, PAGE_SHIFT, PAGE_SIZE, type Pfn } from '../base/index.ts';
import { makeZeroRun, ZERO_RUN_FRAMES, type ZeroRun } from './zero-run.ts';

/** Physical memory of one machine. */
export class Ram {
  readonly buffer: ArrayBuffer;
  readonly frameCount: number;
  /** RAM as bytes, without what lies above it in the buffer. */
  readonly bytes: Uint8Array;
  /** RAM as 32-bit words. */
  readonly words: Uint32Array;
  /** Whether `zeroRun` may be called. */
  readonly zeroesRuns: boolean = true;
  readonly #zeroRun: ZeroRun | undefined;

  /**
   * Takes the first `frameCount` frames of `buffer` as RAM; its content stays as it is.
   * Panics (RAM1, RAM2) if they do not fit or the buffer is resizable.
   * @param memory the memory whose buffer it is, if there is one: with it runs of frames are zeroed faster.
   */
  constructor(buffer: ArrayBuffer, frameCount: number, memory?: WebAssembly.Memory) {
    invariant(
      Number.isInteger(frameCount) && frameCount >= 1 && frameCount * PAGE_SIZE <= buffer.byteLength,
      'RAM1',
      () => `${frameCount} frames do not fit in a buffer of ${buffer.byteLength} bytes`,
    );
    // `resizable` is newer than the ECMAScript library this compiles against.
    invariant((buffer as { resizable?: boolean }).resizable !== true, 'RAM2', () => 'the buffer is resizable');
    this.buffer = buffer;
    this.frameCount = frameCount;
    this.bytes = new Uint8Array(buffer, 0, frameCount * PAGE_SIZE);
    this.words = new Uint32Array(buffer, 0, (frameCount * PAGE_SIZE) / 4);
    this.#zeroRun = memory && makeZeroRun(memory);
  }

  /** Fills `frame` with zeros. */
  zero(frame: Pfn): void {
    const start = frame << PAGE_SHIFT;
    this.bytes.fill(0, start, start + PAGE_SIZE);
  }

  /** Fills the `ZERO_RUN_FRAMES` frames from `first` on with zeros: for each of them in much less time than `zero` takes, unless a cache holds them. */
  zeroRun(first: Pfn): void {
    const start = first * PAGE_SIZE;
    if (this.#zeroRun !== undefined) this.#zeroRun(start);
    else this.bytes.fill(0, start, start + ZERO_RUN_FRAMES * PAGE_SIZE);
  }

  /** Copies the bytes of frame `from` to frame `to`. */
  copy(from: Pfn, to: Pfn): void {
    const start = from << PAGE_SHIFT;
    this.bytes.copyWithin(to << PAGE_SHIFT, start, start + PAGE_SIZE);
  }

  /**
   * Puts views of `frames[offset .. offset + count)`, in that order, into `into`, for one transfer: frames that lie side by side share one.
   * They are good until the next transfer. Makes objects: not for hot paths.
   */
  buffers(frames: ArrayLike<number>, offset: number, count: number, into: Uint8Array[]): void {
    into.length = 0;
    let first = frames[offset] as number;
    let end = first;
    for (let i = offset; i < offset + count; i++) {
      const frame = frames[i] as number;
      if (frame !== end) {
        into.push(this.bytes.subarray(first << PAGE_SHIFT, end << PAGE_SHIFT));
        first = frame;
      }
      end = frame + 1;
    }
    into.push(this.bytes.subarray(first << PAGE_SHIFT, end << PAGE_SHIFT));
  }

  /** Returns a view of one frame, for I/O. Makes an object: not for hot paths. */
  frame(frame: Pfn): Uint8Array {
    const start = frame << PAGE_SHIFT;
    return this.bytes.subarray(start, start + PAGE_SIZE);
  }
}
