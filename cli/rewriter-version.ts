// Which rewriter this is: the digest of the files that it consists of, as they run. Two rewriters that differ in one byte are two, whatever
// their versions are called, so that code made by one never runs under another. Cost: 3 ms for 80 files.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The rewriter's own folder and file, and those of all that it imports; the test beside this file follows its imports. */
const parts = ['base', 'machine', 'wasm/abi', 'wasm/binary', 'wasm/rewrite'];

/** Returns the paths of the files that the rewriter consists of, in an order that is the same everywhere. */
export function rewriterFiles(): string[] {
  // Compiled files or sources: as this one is.
  const ending = extname(import.meta.url);
  const source = fileURLToPath(new URL('../src', import.meta.url));
  return parts.flatMap((part) => {
    if (part === 'wasm/abi') return [join(source, `${part}${ending}`)];
    const names = readdirSync(join(source, part), { recursive: true }) as string[];
    return names
      .filter((name) => name.endsWith(ending) && !/\.(test|conformance)\.ts$/.test(name) && !name.endsWith('.d.ts'))
      .sort()
      .map((name) => join(source, part, name));
  });
}

/**
 * Returns what tells this rewriter from every other; undefined if a file has changed since this process began, which then need not be the one that
 * runs. Throws the host's error if the files cannot be read.
 */
export function rewriterVersion(processStart = performance.timeOrigin): Uint8Array | undefined {
  const hash = createHash('sha256');
  for (const path of rewriterFiles()) {
    if (statSync(path).mtimeMs > processStart) return undefined;
    const bytes = readFileSync(path);
    // The lengths keep one file's end and the next one's beginning apart.
    hash.update(`${bytes.length}\n`).update(bytes);
  }
  return hash.digest();
}
