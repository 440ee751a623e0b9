// The traces of the heap benchmark.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { HeapOperation, type HeapTrace } from './heap-replay.ts';
import { rootFolder } from './host.ts';

const folders = ['../shared/oracle/heap', 'bench/traces'];

/** Names of the traces that are there. */
export function traceNames(): string[] {
  const names = folders.flatMap((folder) => {
    const path = join(rootFolder(), folder);
    return existsSync(path) ? readdirSync(path).filter((name) => name.endsWith('.rep.gz')) : [];
  });
  return [...new Set(names.map((name) => name.replace(/\.rep\.gz$/, '')))];
}

/** Reads a trace. */
export function readTrace(name: string): HeapTrace {
  const path = folders.map((folder) => join(rootFolder(), folder, `${name}.rep.gz`)).find((each) => existsSync(each));
  if (path === undefined) throw new Error(`no trace ${name}`);
  const lines = gunzipSync(readFileSync(path))
    .toString('latin1')
    .split('\n')
    .filter((line) => /^[acmrf]/.test(line));
  const [kinds, blocks] = [new Uint8Array(lines.length), new Uint32Array(lines.length)];
  const [sizes, alignments] = [new Uint32Array(lines.length), new Uint32Array(lines.length)];
  const live = new Map<number, number>();
  let [ids, payload, peakPayloadBytes] = [0, 0, 0];
  lines.forEach((line, at) => {
    const [letter, ...numbers] = line.split(' ');
    const block = Number(numbers[0]);
    const size = letter === 'f' ? 0 : Number(numbers.at(-1));
    kinds[at] = letter === 'f' ? HeapOperation.free : letter === 'r' ? HeapOperation.realloc : letter === 'm' ? HeapOperation.memalign : 0;
    blocks[at] = block;
    sizes[at] = size;
    alignments[at] = letter === 'm' ? Number(numbers[1]) : 0;
    payload += size - (live.get(block) ?? 0);
    if (letter === 'f') live.delete(block);
    else live.set(block, size);
    ids = Math.max(ids, block + 1);
    peakPayloadBytes = Math.max(peakPayloadBytes, payload);
  });
  return { operations: lines.length, ids, kinds, blocks, sizes, alignments, peakPayloadBytes };
}
