// A table in text: every column as wide as its widest cell, numbers to the right and words to the left. One that is too wide goes on below, the first columns again.

/** A table. All rows have as many cells as the head. */
export interface TextTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns at the left that say what a row is about: they are repeated where the table goes on below. */
  readonly keys: number;
  /** Where the keys stand: words at the left of their column, numbers at its right. */
  readonly keysAre: 'words' | 'numbers';
}

const INDENT = '  ';
const GAP = '  ';

/** Returns the lines of a table of at most `width` characters, if one column beside the keys fits. */
export function tableLines({ head, rows, keys, keysAre }: TextTable, width: number): string[] {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] as string).length)));
  const cellOf = (text: string, column: number): string =>
    column < keys && keysAre === 'words' ? text.padEnd(widths[column] as number) : text.padStart(widths[column] as number);
  const lineOf = (row: readonly string[], columns: readonly number[]): string =>
    INDENT + columns.map((column) => cellOf(row[column] as string, column)).join(GAP);
  return partsOf(widths, keys, width).flatMap((columns, part) => [
    ...(part === 0 ? [] : ['']),
    ...[head, ...rows].map((row) => lineOf(row, columns)),
  ]);
}

/** Returns which columns stand beside each other. */
function partsOf(widths: readonly number[], keys: number, width: number): number[][] {
  const keyColumns = Array.from({ length: keys }, (_, column) => column);
  const widthOf = (columns: readonly number[]): number =>
    INDENT.length + columns.reduce((sum, column) => sum + (widths[column] as number) + GAP.length, -GAP.length);
  const parts: number[][] = [];
  for (let column = keys; column < widths.length; column++) {
    const last = parts.at(-1);
    if (last !== undefined && widthOf([...last, column]) <= width) last.push(column);
    else parts.push([...keyColumns, column]);
  }
  return parts;
}
