// trace/: recorded references: formats and their parsers, Quire's own format, page streams; and generated ones.
export { loopTrace, mixTrace, phaseTrace, scanTrace, textbookTrace, zipfTrace } from './generators.ts';
export * from './page-stream.ts';
export * from './quire-format.ts';
export * from './references.ts';
export * from './trace-formats.ts';
export { TraceParser } from './trace-parser.ts';
