// The host that a benchmark runs on: what to say about it in a result, and how much of its memory a process took.

import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** A machine as a reader needs it to judge a number; nothing that names it. */
export interface HostDescription {
  readonly node: string;
  readonly v8: string;
  /** Operating system, its release and the processor's architecture. */
  readonly system: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Day of the run, UTC. */
  readonly date: string;
}

/** Describes this machine. */
export function describeHost(): HostDescription {
  const cpus = os.cpus();
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    system: `${os.platform()} ${os.release()} ${os.arch()}`,
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cpus: cpus.length,
    memoryBytes: os.totalmem(),
    date: new Date().toISOString().slice(0, 10),
  };
}

/**
 * Returns the most memory that this process has had resident, in bytes. Linux is asked for the process's own peak: the one that
 * getrusage tells there is at least what the parent had when it forked.
 */
export function peakHostBytes(): number {
  const status = '/proc/self/status';
  const peak = existsSync(status) ? /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1] : undefined;
  return (peak === undefined ? process.resourceUsage().maxRSS : Number(peak)) * 1024;
}

/** The package's root folder with a slash at its end: it lies one folder up from the sources, two from what they compile to. */
export function rootFolder(): string {
  let url = new URL('../', import.meta.url);
  while (!existsSync(new URL('package.json', url))) url = new URL('../', url);
  return fileURLToPath(url);
}
