// Tables of segments as people write them: JSON, or the descriptors of an x86 GDT in hex.

import { UsageError } from '../src/base/index.ts';
import {
  decodeDescriptor,
  descriptorType,
  OFFSET_LIMIT,
  SEGMENT_EXECUTE,
  SEGMENT_READ,
  SEGMENT_WRITE,
  Segment,
  type SegmentEntry,
  segmentOf,
  type X86Descriptor,
} from '../src/machine/index.ts';
import { parseByteSize } from './byte-size.ts';

/** One line of a table. */
export interface SegmentRow {
  readonly name: string;
  /** Nothing for the null descriptor, and for those of the system. */
  readonly entry: SegmentEntry | undefined;
  /** Of an x86 table: the descriptor, its 16 hex digits and its type in words. */
  readonly x86?: { readonly descriptor: X86Descriptor; readonly hex: string; readonly type: string };
}

const letters: Readonly<Record<string, number>> = { r: SEGMENT_READ, w: SEGMENT_WRITE, x: SEGMENT_EXECUTE };
const MOST_DESCRIPTORS = 8192;

/** Returns rights that are written as in `rw`. @param what for the message of the UsageError that anything else gets */
export function parseRights(text: string, what: string): number {
  if (/^[rwx]+$/.test(text)) return [...text].reduce((rights, letter) => rights | (letters[letter] ?? 0), 0);
  throw new UsageError(`${what}: rights are of r, w and x`);
}

/** Reads `00cf9a000000ffff,...`. */
export function tableOfDescriptors(list: string): SegmentRow[] {
  const texts = list.split(',').map((text) => text.trim().replace(/^0x/i, '').replaceAll('_', ''));
  if (texts.length > MOST_DESCRIPTORS) throw new UsageError(`--descriptors: a GDT has at most ${MOST_DESCRIPTORS}`);
  return texts.map((text, index) => {
    if (!/^[\da-f]{1,16}$/i.test(text)) throw new UsageError(`--descriptors: '${text}' is not a descriptor of up to 16 hex digits`);
    const hex = text.padStart(16, '0');
    const descriptor = decodeDescriptor(Number.parseInt(hex.slice(8), 16), Number.parseInt(hex.slice(0, 8), 16));
    const name = `descriptor ${index}`;
    return {
      name,
      entry: index === 0 ? undefined : segmentOf(descriptor, name),
      x86: { descriptor, hex, type: descriptorType(descriptor) },
    };
  });
}

/** Reads `{"segments": [{"name": "code", "base": "0x1000", "bytes": "64KiB", "rights": "rx"}]}`. @param path for messages */
export function tableOfJson(text: string, path: string): SegmentRow[] {
  const refuse = (why: string): never => {
    throw new UsageError(`--table ${path}: ${why}`);
  };
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    refuse('it is not JSON');
  }
  const segments = isObject(content) ? content.segments : undefined;
  if (!Array.isArray(segments) || segments.length === 0) return refuse('it has no list "segments"');
  return segments.map((each: unknown, index) => {
    if (!isObject(each)) return refuse(`segment ${index} is no object`);
    const { name = String(index), base = 0, bytes, rights = 'rw', grows = 'up', present = true, privilege = 3 } = each;
    if (typeof name !== 'string') return refuse(`segment ${index}: its name is no text`);
    if (grows !== 'up' && grows !== 'down') return refuse(`${name}: it grows "up" or "down"`);
    if (typeof present !== 'boolean') return refuse(`${name}: present is true or false`);
    if (![0, 1, 2, 3].includes(privilege as number)) return refuse(`${name}: privilege is 0 to 3`);
    const size = typeof bytes === 'number' ? bytes : parseByteSize(String(bytes), `--table ${path}: ${name}: bytes`);
    const start = typeof base === 'number' ? base : Number(String(base).replaceAll('_', ''));
    const fits = Number.isSafeInteger(size) && Number.isSafeInteger(start) && size >= 0 && start >= 0;
    if (!fits || size > OFFSET_LIMIT || start >= OFFSET_LIMIT) return refuse(`${name}: base and bytes are numbers of 32 bits`);
    const segment = new Segment({ name, base: start, bytes: size, grows });
    segment.presence = present ? 'present' : 'absent';
    return { name, entry: { segment, rights: parseRights(String(rights), `--table ${path}: ${name}`), privilege: privilege as number } };
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
