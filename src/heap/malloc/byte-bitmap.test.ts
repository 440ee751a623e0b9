import { describeHeapAllocator } from './heap-allocator.conformance.ts';

describeHeapAllocator('byte-bitmap');
