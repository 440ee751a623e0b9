// trace/: recorded references: formats and their parsers, Quire's own format, page streams; and generated ones.
export { loopTrace, mixTrace, phaseTrace, scanTrace, textbookTrace, zipfTrace } from './generators.ts';
export { generateMallocTrace, isGeneratedName, type MallocGenerator, mallocGenerators } from './malloc/generators.ts';
export * from './malloc/malloc-formats.ts';
export type { MallocParser } from './malloc/malloc-parser.ts';
export * from './malloc/malloc-trace.ts';
export { mallocTraceText } from './malloc/rep.ts';
export * from './page-stream.ts';
export * from './quire-format.ts';
export * from './references.ts';
export * from './trace-formats.ts';
export { TraceParser } from './trace-parser.ts';
