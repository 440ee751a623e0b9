import { rangeMapKinds } from './index.ts';
import { describeRangeMap, type Item } from './range-map.conformance.ts';

for (const kind of rangeMapKinds) describeRangeMap(kind.name, () => kind.make<Item>());
