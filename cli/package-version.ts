// The version in package.json, which lies above this file: one folder up from the sources, two from what they compile to.

import { existsSync, readFileSync } from 'node:fs';

/** Returns the package's version: `0.1.0`. */
export function packageVersion(): string {
  let url = new URL('../package.json', import.meta.url);
  while (!existsSync(url)) url = new URL('../package.json', url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version;
}
