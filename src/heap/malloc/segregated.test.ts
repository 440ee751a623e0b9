import { describeHeapAllocator } from './heap-allocator.conformance.ts';

describeHeapAllocator('segregated');
describeHeapAllocator('best-fit');
