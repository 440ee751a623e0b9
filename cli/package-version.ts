// The package around this file: its package.json lies one folder up from the sources, two from what they compile to.

import { existsSync, readFileSync } from 'node:fs';

/** Returns the folder of package.json, ending in a slash. */
export function packageRoot(): URL {
  let url = new URL('../', import.meta.url);
  while (!existsSync(new URL('package.json', url))) url = new URL('../', url);
  return url;
}

/** Returns the package's version: `0.1.0`. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(new URL('package.json', packageRoot()), 'utf8')) as { version: string }).version;
}
