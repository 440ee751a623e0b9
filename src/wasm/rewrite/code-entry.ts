// What is kept of a rewritten module from one run to the next, and its form as bytes (numbers little-endian):
//
//   0     form, by its place in `forms`
//   4     accesses in the window    8  in groups    12  inlined    16  called
//   20    number of helpers, then each helper: 4 bytes, in the order of their indices
//   then  the module, up to the end
//
// Nothing else of a rewritten module needs to be kept: where its functions are it says itself, and all the rest follows from the original
// and the options, which the key of the entry stands for (code-cache.ts). That the bytes are whole is for the cache to see to (its C1).

import { HELPER_COUNT } from './added-functions.ts';
import type { AccessCounts } from './function-rewriter.ts';
import type { CodeForm } from './sections.ts';

/** What is kept of a rewritten module. */
export interface CodeEntry {
  /** The binary, ready to compile. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the code became: with a window or without. */
  readonly form: CodeForm;
  /** How many accesses became what. */
  readonly counts: Readonly<AccessCounts>;
  /** The helpers that it has, in index order. */
  readonly helpers: readonly number[];
}

const forms = ['plain', 'window', 'deep'] as const satisfies readonly CodeForm[];
const WORD = 4;
const HEADER_WORDS = 6;

/** Returns the entry's form as bytes. */
export function writeEntry({ bytes, form, counts, helpers }: CodeEntry): Uint8Array<ArrayBuffer> {
  const { window, grouped, inlined, called } = counts;
  const words = [forms.indexOf(form), window, grouped, inlined, called, helpers.length, ...helpers];
  const out = new Uint8Array(words.length * WORD + bytes.length);
  const view = new DataView(out.buffer);
  for (const [at, word] of words.entries()) view.setUint32(at * WORD, word, true);
  out.set(bytes, words.length * WORD);
  return out;
}

/** Reads an entry; its `bytes` are a view. Returns undefined for what `writeEntry` cannot have written. */
export function readEntry(kept: Uint8Array<ArrayBuffer>): CodeEntry | undefined {
  if (kept.length < HEADER_WORDS * WORD) return undefined;
  const view = new DataView(kept.buffer, kept.byteOffset, kept.length);
  const word = (at: number): number => view.getUint32(at * WORD, true);
  const form = forms[word(0)];
  const helperCount = word(5);
  const wordCount = HEADER_WORDS + helperCount;
  if (form === undefined || helperCount > HELPER_COUNT || kept.length < wordCount * WORD) return undefined;
  const helpers = Array.from({ length: helperCount }, (_, at) => word(HEADER_WORDS + at));
  if (new Set(helpers).size < helperCount || helpers.some((helper) => helper >= HELPER_COUNT)) return undefined;
  const counts = { window: word(1), grouped: word(2), inlined: word(3), called: word(4) };
  return { bytes: kept.subarray(wordCount * WORD), form, counts, helpers };
}
