// One TLB of `quire tlb`, with pages of one size: the traces of all processes, replayed through it.

import { replayTlb, translationsOf, walkPlan } from '../src/lab/index.ts';
import type { TlbDesign } from '../src/machine/index.ts';
import type { TlbResult } from '../src/report/index.ts';
import { piecesOf, type TraceContent } from './dense-trace.ts';
import type { PlannedTlb, TlbPlan } from './tlb-options.ts';

/** A trace that a process runs. */
export interface ProcessTrace {
  readonly content: TraceContent;
  /** The page number of each id. */
  readonly pages: Float64Array;
}

/** Returns what a TLB does with the references of all processes, which take turns. */
export function resultOf(tlb: PlannedTlb, pageBytes: number, processes: readonly ProcessTrace[], plan: TlbPlan): TlbResult {
  const { baseBytes, large, globals, pageTable, walkCache, asids, processors, quantum, unmapEvery, seed } = plan;
  const pagesPerEntry = tlb.design === 'complete' ? 1 : (tlb.design.pagesPerEntry ?? 1);
  const translations = translationsOf(processes, { baseBytes, pageBytes, ...(large && { large }), pagesPerEntry, globals });
  const count = translations.pages.length;
  const design: TlbDesign =
    tlb.design === 'complete' ? { name: tlb.name, first: { entries: count, ways: count, replacement: 'lru' } } : tlb.design;
  const bytesOf = (translation: number): number => (large && translations.isLarge[translation] === 1 ? large.bytes : pageBytes);
  const walks = pageTable && walkPlan(translations, pageTable, baseBytes, bytesOf);
  const traces = processes.map(({ content }) => piecesOf(content));
  const options = { design, translations, ...(walks && { walks }), walkCache, asids, processors, quantum, unmapEvery, seed };
  const counts = replayTlb(options, traces);
  const { entries, ways, replacement, wired = 0 } = design.first;
  const held = Math.max(entries - wired, design.second?.entries ?? 0);
  return {
    tlb: tlb.name,
    entries,
    ways,
    replacement,
    pageBytes,
    reachBytes: held * pageBytes * pagesPerEntry,
    translations: count,
    missRatio: counts.misses / counts.references,
    ...(walks && counts.misses > 0 && { loadsPerMiss: counts.walkLoads / counts.misses }),
    ...counts,
  };
}
