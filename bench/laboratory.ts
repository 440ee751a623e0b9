// Where measurements are made. Each in a process of its own, so that none finds code already compiled, types already seen or memory
// already taken by another; or in this one, for tests.
//
// The child is this program again: `main.js measure REQUEST`, the request as JSON. Its answer comes back as JSON on descriptor 3, since
// the standard streams belong to the guest.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { RangeSpeed } from '../src/lab/index.ts';
import { type HeapMeasurement, type HeapRequest, measureHeap } from './heap-measurement.ts';
import { type CostRequest, measureCost } from './kernel-costs.ts';
import { measureRun, type RunMeasurement, type RunRequest } from './program-run.ts';
import { measureDesign, type RangesRequest } from './range-measurement.ts';
import type { Numbers } from './statistics.ts';

/** Something that measures. */
export interface Laboratory {
  /** Runs a program. Throws if it cannot be started. */
  run(request: RunRequest): RunInLaboratory;
  /** Returns nanoseconds per page, by operation. */
  cost(request: CostRequest): Numbers;
  /** Replays malloc traces. */
  heap(request: HeapRequest): Promise<HeapMeasurement>;
  /** Measures a range map. */
  ranges(request: RangesRequest): RangeSpeed;
}

/** A run as it looks from outside. */
export interface RunInLaboratory extends RunMeasurement {
  /** From starting the process to its end: Node's own start, and the compiler threads that it waits for, included. */
  readonly processSeconds: number;
  /** Of what the program wrote to its standard output. */
  readonly outputChecksum: string;
}

type Request =
  | { readonly run: RunRequest }
  | { readonly cost: CostRequest }
  | { readonly heap: HeapRequest }
  | { readonly ranges: RangesRequest };

/** Descriptor on which a child answers. */
const ANSWER = 3;
/** Output of a guest that is kept: the kernels print a line or two. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Measures each request in a process of its own, of the Node at `executable`. */
export function processesOf(executable: string): Laboratory {
  const ask = (request: Request) => askProcess(executable, request);
  return {
    run: (request) => {
      const start = performance.now();
      const { answer, output } = ask({ run: request });
      const processSeconds = (performance.now() - start) / 1000;
      return { ...(answer as RunMeasurement), processSeconds, outputChecksum: createHash('sha256').update(output).digest('hex') };
    },
    cost: (request) => ask({ cost: request }).answer as Numbers,
    heap: async (request) => ask({ heap: request }).answer as HeapMeasurement,
    ranges: (request) => ask({ ranges: request }).answer as RangeSpeed,
  };
}

/** Of the Node that runs this. */
export const ownProcesses: Laboratory = processesOf(process.execPath);

/** What a child does: measures and answers. */
export async function answerRequest(text: string): Promise<void> {
  const request = JSON.parse(text) as Request;
  writeSync(ANSWER, JSON.stringify(await answerOf(request)));
}

function answerOf(request: Request): unknown {
  if ('run' in request) return measureRun(request.run);
  if ('ranges' in request) return measureDesign(request.ranges);
  return 'cost' in request ? measureCost(request.cost) : measureHeap(request.heap);
}

function askProcess(executable: string, request: Request): { readonly answer: unknown; readonly output: Buffer } {
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const child = spawnSync(executable, [main, 'measure', JSON.stringify(request)], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  const [, output, complaints, answer] = child.output ?? [];
  if (child.status !== 0 || !answer?.length) {
    throw new Error(`a measurement ended with ${child.error?.message ?? child.signal ?? `code ${child.status}`}:\n${complaints ?? ''}`);
  }
  return { answer: JSON.parse(answer.toString()), output: output ?? Buffer.alloc(0) };
}
