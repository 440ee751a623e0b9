// One logical address through a table of segments, as sentences: what was looked at, in which order, and where it ends.
//
// Of x86 the faults have their names and error codes: #GP, #NP, #SS (a stack is what grows down: the processor knows it by the register).

import { UsageError } from '../src/base/index.ts';
import {
  type Access,
  SEGMENT_EXECUTE,
  SEGMENT_LIMIT,
  SEGMENT_MISSING,
  SEGMENT_NOT_PRESENT,
  SEGMENT_PRIVILEGE,
  SEGMENT_READ,
  SEGMENT_RIGHT,
  SEGMENT_WRITE,
  type SegmentEntry,
  SegmentTable,
} from '../src/machine/index.ts';
import { formatAddress, formatBytes } from '../src/report/index.ts';
import type { SegmentRow } from './segment-tables.ts';

/** What is tried. */
export interface SegmentRequest {
  readonly access: Access;
  readonly accessName: 'read' | 'write' | 'execute';
  readonly bytes: number;
  /** 0, the kernel, to 3. */
  readonly privilege: number;
}

/** One thing that was looked at, and what was found. */
export interface SegmentStep {
  readonly what: string;
  readonly found: string;
}

/** Where an address leads. */
export interface SegmentWalk {
  readonly address: string;
  readonly steps: readonly SegmentStep[];
  /** The linear address, as text. */
  readonly linear?: string;
  /** Why there is none. */
  readonly fault?: string;
}

const reasons: Readonly<Record<number, string>> = {
  [SEGMENT_MISSING]: 'there is no such segment',
  [SEGMENT_RIGHT]: 'the rights do not allow it',
  [SEGMENT_PRIVILEGE]: 'the segment is for more privileged code',
  [SEGMENT_NOT_PRESENT]: 'the segment is not present',
  [SEGMENT_LIMIT]: 'a byte of it lies outside the limit',
};

/** Follows `SELECTOR:OFFSET`. Throws a UsageError for what is no such address. */
export function walkSegment(address: string, rows: readonly SegmentRow[], request: SegmentRequest): SegmentWalk {
  const [, left, right] = /^([\w-]+):(0x[\da-f_]+|\d+)$/i.exec(address) ?? [];
  const offset = Number(right?.replaceAll('_', ''));
  if (left === undefined || !(offset < 2 ** 32)) throw new UsageError(`${address}: write SELECTOR:OFFSET, the offset below 2^32`);
  const isX86 = rows[0]?.x86 !== undefined;
  const named = rows.findIndex(({ name }) => name === left);
  const number = named === -1 ? Number(left) : named;
  if (!(Number.isInteger(number) && number < 2 ** 16)) throw new UsageError(`${address}: there is no segment '${left}' in the table`);
  if (isX86 && (number & 4) !== 0) throw new UsageError(`${address}: the selector asks for the LDT, and there is a GDT only`);
  const index = isX86 ? number >>> 3 : number;
  // The less privileged of who runs and who asks.
  const privilege = isX86 ? Math.max(request.privilege, number & 3) : request.privilege;
  const row = rows[index];
  const table = new SegmentTable(rows.length);
  rows.forEach(({ entry }, at) => {
    if (entry !== undefined) table.attach(entry, at);
  });
  const reached = table.reach(index, offset, request.bytes, request.access, privilege);
  const steps: SegmentStep[] = [];
  if (isX86) steps.push({ what: 'selector', found: `${formatHex(number)}: index ${index}, GDT, RPL ${number & 3}` });
  if (row?.x86 !== undefined) steps.push({ what: 'descriptor', found: descriptorText(row) });
  if (row?.entry !== undefined) steps.push({ what: 'segment', found: segmentText(row.entry, row.name) });
  if (reached >= 0) {
    const linear = formatAddress(reached);
    steps.push({ what: 'linear', found: `${formatAddress(row?.entry?.segment.base ?? 0)} + ${formatAddress(offset)} = ${linear}` });
    return { address, steps, linear };
  }
  const exception = isX86 ? `${exceptionOf(reached, number, row?.entry, request.accessName)}: ` : '';
  const fault = `${exception}${reasons[reached]}`;
  return { address, steps: [...steps, { what: 'fault', found: fault }], fault };
}

/** Names the exception: an error code is the selector without its RPL if loading it fails, 0 if using it does. */
function exceptionOf(fault: number, selector: number, entry: SegmentEntry | undefined, access: SegmentRequest['accessName']): string {
  const code = formatHex(selector & 0xfffc);
  const isStack = entry?.segment.grows === 'down';
  if (fault === SEGMENT_NOT_PRESENT) return `${isStack ? '#SS' : '#NP'}(${code})`;
  if (fault === SEGMENT_LIMIT) return isStack ? '#SS(0)' : '#GP(0)';
  // What cannot be read cannot be loaded as data, and what is no code not as code.
  if (fault === SEGMENT_RIGHT) return access === 'write' ? '#GP(0)' : `#GP(${code})`;
  return selector < 4 ? '#GP(0)' : `#GP(${code})`;
}

function descriptorText({ x86 }: SegmentRow): string {
  if (x86 === undefined) return '';
  const { base, limit, g, db, l, avl, p, dpl, s } = x86.descriptor;
  const bits = `G=${g} D/B=${db} L=${l} AVL=${avl} P=${p} DPL=${dpl} S=${s}`;
  return `${x86.hex}: base ${formatHex(base)} limit ${formatHex(limit)} ${bits} ${x86.type}`;
}

function segmentText({ segment, rights, privilege }: SegmentEntry, name: string): string {
  const { first, bytes, grows } = segment;
  const inside = bytes === 0 ? 'empty' : `offsets ${formatAddress(first)} to ${formatAddress(first + bytes - 1)}`;
  const letters = [
    [SEGMENT_READ, 'r'],
    [SEGMENT_WRITE, 'w'],
    [SEGMENT_EXECUTE, 'x'],
  ] as const;
  const allowed = letters.map(([right, letter]) => ((rights & right) === 0 ? '-' : letter)).join('');
  return `${name}: ${inside}, ${formatBytes(bytes)}, grows ${grows}, ${allowed}, privilege ${privilege}`;
}

function formatHex(value: number): string {
  return `0x${value.toString(16)}`;
}
