// Trace files as the command line reads them: from a path or the standard input, compressed or not, in constant memory.
//
//   file -> undo gzip, zstd (by their first bytes) or brotli (by .br) -> format (by first bytes, or given) -> parser -> batches
//
// Whatever is wrong with the file is a UsageError with one sentence; the batches before it have been passed on.

import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import process from 'node:process';
import { pipeline, Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { UsageError } from '../src/base/index.ts';
import {
  type AddressUnit,
  DETECTION_BYTES,
  detectTraceFormat,
  findTraceFormat,
  type ReferenceSink,
  type TraceFormat,
  type TraceParser,
  unitOf,
} from '../src/trace/index.ts';

/** The path that means the standard input. */
const STANDARD_INPUT = '-';
/** Bytes read at once. */
const CHUNK_BYTES = 256 * 1024;
const GZIP_MAGIC: readonly number[] = [0x1f, 0x8b];
const ZSTD_MAGIC: readonly number[] = [0x28, 0xb5, 0x2f, 0xfd];

/** A trace to read. */
export interface TraceSource {
  readonly path: string;
  /** Name of the format; detected if not given. */
  readonly format?: string;
  /** csv: the column of the page's number. */
  readonly column?: number;
}

/** What is known once a trace is open. */
export interface OpenTrace {
  /** For people: the file's name. */
  readonly name: string;
  readonly format: TraceFormat;
  readonly unit: AddressUnit;
}

/** Takes a trace's references. */
export interface TraceConsumer {
  readonly sink: ReferenceSink;
  /** Asked after each chunk: whether it has what it wants, and the rest need not be read. */
  readonly isComplete?: () => boolean;
}

/** Reads a whole trace. @param open is called once, before the first reference. Throws a UsageError for a file that cannot be read or is not of its format. */
export async function readTrace(source: TraceSource, open: (trace: OpenTrace) => TraceConsumer): Promise<void> {
  const name = source.path === STANDARD_INPUT ? 'the standard input' : basename(source.path);
  const given = source.format === undefined ? undefined : findTraceFormat(source.format);
  let head: Uint8Array = new Uint8Array(0);
  let reading: { readonly parser: TraceParser; readonly consumer: TraceConsumer } | undefined;
  const begin = (): { readonly parser: TraceParser; readonly consumer: TraceConsumer } => {
    const format = given ?? detectTraceFormat(head, name);
    if (head.length === 0) throw new UsageError(`${name} is empty: a trace has at least one reference`);
    const consumer = open({ name, format, unit: unitOf(format, head, name) });
    const parser = format.make(name, consumer.sink, source.column === undefined ? {} : { column: source.column });
    parser.feed(head);
    return { parser, consumer };
  };
  for await (const chunk of decompressed(source.path, name)) {
    if (reading !== undefined) reading.parser.feed(chunk);
    else {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      if (head.length >= DETECTION_BYTES) reading = begin();
    }
    if (reading?.consumer.isComplete?.() === true) return;
  }
  (reading ?? begin()).parser.end();
}

/** Yields a file's bytes, decompressed. */
async function* decompressed(path: string, name: string): AsyncGenerator<Uint8Array> {
  const file: Readable = path === STANDARD_INPUT ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
  try {
    const chunks = withFirstBytes(file);
    const first = await chunks.next();
    if (first.done === true) return;
    const rest = prepend(first.value, chunks);
    if (startsWith(first.value, GZIP_MAGIC)) yield* through(rest, createGunzip({ chunkSize: CHUNK_BYTES }));
    else if (startsWith(first.value, ZSTD_MAGIC)) yield* unzstd(rest);
    else if (path.endsWith('.br')) yield* through(rest, createBrotliDecompress({ chunkSize: CHUNK_BYTES }));
    else yield* rest;
  } catch (error) {
    throw readError(error, path, name);
  } finally {
    file.destroy();
  }
}

function readError(error: unknown, path: string, name: string): unknown {
  if (!(error instanceof Error) || error instanceof UsageError) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'Z_BUF_ERROR' || /unexpected EOF/i.test(error.message))
    return new UsageError(`${name} is cut short inside a compressed block`);
  if (code.startsWith('Z_') || code.startsWith('ERR_BROTLI') || code.startsWith('ERR__ERROR') || code === '') {
    return new UsageError(`${name} is damaged: ${error.message}`);
  }
  const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : `it cannot be read (${code})`;
  return new UsageError(`${path}: ${reason}`);
}

/** Yields a stream's chunks, the first with at least the bytes that tell how it is compressed, if it has so many. */
async function* withFirstBytes(stream: Readable): AsyncGenerator<Uint8Array> {
  let first: Uint8Array | undefined = new Uint8Array(0);
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    if (first === undefined) yield chunk;
    else {
      first = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
      if (first.length < ZSTD_MAGIC.length) continue;
      yield first;
      first = undefined;
    }
  }
  if (first !== undefined && first.length > 0) yield first;
}

async function* prepend(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

/** Yields what Node's transform makes of the chunks. Its errors, and those of the chunks, come out of the iteration. */
async function* through(chunks: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  pipeline(Readable.from(chunks, { objectMode: false }), transform, () => undefined);
  yield* transform as AsyncIterable<Uint8Array>;
}

/** Yields what is in zstd frames. Node 20 has no zstd. */
async function* unzstd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let out: Uint8Array[] = [];
  const frames = new Decompress((chunk) => {
    if (chunk.length > 0) out.push(chunk);
  });
  for await (const chunk of chunks) {
    frames.push(chunk);
    yield* out;
    out = [];
  }
  frames.push(new Uint8Array(0), true);
  yield* out;
}

const startsWith = (bytes: Uint8Array, magic: readonly number[]): boolean => magic.every((byte, i) => bytes[i] === byte);
