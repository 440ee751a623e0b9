// A boot memory map in a file, as `quire frames` and `quire run` take it.

import { readFileSync } from 'node:fs';
import { UsageError } from '../src/base/index.ts';
import { type MemoryRange, parseMemoryMap } from '../src/machine/index.ts';
import { reasonOf } from './output-file.ts';

/** Reads the map of `--memory-map`. Throws a UsageError that says what is wrong with the file, and where. */
export function readMemoryMap(path: string): MemoryRange[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--memory-map ${path}: cannot be read: ${reasonOf(error)}`);
  }
  return parseMemoryMap(text, path);
}

/** Returns the byte where usable memory ends: what lies above are devices. */
export function usableEnd(map: readonly MemoryRange[]): number {
  return map.reduce((end, range) => (range.kind === 'usable' ? Math.max(end, range.end) : end), 0);
}
