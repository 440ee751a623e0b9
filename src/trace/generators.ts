// Synthetic reference traces: page ids from 1, 32-bit arithmetic throughout, so that any program can make the same ones.
//
//   zipf   page k is referenced in proportion to 1 / k            popularity without order: nothing to learn but frequency
//   mix    6 of 10 go round a loop, the rest anywhere             a scan that defeats LRU below the loop's length
//   phase  a working set that moves by half its width             locality that changes: what was frequent must be forgotten
//
// They are the traces for which the project keeps other simulators' miss counts; a hash of the ids is part of each definition:
//   zipf   20,000 pages, 300,000 references   cf672452        zipf   1,000,000 pages, 10,000,000   9afa31d3
//   mix    2,000 + 8,000, 300,000             fe4ef3f3        mix    100,000 + 400,000, 10,000,000 c3aaf688
//   phase  4,000 wide, 20,000 long, 300,000   d52eb3f7
// (FNV-1a over the ids as little-endian 32-bit words.) Source of the generator: Mulberry32, Tommy Ettinger, public domain.

/** Mulberry32: each call of the result gives the next integer in [0, 2^32). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Returns `length` references, Zipf with exponent 1 over pages 1 to `pages`. */
export function zipfTrace(pages: number, length: number): Uint32Array {
  const random = mulberry32(42);
  const cumulative = new Float64Array(pages);
  let total = 0;
  for (let i = 0; i < pages; i++) cumulative[i] = total += 1 / (i + 1);
  return new Uint32Array(length).map(() => {
    const wanted = (random() / 2 ** 32) * total;
    let low = 0;
    let high = pages - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return low + 1;
  });
}

/** Returns `length` references: six of ten go round a loop of the pages 1 to `loop`, the others to any of the `rest` pages after it. */
export function mixTrace(loop: number, rest: number, length: number): Uint32Array {
  const random = mulberry32(7);
  let at = 0;
  return new Uint32Array(length).map(() => {
    const drawn = random();
    if (drawn % 10 >= 6) return 1 + loop + (random() % rest);
    const page = 1 + at;
    at = (at + 1) % loop;
    return page;
  });
}

/** Returns `length` references to a working set of `width` pages, nine of ten in its first tenth, that moves by half its width every `period`. */
export function phaseTrace(width: number, period: number, length: number): Uint32Array {
  const random = mulberry32(99);
  return new Uint32Array(length).map((_, i) => {
    const base = Math.floor(i / period) * (width / 2);
    const isHot = random() % 10 < 9;
    return 1 + base + (random() % (isHot ? width / 10 : width));
  });
}

/** Returns `length` references that go round the pages 1 to `pages`: LRU and FIFO miss all of them with a frame less than pages, the optimum few. */
export function loopTrace(pages: number, length: number): Uint32Array {
  return new Uint32Array(length).map((_, i) => 1 + (i % pages));
}

/** Returns references to the pages 1 to `length`, each once: every policy misses all of them. */
export function scanTrace(length: number): Uint32Array {
  return loopTrace(length, length);
}

/** Returns the twelve references with which FIFO misses 9 times in 3 frames and 10 times in 4 (Belady, Nelson, Shedler 1969). */
export function textbookTrace(): Uint32Array {
  return Uint32Array.of(1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5);
}
