// The traces of the heap benchmark: recordings of real programs, and generated ones.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readMallocTrace } from '../cli/malloc-trace-source.ts';
import { MallocOperation, type MallocTrace, peakPayload } from '../src/trace/index.ts';
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

/** Of blocks with boundary tags: a tag of 4 bytes, sizes in eights, and room for a free block's links and footer. */
const TAG_BYTES = 4;
const UNIT_BYTES = 8;
const LEAST_BYTES = 16;

/**
 * Returns the utilization that no allocator with boundary tags can pass, a share: the payload at its peak by the blocks that it is in,
 * with nothing between them and no other bytes in the heap.
 */
export function utilizationBound(trace: MallocTrace): number {
  const peak = peakPayload(trace);
  const held = new Float64Array(trace.blocks);
  for (let i = 0; i < peak.operations; i++) {
    const bytes = Math.ceil(((trace.sizes[i] as number) + TAG_BYTES) / UNIT_BYTES) * UNIT_BYTES;
    held[trace.ids[i] as number] = trace.operations[i] === MallocOperation.free ? 0 : Math.max(LEAST_BYTES, bytes);
  }
  return peak.bytes / held.reduce((sum, bytes) => sum + bytes, 0);
}

/** Reads a trace. calloc becomes malloc: filling with zeros would be timed otherwise, and it is the same work for all. */
export async function timedTrace(path: string): Promise<MallocTrace> {
  const trace = await readMallocTrace(path, undefined);
  const operations = trace.operations.map((each) => (each === MallocOperation.calloc ? MallocOperation.malloc : each));
  return { ...trace, operations };
}
