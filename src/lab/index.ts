// lab/: experiments. Replays of traces through policies, and publications made again on machines of their own. Results are data; report/
// makes text and pictures of them.

export { AverageEvictionTime } from './aet.ts';
export { type Anomaly, findAnomalies, type MissesAtSize } from './anomalies.ts';
export * from './comparison.ts';
export { Densifier } from './densifier.ts';
export { canExplain, ruleOf } from './eviction-reason.ts';
export {
  type Exercise,
  type ExercisePart,
  namedExercises,
  randomExercise,
  type SolutionStep,
  type SolvedPart,
  solve,
} from './exercise.ts';
export { type Candidate, type EvictionExplanation, explainEviction } from './explanation.ts';
export type { FrameMemory } from './frames/frame-arena.ts';
export { FRAME_CELLS, type FrameRates, type FrameResult, type FrameSpeedOptions, measureFrames } from './frames/frame-speed.ts';
export {
  type Emulated,
  type GuestCalls,
  GuestQuit,
  type GuestSubject,
  guestBase,
  guestSubject,
  jsGuestCalls,
  WasmGuest,
} from './heap/guest-subject.ts';
export {
  type CheckFinding,
  type CheckNews,
  type CheckSetting,
  capacityOf,
  type HeapCheck,
  heapChecks,
  judgeScript,
  MOST_CAPACITY,
} from './heap/heap-checks.ts';
export {
  compareHeaps,
  type FreeChoice,
  type FreeStretch,
  type HeapComparison,
  type PartingPoint,
  type Placement,
} from './heap/heap-comparison.ts';
export { type HeapLayout, layoutOf, type PinningBlock, pinsOf } from './heap/heap-layout.ts';
export {
  type BlockClass,
  type CurvePoint,
  HEAP_PAGE_BYTES,
  type HeapProfile,
  type MallocTraceFacts,
  mallocTraceFacts,
  profileHeap,
  type SizeClass,
} from './heap/heap-profile.ts';
export { type HeapError, HeapReplay, type ReplayOptions } from './heap/heap-replay.ts';
export { firstOperations } from './heap/heap-scripts.ts';
export {
  type Fit,
  fitRules,
  type Hole,
  namedPlacements,
  type PlacedBlock,
  type PlacementExercise,
  type PlacementRequest,
  type PlacementStep,
  parseRequests,
  placeAll,
  randomPlacement,
  type SolvedPlacement,
} from './heap/placement.ts';
export { measureSpeed, type ReplaySpeed, type SpeedOptions } from './heap/replay-speed.ts';
export type { ContentCheck, HeapFault } from './heap/shadow-map.ts';
export { type SpaceCost, type SpaceSettings, spaceCost } from './heap/space-cost.ts';
export { type HeapSubject, ownSubject, ownSubjects, type SubjectBacking, type SubjectKind, type SubjectOptions } from './heap/subject.ts';
export { type ConstructionResult, type KernelHeapResult, measureConstruction, measureKernelHeap } from './kernel/heap-speed.ts';
export { type HeapWorkloadKind, heapWorkloads } from './kernel/heap-workload.ts';
export { type KernelMapCost, type KernelMapResult, type KernelMapWork, measureKernelMap } from './kernel/map-costs.ts';
export { measureVmem, type VmemDesign, type VmemResult, vmemDesigns } from './kernel/vmem-speed.ts';
export { miniatureMisses } from './miniature.ts';
export type { AllocationKind } from './multiprogram/allocation.ts';
export { allocationKinds } from './multiprogram/allocation-kinds.ts';
export { type SwapChoice, swapChoices } from './multiprogram/load-control.ts';
export { MAX_PROCESSES, Multiprogram, type SharingOptions } from './multiprogram/multiprogram.ts';
export { BLOCK_BYTES, type Program, programOf } from './multiprogram/program.ts';
export type { ProcessOutcome, SharingOutcome } from './multiprogram/sharing-outcome.ts';
export type { TimelinePiece } from './multiprogram/timeline.ts';
export { type PagingDevice, pagingDevices, pagingSeconds } from './paging-device.ts';
export { type AreaSettings, areaWorkload } from './ranges/area-workload.ts';
export { measureRangeMap, type RangeSpeed } from './ranges/range-speed.ts';
export { replaySegments, type SegmentCut, type SegmentReplayResult } from './segment-replay.ts';
export { Shards } from './shards.ts';
export {
  futureOf,
  replayedPolicy,
  Simulation,
  type SimulationCounts,
  type SimulationOptions,
  simulate,
  simulateSizes,
  type TracePieces,
  wholeTrace,
} from './simulate.ts';
export { type LruCurve, lruMisses, lruMissesBySize, StackDistances } from './stack-distance.ts';
export { type IdPieces, replayTlb, type TlbCounts, type TlbReplayOptions } from './tlb/tlb-replay.ts';
export { addressLimitOf, pageSizesOf, translationsOf, walkPlan } from './tlb/translations.ts';
export {
  type DistanceClass,
  type HotPage,
  type Phase,
  type ProfileOptions,
  type TraceProfile,
  TraceProfiler,
  type WorkingSetPoint,
} from './trace-profile.ts';
export { type Experiment, uvm99Experiments } from './uvm99/experiments.ts';
export type { Laboratory, LabProgram } from './uvm99/laboratory.ts';
export { meanWorkingSet, PageFaultFrequency, type ResidentSetPoint, WorkingSets } from './working-set.ts';
