// The designs by name.

import { dynamicKernelMap } from './dynamic.ts';
import type { KernelMapKind } from './kernel-map.ts';
import { linearKernelMap } from './linear.ts';
import { regionsKernelMap } from './regions.ts';

/** All kernel maps. */
export const kernelMapKinds: readonly KernelMapKind[] = [linearKernelMap, regionsKernelMap, dynamicKernelMap];
