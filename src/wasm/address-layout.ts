// Where things are in a program's address space, read off its module.
//
//   stack-first (recent toolchains)             data-first (older ones)
//   0        page 0: unmapped                   0        page 0: mapped, since data begins at 1024
//   4096     [stack], grows down onto page 0    1024     [image]
//   S        [image] [bss]                      ...      [bss], then [stack] up to S, grows down onto the data
//   brk      [heap]: memory.grow, upwards       brk      [heap]
//   3.75 GiB ----- guard, 64 KiB ----------- mmap area, from the top down ----------- 4 GiB - 64 KiB: guard
//
// S is the first value of global 0, the shadow-stack pointer of all LLVM toolchains. In a stack-first module an overflow of the
// stack, and every access through a null pointer, meets page 0; in a data-first one both silently reach data (the report says so).

import { PAGE_SIZE, UsageError } from '../base/index.ts';
import type { WindowLayout } from './abi.ts';
import { type ModuleInfo, SegmentKind } from './binary/index.ts';

/** Windows lie below this, so that their addresses are positive 32-bit numbers. */
const HIGHEST_WINDOW = 0x7fff_f000;
/** Bytes in a page of `memory.size`. */
export const WASM_PAGE_BYTES = 65536;
/** memory.grow stops here, below the mmap area, which needs room whatever the program does. */
const BREAK_LIMIT = 0xf000_0000;
const GUARD_BYTES = 65536;
const SPACE_TOP = 0x1_0000_0000 - GUARD_BYTES;
/** A preinitialised module's image holds live stack: data may begin this far below S (CPython: 2,156 bytes). */
const LIVE_STACK_BYTES = 65536;

/** The fixed parts of an address space. All values are byte addresses. */
export interface AddressLayout {
  /** Initial memory: [0, initialEnd). */
  readonly initialEnd: number;
  readonly nullPage: 'mapped' | 'unmapped';
  /** First value of the shadow-stack pointer, if the module has one. */
  readonly stackTop: number | undefined;
  readonly order: 'stack-first' | 'data-first' | 'unknown';
  /** Where the lowest and highest data are; both 0 without data. */
  readonly dataStart: number;
  readonly dataEnd: number;
  /** memory.grow may go up to here. */
  readonly growLimit: number;
  /** The mmap area. */
  readonly mapLow: number;
  readonly mapHigh: number;
}

/**
 * Lays a module's address space out.
 * @param addresses where each active segment goes (`segmentAddresses`).
 * @throws UsageError if an initial memory leaves no room below the mmap area.
 */
export function layOut(info: ModuleInfo, addresses: Float64Array): AddressLayout {
  const initialEnd = (info.memory?.minimum ?? 0) * WASM_PAGE_BYTES;
  if (initialEnd > BREAK_LIMIT) {
    throw new UsageError(
      `the module asks for ${initialEnd / WASM_PAGE_BYTES} pages of memory at start; Quire can give it ${BREAK_LIMIT / WASM_PAGE_BYTES}`,
    );
  }
  const { dataStart, dataEnd } = dataBounds(info, addresses);
  const stackTop = stackPointer(info, initialEnd);
  const order = stackOrder(stackTop, dataStart, dataEnd);
  return {
    initialEnd,
    nullPage: order === 'stack-first' ? 'unmapped' : 'mapped',
    stackTop,
    order,
    dataStart,
    dataEnd,
    growLimit: Math.min(BREAK_LIMIT, (info.memory?.maximum ?? 65536) * WASM_PAGE_BYTES),
    mapLow: BREAK_LIMIT + GUARD_BYTES,
    mapHigh: SPACE_TOP,
  };
}

/**
 * Returns where the window of a program's stack is, if it can have one: generated code adds what takes the stack to its frames to the
 * offsets of accesses, so the frames must lie higher in RAM than the stack in its space.
 */
export function windowLayout({ stackTop }: AddressLayout, stackEnd: number | undefined): WindowLayout | undefined {
  if (stackTop === undefined || stackEnd === undefined) return undefined;
  const top = Math.ceil(stackTop / PAGE_SIZE) * PAGE_SIZE;
  return top <= Math.min(stackEnd, HIGHEST_WINDOW) ? { top, delta: stackEnd - top } : undefined;
}

/** Returns where each active segment goes; globals are imported ones, by index. Passive segments get NaN. */
export function segmentAddresses(info: ModuleInfo, globals: (index: number) => number): Float64Array {
  const { data } = info;
  const addresses = new Float64Array(data.count);
  for (let i = 0; i < data.count; i++) {
    const offset = data.offset[i] as number;
    if (data.kind[i] === SegmentKind.activeAtConstant) addresses[i] = offset;
    else if (data.kind[i] === SegmentKind.activeAtGlobal) addresses[i] = globals(offset) >>> 0;
    else addresses[i] = Number.NaN;
  }
  return addresses;
}

function dataBounds(info: ModuleInfo, addresses: Float64Array): { dataStart: number; dataEnd: number } {
  let dataStart = Number.POSITIVE_INFINITY;
  let dataEnd = 0;
  for (let i = 0; i < info.data.count; i++) {
    const length = info.data.length[i] as number;
    const address = addresses[i] as number;
    if (length === 0 || Number.isNaN(address)) continue;
    dataStart = Math.min(dataStart, address);
    dataEnd = Math.max(dataEnd, address + length);
  }
  return dataEnd === 0 ? { dataStart: 0, dataEnd: 0 } : { dataStart, dataEnd };
}

function stackPointer(info: ModuleInfo, initialEnd: number): number | undefined {
  const global = info.globals[0];
  const top = global?.mutability === 'variable' ? global.initialI32 : undefined;
  return top !== undefined && top >= PAGE_SIZE && top <= initialEnd ? top : undefined;
}

function stackOrder(stackTop: number | undefined, dataStart: number, dataEnd: number): AddressLayout['order'] {
  if (stackTop === undefined || dataEnd === 0) return 'unknown';
  if (dataStart >= PAGE_SIZE && dataStart + LIVE_STACK_BYTES >= stackTop && stackTop - dataStart < stackTop / 2) return 'stack-first';
  return dataStart < stackTop ? 'data-first' : 'unknown';
}

/** One area of the initial memory. */
export interface InitialArea {
  readonly start: number;
  readonly end: number;
  readonly name: '[image]' | '[stack]' | '[bss]' | '[memory]';
  readonly backing: 'image' | 'zero';
}

/**
 * Splits the initial memory into areas: image pages where there is data, zero-fill memory elsewhere, cut at the top of the stack.
 * @param dataRuns page numbers [first, end) of the stretches that hold data, in order.
 */
export function initialAreas(layout: AddressLayout, dataRuns: readonly (readonly [number, number])[]): InitialArea[] {
  const areas: InitialArea[] = [];
  let at = layout.nullPage === 'unmapped' ? PAGE_SIZE : 0;
  for (const [first, end] of dataRuns) {
    pushZero(areas, layout, at, first * PAGE_SIZE);
    const imageEnd = Math.min(end * PAGE_SIZE, layout.initialEnd);
    areas.push({ start: first * PAGE_SIZE, end: imageEnd, name: '[image]', backing: 'image' });
    at = imageEnd;
  }
  pushZero(areas, layout, at, layout.initialEnd);
  return areas;
}

function pushZero(areas: InitialArea[], layout: AddressLayout, start: number, end: number): void {
  if (start >= end) return;
  const top = layout.stackTop === undefined ? undefined : Math.ceil(layout.stackTop / PAGE_SIZE) * PAGE_SIZE;
  if (top !== undefined && start < top && top < end) {
    areas.push({ start, end: top, name: '[stack]', backing: 'zero' }, { start: top, end, name: '[bss]', backing: 'zero' });
  } else {
    areas.push({ start, end, name: zeroName(top, start, end), backing: 'zero' });
  }
}

function zeroName(stackTop: number | undefined, start: number, end: number): InitialArea['name'] {
  if (stackTop === undefined) return '[memory]';
  return start < stackTop && end <= stackTop ? '[stack]' : '[bss]';
}
