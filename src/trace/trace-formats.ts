// The formats by name, and which one a file is in: by its first bytes, not by its name.

import { UsageError } from '../base/index.ts';
import { detectsLines } from './detection.ts';
import { ArcParser } from './formats/arc.ts';
import { ChampSimParser } from './formats/champsim.ts';
import { CsvParser } from './formats/csv.ts';
import { DineroParser } from './formats/dinero.ts';
import { LackeyParser } from './formats/lackey.ts';
import { LirsParser } from './formats/lirs.ts';
import { LoadStoreParser } from './formats/load-store.ts';
import { MsrParser } from './formats/msr.ts';
import { NumbersParser } from './formats/numbers.ts';
import { OracleGeneralParser } from './formats/oracle-general.ts';
import { PinParser } from './formats/pin.ts';
import { looksLikeVscsi, VscsiParser } from './formats/vscsi.ts';
import { QuireTraceParser, readQuireHeader } from './quire-format.ts';
import type { AddressUnit, ReferenceSink } from './references.ts';
import type { TraceParser } from './trace-parser.ts';

/** What a parser may be told beside the bytes. */
export interface ParserOptions {
  /** csv: the column with the page's number, from 1 on. Default 1. */
  readonly column?: number;
}

/** A format of trace files. */
export interface TraceFormat {
  readonly name: string;
  /** What it is and who writes it, in a few words. */
  readonly meaning: string;
  /** What its addresses count. Quire's own says it in the file: see `unitOf`. */
  readonly unit: AddressUnit;
  /** Tells whether a file that begins with `head` is in this format. Formats that share a look are asked in the catalog's order; those without are used only by name. */
  readonly detects?: (head: Uint8Array, name: string) => boolean;
  make(name: string, sink: ReferenceSink, options: ParserOptions): TraceParser;
}

const HEAD_NUMBERS = /^\s*(0x[0-9a-f]+|\d+)\s*$/i;

/** Every format. Those that are recognised come in the order in which they are tried: what says more about itself first. */
export const traceFormats: readonly TraceFormat[] = [
  {
    name: 'quire',
    meaning: "Quire's own, compact",
    unit: 'pages',
    detects: (head, name) => readQuireHeader(name, head) !== undefined,
    make: (name, sink) => new QuireTraceParser(name, sink),
  },
  {
    name: 'lackey',
    meaning: "valgrind's lackey: ' L 1fff000350,8'",
    unit: 'bytes',
    detects: detectsLines(/^(I {2}| [LSM] )[0-9a-f]+,\d+$/i, /^(==|--)/),
    make: (name, sink) => new LackeyParser(name, sink, 'kept'),
  },
  {
    name: 'cachelab',
    meaning: "CS:APP's cachelab: lackey's lines, instructions ignored",
    unit: 'bytes',
    make: (name, sink) => new LackeyParser(name, sink, 'ignored'),
  },
  {
    name: 'pin',
    meaning: "Pin's pinatrace: '0x401a2b: R 0x7ffe1038'",
    unit: 'bytes',
    detects: detectsLines(/^0x[0-9a-f]+: [RW] 0x[0-9a-f]+/i, /^#/),
    make: (name, sink) => new PinParser(name, sink),
  },
  {
    name: 'load-store',
    meaning: "Caffeine's address traces: 'l 0x7ffe1038 8'",
    unit: 'bytes',
    detects: detectsLines(/^[ls] (0x)?[0-9a-f]+( \d+)?$/i, /^#/),
    make: (name, sink) => new LoadStoreParser(name, sink),
  },
  {
    name: 'msr',
    meaning: 'MSR Cambridge block requests',
    unit: 'bytes',
    detects: detectsLines(/^\d+,[^,]*,\d+,(read|write),\d+,\d+,\d+$/i, /^[a-z]/i),
    make: (name, sink) => new MsrParser(name, sink),
  },
  {
    name: 'arc',
    meaning: "the ARC authors' .lis: 'start count ignored request'",
    unit: 'pages',
    detects: detectsLines(/^\d+ \d+ \d+ \d+$/),
    make: (name, sink) => new ArcParser(name, sink),
  },
  {
    name: 'dinero',
    meaning: "Dinero's din: '0 7fff5a8c'",
    unit: 'bytes',
    detects: detectsLines(/^[012]\s+(0x)?[0-9a-f]+(\s|$)/i),
    make: (name, sink) => new DineroParser(name, sink),
  },
  {
    name: 'lirs',
    meaning: "the LIRS authors' .trc: page numbers and '*'",
    unit: 'pages',
    detects: (head) => detectsLines(HEAD_NUMBERS, /^\*/)(head) && head.includes('*'.charCodeAt(0)),
    make: (name, sink) => new LirsParser(name, sink),
  },
  {
    name: 'numbers',
    meaning: 'one page number per line',
    unit: 'pages',
    detects: detectsLines(HEAD_NUMBERS, /^#/),
    make: (name, sink) => new NumbersParser(name, sink),
  },
  {
    name: 'csv',
    meaning: "a column of page numbers (--column), as libCacheSim's csv",
    unit: 'pages',
    make: (name, sink, { column = 1 }) => new CsvParser(name, sink, column),
  },
  {
    name: 'vscsi2',
    meaning: "VMware's vscsi, version 2",
    unit: 'bytes',
    detects: (head) => looksLikeVscsi(head, 2),
    make: (name, sink) => new VscsiParser(name, sink, 2),
  },
  {
    name: 'vscsi1',
    meaning: "VMware's vscsi, version 1",
    unit: 'bytes',
    detects: (head) => looksLikeVscsi(head, 1),
    make: (name, sink) => new VscsiParser(name, sink, 1),
  },
  {
    name: 'oracle-general',
    meaning: "libCacheSim's oracleGeneral",
    unit: 'pages',
    make: (name, sink) => new OracleGeneralParser(name, sink),
  },
  {
    name: 'champsim',
    meaning: "ChampSim's instruction records",
    unit: 'bytes',
    make: (name, sink) => new ChampSimParser(name, sink),
  },
];

/** Bytes of a file's start that `detectTraceFormat` wants to see, where the file has them. */
export const DETECTION_BYTES = 4096;

/** Returns the format called `name`, or throws a UsageError that lists the names. */
export function findTraceFormat(name: string): TraceFormat {
  const found = traceFormats.find((format) => format.name === name);
  if (found !== undefined) return found;
  throw new UsageError(`there is no trace format '${name}': choose one of ${traceFormats.map((format) => format.name).join(', ')}`);
}

/** Returns the format of a file that begins with `head`. Throws a UsageError for an empty file and for one that looks like none. */
export function detectTraceFormat(head: Uint8Array, name: string): TraceFormat {
  if (head.length === 0) throw new UsageError(`${name} is empty: a trace has at least one reference`);
  const found = traceFormats.find((format) => format.detects?.(head, name) === true);
  if (found !== undefined) return found;
  const named = traceFormats.filter((format) => format.detects === undefined).map((format) => format.name);
  throw new UsageError(`${name} is in none of the formats that are recognised: give --format (${named.join(', ')} are never guessed)`);
}

/** Returns what the addresses of a file in `format` count. */
export function unitOf(format: TraceFormat, head: Uint8Array, name: string): AddressUnit {
  return readQuireHeader(name, head)?.unit ?? format.unit;
}
