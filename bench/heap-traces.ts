// The traces of the heap benchmark: recordings of real programs, and generated ones.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readMallocTrace } from '../cli/malloc-trace-source.ts';
import { MallocOperation, type MallocTrace } from '../src/trace/index.ts';
import { rootFolder } from './host.ts';

/** A trace by name. */
export interface NamedTrace {
  readonly name: string;
  /** A file, or how it is generated. */
  readonly path: string;
  /** `recorded`: of a real program; goals are for these. */
  readonly kind: 'recorded' | 'generated';
}

/** Quire's own recordings, and others' beside the clone if they are there. */
const FOLDERS = ['bench/traces', '../shared/oracle/heap'];
const SUFFIX = '.rep.gz';

/** By definition (src/trace/malloc/generators.ts): each asks for something that another allocator is good at. */
const GENERATED = ['random', 'coalescing', 'realloc', 'larson', 'graph'];

/** Returns all traces that are there. */
export function heapTraces(): NamedTrace[] {
  const recorded = FOLDERS.flatMap((folder): NamedTrace[] => {
    const place = join(rootFolder(), folder);
    const files = existsSync(place) ? readdirSync(place).filter((name) => name.endsWith(SUFFIX)) : [];
    return files.sort().map((file) => ({ name: file.slice(0, -SUFFIX.length), path: join(place, file), kind: 'recorded' }));
  });
  return [...recorded, ...GENERATED.map((name): NamedTrace => ({ name, path: `${name}:operations=30000`, kind: 'generated' }))];
}

/** Reads a trace. calloc becomes malloc: filling with zeros would be timed otherwise, and it is the same work for all. */
export async function timedTrace(path: string): Promise<MallocTrace> {
  const trace = await readMallocTrace(path, undefined);
  const operations = trace.operations.map((each) => (each === MallocOperation.calloc ? MallocOperation.malloc : each));
  return { ...trace, operations };
}
