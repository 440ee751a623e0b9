// From a program that has run to its RunReport: gathers what machine, manager and process counted.

import { PAGE_SIZE, type Pfn } from '../base/index.ts';
import { FRAME_RECORD_BYTES, FrameKind } from '../frames/index.ts';
import { ACCESS_READ, ACCESS_WRITE, faultRegisters, translate } from '../machine/index.ts';
import { MappedRam } from '../pmap/index.ts';
import { type GuestFault, HEAT_CELL_BYTES, outcomeText } from '../process/index.ts';
import {
  type AreaReport,
  FaultOutcome,
  type Machine,
  type MemoryStatistics,
  type MemorySystem,
  type SwapReadAhead,
} from '../system/index.ts';
import { classLimitNames } from '../systems/index.ts';
import type { CodeLocation, Program, ProgramExit } from '../wasm/index.ts';
import { mapArea } from './map-area.ts';
import { formatBytes, formatCount, formatCountOf } from './quantities.ts';
import type {
  Ending,
  FaultPlace,
  FaultReport,
  HeatStrip,
  KernelMapFacts,
  LargePageFacts,
  LiveTlbResult,
  PageTableFacts,
  RunReport,
  RunSeconds,
  SwapCounts,
  SwapDeviceCounts,
} from './run-report.ts';
import { registerReport } from './walk-report.ts';

/** Exit code of a guest that was stopped: by a trap, a fault, a signal or the kernel. */
const GUEST_FAILED = 1;
/** Cells of a heat strip: fits a terminal line with its labels. */
const HEAT_CELLS = 64;
/** Parts of the space closer than this share a strip. */
const STRIP_GAP_BYTES = 16 * 1024 * 1024;

/** What the report says about a run besides what can be counted. */
export interface RunFacts {
  readonly program: string;
  readonly command: readonly string[];
  readonly frames: string;
  /** See `classLimitNames`; the report leaves the default out. */
  readonly classLimits: string;
  /** If one was asked for. */
  readonly swapReadAhead?: SwapReadAhead;
  readonly seed: number;
  readonly seconds: RunSeconds;
  /** How the program ended; `interrupt` when it was stopped from outside. */
  readonly exit: ProgramExit | 'interrupt';
  /** Exit code of an interrupted run. */
  readonly interruptCode: number;
}

/** Gathers the report of a program that has ended, or was interrupted: only counters and tables are read. */
export function programReport(facts: RunFacts, machine: Machine, system: MemorySystem, program: Program): RunReport {
  const { process } = program;
  const statistics = system.statistics();
  const areas = system.areas(process.space);
  const swap = swapCounts(system, statistics);
  return {
    program: facts.program,
    command: facts.command,
    system: system.name,
    policy: system.policy,
    ...(facts.classLimits !== classLimitNames[0] && { classLimits: facts.classLimits }),
    ...(facts.swapReadAhead !== undefined && { swapReadAhead: facts.swapReadAhead }),
    frames: facts.frames,
    mmu: 'on',
    pageTableFormat: machine.mmu.format.name,
    pageTable: pageTableFacts(machine, program),
    ...largePageFacts(machine),
    ...tlbResults(machine),
    ranges: machine.rangeMap.name,
    seed: facts.seed,
    ramBytes: machine.ram.frameCount * PAGE_SIZE,
    swapBytes: swap.totalPages * PAGE_SIZE,
    exitCode: exitCode(facts),
    ended: ending(facts, program, areas),
    seconds: facts.seconds,
    tlbMisses: process.tlbMisses,
    faults: {
      zeroFill: statistics.zeroFill,
      image: statistics.image,
      file: statistics.file,
      copyOnWrite: statistics.copyOnWrite,
      swapIn: statistics.swapIn,
      protection: statistics.protection,
      resident: statistics.resident,
      failed: statistics.failed,
      mappedAhead: statistics.mappedAheadAnon + statistics.mappedAheadObject,
    },
    swap,
    evictions: {
      clean: statistics.evictedClean,
      dirty: statistics.evictedDirty,
      reactivated: statistics.reactivated,
      lookedAt: statistics.daemonScans,
    },
    ...(statistics.lostPages > 0 && { lostPages: statistics.lostPages }),
    resident: { peakPages: process.peakResident, finalPages: areas.reduce((sum, area) => sum + area.residentPages, 0) },
    ...usableMemory(machine),
    kernelBytes: {
      pageTables: (machine.frames.countOf(FrameKind.pageTable) + machine.frames.countOf(FrameKind.vmem)) * PAGE_SIZE,
      frameTable: machine.ram.frameCount * FRAME_RECORD_BYTES,
      heap: machine.heap.frames * PAGE_SIZE,
    },
    kernelHeap: { design: machine.heap.name, ...machine.heap.costs() },
    ...kernelMapFacts(machine),
    code: program.codeFacts,
    map: areas.map(mapArea),
    heat: heatStrips(areas, program),
    notes: [...notes(program), ...tlbNotes(machine), ...largePageNotes(machine)],
  };
}

function kernelMapFacts({ kernelMap, ram }: Machine): { readonly kernelMap?: KernelMapFacts } {
  if (kernelMap === undefined) return {};
  const { tableFrames, recordFrames, maps, entriesWritten, tlbDropped, steps } = kernelMap.statistics();
  const bypassed = ram instanceof MappedRam ? ram.bypassed : 0;
  return {
    kernelMap: {
      design: kernelMap.name,
      bytes: (tableFrames + recordFrames) * PAGE_SIZE,
      maps,
      entriesWritten,
      tlbDropped,
      steps,
      bypassed,
    },
  };
}

/** Frame 0 is never used: it is no hole. */
function usableMemory({ frames }: Machine): Pick<RunReport, 'memory'> {
  const { table } = frames;
  let [usableFrames, runs] = [0, 0];
  let before: 'usable' | 'hole' = 'hole';
  for (let frame = 1 as Pfn; frame < table.count; frame++) {
    const kind = table.kind(frame);
    const now = kind === FrameKind.reserved || kind === FrameKind.permanent ? 'hole' : 'usable';
    if (now === 'usable') usableFrames++;
    if (now === 'usable' && before === 'hole') runs++;
    before = now;
  }
  const zones = frames.zones.zones.map(({ name, managed, freeCount, low, wakes }) => {
    return { name, frames: managed, freeFrames: freeCount, lowFrames: low, wakes };
  });
  if (zones.length === 0 && usableFrames === table.count - 1) return {};
  return { memory: { usableFrames, runs, ...(zones.length > 0 && { zones }) } };
}

function pageTableFacts({ mmu, frames }: Machine, { process }: Program): PageTableFacts {
  const { pmap } = process.space;
  const { softwareTlb } = mmu;
  return {
    root: mmu.rootAddress(pmap.root),
    space: pmap.id,
    frames: frames.countOf(FrameKind.pageTable),
    ...(softwareTlb !== undefined && {
      tlb: {
        entries: softwareTlb.entries,
        refills: softwareTlb.refills,
        invalid: softwareTlb.invalid,
        modified: softwareTlb.modified,
      },
    }),
  };
}

function tlbResults({ liveTlbs, mmu }: Machine): { readonly tlbs?: readonly LiveTlbResult[] } {
  if (liveTlbs === undefined) return {};
  const { architecture, levels } = mmu.format;
  const tlbs = liveTlbs.counts().map(({ design, ...counts }) => ({
    tlb: design.name,
    entries: design.first.entries,
    ways: design.first.ways,
    replacement: design.first.replacement,
    ...counts,
    ...(architecture !== 'hashed' && { walkLoads: counts.misses * levels.length - counts.largeMisses }),
  }));
  return { tlbs };
}

function largePageFacts({ pmaps, frames }: Machine): { readonly largePages?: LargePageFacts } {
  if (pmaps.largePages === undefined || frames.reservations === undefined) return {};
  const { pages, promotions, demotions, dissolved, mapped } = pmaps.largePages;
  const { made, broken } = frames.reservations;
  return { largePages: { bytes: pages * PAGE_SIZE, promotions, demotions, dissolved, mapped, reservations: { made, broken } } };
}

/** The registers that the hardware shows for the page of the access that has no translation: the first, or the last. */
function registersOf({ address, size, access }: GuestFault, { process }: Program): Pick<FaultReport, 'registers'> {
  const { ram, mmu } = process.machine;
  const { pmap } = process.space;
  const image = { bytes: ram.words.length * 4, word: (at: number) => ram.words[at >>> 2] };
  const { format } = mmu;
  for (const byte of [address, address + Math.max(0, size - 1)]) {
    if (byte >= mmu.pages * PAGE_SIZE) continue;
    const at = BigInt(byte);
    const request = { format, root: mmu.rootAddress(pmap.root), address: at, mode: 'user', space: pmap.id } as const;
    const { end } = translate(image, { ...request, access: access === 'write' ? ACCESS_WRITE : ACCESS_READ });
    if (end.how !== 'fault') continue;
    const { kind, level } = end;
    const fault = {
      address: at,
      access: access === 'write' ? ACCESS_WRITE : ACCESS_READ,
      mode: 'user',
      kind,
      level,
      space: pmap.id,
    } as const;
    return { registers: faultRegisters(format, fault).map(registerReport) };
  }
  return {};
}

function swapCounts(system: MemorySystem, statistics: MemoryStatistics): SwapCounts & { readonly totalPages: number } {
  const devices: SwapDeviceCounts[] = system.swapDevices().map(({ device, priority, slots, used, bad }) => ({
    name: device.name,
    priority,
    totalPages: slots,
    usedPages: used,
    badPages: bad,
    ...device.counters,
  }));
  const sum = (of: (device: SwapDeviceCounts) => number): number => devices.reduce((total, device) => total + of(device), 0);
  return {
    pagesIn: statistics.swapPagesIn,
    pagesOut: statistics.swapPagesOut,
    readOperations: sum((device) => device.readOperations),
    writeOperations: sum((device) => device.writeOperations),
    bytesWritten: sum((device) => device.bytesWritten),
    bytesRead: sum((device) => device.bytesRead),
    ...(statistics.readAhead > 0 && {
      readAhead: { pages: statistics.readAhead, used: statistics.readAheadUsed, unused: statistics.readAheadUnused },
    }),
    usedPages: statistics.swapInUse,
    onlyPages: statistics.swapOnly,
    totalPages: sum((device) => device.totalPages),
    ...(devices.length > 1 && { devices }),
  };
}

function exitCode({ exit, interruptCode }: RunFacts): number {
  if (exit === 'interrupt') return interruptCode;
  return exit.kind === 'exit' ? exit.code : GUEST_FAILED;
}

function ending({ exit }: RunFacts, program: Program, areas: readonly AreaReport[]): Ending {
  if (exit === 'interrupt') return { how: 'interrupt', reason: 'stopped by Ctrl-C' };
  switch (exit.kind) {
    case 'exit':
      return { how: 'exit' };
    case 'signal':
      return { how: 'trap', reason: `the program raised ${exit.signal}` };
    case 'trap':
      return { how: 'trap', reason: trapReason(exit.reason, faultPlace(program.locate(exit.error.stack ?? ''))) };
    case 'fault':
      return faultEnding(exit.fault, program, areas);
  }
}

function faultPlace(location: CodeLocation | undefined): FaultPlace | undefined {
  if (location === undefined) return undefined;
  const { functionIndex, name, offset } = location;
  return { index: functionIndex, offset, ...(name !== undefined && { name }) };
}

function trapReason(reason: string, place: FaultPlace | undefined): string {
  if (place === undefined) return reason;
  const name = place.name === undefined ? `function ${place.index}` : place.name;
  return `${reason} in ${name}${place.offset === undefined ? '' : ` at byte 0x${place.offset.toString(16)} of the module`}`;
}

function faultEnding(fault: GuestFault, program: Program, areas: readonly AreaReport[]): Ending {
  const killed = fault.outcome === FaultOutcome.outOfMemory || fault.outcome === FaultOutcome.ioError;
  const area = areas.find((candidate) => candidate.start <= fault.address && fault.address < candidate.end);
  const place = faultPlace(program.locate(fault.stack ?? ''));
  return {
    how: killed ? 'kill' : 'fault',
    reason: killed ? outcomeText(fault.outcome) : faultReason(fault, program),
    fault: {
      address: fault.address,
      access: fault.access,
      why: outcomeText(fault.outcome),
      ...registersOf(fault, program),
      ...(place !== undefined && { function: place }),
      ...(area !== undefined && { area: mapArea(area) }),
    },
  };
}

/** Says what an access that is not allowed most likely is. */
function faultReason({ outcome, address, size, access }: GuestFault, program: Program): string {
  if (outcome === FaultOutcome.protection) return `the rights of the memory there do not let it ${access}`;
  const { layout } = program;
  const stackPointer = program.stackPointer();
  if (layout.order === 'stack-first') {
    // A frame that does not fit below S wraps to the top of the 32-bit space.
    if (stackPointer !== undefined && (stackPointer < PAGE_SIZE || stackPointer > layout.initialEnd))
      return 'the stack is full: it has grown into the unmapped page 0';
    if (address < PAGE_SIZE) return 'access through a null pointer: page 0 is not mapped';
  }
  if (address + size > program.process.space.breakEnd) return 'access beyond the end of memory';
  return 'access to memory that is not there';
}

/** One strip for each part of the space in use; parts with a small gap share one. */
function heatStrips(areas: readonly AreaReport[], program: Program): HeatStrip[] {
  const parts: { start: number; end: number; names: Set<string> }[] = [];
  for (const area of areas) {
    const last = parts.at(-1);
    if (last !== undefined && area.start - last.end < STRIP_GAP_BYTES) {
      last.end = area.end;
      last.names.add(area.name);
    } else parts.push({ start: area.start, end: area.end, names: new Set([area.name]) });
  }
  return parts.map((part) => heatStrip(part.start, part.end, [...part.names].join(' '), program));
}

function heatStrip(start: number, end: number, name: string, { process }: Program): HeatStrip {
  const first = Math.floor(start / HEAT_CELL_BYTES);
  const count = Math.ceil(end / HEAT_CELL_BYTES) - first;
  const perCell = Math.max(1, Math.ceil(count / HEAT_CELLS));
  const cellPages = (perCell * HEAT_CELL_BYTES) / PAGE_SIZE;
  const firstPage = (first * HEAT_CELL_BYTES) / PAGE_SIZE;
  const cells = Array.from({ length: Math.ceil(count / perCell) }, (_, cell) => cell);
  return {
    name,
    start: firstPage * PAGE_SIZE,
    cellBytes: cellPages * PAGE_SIZE,
    faults: cells.map((cell) => process.heat.subarray(first + cell * perCell, first + (cell + 1) * perCell).reduce((sum, n) => sum + n, 0)),
    residentPages: cells.map((cell) => {
      let resident = 0;
      const from = firstPage + cell * cellPages;
      for (let page = from; page < from + cellPages; page++) if (process.system.isResident(process.space, page)) resident++;
      return resident;
    }),
  };
}

function tlbNotes({ mmu }: Machine): string[] {
  const { softwareTlb } = mmu;
  if (softwareTlb === undefined) return [];
  const { entries, refills, invalid, modified } = softwareTlb;
  const exceptions = `${formatCountOf(refills, 'refill')}, ${formatCount(invalid)} invalid, ${formatCount(modified)} modified`;
  return [`the TLB has ${entries} entries that the kernel fills; its exceptions: ${exceptions}`];
}

function largePageNotes(machine: Machine): string[] {
  const { largePages } = largePageFacts(machine);
  if (largePages === undefined) return [];
  const { bytes, mapped, promotions, demotions, dissolved, reservations } = largePages;
  const table = mapped === 1 ? 'which saves a table frame' : `which save ${formatCountOf(mapped, 'table frame')}`;
  return [
    `${formatCountOf(mapped, 'large page')} of ${formatBytes(bytes)} mapped at the end${mapped === 0 ? '' : `, ${table}`}; ` +
      `${formatCountOf(promotions, 'promotion')}, ${formatCountOf(demotions, 'demotion')}${dissolved === 0 ? '' : `, ${formatCount(dissolved)} dissolved`}; ` +
      `${formatCountOf(reservations.made, 'reservation')} made, ${formatCount(reservations.broken)} broken`,
  ];
}

function notes(program: Program): string[] {
  const { layout } = program;
  if (layout.nullPage === 'mapped') {
    const why = layout.order === 'data-first' ? `data begins at address ${layout.dataStart}` : 'the module does not say where its stack is';
    return [`page 0 is mapped, since ${why}: null pointers and stack overflow are not caught`];
  }
  const caught = 'page 0 is not mapped: null pointers and stack overflow are caught';
  if (!program.toleratesNullStores) return [caught];
  return [caught, "the module has wasi-libc's old time-zone stub, which stores through a null pointer: those stores fall away"];
}
