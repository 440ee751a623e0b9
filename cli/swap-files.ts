// The swap of a run: one temporary file, or the files that were named. All of them are opened, or none: what was made for a run that cannot
// begin is removed again.

import { existsSync, rmSync, statSync } from 'node:fs';
import { PAGE_SIZE, UsageError } from '../src/base/index.ts';
import type { SwapDeviceRequest } from '../src/systems/index.ts';
import { FileDevice } from './file-device.ts';
import type { RunOptions, SwapFileRequest } from './run-program.ts';

/** The open swap files of one run. */
export class SwapFiles {
  readonly #opened: { readonly device: FileDevice; readonly priority: number }[] = [];
  /** Paths of files that were not there before. */
  readonly #made: string[] = [];

  private constructor() {}

  /** Opens what the options ask for. Throws `UsageError`, and then no file is open and none was left behind. */
  static open({ swapBytes, swapFiles }: Pick<RunOptions, 'swapBytes' | 'swapFiles'>): SwapFiles {
    const files = new SwapFiles();
    const pages = Math.floor(swapBytes / PAGE_SIZE);
    if (swapFiles.length === 0 && pages > 0) files.#opened.push({ device: FileDevice.temporary(pages), priority: 0 });
    for (const [index, file] of swapFiles.entries()) {
      refuseSecondUse(file, swapFiles.slice(0, index));
      refuseForeignFile(file);
    }
    try {
      for (const [index, file] of swapFiles.entries()) files.#open(file, swapFiles.slice(0, index));
    } catch (error) {
      files.discard();
      throw error;
    }
    return files;
  }

  /** The devices in the order given, with their priorities. */
  get devices(): readonly SwapDeviceRequest[] {
    return this.#opened;
  }

  /** Closes all files. They keep their names and content. */
  close(): void {
    for (const { device } of this.#opened) device.close();
  }

  /** Closes all files and removes those that were made. */
  discard(): void {
    this.close();
    for (const path of this.#made) rmSync(path, { force: true });
  }

  #open(file: SwapFileRequest, before: readonly SwapFileRequest[]): void {
    // Names that differ may turn out to be one file only now that it has been made.
    refuseSecondUse(file, before);
    const isNew = !existsSync(file.path);
    this.#opened.push({ device: FileDevice.open(file.path, Math.floor(file.sizeBytes / PAGE_SIZE)), priority: file.priority });
    if (isNew) this.#made.push(file.path);
  }
}

/** Swapping overwrites its file, so one with other content must not be taken for it: a swap file of an earlier run has the same size. */
function refuseForeignFile({ path, sizeBytes }: SwapFileRequest): void {
  const found = statSync(path, { throwIfNoEntry: false });
  const swapBytes = Math.floor(sizeBytes / PAGE_SIZE) * PAGE_SIZE;
  if (found === undefined || !found.isFile() || found.size === 0 || found.size === swapBytes) return;
  throw new UsageError(`--swap-file ${path}: the file has other content, which swap would overwrite; remove it or give another path`);
}

function refuseSecondUse({ path }: SwapFileRequest, before: readonly SwapFileRequest[]): void {
  const identity = identityOf(path);
  const same = before.find((other) => other.path === path || (identity !== undefined && identityOf(other.path) === identity));
  if (same === undefined) return;
  const other = same.path === path ? 'it is given twice' : `it is the same file as ${same.path}`;
  throw new UsageError(`--swap-file ${path}: ${other}; each needs a file of its own`);
}

/** Says which file a path leads to, whatever its name; undefined when there is none. */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}
