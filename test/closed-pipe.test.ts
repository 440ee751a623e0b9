// A reader that leaves early, as `| head -1` does: one sentence and exit code 2, whatever the command was about to say. Processes of their own, with real pipes.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { quire } from './support/quire-command.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
let trace: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-pipe-'));
  trace = join(folder, 'zipf');
  expect(quire('trace', 'generate', 'zipf', '--references', '50000', '-o', trace).code).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a command whose reader leaves: before the first byte, or after some. */
const withReader = (leaves: 'at once' | 'later', parameters: readonly string[]): Promise<{ code: number | null; err: string }> => {
  const child = spawn(process.execPath, [join(root, 'bin', 'quire.mjs'), ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  if (leaves === 'at once') child.stdout.destroy();
  else child.stdout.once('data', () => child.stdout.destroy());
  let err = '';
  child.stderr.on('data', (text) => {
    err += text;
  });
  return new Promise((resolve) => {
    // What a clone says that compiles itself first is not what this is about.
    child.on('close', (code) => resolve({ code, err: err.replace(/^quire: compiling [^\n]*\n/, '') }));
  });
};

const sentence = 'quire: the standard output was closed before all of it was read\n';

it.each([
  ['sim', () => ['sim', trace]],
  ['sim --csv', () => ['sim', trace, '--csv', '--frames', '1..200/100']],
  ['trace info', () => ['trace', 'info', trace]],
  ['share --csv', () => ['share', trace, '--csv']],
  ['help', () => ['help']],
])('%s: nobody reads', async (_name, parameters) => {
  expect(await withReader('at once', parameters())).toEqual({ code: 2, err: sentence });
});

it('stops writing a trace when its reader has seen enough', async () => {
  // Megabytes: a pipe of Node's is a socket, which may hold some hundred KiB.
  const long = join(folder, 'long');
  expect(quire('trace', 'generate', 'zipf', '--references', '1000000', '-o', long).code).toBe(0);
  expect(await withReader('later', ['trace', 'convert', '--to', 'numbers', '--skip', '1', long])).toEqual({ code: 2, err: sentence });
});

it('a file beside it is whole', async () => {
  const picture = join(folder, 'curves.svg');
  const { code } = await withReader('at once', ['sim', trace, '--mrc', '--svg', picture]);
  expect(code).toBe(2);
  // The text came first; the picture was not begun.
  expect(existsSync(picture)).toBe(false);
});
