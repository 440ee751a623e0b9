// report/: results of runs and experiments, as data, text and pictures.
export { comparisonSvg } from './comparison-chart.ts';
export { formatComparison } from './comparison-text.ts';
export { formatExercise, formatSolution } from './exercise-text.ts';
export { type Finding, findingRows, formatFindings } from './findings-text.ts';
export { frameMap, type LetteredSpace, piecesOf } from './frame-map.ts';
export { formatMissCurves, lruSteps, type MissCurves, missCurvesSvg } from './miss-curves.ts';
export { formatAddress, formatFreeList, formatPlacement, formatSolvedPlacement } from './placement-text.ts';
export { programReport, type RunFacts } from './program-report.ts';
export * from './quantities.ts';
export * from './run-report.ts';
export { formatRunReport, type ReportTextOptions } from './run-report-text.ts';
export { formatSharing, formatSweep, type SharingFacts, type SweepPoint } from './sharing-text.ts';
export { formatSimulation, type ReplayedTrace, type SimulationResult, type TraceResults } from './simulation-text.ts';
export { formatTraceProfile, type ProfiledTrace } from './trace-profile-text.ts';
export { Transcript } from './transcript.ts';
