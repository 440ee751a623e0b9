// Rewritten modules in a folder: one file for each, named after its key. Any number of processes may use a folder at once.
//
//   0    magic                      8 bytes
//   8    digest of what follows     SHA-256
//   40   key                        SHA-256 of the digest of the module's pieces, the rewriter's (rewriter-version.ts), and the settings
//   72   entry                      as src/wasm/rewrite/code-entry.ts has it
//
// FC1  A file is written under another name and renamed when it is whole, so a reader sees all of it or none, and of two writers the last one's.
// FC2  A file is an entry only if it is a regular one of this user's, and magic, key and digest are right. Any other is as if it were not
//      there, and the next run that needs it writes it anew.
// FC3  No failure of the host matters: what cannot be read is made again, what cannot be written is not kept, and nothing is left half done.
// FC4  Only files with names of this cache are ever removed: the least recently used, when all are larger than the limit, and what writers
//      left that did not come to their end. When a file was last used is its time of modification, since many hosts keep no time of access.
//
// The digest is there against damage, not against enemies: who can write to a folder of the user's can do worse than change what is cached.
// Cost: reading and two digests; 20 ms for 7 MB of CPython's 26 and the 11 MB that they become, where rewriting takes 250.

import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';
import { MIB, UsageError } from '../src/base/index.ts';
import type { CodeCache, CodeKey } from '../src/wasm/index.ts';
import { hostCode } from './host-errors.ts';
import { rewriterVersion } from './rewriter-version.ts';
import { writeFully } from './write-fully.ts';

const MAGIC = Buffer.from('quire\0c1', 'latin1');
const DIGEST_BYTES = 32;
const KEY_START = MAGIC.length + DIGEST_BYTES;
const ENTRY_START = KEY_START + DIGEST_BYTES;
/** CPython's code takes 11 MB, a small program's 0.1. */
const LIMIT_BYTES = 256 * MIB;
/** Writing takes a fraction of a second: a writer's file that is older has no writer any more. */
const ABANDONED_MILLISECONDS = 3_600_000;

const ENTRY_NAME = /^[0-9a-f]{64}$/;
const UNFINISHED_NAME = /^[0-9a-f]{64}\.[0-9a-f]{16}$/;
/** A link is not followed, and a pipe is not waited for. Windows has neither flag. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const digestOf = (...parts: readonly (Uint8Array | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** How a folder is used, where not as usual. */
export interface CodeCacheSettings {
  /** Bytes that all entries may have together. */
  readonly limitBytes?: number;
  /** What tells the rewriter from every other; default: that of the one that runs here. */
  readonly version?: Uint8Array;
}

/** Keeps rewritten modules in a folder, which is made when there is something to keep. */
export class FolderCodeCache implements CodeCache {
  readonly #folder: string;
  readonly #limitBytes: number;
  /** Undefined: not asked for yet; `unknown`: nothing can be kept. */
  #version: Uint8Array | 'unknown' | undefined;

  constructor(folder: string, { limitBytes = LIMIT_BYTES, version }: CodeCacheSettings = {}) {
    this.#folder = folder;
    this.#limitBytes = limitBytes;
    this.#version = version;
  }

  find(key: CodeKey): Uint8Array<ArrayBuffer> | undefined {
    return unlessHostFails(() => {
      const digest = this.#digest(key);
      const file = digest && this.#read(join(this.#folder, digest.toString('hex')));
      return file && entryIn(file, digest);
    });
  }

  keep(key: CodeKey, entry: Uint8Array): void {
    if (ENTRY_START + entry.length > this.#limitBytes) return;
    unlessHostFails(() => {
      const digest = this.#digest(key);
      if (digest === undefined) return;
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      this.#write(join(this.#folder, digest.toString('hex')), [MAGIC, digestOf(digest, entry), digest, entry]);
      this.#trim();
    });
  }

  #digest({ module, settings }: CodeKey): Buffer | undefined {
    this.#version ??= rewriterVersion() ?? 'unknown';
    if (this.#version === 'unknown') return undefined;
    // The first two are of one length each, so the text begins at one place.
    return digestOf(digestOf(...module), this.#version, settings);
  }

  /** Reads a file that may be an entry, which is used now. */
  #read(path: string): Uint8Array<ArrayBuffer> | undefined {
    const descriptor = openSync(path, READ_FLAGS);
    try {
      const found = fstatSync(descriptor);
      if (!found.isFile() || found.uid !== (process.getuid?.() ?? found.uid) || found.size > this.#limitBytes) return undefined;
      const { buffer, byteOffset, length } = readFileSync(descriptor);
      const now = new Date();
      // It may be another's folder, or a read-only one: then it only looks older than it is.
      unlessHostFails(() => futimesSync(descriptor, now, now));
      return new Uint8Array(buffer as ArrayBuffer, byteOffset, length);
    } finally {
      closeSync(descriptor);
    }
  }

  #write(path: string, parts: readonly Uint8Array[]): void {
    const unfinished = `${path}.${randomBytes(8).toString('hex')}`;
    const descriptor = openSync(unfinished, 'wx', 0o600);
    try {
      try {
        for (const part of parts) writeFully(descriptor, part);
      } finally {
        closeSync(descriptor);
      }
      renameSync(unfinished, path);
    } catch (error) {
      unlessHostFails(() => rmSync(unfinished, { force: true }));
      throw error;
    }
  }

  /** Removes what is too much, and what was abandoned. Others may do the same at the same time: a file that is gone is gone. */
  #trim(): void {
    const files = readdirSync(this.#folder).flatMap((name) => {
      const kind = ENTRY_NAME.test(name) ? 'entry' : UNFINISHED_NAME.test(name) ? 'unfinished' : undefined;
      const path = join(this.#folder, name);
      const found = kind && lstatSync(path, { throwIfNoEntry: false });
      return found?.isFile() ? [{ kind, path, bytes: found.size, usedAt: found.mtimeMs }] : [];
    });
    const newestFirst = files.sort((a, b) => b.usedAt - a.usedAt);
    let bytes = 0;
    for (const file of newestFirst) {
      bytes += file.bytes;
      const isTooMuch = file.kind === 'entry' ? bytes > this.#limitBytes : file.usedAt < Date.now() - ABANDONED_MILLISECONDS;
      if (isTooMuch) unlessHostFails(() => rmSync(file.path, { force: true }));
    }
  }
}

/** Returns the entry in a file of that key, or undefined if the file is something else, or damaged. */
function entryIn(file: Uint8Array<ArrayBuffer>, key: Buffer): Uint8Array<ArrayBuffer> | undefined {
  const hasMagic = MAGIC.equals(file.subarray(0, MAGIC.length));
  const hasKey = key.equals(file.subarray(KEY_START, ENTRY_START));
  const isWhole = hasMagic && hasKey && digestOf(file.subarray(KEY_START)).equals(file.subarray(MAGIC.length, KEY_START));
  return isWhole ? file.subarray(ENTRY_START) : undefined;
}

/** Does what only speed depends on. */
function unlessHostFails<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (hostCode(error) === undefined) throw error;
    return undefined;
  }
}

/**
 * Returns the folder of rewritten modules, or undefined if there is to be none.
 * @param asked a folder or `off`, from the command line; else what the variable QUIRE_CODE_CACHE has; else one in the user's folder of caches, by
 *   the XDG base directory specification
 */
export function codeCacheFolder(asked: string | undefined, environment: Readonly<Record<string, string | undefined>>): string | undefined {
  if (asked === '') throw new UsageError('--code-cache: write a folder, or off');
  const { QUIRE_CODE_CACHE: set, XDG_CACHE_HOME: caches = '', HOME: home = '' } = environment;
  const folder = asked ?? (set === '' ? undefined : set);
  if (folder !== undefined) return folder === 'off' ? undefined : resolve(folder);
  // Paths that are not absolute are to be ignored, says the specification.
  if (isAbsolute(caches)) return join(caches, 'quire', 'code');
  return isAbsolute(home) ? join(home, '.cache', 'quire', 'code') : undefined;
}
