// wasm/rewrite/: makes a module's loads and stores go through Quire's MMU. Start at rewrite-module.ts, then codegen-access.ts.
export type { FirstCallChoice, Recording } from './added-functions.ts';
export { type CodeCache, type CodeKey, type CodeOrigin, rewriteWithCache } from './code-cache.ts';
export type { AccessCounts } from './function-rewriter.ts';
export { type HeapCall, type HeapCallName, heapCallNames, heapCallsOf, whyNotHeapCall } from './heap-calls.ts';
export type { Inlining } from './inlining.ts';
export { type CodeLocation, type RewrittenModule, rewriteModule } from './rewrite-module.ts';
export { DEEP_MODULE_NAME, STACK_POINTER_EXPORT } from './sections.ts';
export { hasTimeZoneStub } from './time-zone-stub.ts';
