import { describeHeapAllocator } from './heap-allocator.conformance.ts';

describeHeapAllocator('best-fit');
