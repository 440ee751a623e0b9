// The WebAssembly community's own WASI tests (wasi-testsuite, preview 1: C and AssemblyScript), read from ../shared/oracle, which is not
// in the repository: whoever runs them says so when they are missing. What they run on is for the caller to say.

import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { hostClock, hostRandom } from '../../cli/host-clock.ts';
import { CollectingSink, type Directory, MemoryFileSystem, type ProgramExit, type WasiOptions } from '../../src/wasm/index.ts';

/** Where the suite is, if it is there. */
const suiteFolder = fileURLToPath(new URL('../../../shared/oracle/wasi', import.meta.url));
const folders = ['c/wasm32-wasip1', 'assemblyscript/wasm32-wasip1'];

interface Manifest {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly root?: string;
  readonly exit_code?: number;
  readonly stdout?: string;
}

/** One program of the suite. */
export interface SuiteTest {
  readonly name: string;
  readonly wasm: string;
  readonly manifest: Manifest;
  /** The real folder that it wants as `/`. */
  readonly root: string | undefined;
}

/** Runs a module to its end. */
export type RunModule = (module: Uint8Array, name: string, wasi: Omit<WasiOptions, 'memory'>) => ProgramExit;

/** Returns all programs of the suite, or says that it is missing and returns none. */
export function suiteTests(): SuiteTest[] {
  if (existsSync(suiteFolder)) return folders.flatMap(collect);
  console.warn(`SKIPPED: WASI's own test-suite is not at ${suiteFolder}; nothing of it was run.`);
  return [];
}

function collect(folder: string): SuiteTest[] {
  const directory = join(suiteFolder, folder);
  const files = readdirSync(directory).filter((name) => name.endsWith('.wasm'));
  return files.map((file) => {
    const name = basename(file, '.wasm');
    const json = join(directory, `${name}.json`);
    const manifest = (existsSync(json) ? JSON.parse(readFileSync(json, 'utf8')) : {}) as Manifest;
    return { name, wasm: join(directory, file), manifest, root: manifest.root === undefined ? undefined : join(directory, manifest.root) };
  });
}

/** Runs one program by `runModule` and expects what its manifest says. */
export function expectToPass(suiteTest: SuiteTest, root: Directory | undefined, runModule: RunModule): void {
  const { manifest, name } = suiteTest;
  const stdout = new CollectingSink();
  const stderr = new CollectingSink();
  const exit = runModule(readFileSync(suiteTest.wasm), name, {
    args: [`${name}.wasm`, ...(manifest.args ?? [])],
    environ: manifest.env ?? {},
    stdout,
    stderr,
    preopens: root === undefined ? [] : [{ guestPath: '/', directory: root }],
    clock: hostClock(),
    random: hostRandom(),
  });
  expect({ exit, stderr: stderr.text() }).toEqual({ exit: { kind: 'exit', code: manifest.exit_code ?? 0 }, stderr: '' });
  if (manifest.stdout !== undefined) expect(stdout.text()).toBe(manifest.stdout);
}

/** Copies a folder so that it can be written to, even if the original is read-only. */
export function copyWritable(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  for (const path of ['.', ...readdirSync(to, { recursive: true, encoding: 'utf8' })]) {
    const full = join(to, path);
    chmodSync(full, statSync(full).isDirectory() ? 0o755 : 0o644);
  }
}

/** Copies a real folder into a memory file system. */
export function intoMemory(folder: string): Directory {
  const fileSystem = new MemoryFileSystem();
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const full = join(folder, path);
    if (statSync(full).isFile()) fileSystem.writeFile(path, readFileSync(full));
  }
  return fileSystem.root;
}
