import { replayPolicies } from './index.ts';
import { describeReplay } from './replay.conformance.ts';

for (const kind of replayPolicies) describeReplay(kind);
