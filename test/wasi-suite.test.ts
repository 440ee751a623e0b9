// The WebAssembly community's own WASI tests (wasi-testsuite, preview 1: C and AssemblyScript), run on the flat memory with Quire's
// system interface. They are not in the repository: without ../shared/oracle this file says so and skips.

import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { hostClock, hostRandom } from '../cli/host-clock.ts';
import { hostDirectory } from '../cli/host-directory.ts';
import { runFlat } from '../src/wasm/run-flat.ts';
import { CollectingSink, type Directory, MemoryFileSystem } from '../src/wasm/wasi/index.ts';

const oracle = new URL('../../shared/oracle/wasi', import.meta.url).pathname;
const folders = ['c/wasm32-wasip1', 'assemblyscript/wasm32-wasip1'];

interface Manifest {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly root?: string;
  readonly exit_code?: number;
  readonly stdout?: string;
}

interface SuiteTest {
  readonly name: string;
  readonly wasm: string;
  readonly manifest: Manifest;
  readonly root: string | undefined;
}

function collect(folder: string): SuiteTest[] {
  const directory = join(oracle, folder);
  return readdirSync(directory)
    .filter((name) => name.endsWith('.wasm'))
    .map((file) => {
      const name = basename(file, '.wasm');
      const json = join(directory, `${name}.json`);
      const manifest = (existsSync(json) ? JSON.parse(readFileSync(json, 'utf8')) : {}) as Manifest;
      return {
        name,
        wasm: join(directory, file),
        manifest,
        root: manifest.root === undefined ? undefined : join(directory, manifest.root),
      };
    });
}

function run(suiteTest: SuiteTest, root: Directory | undefined): void {
  const { manifest } = suiteTest;
  const stdout = new CollectingSink();
  const stderr = new CollectingSink();
  const { exit } = runFlat({
    module: readFileSync(suiteTest.wasm),
    name: suiteTest.name,
    wasi: {
      args: [`${suiteTest.name}.wasm`, ...(manifest.args ?? [])],
      environ: manifest.env ?? {},
      stdout,
      stderr,
      preopens: root === undefined ? [] : [{ guestPath: '/', directory: root }],
      clock: hostClock(),
      random: hostRandom(),
    },
  });
  expect({ exit, stderr: stderr.text() }).toEqual({ exit: { kind: 'exit', code: manifest.exit_code ?? 0 }, stderr: '' });
  if (manifest.stdout !== undefined) expect(stdout.text()).toBe(manifest.stdout);
}

/** Copies a folder so that it can be written to, even if the original is read-only. */
function copyWritable(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  for (const path of ['.', ...readdirSync(to, { recursive: true, encoding: 'utf8' })]) {
    const full = join(to, path);
    chmodSync(full, statSync(full).isDirectory() ? 0o755 : 0o644);
  }
}

/** Copies a real folder into a memory file system. */
function intoMemory(folder: string): Directory {
  const fileSystem = new MemoryFileSystem();
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const full = join(folder, path);
    if (statSync(full).isFile()) fileSystem.writeFile(path, readFileSync(full));
  }
  return fileSystem.root;
}

if (!existsSync(oracle)) {
  console.warn(`SKIPPED: WASI's own test-suite is not at ${oracle}; nothing of it was run.`);
  test.skip('wasi-testsuite (not present)', () => undefined);
} else {
  const tests = folders.flatMap(collect);
  const scratch = mkdtempSync(join(tmpdir(), 'quire-wasi-suite-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test('the suite is complete', () => expect(tests.length).toBe(26));

  describe('on real directories', () => {
    test.each(tests.map((one) => [one.name, one] as const))('%s', (name, suiteTest) => {
      const copy = join(scratch, name);
      if (suiteTest.root !== undefined) copyWritable(suiteTest.root, copy);
      run(suiteTest, suiteTest.root === undefined ? undefined : hostDirectory(copy));
    });
  });

  describe('on the memory file system', () => {
    const withFiles = tests.filter((one) => one.root !== undefined);
    test.each(withFiles.map((one) => [one.name, one] as const))('%s', (_name, suiteTest) => {
      run(suiteTest, intoMemory(suiteTest.root as string));
    });
  });
}
