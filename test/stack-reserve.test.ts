// A guest that recurses without end, each level touching a new page: the engine's stack would often end inside the kernel.
// The stack reserve moves that end to before the kernel has changed anything, so that everything still holds afterwards.
import { describe, expect, it } from 'vitest';
import { KIB } from '../src/base/index.ts';
import { deterministicClock, deterministicRandom } from '../src/wasm/index.ts';
import { recursion } from './support/recursion.ts';
import { runMapped } from './support/run-mapped.ts';

const frames = [512, 1024, 2048, 4096, 8192];
const values = [0, 1, 3, 7, 12];

describe('a guest that recurses without end', () => {
  const shapes = frames.flatMap((frame) => values.map((count) => [frame, count] as const));
  // The RAM is tight, so that most faults page out as well: the deepest that the kernel's own calls get.
  it.each(shapes)('leaves the kernel whole with frames of %i bytes and %i values', (frame, count) => {
    const world = { clock: deterministicClock(), random: deterministicRandom(1) };
    const { exit, statistics } = runMapped(
      { module: recursion(frame, count).bytes, name: 'recursion', wasi: world },
      { ramBytes: 512 * KIB },
    );
    expect(exit).toMatchObject({ kind: 'trap', reason: 'call stack exhausted' });
    expect(statistics.zeroFill).toBeGreaterThan(50);
  });
});
