// report/: results of runs and experiments, as data, text, pictures and pages.
export { comparisonSvg } from './comparison-chart.ts';
export { comparisonParts, comparisonRows } from './comparison-parts.ts';
export { formatComparison } from './comparison-text.ts';
export { csvLine } from './csv.ts';
export { formatExercise, formatSolution } from './exercise-text.ts';
export { type Finding, findingParts, findingRows, findingSvg } from './findings-parts.ts';
export { frameMap, type LetteredSpace, piecesOf } from './frame-map.ts';
export { framesData, framesParts, framesRows, framesSvg } from './frames-parts.ts';
export {
  comparisonOfHeapsParts,
  type HeapMap,
  heapMapPart,
  heapMapSvg,
  MAP_CELLS,
  type PagePins,
  pinParts,
} from './heap-layout-parts.ts';
export {
  externalOf,
  type HeapDetail,
  type HeapResult,
  type HeapTraceResults,
  heapCurvesSvg,
  heapRows,
  heapSummaryParts,
  heapTraceParts,
  internalOf,
} from './heap-parts.ts';
export { formatHeapTest, type HeapTestReport, heapTestData, isCorrect, scriptLines } from './heap-test-text.ts';
export { htmlPage, type PageFacts } from './html-page.ts';
export { kernelHeapData, kernelHeapParts, kernelHeapRows } from './kernel-heap-parts.ts';
export { kernelMapRows, kernelMapsData, kernelMapsParts, vmemData, vmemParts, vmemRows } from './kernel-parts.ts';
export { lruSteps, type MissCurves, missCurveParts, missCurvesSvg } from './miss-curves.ts';
export { formatFreeList, formatPlace, formatPlacement, formatSolvedPlacement } from './placement-text.ts';
export { programReport, type RunFacts } from './program-report.ts';
export * from './quantities.ts';
export { rangeHeadings, rangeRates, rangesParts, rangesRows } from './ranges-parts.ts';
export { partsText, type ReportPart } from './report-part.ts';
export * from './run-report.ts';
export { runReportParts } from './run-report-parts.ts';
export { formatRunReport, type ReportTextOptions } from './run-report-text.ts';
export { type SharingFacts, type SweepPoint, sharingParts, sharingRows, sweepParts, sweepSvg, timelineSvg } from './sharing-parts.ts';
export {
  missesSvg,
  type PartialTrace,
  type ReplayedTrace,
  type SimulationResult,
  simulationParts,
  type TraceResults,
} from './simulation-parts.ts';
export { type SpaceMachine, spaceCostParts } from './space-cost-parts.ts';
export { type TlbFacts, type TlbResult, tlbParts, tlbRows } from './tlb-parts.ts';
export { type ProfiledTrace, traceProfileParts } from './trace-profile-parts.ts';
export { Transcript } from './transcript.ts';
export { formatHex, type WalkReport, walkReport } from './walk-report.ts';
export { formatWalk } from './walk-text.ts';
