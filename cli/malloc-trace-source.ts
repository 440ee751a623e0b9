// Malloc traces as the command line reads them: a file, compressed or not, or the name of a generated one.

import { statSync } from 'node:fs';
import {
  DETECTION_BYTES,
  detectMallocTraceFormat,
  findMallocTraceFormat,
  generateMallocTrace,
  isGeneratedName,
  type MallocParser,
  type MallocTrace,
} from '../src/trace/index.ts';
import { decompressed, fileName } from './trace-source.ts';

/**
 * Reads a malloc trace: of the file at `path`, or generated if it is a generator's name and no file. Throws a UsageError for a file that
 * cannot be read or is not of its format.
 */
export async function readMallocTrace(path: string, format: string | undefined): Promise<MallocTrace> {
  if (isGeneratedName(path) && statSync(path, { throwIfNoEntry: false }) === undefined) return generateMallocTrace(path);
  const name = fileName(path);
  const given = format === undefined ? undefined : findMallocTraceFormat(format);
  let head: Uint8Array = new Uint8Array(0);
  let parser: MallocParser | undefined;
  const begin = (): MallocParser => {
    const begun = (given ?? detectMallocTraceFormat(head, name)).make(name);
    begun.feed(head);
    return begun;
  };
  for await (const chunk of decompressed(path, name)) {
    if (parser !== undefined) parser.feed(chunk);
    else {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      if (head.length >= DETECTION_BYTES) parser = begin();
    }
  }
  return (parser ?? begin()).end();
}
