// What every memory manager must do, whatever its design: each one runs this suite from a test beside its source.
import type { MakeSystem } from '../../test/support/uvm-machine.ts';
import { describeAreas } from './areas.conformance.ts';
import { describeBadRequests } from './bad-requests.conformance.ts';
import { describeCalls } from './calls-model.conformance.ts';
import { describeDevices } from './device.conformance.ts';
import { describeFailures } from './failures.conformance.ts';
import { describeGivenBack } from './given-back.conformance.ts';
import { describeHeapPressure } from './heap-pressure.conformance.ts';
import { describeLargePages } from './large-pages.conformance.ts';
import { describeLockedFuture } from './locked-future.conformance.ts';
import { describeMinimumRam } from './minimum-ram.conformance.ts';
import { describeAgainstModel } from './model.conformance.ts';
import { describeZones } from './zones.conformance.ts';

/** How many random scenarios and failures are tried: all for the default manager, a share of them for the others, on the same policies. */
export type Thoroughness = 'full' | 'share';

/** Declares the conformance tests of a memory manager. */
export function describeMemorySystem(make: MakeSystem, thoroughness: Thoroughness): void {
  describeAreas(make);
  describeBadRequests(make);
  describeDevices(make);
  describeHeapPressure(make);
  describeGivenBack(make);
  describeLargePages(make);
  describeLockedFuture(make);
  describeMinimumRam(make);
  describeZones(make);
  describeAgainstModel(make, thoroughness === 'full' ? [1, 2, 3, 4] : [1]);
  describeCalls(make, thoroughness === 'full' ? { seeds: [1, 2, 3, 4, 5, 6, 7, 8], dense: 150 } : { seeds: [1, 2], dense: 40 });
  describeFailures(make, thoroughness === 'full' ? { dense: 200, stride: 7 } : { dense: 40, stride: 19 });
}
