import { describeKernelHeap } from './kernel-heap.conformance.ts';
import { kernelHeapKinds } from './kinds.ts';

for (const kind of kernelHeapKinds) describeKernelHeap(kind);
