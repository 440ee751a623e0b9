// The WebAssembly specification's own tests of memory instructions, each module run as it is and rewritten: every command must come
// to the same, or to what the script says.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PlainHost, RewrittenHost } from './support/wasm/spec-host.ts';
import { runScript, type SpecCommand, type SpecOutcome } from './support/wasm/spec-script.ts';

const folder = join(import.meta.dirname, '../../shared/oracle/wasm-spec');
const names = [
  'address',
  'align',
  'data',
  'endianness',
  'float_memory',
  'load',
  'memory',
  'memory_copy',
  'memory_fill',
  'memory_grow',
  'memory_size',
  'memory_trap',
  'store',
];

const isMet = (command: SpecOutcome): boolean => command.expected !== undefined && command.outcome.startsWith(command.expected);

const present = existsSync(folder);
if (!present) console.warn(`SKIPPED: the WebAssembly specification's tests are not at ${folder}`);

describe.skipIf(!present).each(['everywhere', 'nowhere'] as const)(
  "the specification's memory tests, rewritten, inlined %s",
  (inlining) => {
    it.each(names)('%s', (name) => {
      const script = JSON.parse(readFileSync(join(folder, name, `${name}.json`), 'utf8')) as { commands: SpecCommand[] };
      const read = (filename: string): Uint8Array => readFileSync(join(folder, name, filename));
      const plain = runScript(script.commands, new PlainHost(), read);
      const rewritten = runScript(script.commands, new RewrittenHost(inlining), read);
      // Data segments never reach the engine once rewritten, so an engine older than the script may refuse what the rewriter takes.
      const differences = rewritten.filter((command, i) => command.outcome !== plain[i]?.outcome && !isMet(command));
      expect(differences).toEqual([]);
      expect(rewritten.filter(isMet).length).toBeGreaterThanOrEqual(plain.filter(isMet).length);
      expect(rewritten.some(isMet)).toBe(true);
    });
  },
);
