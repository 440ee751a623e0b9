// A file of physical memory, from address 0 on, read word by word where a walk asks: dumps are as large as memories.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { PAGE_SIZE, UsageError } from '../src/base/index.ts';
import type { PhysicalImage } from '../src/machine/index.ts';
import { reasonOf } from './output-file.ts';

/** An open image, to be closed. */
interface PhysicalDump extends PhysicalImage {
  readonly close: () => void;
}

/** Opens an image. Throws a UsageError if it cannot be read or is no whole number of frames. */
export function openDump(path: string): PhysicalDump {
  const descriptor = opened(path);
  const bytes = fstatSync(descriptor).size;
  if (bytes === 0 || bytes % PAGE_SIZE !== 0) {
    closeSync(descriptor);
    throw new UsageError(
      `--dump ${path}: ${bytes} bytes are no image of physical memory, which is a whole number of frames of ${PAGE_SIZE} bytes`,
    );
  }
  const buffer = Buffer.alloc(4);
  return {
    bytes,
    // Positions of a file are exact below 2^53; no image is larger.
    word: (address) => (address < bytes && readSync(descriptor, buffer, 0, 4, address) === 4 ? buffer.readUInt32LE() : undefined),
    close: () => closeSync(descriptor),
  };
}

function opened(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new UsageError(`--dump ${path}: cannot be read: ${reasonOf(error)}`);
  }
}
