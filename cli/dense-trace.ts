// A trace that is read once and then replayed many times, by several threads.
//
//   file -> references -> pages -> ids 0, 1, 2, ... -> chunks   | ids: 2^18 x u32 | kinds: 2^18 x u8 |   1.25 MiB each
//
// Up to 64 MiB of chunks stay in memory, which threads share. A longer trace goes to a temporary file as it is read, and the threads read
// chunks of it through one descriptor. The file has no name any more while it is used, so that nothing of it stays behind, whatever happens.
//
// Memory: 19 to 32 bytes for each page, and the 64 MiB, whatever the length.

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../src/base/index.ts';
import { Densifier } from '../src/lab/index.ts';
import { formatCountOf, type PartialTrace } from '../src/report/index.ts';
import { PageStream, type ReferenceBatch, ReferenceKind } from '../src/trace/index.ts';
import { reasonOf } from './output-file.ts';
import type { PageChoice } from './trace-options.ts';
import { type OpenTrace, readTrace, type TraceSource } from './trace-source.ts';

/** References in a chunk: enough that a thread's arrays are worth fetching, few enough for one message. */
const CHUNK_REFERENCES = 1 << 18;
const CHUNK_BYTES = 5 * CHUNK_REFERENCES;
/** Chunks kept in memory: 64 MiB. */
const MAX_CHUNKS_IN_MEMORY = Math.floor((64 << 20) / CHUNK_BYTES);

/** A dense trace as threads pass it on: numbers, and memory or a descriptor of the process. */
export interface TraceContent {
  readonly references: number;
  /** Distinct pages: ids are below it. */
  readonly pages: number;
  readonly writes: number;
  readonly chunks: readonly SharedArrayBuffer[] | { readonly descriptor: number };
}

/** Some references of a dense trace. The next piece may use the same memory. */
export interface TracePiece {
  readonly ids: Uint32Array;
  /** A `ReferenceKind` for each. */
  readonly kinds: Uint8Array;
}

/** Yields a trace from its start to its end. */
export function* piecesOf({ references, chunks }: TraceContent): Generator<TracePiece> {
  const into = 'descriptor' in chunks ? new ArrayBuffer(CHUNK_BYTES) : undefined;
  for (let at = 0, chunk = 0; at < references; at += CHUNK_REFERENCES, chunk++) {
    const count = Math.min(CHUNK_REFERENCES, references - at);
    if (into === undefined) yield pieceOf((chunks as readonly SharedArrayBuffer[])[chunk] as SharedArrayBuffer, count);
    else {
      readWhole((chunks as { descriptor: number }).descriptor, new Uint8Array(into), chunk * CHUNK_BYTES);
      yield pieceOf(into, count);
    }
  }
}

function pieceOf(chunk: ArrayBufferLike, count: number): TracePiece {
  return { ids: new Uint32Array(chunk, 0, count), kinds: new Uint8Array(chunk, 4 * CHUNK_REFERENCES, count) };
}

function readWhole(descriptor: number, into: Uint8Array, from: number): void {
  for (let done = 0; done < into.length; ) {
    const read = readSync(descriptor, into, done, into.length - done, from + done);
    if (read === 0) throw new Error('the temporary file is shorter than what was written to it');
    done += read;
  }
}

/** Chunks as they fill up: in memory, or in a file once they are many. */
class ChunkStore {
  #chunks: SharedArrayBuffer[] = [];
  #descriptor = -1;
  #written = 0;
  #current = new SharedArrayBuffer(CHUNK_BYTES);
  #piece = pieceOf(this.#current, CHUNK_REFERENCES);
  #filled = 0;
  readonly #chunksInMemory: number;

  constructor(chunksInMemory: number) {
    this.#chunksInMemory = chunksInMemory;
  }

  add(ids: Uint32Array, kinds: Uint8Array, count: number): void {
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + CHUNK_REFERENCES - this.#filled);
      this.#piece.ids.set(ids.subarray(from, to), this.#filled);
      this.#piece.kinds.set(kinds.subarray(from, to), this.#filled);
      this.#filled += to - from;
      from = to;
      if (this.#filled === CHUNK_REFERENCES) this.#next();
    }
  }

  end(): TraceContent['chunks'] {
    if (this.#filled > 0) this.#keep();
    return this.#descriptor < 0 ? this.#chunks : { descriptor: this.#descriptor };
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #next(): void {
    this.#keep();
    // What is in the file needs no memory of its own.
    if (this.#descriptor < 0) this.#current = new SharedArrayBuffer(CHUNK_BYTES);
    this.#piece = pieceOf(this.#current, CHUNK_REFERENCES);
    this.#filled = 0;
  }

  #keep(): void {
    if (this.#descriptor < 0 && this.#chunks.length < this.#chunksInMemory) {
      this.#chunks.push(this.#current);
      return;
    }
    try {
      if (this.#descriptor < 0) this.#descriptor = openNameless();
      for (const chunk of this.#chunks) this.#spool(chunk);
      this.#chunks = [];
      this.#spool(this.#current);
    } catch (error) {
      throw new UsageError(`a long trace needs 5 bytes a reference of temporary space in ${tmpdir()}: ${reasonOf(error)}`);
    }
  }

  #spool(chunk: SharedArrayBuffer): void {
    for (let bytes = new Uint8Array(chunk); bytes.length > 0; ) {
      const written = writeSync(this.#descriptor, bytes, 0, bytes.length, this.#written);
      this.#written += written;
      bytes = bytes.subarray(written);
    }
  }
}

/** Returns the descriptor of a new temporary file that has lost its name. */
function openNameless(): number {
  const folder = mkdtempSync(join(tmpdir(), 'quire-trace-'));
  try {
    return openSync(join(folder, 'chunks'), 'wx+', 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is counted while a trace is read. */
interface ReadCounts {
  references: number;
  writes: number;
  defect?: UsageError;
}

/** A trace that was read. To be closed. */
export class DenseTrace {
  /** For people: the file's name. */
  readonly name: string;
  readonly opened: OpenTrace;
  readonly content: TraceContent;
  /** Where the file has a defect: what was read before it, which is all that is here. */
  readonly partial: PartialTrace | undefined;
  readonly #densifier: Densifier;
  readonly #store: ChunkStore;

  private constructor(opened: OpenTrace, densifier: Densifier, store: ChunkStore, counts: ReadCounts) {
    this.name = opened.name;
    this.opened = opened;
    const { references, writes, defect } = counts;
    this.content = { references, writes, pages: densifier.pages, chunks: store.end() };
    this.partial = defect && { references, reason: defect.message };
    this.#densifier = densifier;
    this.#store = store;
  }

  /** Reads a trace as `readSound` does, but keeps what comes before a defect of the file: `partial` tells. */
  static async read(
    source: TraceSource,
    choice: PageChoice,
    progress: (references: number) => void,
    chunksInMemory = MAX_CHUNKS_IN_MEMORY,
  ): Promise<DenseTrace> {
    const densifier = new Densifier();
    const store = new ChunkStore(chunksInMemory);
    const counts: ReadCounts = { references: 0, writes: 0 };
    const reading: { trace?: OpenTrace; stream?: PageStream } = {};
    let storing: 'done' | 'in progress' = 'done';
    let ids = new Uint32Array(0);
    const take = ({ addresses, kinds, count }: ReferenceBatch): void => {
      storing = 'in progress';
      if (ids.length < count) ids = new Uint32Array(count);
      densifier.densify(addresses, ids, count);
      store.add(ids, kinds, count);
      for (let i = 0; i < count; i++) if (kinds[i] === ReferenceKind.write) counts.writes++;
      counts.references += count;
      progress(counts.references);
      storing = 'done';
    };
    try {
      await readTrace(source, (trace) => {
        const stream = new PageStream({ ...choice, unit: trace.unit }, take);
        Object.assign(reading, { trace, stream });
        return { sink: (batch) => stream.add(batch), isComplete: () => stream.isComplete };
      }).catch((error: unknown) => {
        // Room that is lacking here is no defect of the file.
        if (!(error instanceof UsageError) || reading.stream === undefined || storing === 'in progress') throw error;
        reading.stream.end();
        if (counts.references === 0) throw error;
        // After `--limit` it does not matter what else there is in the file.
        if (!reading.stream.isComplete) counts.defect = error;
      });
      reading.stream?.end();
      if (reading.trace === undefined || counts.references === 0) {
        throw new UsageError(`nothing of ${source.path} is left to replay: look at --skip, --kinds and --sample`);
      }
      return new DenseTrace(reading.trace, densifier, store, counts);
    } catch (error) {
      store.close();
      throw error;
    }
  }

  /**
   * Reads a whole trace. Throws a UsageError for a file that cannot be read, is not of its format, or has nothing of what was chosen.
   * @param progress called now and then with the references read so far
   * @param chunksInMemory how many may stay there; all go to a file once they are more
   */
  static async readSound(
    source: TraceSource,
    choice: PageChoice,
    progress: (references: number) => void,
    chunksInMemory = MAX_CHUNKS_IN_MEMORY,
  ): Promise<DenseTrace> {
    const trace = await DenseTrace.read(source, choice, progress, chunksInMemory);
    if (trace.partial === undefined) return trace;
    trace.close();
    throw new UsageError(trace.partial.reason);
  }

  /** Throws a UsageError if the file had a defect: to be called when everything has been said of what came before it. */
  refuseDefect(): void {
    if (this.partial === undefined) return;
    const { references, reason } = this.partial;
    throw new UsageError(`${reason}; results are of the ${formatCountOf(references, 'reference')} before that`);
  }

  /** Returns the number that a page has in the trace. */
  pageNumber(id: number): number {
    return this.#densifier.rawOf(id);
  }

  /** Gives the temporary file back, if there is one. No thread may use the content any more. */
  close(): void {
    this.#store.close();
  }
}
