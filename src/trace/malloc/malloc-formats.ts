// The formats of malloc traces by name, and which one a file is in: by its first bytes, not by its name.

import { UsageError } from '../../base/index.ts';
import { detectsLines } from '../detection.ts';
import type { MallocParser } from './malloc-parser.ts';
import { MemoryReplayParser } from './memory-replay.ts';
import { MtraceParser } from './mtrace.ts';
import { QUIRE_MALLOC_HEAD, RepParser } from './rep.ts';

/** A format of malloc traces. */
export interface MallocTraceFormat {
  readonly name: string;
  /** What it is and who writes it, in a few words. */
  readonly meaning: string;
  /** Tells whether a file that begins with `head` is in this format. */
  readonly detects: (head: Uint8Array) => boolean;
  make(name: string): MallocParser;
}

/** Every format, in the order in which they are tried. */
export const mallocTraceFormats: readonly MallocTraceFormat[] = [
  {
    name: 'quire-malloc',
    meaning: "Quire's own: .rep with threads and an end",
    detects: (head) => head.length >= QUIRE_MALLOC_HEAD.length && [...QUIRE_MALLOC_HEAD].every((c, i) => c.charCodeAt(0) === head[i]),
    make: (name) => new RepParser(name, 'quire'),
  },
  {
    name: 'rep',
    meaning: "CS:APP's malloclab: 'a 0 512', 'r 0 640', 'f 0'; also c and m",
    detects: detectsLines(/^\s*([acr] \d+ -?\d+|m \d+ \d+ -?\d+|f -?\d+|\d+)\s*$/, /^#/),
    make: (name) => new RepParser(name, 'rep'),
  },
  {
    name: 'memory-replay',
    meaning: "Android's memory_replay: '1234: malloc 0x7a5c 64'",
    detects: detectsLines(/^\d+: (malloc|calloc|memalign|realloc|free|thread_done) /, /^#/),
    make: (name) => new MemoryReplayParser(name),
  },
  {
    name: 'mtrace',
    meaning: "glibc's mtrace: '@ ./a.out:[0x4005f6] + 0x1b5a6a0 0x40'",
    detects: detectsLines(/^(= \w+|(@ .* )?[-+<>!] 0x[0-9a-f]+( 0x[0-9a-f]+)?)\s*$/),
    make: (name) => new MtraceParser(name),
  },
];

/** Returns the format called `name`, or throws a UsageError that lists the names. */
export function findMallocTraceFormat(name: string): MallocTraceFormat {
  const found = mallocTraceFormats.find((format) => format.name === name);
  if (found !== undefined) return found;
  throw new UsageError(`there is no malloc trace format '${name}': choose one of ${names()}`);
}

/** Returns the format of a file that begins with `head`. Throws a UsageError for an empty file and for one that looks like none. */
export function detectMallocTraceFormat(head: Uint8Array, name: string): MallocTraceFormat {
  if (head.length === 0) throw new UsageError(`${name} is empty: a malloc trace has at least one operation`);
  const found = mallocTraceFormats.find((format) => format.detects(head));
  if (found !== undefined) return found;
  throw new UsageError(`${name} does not begin as a malloc trace does: give --format (${names()})`);
}

function names(): string {
  return mallocTraceFormats.map((format) => format.name).join(', ');
}
