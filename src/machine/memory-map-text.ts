// Boot memory maps as people have them: what Linux tells of a machine, or a list written by hand.
//
//   JSON          [{"start": "0x100000", "end": "0x40000000", "kind": "usable"}, ...]     numbers, or text with 0x; end is exclusive
//   /proc/iomem   00100000-3fffffff : System RAM                                          hexadecimal; the last byte; nested by two spaces
//   e820          BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable           in the lines of a boot log; the last byte
//
// Of /proc/iomem, System RAM is usable and the kernel's image in it permanent; everything else at the outer level that is not firmware's
// memory is a device. Ranges come out in the order of the file, as `normalizeMemoryMap` takes them. Above 2^53 bytes nothing can be said
// exactly, and no machine has memory: such ranges of devices are left out.

import { UsageError } from '../base/index.ts';
import { MEMORY_KINDS, type MemoryKind, type MemoryRange } from './memory-map.ts';

/** Reads a memory map in any of the formats. @param name of the file, for messages. Throws a UsageError that names file, line and what is wrong. */
export function parseMemoryMap(text: string, name: string): MemoryRange[] {
  const ranges = /^\s*(?:\{|\[\s*[{\]])/.test(text) ? parseJson(text, name) : parseLines(text, name);
  if (ranges.some(({ kind }) => kind === 'usable')) return ranges;
  throw new UsageError(`${name}: has no usable memory; give JSON, the text of /proc/iomem, or a boot log with BIOS-e820 lines`);
}

function parseLines(text: string, name: string): MemoryRange[] {
  const lines = text.split(/\r?\n/);
  const parse = /e820/i.test(text) ? e820Line : iomemLine;
  const ranges = lines.flatMap((line, index) => parse(line, `${name}, line ${index + 1}`) ?? []);
  const isHidden = ranges.length > 0 && ranges.every(({ start, end }) => start === 0 && end <= 1);
  if (isHidden) throw new UsageError(`${name}: all addresses are 0, as /proc/iomem shows them to users; read it as root`);
  return ranges;
}

const E820_NEW = /e820:\s*\[mem 0x([0-9a-f]+)-0x([0-9a-f]+)\]\s*(.*)$/i;
const E820_OLD = /e820:\s*([0-9a-f]{8,16}) - ([0-9a-f]{8,16}) \((.*)\)\s*$/i;
/** Lines that have the word and say something else: a log tells of e820 in many places. */
const E820_ENTRY = /BIOS-e820:/i;

function e820Line(line: string, where: string): MemoryRange | undefined {
  const modern = E820_NEW.exec(line);
  const match = modern ?? E820_OLD.exec(line);
  if (match === null) {
    if (E820_ENTRY.test(line)) throw new UsageError(`${where}: not an e820 range: ${line.trim()}`);
    return undefined;
  }
  if (!E820_ENTRY.test(line)) return undefined;
  const [, first = '', last = '', type = ''] = match;
  const kind = /^usable/i.test(type) ? 'usable' : /^unusable/i.test(type) ? 'bad' : 'reserved';
  return hexRange(first, last, modern === null ? 0 : 1, kind, where);
}

const IOMEM = /^( *)([0-9a-f]+)-([0-9a-f]+) : (.*)$/i;

function iomemLine(line: string, where: string): MemoryRange | undefined {
  if (line.trim() === '') return undefined;
  const match = IOMEM.exec(line);
  if (match === null) throw new UsageError(`${where}: not a line of /proc/iomem, such as 00100000-3fffffff : System RAM`);
  const [, indent = '', first = '', last = '', what = ''] = match;
  const kind = indent === '' ? outerKind(what) : innerKind(what);
  return kind === undefined ? undefined : hexRange(first, last, 1, kind, where);
}

function outerKind(what: string): MemoryKind {
  if (/^System RAM/i.test(what)) return 'usable';
  if (/^(?:reserved|ACPI|RAM buffer|Persistent Memory|Soft Reserved|Device Reserved)/i.test(what)) return 'reserved';
  return /^Unusable/i.test(what) ? 'bad' : 'mmio';
}

/** Nested ranges say more about RAM; those of devices lie in what is a device's already. */
function innerKind(what: string): MemoryKind | undefined {
  if (/^Kernel (?:code|data|rodata|bss)/i.test(what)) return 'permanent';
  return /^(?:reserved|Crash kernel|ACPI)/i.test(what) ? 'reserved' : undefined;
}

/** @param inclusive what to add to the last number to get the end */
function hexRange(first: string, last: string, inclusive: 0 | 1, kind: MemoryKind, where: string): MemoryRange | undefined {
  const [start, end] = [Number.parseInt(first, 16), Number.parseInt(last, 16) + inclusive];
  if (start > end) throw new UsageError(`${where}: the range starts above its end`);
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end)) return { start, end, kind };
  if (kind === 'usable') throw new UsageError(`${where}: usable memory above 2^53 bytes; no machine has it`);
  return undefined;
}

function parseJson(text: string, name: string): MemoryRange[] {
  const value = parsed(text, name);
  const list: unknown = Array.isArray(value) ? value : (value as { ranges?: unknown } | null)?.ranges;
  if (!Array.isArray(list)) throw new UsageError(`${name}: give a list of ranges, or an object with a list called ranges`);
  // The braces of the ranges in order: each range is an object without others inside.
  const braces = [...text.matchAll(/\{/g)].slice(Array.isArray(value) ? 0 : 1);
  return list.map((each: unknown, index) => jsonRange(each, `${name}, line ${lineAt(text, braces[index]?.index ?? 0)}`));
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    const place = /position (\d+)/.exec(message);
    const line = lineAt(text, place === null ? text.length : Number(place[1]));
    throw new UsageError(`${name}, line ${line}: not JSON: ${message.replace(/ (?:in JSON )?at position.*$/, '')}`);
  }
}

const lineAt = (text: string, position: number): number => text.slice(0, position).split('\n').length;

function jsonRange(value: unknown, where: string): MemoryRange {
  if (typeof value !== 'object' || value === null) throw new UsageError(`${where}: a range is an object with start, end and kind`);
  const { start, end, kind } = value as Record<string, unknown>;
  const range = { start: address(start, 'start', where), end: address(end, 'end', where), kind: kindOf(kind, where) };
  if (range.start > range.end) throw new UsageError(`${where}: the range starts above its end`);
  return range;
}

function address(value: unknown, what: string, where: string): number {
  const number = typeof value === 'string' && /^0x[0-9a-f_]+$/i.test(value) ? Number(value.replaceAll('_', '')) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw new UsageError(`${where}: ${what} is not a number of bytes: write 1048576 or "0x100000"`);
}

function kindOf(value: unknown, where: string): MemoryKind {
  const kind = MEMORY_KINDS.find((each) => each === value);
  if (kind !== undefined) return kind;
  throw new UsageError(`${where}: kind is ${JSON.stringify(value) ?? 'missing'}; use one of ${MEMORY_KINDS.join(', ')}`);
}
