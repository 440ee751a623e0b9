// Sizes as people type them: `4096`, `64k`, `16MiB`, `1.5G`. All units are powers of 1024, with or without `i` and `B`, in any case.

import { UsageError } from '../src/base/index.ts';

const factors: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/**
 * Returns a size in bytes.
 * @param option what is being set, for the message of the `UsageError` that anything but a whole number of bytes gets
 */
export function parseByteSize(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const bytes = match === null ? Number.NaN : Number(match[1]) * (factors[(match[2] ?? '').toLowerCase()] ?? Number.NaN);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new UsageError(`${option} ${text}: not a size; write a number of bytes, or one with KiB, MiB or GiB, as in 16MiB`);
}
