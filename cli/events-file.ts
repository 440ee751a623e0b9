// `--events FILE`: the kernel's event stream as NDJSON, one object per line, fields by name.
//
//   {"sequence":17,"event":"faultDone","process":1,"vpn":257,"pfn":12,"kind":"image"}
//
// `sequence` counts from 0 and has no gaps, so that two runs can be compared line by line; a reader that meets a gap has lost
// something. Pages and frames are numbers, addresses are page number x 4096. Lines are gathered and written in large pieces.

import { EVENT_WORDS, type EventReader, type EventType, eventNames } from '../src/base/index.ts';
import { faultKinds, killReasons } from '../src/system/index.ts';
import { type OutputFile, reasonOf } from './output-file.ts';

type EventName = keyof typeof EventType;

/** The names of a, b and c of each event, as base/events.ts lists them. */
const fieldNames: Record<EventName, readonly string[]> = {
  tlbRefill: ['vpn', 'pfn', 'access'],
  fault: ['vpn', 'access', 'present'],
  faultDone: ['vpn', 'pfn', 'kind'],
  zeroFill: ['vpn', 'pfn'],
  copy: ['vpn', 'sourcePfn', 'pfn'],
  objectIn: ['object', 'page', 'pfn'],
  objectOut: ['object', 'page', 'pfn'],
  swapIn: ['slot', 'pfn'],
  swapOut: ['firstSlot', 'pages'],
  evict: ['pfn', 'dirty'],
  reactivate: ['pfn'],
  mapAhead: ['vpn', 'pfn'],
  map: ['firstVpn', 'pages'],
  unmap: ['firstVpn', 'pages'],
  protect: ['firstVpn', 'pages', 'protection'],
  grow: ['firstVpn', 'pages'],
  daemon: ['freeFrames', 'target'],
  kill: ['reason'],
  start: [],
  exit: ['exitCode'],
  pageLost: ['object', 'page'],
};

/** Words of the fields that are not numbers. */
const fieldWords: Record<string, readonly (string | boolean)[]> = {
  access: ['read', 'write', 'execute'],
  present: [false, true],
  dirty: [false, true],
  reason: killReasons,
  kind: faultKinds,
};

/** Characters gathered before they are written. */
const PIECE = 1 << 16;

/** Writes event records to a file. A failing write never reaches the kernel: it ends the stream and is told by `close`. */
export class EventsFile {
  readonly #file: OutputFile;
  #lines = '';
  #next = 0;
  #failure: string | undefined;

  constructor(file: OutputFile) {
    this.#file = file;
  }

  /** The reader to attach to the ring. */
  readonly reader: EventReader = (words, firstSequence) => {
    for (let at = 0; at < words.length && this.#failure === undefined; at += EVENT_WORDS) {
      const sequence = firstSequence + at / EVENT_WORDS;
      // An interrupted flush is repeated from its start: what has been taken is not taken twice.
      if (sequence < this.#next) continue;
      this.#lines += lineOf(words, at, sequence);
      this.#next = sequence + 1;
      if (this.#lines.length >= PIECE) this.#write();
    }
  };

  /** Writes what is left. Returns a sentence if the file does not hold every event. */
  close(): string | undefined {
    if (this.#failure === undefined) this.#write();
    this.#file.close();
    return this.#failure;
  }

  /** Ends without having written anything. */
  discard(): void {
    this.#file.discard();
  }

  #write(): void {
    const lines = this.#lines;
    this.#lines = '';
    try {
      this.#file.write(lines);
    } catch (error) {
      this.#failure = `--events ${this.#file.path}: not every event could be written: ${reasonOf(error)}`;
    }
  }
}

function lineOf(words: Int32Array, at: number, sequence: number): string {
  const event = eventNames[words[at] ?? -1] as EventName;
  const record: Record<string, unknown> = { sequence, event, process: words[at + 1] };
  fieldNames[event].forEach((name, index) => {
    const value = words[at + 2 + index] ?? 0;
    record[name] = fieldWords[name]?.[value] ?? value;
  });
  return `${JSON.stringify(record)}\n`;
}
