// The other versions of Node on this machine: an engine of another age may treat the same code otherwise.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import os from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';

/** A Node that can be started. */
export interface OtherNode {
  readonly version: string;
  readonly executable: string;
}

/** The first major version of Node that Quire supports. */
const OLDEST = 20;

/** Returns the Nodes at `paths`, or those on the search path and in nvm's folder if there are none: one of each version, without this one's. */
export function otherNodes(paths: readonly string[] | undefined): OtherNode[] {
  const found = new Map<string, string>();
  for (const executable of paths ?? installed()) {
    const version = versionOf(executable);
    if (version === undefined && paths !== undefined) throw new Error(`${executable} is no Node that can be started`);
    if (version === undefined || version === process.versions.node || Number.parseInt(version, 10) < OLDEST) continue;
    if (!found.has(version)) found.set(version, executable);
  }
  return [...found].map(([version, executable]) => ({ version, executable }));
}

function installed(): string[] {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  const nvm = join(process.env['NVM_DIR'] ?? join(os.homedir(), '.nvm'), 'versions', 'node');
  const inNvm = existsSync(nvm) ? readdirSync(nvm).map((version) => join(nvm, version, 'bin', 'node')) : [];
  return [...onPath, ...inNvm].filter((file) => existsSync(file));
}

function versionOf(executable: string): string | undefined {
  const { status, stdout } = spawnSync(executable, ['--print', 'process.versions.node'], { encoding: 'utf8', timeout: 10_000 });
  return status === 0 && /^\d+\.\d+\.\d+$/.test(stdout.trim()) ? stdout.trim() : undefined;
}
