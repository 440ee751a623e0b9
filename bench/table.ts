// Tables of results: the same rows as text for a terminal and as Markdown for the README.

/** A table with what a reader needs to understand it. */
export interface Table {
  readonly title: string;
  /** Sentences above the table: what was measured, what is better. */
  readonly about: string;
  /** The first column is words, the others are numbers with their units in the heading. */
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Sentences below the table: exceptions, means. */
  readonly notes: readonly string[];
}

/** Columns at which prose is broken: as reports that go to a file. */
const TEXT_COLUMNS = 100;

/** Returns the table as text, columns aligned with spaces. */
export function textTable({ title, about, headings, rows, notes }: Table): string {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => align(cell, column, widths[column] ?? 0)).join('  ')}`.trimEnd();
  const rule = `  ${widths.map((width) => '-'.repeat(width)).join('  ')}`;
  const body = rows.map(line).join('\n');
  return [title, ...wrap(about), '', line(headings), rule, body, ...notes.flatMap(wrap), ''].join('\n');
}

/** Returns the table as Markdown, its title as a heading of the third level. */
export function markdownTable({ title, about, headings, rows, notes }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = `|${headings.map((_, column) => (column === 0 ? '---' : '--:')).join('|')}|`;
  return [`### ${title}`, '', about, '', line(headings), rule, ...rows.map(line), '', ...notes.flatMap((note) => [note, ''])].join('\n');
}

function align(cell: string, column: number, width: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= TEXT_COLUMNS) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines;
}
