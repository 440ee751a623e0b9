import { expect, it } from 'vitest';
import { faultKinds, MemoryStatistics } from './index.ts';

it.each(faultKinds)('countFault counts one of kind %s and nothing else', (kind) => {
  const statistics = new MemoryStatistics();
  statistics.countFault(kind);
  expect({ ...statistics }).toEqual({ ...new MemoryStatistics(), [kind]: 1 });
});
