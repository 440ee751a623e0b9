// A file that a command will write once there is something to say. Opening it tells at once whether it can be written, yet
// nothing of an existing file is lost, and no new file is left behind, until the first write. A file that is of no use without its end
// is there whole or not at all. The path `-` is the standard output.

import { closeSync, constants, existsSync, fstatSync, ftruncateSync, openSync, unlinkSync } from 'node:fs';
import { UsageError } from '../src/base/index.ts';
import { STANDARD_OUTPUT, writeFully, writeStandardOutput } from './write-fully.ts';

/** The path that means the standard output. */
export const STANDARD_PATH = '-';

/** A file opened for writing, empty from the first write on. */
export class OutputFile {
  readonly path: string;
  readonly #option: string;
  readonly #descriptor: number;
  readonly #existed: boolean;
  #state: 'untouched' | 'written' | 'closed' = 'untouched';

  /** @param option names the option in the `UsageError` that a file gets which cannot be opened */
  constructor(path: string, option: string) {
    this.path = path;
    this.#option = option;
    this.#existed = path === STANDARD_PATH || existsSync(path);
    try {
      this.#descriptor = path === STANDARD_PATH ? STANDARD_OUTPUT : openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o666);
    } catch (error) {
      throw new UsageError(`${option} ${path}: cannot be written: ${reasonOf(error)}`);
    }
  }

  /** Adds text. Throws the host's error, such as ENOSPC. */
  write(text: string): void {
    this.writeBytes(Buffer.from(text));
  }

  /** Adds text. If the host does not take it the file is removed, where there can be one, and a UsageError thrown. */
  writeOrRefuse(text: string | Uint8Array): void {
    try {
      if (typeof text === 'string') this.write(text);
      else this.writeBytes(text);
    } catch (error) {
      this.abandon();
      if (error instanceof UsageError) throw error;
      throw new UsageError(`${this.#option} ${this.path}: cannot be written: ${reasonOf(error)}`);
    }
  }

  /** Adds bytes. Throws the host's error, such as ENOSPC. What comes after the end, from threads that have not heard of it, is dropped. */
  writeBytes(all: Uint8Array): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'untouched') this.#begin();
    if (this.path === STANDARD_PATH) writeStandardOutput(all);
    else writeFully(this.#descriptor, all);
  }

  /** Ends the file; one that nothing was written to ends empty. */
  close(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'untouched') this.#begin();
    this.#end();
  }

  /** Ends it as if it had never been opened, if nothing was written. */
  discard(): void {
    if (this.#state === 'untouched') this.abandon();
    else this.close();
  }

  /** Ends a file whose content is of no use without its end: it is removed, unless it is an old one that nothing was written to. */
  abandon(): void {
    if (this.#state === 'closed') return;
    const isOurs = !this.#existed || (this.#state === 'written' && fstatSync(this.#descriptor).isFile());
    this.#end();
    if (isOurs && this.path !== STANDARD_PATH) unlinkSync(this.path);
  }

  #end(): void {
    this.#state = 'closed';
    if (this.path !== STANDARD_PATH) closeSync(this.#descriptor);
  }

  #begin(): void {
    this.#state = 'written';
    // Pipes and devices cannot be cut.
    if (this.path !== STANDARD_PATH && fstatSync(this.#descriptor).isFile()) ftruncateSync(this.#descriptor);
  }
}

/** Returns why a host call failed, in words: `no such file or directory`. */
export function reasonOf(error: unknown): string {
  const { message } = error as Error;
  // Node writes `ENOENT: no such file or directory, open '/x'`.
  return message.match(/^E[A-Z0-9]+: ([^,]+)/)?.[1] ?? message;
}
