// How numbers look in front of people. Addresses: hex with `_` between groups of four digits. Sizes: IEC units, three to four digits.
// Counts: a comma between groups of three. Times: the unit that leaves one to three digits before the point.
//
// Nothing here depends on the host's language: two machines print the same report.

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Returns `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Returns `5 things`, or `1 thing`. */
export function formatCountOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

/**
 * Returns a size in the largest IEC unit that leaves at least 1: `640 B`, `64 KiB`, `1.5 MiB`.
 * Without a decimal it is exact; `47.0 MiB` is rounded.
 */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  // 1023.95 and more would be printed as 1024.0 of the smaller unit.
  while (value >= 1023.95 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = Number.isInteger(value) ? String(value) : value.toFixed(1);
  return `${digits} ${byteUnits[unit]}`;
}

/** Returns a duration in s, ms or µs with three digits: `12.3 s`, `4.56 ms`, `789 µs`. */
export function formatSeconds(seconds: number): string {
  if (seconds === 0) return '0 s';
  if (seconds >= 0.9995) return `${threeDigits(seconds)} s`;
  if (seconds >= 0.000_999_5) return `${threeDigits(seconds * 1e3)} ms`;
  return `${threeDigits(seconds * 1e6)} µs`;
}

/** Returns `0x0001_3000`: at least 8 hex digits, in groups of four. */
export function formatAddress(address: number): string {
  const digits = address.toString(16);
  const padded = digits.padStart(Math.max(8, Math.ceil(digits.length / 4) * 4), '0');
  return `0x${padded.replace(/\B(?=(.{4})+$)/g, '_')}`;
}

/** Returns what share `part` is of `whole`: `12.3 %`; `-` when the whole is 0. */
export function formatShare(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return formatCount(Math.round(value));
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
