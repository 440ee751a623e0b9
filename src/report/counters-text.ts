// The counters of a run as aligned rows, in sections:
//
//     Faults               43,216  168.8 MiB   it touched a page not mapped for it
//       zero fill           4,301   16.8 MiB   new memory: a fresh page of zeros
//       label               value       size   what it means; left out where the terminal is too narrow
//
// A size beside a number of pages is those pages in bytes.

import { PAGE_SIZE } from '../base/index.ts';
import { formatBytes, formatCount, formatCountOf, formatSeconds, formatShare } from './quantities.ts';
import type { CodeFacts, KernelHeapFacts, KernelMapFacts, ReadAheadCounts, RunReport, SwapCounts, UsableMemory } from './run-report.ts';
import type { TextStyle } from './text-style.ts';

interface Row {
  readonly label: string;
  readonly value: string;
  readonly size: string;
  readonly meaning: string;
}

/** The first row is the section's head. */
type Section = readonly [Row, ...Row[]];

const LABEL_WIDTH = 19;
const VALUE_WIDTH = 11;
const SIZE_WIDTH = 11;
const GAP = '   ';

/** Returns the section on time. */
export function timeLines(report: RunReport, width: number, style: TextStyle): string[] {
  return sectionLines(timeSection(report), width, style);
}

/** Returns all other sections. */
export function counterLines(report: RunReport, width: number, style: TextStyle): string[][] {
  return counterSections(report).map((section) => sectionLines(section, width, style));
}

/** Returns all sections but that on time, as rows. */
export function counterSections(report: RunReport): Section[] {
  const memory = report.memory === undefined ? [] : [memorySection(report.memory)];
  const code = report.code === undefined ? [] : [codeSection(report.code)];
  return [faultSection(report), ...memory, residentSection(report), evictionSection(report), kernelSection(report), ...code];
}

/** Returns the section on time, as rows. */
export function timeSection({ mmu, seconds, tlbMisses, faults }: RunReport): Section {
  const rows: Row[] = [];
  const add = (label: string, part: number, share: string, meaning: string): void => {
    rows.push({ label, value: formatSeconds(part), size: share, meaning });
  };
  if (mmu !== 'off') {
    const share = (part: number): string => formatShare(part, seconds.total);
    const traps = formatCountOf(tlbMisses + faultTotal(faults), 'trap');
    add('program', seconds.total - seconds.kernel, share(seconds.total - seconds.kernel), "the program's own code");
    add('kernel', seconds.kernel, share(seconds.kernel), `in ${traps}`);
  }
  if (seconds.load !== undefined) add('load', seconds.load, '', 'before that: reading and compiling');
  return [{ label: 'Time', value: formatSeconds(seconds.total), size: '', meaning: 'from first to last instruction' }, ...rows];
}

function faultSection({ faults, tlbMisses }: RunReport): Section {
  return [
    pages('Faults', faultTotal(faults), 'it touched a page not mapped for it'),
    pages('zero fill', faults.zeroFill, 'new memory: a fresh page of zeros'),
    pages('image', faults.image, "a page of the program's own data"),
    pages('file', faults.file, 'a page of a mapped file'),
    pages('copy on write', faults.copyOnWrite, 'a shared page, copied when written'),
    pages('swap in', faults.swapIn, 'a page came back from swap'),
    pages('resident', faults.resident, 'in RAM already: only mapped'),
    count('protection', faults.protection, 'the right was added, without a copy'),
    count('failed', faults.failed, 'not allowed, or no memory left'),
    pages('+ mapped ahead', faults.mappedAhead, 'neighbours mapped along with one'),
    count('+ TLB misses', tlbMisses, 'mapped: a page-table walk sufficed'),
  ];
}

function residentSection({ resident, ramBytes, map }: RunReport): Section {
  const swapped = map.reduce((sum, area) => sum + area.swappedPages, 0);
  return [
    pages('Pages in RAM', resident.peakPages, `at the peak, of ${formatCount(ramBytes / PAGE_SIZE)} frames`),
    pages('at the end', resident.finalPages, ''),
    pages('in swap', swapped, 'at the end, and not in RAM'),
  ];
}

function memorySection({ usableFrames, runs, zones = [] }: UsableMemory): Section {
  return [
    pages('Usable RAM', usableFrames, `in ${formatCountOf(runs, 'piece')}`),
    ...zones.map(({ name, frames, freeFrames, lowFrames, wakes }) => {
      const woken = `${formatCount(freeFrames)} free; below ${formatCount(lowFrames)} the daemon woke ${formatCountOf(wakes, 'time')}`;
      return pages(`zone ${name}`, frames, woken);
    }),
  ];
}

function evictionSection({ swap, evictions }: RunReport): Section {
  const evicted = evictions.clean + evictions.dirty;
  const { lookedAt = evicted } = evictions;
  return [
    pages('Evictions', evicted, 'frames the page daemon took back'),
    pages('clean', evictions.clean, 'unchanged: free at once'),
    pages('dirty', evictions.dirty, 'had to be written out first'),
    pages('spared', evictions.reactivated, 'referenced again in time'),
    ...(lookedAt > evicted ? [pages('looked at', lookedAt, 'named by the policy, not all taken')] : []),
    pages('swap written', swap.pagesOut, operations(swap.writeOperations, swap.pagesOut)),
    pages('swap read', swap.pagesIn, operations(swap.readOperations, swap.pagesIn)),
    ...(swap.readAhead === undefined ? [] : [readAheadRow(swap.readAhead)]),
    ...swapUse(swap),
  ];
}

function readAheadRow({ pages: count, used, unused }: ReadAheadCounts): Row {
  return pages('read ahead', count, `of these: ${formatCount(used)} used later, ${formatCount(unused)} never`);
}

function swapUse({ usedPages, totalPages, onlyPages = 0 }: SwapCounts): Row[] {
  if (usedPages === undefined || totalPages === undefined) return [];
  const share = `${formatShare(usedPages, totalPages)} of ${formatBytes(totalPages * PAGE_SIZE)} at the end`;
  const used = pages('swap used', usedPages, totalPages === 0 ? 'there is no swap' : share);
  return onlyPages === 0 ? [used] : [used, pages('only there', onlyPages, 'the others are in RAM too')];
}

function operations(operationCount: number, pageCount: number): string {
  if (operationCount === 0) return '';
  return `in ${formatCountOf(operationCount, 'operation')} of ${(pageCount / operationCount).toFixed(1)} pages`;
}

function kernelSection({ kernelBytes, kernelHeap, kernelMap, ramBytes }: RunReport): Section {
  const { pageTables, frameTable, heap } = kernelBytes;
  const total = pageTables + frameTable + heap;
  return [
    bytes('Kernel memory', total, `${formatShare(total, ramBytes)} of RAM`),
    bytes('page tables', pageTables, 'which frame each page is in'),
    bytes('frame table', frameTable, 'a record for each frame'),
    bytes('kernel heap', heap, 'map entries, anons, objects, ...'),
    ...(kernelHeap === undefined ? [] : [heapRow(kernelHeap)]),
    ...(kernelMap === undefined ? [] : [mapRow(kernelMap)]),
  ];
}

function heapRow({ design, peakFrames, askedBytes, givenBytes, reapedFrames }: KernelHeapFacts): Row {
  const unasked = `${formatShare(givenBytes - askedBytes, givenBytes)} unasked`;
  const meaning = `${design}: ${formatBytes(givenBytes)} given, ${unasked}, ${formatCount(reapedFrames)} reaped`;
  return bytes('its peak', peakFrames * PAGE_SIZE, meaning);
}

function mapRow({ design, maps, bytes: tables, entriesWritten, tlbDropped, bypassed }: KernelMapFacts): Row {
  const written = `${formatCountOf(entriesWritten, 'entry', 'entries')} written, ${formatCountOf(tlbDropped, 'TLB drop')}`;
  const meaning = `${design}: ${written}${bypassed === 0 ? '' : `, ${formatCount(bypassed)} past it`}`;
  return { label: 'kernel maps', value: formatCount(maps), size: formatBytes(tables), meaning };
}

/** Places in the code, not how often they were passed. */
function codeSection({ origin, originalBytes, rewrittenBytes, accesses, stackWindow, stackWindowBytes }: CodeFacts): Section {
  const { window, grouped, inlined, called } = accesses;
  const size = formatBytes(stackWindowBytes);
  const place = stackWindow === 'outgrown' ? `outgrew the ${size} of stack that are locked` : `in ${size} of locked stack: no table needed`;
  return [
    {
      label: 'Loads and stores',
      value: formatCount(window + grouped + inlined + called),
      size: '',
      meaning: 'in its code, each sent through the MMU',
    },
    count('stack window', window, stackWindow === 'none' ? 'there was none: looked up' : place),
    count('grouped', grouped, 'the page is looked up once for several'),
    count('inlined', inlined, 'the page is looked up on the spot'),
    count('called', called, 'a function looks it up'),
    bytes('code', rewrittenBytes, `from ${formatBytes(originalBytes)} in the module${origin === 'cache' ? ', cached' : ''}`),
  ];
}

function faultTotal({ mappedAhead: _notAFault, ...kinds }: RunReport['faults']): number {
  return Object.values(kinds).reduce((sum, kind) => sum + kind, 0);
}

function pages(label: string, pageCount: number, meaning: string): Row {
  return { label, value: formatCount(pageCount), size: formatBytes(pageCount * PAGE_SIZE), meaning };
}

function count(label: string, events: number, meaning: string): Row {
  return { label, value: formatCount(events), size: '', meaning };
}

function bytes(label: string, byteCount: number, meaning: string): Row {
  return { label, value: '', size: formatBytes(byteCount), meaning };
}

function sectionLines([head, ...rows]: Section, width: number, style: TextStyle): string[] {
  const title = style.paint('title', `  ${head.label}`.padEnd(LABEL_WIDTH));
  return [
    `${title}${numbersOf(head, width, style)}`,
    ...rows.map((row) => `    ${row.label}`.padEnd(LABEL_WIDTH) + numbersOf(row, width, style)),
  ];
}

function numbersOf({ value, size, meaning }: Row, width: number, style: TextStyle): string {
  const numbers = `${value.padStart(VALUE_WIDTH)}${size.padStart(SIZE_WIDTH)}`;
  const room = width - LABEL_WIDTH - VALUE_WIDTH - SIZE_WIDTH - GAP.length;
  return meaning === '' || meaning.length > room ? numbers.trimEnd() : `${numbers}${GAP}${style.paint('quiet', meaning)}`;
}
