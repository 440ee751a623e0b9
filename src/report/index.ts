// report/: results of runs, as data and as text.
export { programReport, type RunFacts } from './program-report.ts';
export * from './quantities.ts';
export * from './run-report.ts';
export { formatRunReport, type ReportTextOptions } from './run-report-text.ts';
