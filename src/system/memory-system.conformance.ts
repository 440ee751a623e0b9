// What every memory manager must do, whatever its design: each one runs this suite from a test beside its source.
import type { MakeSystem } from '../../test/support/uvm-machine.ts';
import { describeCalls } from './calls-model.conformance.ts';
import { describeFailures } from './failures.conformance.ts';
import { describeAgainstModel } from './model.conformance.ts';

/** Declares the conformance tests of a memory manager. */
export function describeMemorySystem(make: MakeSystem): void {
  describeAgainstModel(make);
  describeCalls(make);
  describeFailures(make);
}
