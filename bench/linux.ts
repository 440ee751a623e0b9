// The peer: what Linux takes for the same page faults on the same machine, told by a C program that is compiled here.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { rootFolder } from './host.ts';
import type { Numbers } from './statistics.ts';

/**
 * What the peer measures: `zeroFill`, `copyOnWrite` and `unmap` per page; a cycle of mapping, touching and unmapping one page; `fork` and
 * `forkAndExit`.
 */
export type LinuxCost = 'fault' | 'onePage' | 'fork';

/** The peer's program, ready to run; or why there is none. */
export interface LinuxPeer {
  /** Measures `what` of `count` pages (`onePage`: cycles): nanoseconds, as bench/linux-fault.c names them. */
  readonly measure?: (what: LinuxCost, count: number, repeats: number) => Numbers;
  /** A sentence, if there is nothing to compare with. */
  readonly absence?: string;
  readonly dispose: () => void;
}

/** Compiles bench/linux-fault.c with the C compiler at hand. */
export function linuxPeer(): LinuxPeer {
  if (process.platform !== 'linux') return absent('This machine does not run Linux, so there is no Linux to compare with.');
  const folder = mkdtempSync(join(tmpdir(), 'quire-bench-'));
  const program = join(folder, 'linux-fault');
  const dispose = () => rmSync(folder, { recursive: true, force: true });
  const source = join(rootFolder(), 'bench', 'linux-fault.c');
  const compiled = spawnSync('cc', ['-O2', '-o', program, source], { encoding: 'utf8' });
  if (compiled.status === 0) return { measure: (what, count, repeats) => run(program, [what, String(count), String(repeats)]), dispose };
  dispose();
  return absent('There is no C compiler (cc) at hand, so Linux could not be measured.');
}

function absent(absence: string): LinuxPeer {
  return { absence, dispose: () => undefined };
}

function run(program: string, parameters: readonly string[]): Numbers {
  const result = spawnSync(program, parameters, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`linux-fault failed: ${result.stderr || result.error?.message}`);
  return JSON.parse(result.stdout) as Numbers;
}
