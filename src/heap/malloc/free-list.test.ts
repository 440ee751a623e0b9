import { describeHeapAllocator } from './heap-allocator.conformance.ts';

describeHeapAllocator('free-list');
