// The traces benchmark: how fast references come in. Reading each kind of file, from memory and from a real file through the reader that the
// commands use; making a trace dense; LRU's exact stack distances; recording a program's references beside running it.
//
// The files are generated: page numbers as in `quire trace generate zipf`, and lackey's lines made of the same numbers.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { gzipSync } from 'node:zlib';
import { readTrace } from '../cli/trace-source.ts';
import { Densifier, StackDistances } from '../src/lab/index.ts';
import { findTraceFormat, QuireTraceWriter, ReferenceBatch, type ReferenceSink, zipfTrace } from '../src/trace/index.ts';
import { rootFolder } from './host.ts';
import { leastOf, processorSeconds } from './statistics.ts';
import type { Table } from './table.ts';

/** How much to do. */
export interface TracesSettings {
  /** References of each file, and pages they are to. */
  readonly references: number;
  readonly pages: number;
  /** What is recorded: a program of `programs/` and its argument. */
  readonly program: readonly [name: string, argument: string];
  /** Rounds; the least time counts. */
  readonly repeats: number;
}

/** The full benchmark: a minute. */
export const tracesSettings: TracesSettings = { references: 10_000_000, pages: 1_000_000, program: ['qsort', '300000'], repeats: 4 };
/** Enough to see that everything works. */
export const quickTracesSettings: TracesSettings = { references: 200_000, pages: 20_000, program: ['qsort', '2000'], repeats: 1 };

/** One kind of file. Rates in references per second. */
interface FileRate {
  readonly file: string;
  readonly bytes: number;
  /** The parser alone, by seconds of processor, the bytes in memory; undefined for compressed files. */
  readonly parsed?: number;
  /** The file read, decompressed and parsed, by the clock. */
  readonly read: number;
}

/** A program, run and recorded, each in a process of its own, its start included. */
interface Recording {
  readonly program: string;
  readonly references: number;
  readonly runSeconds: number;
  readonly recordSeconds: number;
}

/** What was measured. */
export interface TracesResult {
  readonly settings: TracesSettings;
  readonly files: readonly FileRate[];
  readonly densifyPerSecond: number;
  readonly stackDistancesPerSecond: number;
  readonly recording: Recording;
}

/** Bytes that a parser is fed at a time, as the reader does. */
const CHUNK_BYTES = 256 * 1024;
/** Lines that make up one piece of text while a file is generated. */
const LINES_AT_ONCE = 100_000;

/** Measures everything; `tell` gets a word before each step. */
export async function measureTraces(settings: TracesSettings, tell: (step: string) => void): Promise<TracesResult> {
  const { references, pages, repeats } = settings;
  tell('making the trace');
  const raw = zipfTrace(pages, references);
  const folder = mkdtempSync(join(tmpdir(), 'quire-bench-'));
  try {
    const files: FileRate[] = [];
    for (const [name, format, bytes] of filesOf(raw)) {
      tell(name);
      files.push(await measureFile(join(folder, name), format, bytes, settings));
    }
    tell('dense ids');
    const ids = new Uint32Array(references);
    const densifier = { seconds: 0, pages: 0 };
    densifier.seconds = least(repeats, () => {
      const made = new Densifier();
      made.densify(raw, ids);
      densifier.pages = made.pages;
    });
    tell('stack distances');
    const distances = least(repeats, () => new StackDistances(densifier.pages).feed(ids));
    tell('recording');
    const recording = measureRecording(join(folder, 'recorded.quire'), settings);
    return {
      settings,
      files,
      densifyPerSecond: references / densifier.seconds,
      stackDistancesPerSecond: references / distances,
      recording,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Yields names, formats and contents of the files. */
function* filesOf(raw: Uint32Array): Generator<readonly [name: string, format: string, bytes: Uint8Array]> {
  const numbers = textOf(raw, (page) => `${page}\n`);
  yield ['numbers.txt', 'numbers', numbers];
  yield ['numbers.txt.gz', 'numbers', gzipSync(numbers)];
  const letters = [' L', ' S', 'I ', ' L', 'I ', 'I '];
  yield [
    'lackey.txt',
    'lackey',
    textOf(raw, (page, at) => `${letters[at % 6]} ${(page * 4096 + (at % 4089)).toString(16).padStart(8, '0')},4\n`),
  ];
  yield ['pages.quire', 'quire', quireOf(raw)];
}

function textOf(raw: Uint32Array, line: (page: number, at: number) => string): Uint8Array {
  const pieces: Buffer[] = [];
  for (let from = 0; from < raw.length; from += LINES_AT_ONCE) {
    pieces.push(Buffer.from(Array.from(raw.subarray(from, from + LINES_AT_ONCE), (page, i) => line(page, from + i)).join('')));
  }
  return Buffer.concat(pieces);
}

function quireOf(raw: Uint32Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  const writer = new QuireTraceWriter({ unit: 'pages', pageShift: 12 }, (bytes) => void pieces.push(bytes.slice()));
  const batch = new ReferenceBatch();
  for (let from = 0; from < raw.length; from += batch.capacity) {
    const piece = raw.subarray(from, from + batch.capacity);
    batch.addresses.set(piece);
    batch.count = piece.length;
    writer.add(batch);
  }
  writer.end();
  return Buffer.concat(pieces);
}

async function measureFile(path: string, format: string, bytes: Uint8Array, { references, repeats }: TracesSettings): Promise<FileRate> {
  writeFileSync(path, bytes);
  let count = 0;
  const sink: ReferenceSink = (batch) => {
    count += batch.count;
  };
  const expectAll = (): void => {
    if (count !== references) throw new Error(`${path}: ${count} references of ${references}`);
    count = 0;
  };
  let seconds = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < repeats; repeat++) {
    const start = performance.now();
    await readTrace({ path }, () => ({ sink }));
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
    expectAll();
  }
  const file = { file: path.slice(path.lastIndexOf('/') + 1), bytes: bytes.length, read: references / seconds };
  if (path.endsWith('.gz')) return file;
  const parsing = least(repeats, () => {
    const parser = findTraceFormat(format).make(path, sink, {});
    for (let from = 0; from < bytes.length; from += CHUNK_BYTES) parser.feed(bytes.subarray(from, from + CHUNK_BYTES));
    parser.end();
    expectAll();
  });
  return { ...file, parsed: references / parsing };
}

function measureRecording(path: string, { program: [name, argument], repeats }: TracesSettings): Recording {
  const module = join(rootFolder(), 'programs', `${name}.wasm`);
  let references = Number.NaN;
  const { runSeconds, recordSeconds } = leastOf(repeats, () => {
    const runSeconds = timed(() => quire('run', module, argument));
    const recordSeconds = timed(() => {
      references = Number((/([\d,]+) loads and stores/.exec(quire('record', '-o', path, module, argument))?.[1] ?? '').replaceAll(',', ''));
    });
    return { runSeconds, recordSeconds };
  });
  return { program: `${name} ${argument}`, references, runSeconds, recordSeconds };
}

/** Runs the command in a process of its own. Returns what it says of its work. */
function quire(...parameters: string[]): string {
  const { status, stderr } = spawnSync(process.execPath, [join(rootFolder(), 'bin', 'quire.mjs'), ...parameters], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`quire ${parameters.join(' ')} ended with ${status}: ${stderr}`);
  return stderr;
}

/** Returns the least of the seconds of processor that some rounds of `work` take. */
function least(repeats: number, work: () => void): number {
  return leastOf(repeats, () => ({ seconds: processorSeconds(work) })).seconds;
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

/** The tables that people read. */
export function tracesTables({ settings, files, densifyPerSecond, stackDistancesPerSecond, recording }: TracesResult): Table[] {
  const millions = (rate: number | undefined): string => (rate === undefined ? '-' : (rate / 1e6).toFixed(1));
  const { program, references, runSeconds, recordSeconds } = recording;
  return [
    {
      title: `Reading traces: ${settings.references.toLocaleString('en-US')} references`,
      about:
        'Millions of references per second: by the parser alone, the bytes in memory, and from a file that the system has cached. More is better.',
      headings: ['file', 'bytes / reference', 'parsed M/s', 'read M/s'],
      rows: files.map(({ file, bytes, parsed, read }) => [
        file,
        (bytes / settings.references).toFixed(1),
        millions(parsed),
        millions(read),
      ]),
      notes: [
        `Making the trace dense: ${millions(densifyPerSecond)} M refs/s. Exact LRU stack distances: ${millions(stackDistancesPerSecond)} M refs/s (libCacheSim's distUtil, on another day: 1.0).`,
      ],
    },
    {
      title: 'Recording a program',
      about: 'The same program run and recorded, in processes of their own, start included. More references per second are better.',
      headings: ['program', 'loads and stores', 'run s', 'record s', 'record / run', 'recorded M/s'],
      rows: [
        [
          program,
          references.toLocaleString('en-US'),
          runSeconds.toFixed(2),
          recordSeconds.toFixed(2),
          (recordSeconds / runSeconds).toFixed(1),
          millions(references / recordSeconds),
        ],
      ],
      notes: ["valgrind's lackey, which records native programs, came to 0.6 to 1.4 M references/s on a machine of the same kind."],
    },
  ];
}
