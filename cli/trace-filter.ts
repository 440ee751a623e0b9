// A first level of memory in front of a trace: only the references that miss there go on, as a second level would see them.

import { UsageError } from '../src/base/index.ts';
import { Simulation } from '../src/lab/index.ts';
import { type AnyPolicyKind, replayPolicies } from '../src/paging/index.ts';
import { ReferenceBatch, type ReferenceKind, type ReferenceSink } from '../src/trace/index.ts';
import { type DenseTrace, piecesOf } from './dense-trace.ts';

/** A memory of so many frames, and who leaves it. */
export interface FirstLevel {
  readonly policy: AnyPolicyKind;
  readonly frames: number;
}

/** Returns the first level that `text` names, as in `lru:64`. `option` is for the message of the UsageError that anything else gets. */
export function parseFirstLevel(text: string, option: string): FirstLevel {
  const [, name = '', digits = ''] = /^([^:]+):(\d{1,9})$/.exec(text) ?? [];
  const frames = Number(digits);
  if (!(frames >= 1)) throw new UsageError(`${option} ${text}: write a policy and a number of frames, as in lru:64`);
  const policy = replayPolicies.find((each) => each.name === name);
  if (policy === undefined) {
    throw new UsageError(
      `${option} ${text}: there is no policy '${name}': choose one of ${replayPolicies.map((each) => each.name).join(', ')}`,
    );
  }
  if (policy.sees === 'future')
    throw new UsageError(`${option} ${text}: '${name}' must know the references to come, which a first level does not`);
  return { policy, frames };
}

/** Passes on the references of a trace that miss in the first level. Returns how many there are. */
export function filterTrace(trace: DenseTrace, { policy, frames }: FirstLevel, sink: ReferenceSink): number {
  const batch = new ReferenceBatch();
  let kinds: Uint8Array = new Uint8Array(0);
  let passed = 0;
  const flush = (): void => {
    if (batch.count > 0) sink(batch);
    batch.count = 0;
  };
  const simulation = new Simulation({
    policy,
    frames,
    pages: trace.content.pages,
    missed: (ids, positions, count) => {
      for (let i = 0; i < count; i++) {
        const at = positions[i] as number;
        batch.addresses[batch.count] = trace.pageNumber(ids[at] as number);
        batch.kinds[batch.count++] = kinds[at] as ReferenceKind;
        if (batch.count === batch.capacity) flush();
      }
      passed += count;
    },
  });
  for (const piece of piecesOf(trace.content)) {
    kinds = piece.kinds;
    simulation.feed(piece.ids);
  }
  flush();
  return passed;
}
