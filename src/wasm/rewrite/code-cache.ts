// Rewriting a module once, not at every start: what came of it is kept under a key that stands for all that it depends on.
//
//   module bytes + RewriteOptions --> find --> restored           a third of a millisecond for a small program, 5 ms for CPython's 11 MB
//                                       \-> (nothing) --> rewritten --> keep
//
// Where entries are kept is the embedder's (cli/folder-code-cache.ts). Rules that it must keep:
//
// C1  `find` returns what `keep` was given, byte for byte, or nothing: a damaged entry is as if there were none.
// C2  It finds an entry only under an equal key, and only if the rewriter that made it was the same program as this one.
// C3  Neither throws, nor costs the run more than time: a cache that cannot be read or written is as if it were empty.
//
// The engine is no part of the key, because the rewriter's output does not depend on it.

import { type ModuleInfo, SectionId } from '../binary/index.ts';
import { writeEntry } from './code-entry.ts';
import { type RewriteOptions, type RewrittenModule, restoreModule, rewriteModule } from './rewrite-module.ts';

/** What a rewritten module depends on, beside the rewriter. */
export interface CodeKey {
  /** Pieces of the original in their order, with all that its code follows from. No other module's pieces have the same bytes one behind the other. */
  readonly module: readonly Uint8Array[];
  /** All options of the rewriter and what else code follows from, as text; equal where they are equal. */
  readonly settings: string;
}

/** Keeps rewritten modules from one run to the next, by C1 to C3. */
export interface CodeCache {
  /** Returns the entry kept under an equal key, or undefined. The caller keeps it, and does not change it. */
  find(key: CodeKey): Uint8Array<ArrayBuffer> | undefined;
  /** Keeps an entry, in place of the one there may be. */
  keep(key: CodeKey, entry: Uint8Array<ArrayBuffer>): void;
}

/** Where code came from. */
export type CodeOrigin = 'rewritten' | 'cache';

/** Rewrites a module, or takes what came of it before. Throws what `rewriteModule` throws. */
export function rewriteWithCache(
  info: ModuleInfo,
  options: RewriteOptions,
  cache: CodeCache | undefined,
): { readonly rewritten: RewrittenModule; readonly origin: CodeOrigin } {
  const key = codeKey(info, options);
  const kept = cache?.find(key);
  const restored = kept && restoreModule(info, options, kept);
  if (restored !== undefined) return { rewritten: restored, origin: 'cache' };
  const rewritten = rewriteModule(info, options);
  cache?.keep(key, writeEntry(rewritten));
  return { rewritten, origin: 'rewritten' };
}

/**
 * Returns the key of a module's code. What a module's data are its code does not depend on, only on how many pieces they have, nor on custom
 * sections that have no names of functions: CPython's key is made of 7 MB instead of 26.
 */
export function codeKey(info: ModuleInfo, options: RewriteOptions): CodeKey {
  const counting = info.sections.filter(({ id, name }) => id !== SectionId.data && (id !== SectionId.custom || name === 'name'));
  // A section tells its kind and its length first.
  const module = [info.bytes.subarray(0, 8), ...counting.map(({ start, end }) => info.bytes.subarray(start, end))];
  // A property that is undefined has no text, as one that is not there.
  return { module, settings: JSON.stringify({ ...options, dataSegments: info.data.count }) };
}
