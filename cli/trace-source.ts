// Trace files as the command line reads them: from a path or the standard input, compressed or not, in constant memory.
//
//   file -> undo gzip, zstd, zip (by their first bytes) or brotli (by .br) -> format (by first bytes, or given) -> parser -> batches
//
// Whatever is wrong with the file is a UsageError with one sentence; all references before it have been passed on.

import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import process from 'node:process';
import type { Readable, Transform } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflateRaw } from 'node:zlib';
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
import { openZip, ZIP_MAGIC } from './zip-entry.ts';

/** The path that means the standard input. */
const STANDARD_INPUT = '-';
/** Bytes read at once. */
const CHUNK_BYTES = 256 * 1024;
/** Compressed bytes that are undone at once: what they become is in memory, up to a thousand times as much. */
const STEP_BYTES = 16 * 1024;
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

/** Reads a whole trace. @param open is called once, before the first reference. Throws a UsageError for a file that cannot be read or is not of its format, after all references before that. */
export async function readTrace(source: TraceSource, open: (trace: OpenTrace) => TraceConsumer): Promise<void> {
  const name = fileName(source.path);
  const given = source.format === undefined ? undefined : findTraceFormat(source.format);
  let head: Uint8Array = new Uint8Array(0);
  const reading: { parser?: TraceParser; consumer?: TraceConsumer } = {};
  const begin = (): TraceParser => {
    const format = given ?? detectTraceFormat(head, name);
    if (head.length === 0) throw new UsageError(`${name} is empty: a trace has at least one reference`);
    reading.consumer = open({ name, format, unit: unitOf(format, head, name) });
    reading.parser = format.make(name, reading.consumer.sink, source.column === undefined ? {} : { column: source.column });
    reading.parser.feed(head);
    return reading.parser;
  };
  const stopAtDefect = (): void => {
    try {
      (reading.parser ?? begin()).stop();
    } catch (error) {
      // The defect says more than what follows from it.
      if (!(error instanceof UsageError)) throw error;
    }
  };
  for await (const chunk of decompressed(source.path, name, stopAtDefect)) {
    if (reading.parser !== undefined) reading.parser.feed(chunk);
    else {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      if (head.length >= DETECTION_BYTES) begin();
    }
    if (reading.consumer?.isComplete?.() === true) return;
  }
  (reading.parser ?? begin()).end();
}

/** Returns what people call the file at `path`. */
export function fileName(path: string): string {
  return path === STANDARD_INPUT ? 'the standard input' : basename(path);
}

/** Yields a file's bytes, decompressed. Throws a UsageError for one that cannot be read. @param beforeRefusal called before that, after all that could be read was yielded */
export async function* decompressed(path: string, name: string, beforeRefusal: () => void = () => undefined): AsyncGenerator<Uint8Array> {
  let some: 'none yet' | 'some' = 'none yet';
  const file: Readable = path === STANDARD_INPUT ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
  try {
    const chunks = withFirstBytes(file);
    const first = await chunks.next();
    if (first.done === true) return;
    const rest = prepend(first.value, chunks);
    for await (const chunk of undone(first.value, rest, path, name)) {
      yield chunk;
      some = 'some';
    }
  } catch (error) {
    if (some === 'some') beforeRefusal();
    throw readError(error, path, name);
  } finally {
    file.destroy();
  }
}

/** Yields chunks with their compression undone, which the first bytes tell. */
function undone(first: Uint8Array, chunks: AsyncGenerator<Uint8Array>, path: string, name: string): AsyncGenerator<Uint8Array> {
  if (startsWith(first, GZIP_MAGIC)) return through(chunks, createGunzip({ chunkSize: CHUNK_BYTES }));
  if (startsWith(first, ZSTD_MAGIC)) return unzstd(chunks);
  if (startsWith(first, ZIP_MAGIC)) return unzipped(chunks, name);
  return path.endsWith('.br') ? through(chunks, createBrotliDecompress({ chunkSize: CHUNK_BYTES })) : chunks;
}

/** Yields what is in the one file of an archive. */
async function* unzipped(chunks: AsyncGenerator<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const entry = await openZip(chunks, name);
  yield* entry.method === 'stored' ? entry.chunks : through(entry.chunks, createInflateRaw({ chunkSize: CHUNK_BYTES }));
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

/** Yields what Node's transform makes of the chunks, all that it can even where one is damaged. Its errors, and those of the chunks, come out of the iteration. */
async function* through(chunks: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  // A stream that fails drops what nobody has read yet, so everything is read at once.
  let out: Uint8Array[] = [];
  const taken = (): Uint8Array[] => {
    const all = out;
    out = [];
    return all;
  };
  transform.on('data', (chunk: Uint8Array) => out.push(chunk));
  const ended = finished(transform);
  ended.catch(() => undefined);
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += STEP_BYTES) {
        // A transform that fails never calls back for the bytes on which it did.
        await Promise.race([written(transform, chunk.subarray(at, at + STEP_BYTES)), ended]);
        yield* taken();
      }
    }
    transform.end();
    await ended;
    yield* taken();
  } catch (error) {
    yield* taken();
    throw error;
  } finally {
    transform.destroy();
  }
}

function written(transform: Transform, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => transform.write(chunk, (error) => (error ? reject(error) : resolve())));
}

/** Yields what is in zstd frames, up to a defect. Node 20 has no zstd. */
async function* unzstd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let out: Uint8Array[] = [];
  const frames = new Decompress((chunk) => {
    if (chunk.length > 0) out.push(chunk);
  });
  try {
    for await (const chunk of chunks) {
      frames.push(chunk);
      yield* out;
      out = [];
    }
    frames.push(new Uint8Array(0), true);
    yield* out;
  } catch (error) {
    yield* out;
    throw error;
  }
}

const startsWith = (bytes: Uint8Array, magic: readonly number[]): boolean => magic.every((byte, i) => bytes[i] === byte);
