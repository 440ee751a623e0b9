// A report in parts, before it is known how it will look: as text in so many columns, or as a page (html-page.ts).
//
//   head       what it is about: a name, and sentences about it
//   lines      sentences, one in each line
//   table      a caption, a table, and what is to be said below it
//   picture    a drawing; in text lines of characters instead, or nothing
//   characters lines whose characters stand in columns, in a page too
//
// In text an empty line stands between two parts, unless a part belongs directly below the one before.

import { type TextTable, tableLines } from './columns.ts';

interface PlacedPart {
  /** In text: no empty line above it. */
  readonly placed?: 'directly below';
}

/** What follows is about this. */
export interface HeadPart extends PlacedPart {
  readonly kind: 'head';
  readonly name: string;
  /** At least one; text shows the first beside the name. */
  readonly lines: readonly string[];
}

/** Sentences. */
export interface LinesPart extends PlacedPart {
  readonly kind: 'lines';
  readonly lines: readonly string[];
}

/** A table; captions may go over several lines. */
export interface TablePart extends PlacedPart {
  readonly kind: 'table';
  readonly caption: readonly string[];
  readonly table: TextTable;
  readonly below?: readonly string[];
}

/** A picture: both forms are made only if they are shown. */
export interface PicturePart extends PlacedPart {
  readonly kind: 'picture';
  readonly svg: () => string;
  /** Returns what stands for it in text of so many columns; no line if nothing does. */
  readonly text: (width: number) => readonly string[];
}

/** Lines drawn with characters. */
export interface CharactersPart extends PlacedPart {
  readonly kind: 'characters';
  readonly lines: readonly string[];
}

/** A part of a report. */
export type ReportPart = HeadPart | LinesPart | TablePart | PicturePart | CharactersPart;

/** Returns a picture that only a page shows. */
export function pagePicture(svg: () => string): PicturePart {
  return { kind: 'picture', svg, text: () => [] };
}

/** Returns parts as text, with a line break at its end. @param width characters in a line, where a table can be broken to fit */
export function partsText(parts: readonly ReportPart[], width: number): string {
  const lines: string[] = [];
  for (const part of parts) {
    const own = linesOf(part, width);
    if (own.length === 0) continue;
    if (lines.length > 0 && part.placed === undefined) lines.push('');
    lines.push(...own);
  }
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function linesOf(part: ReportPart, width: number): readonly string[] {
  switch (part.kind) {
    case 'head': {
      const [first, ...others] = part.lines;
      return [`${part.name}: ${first}`, ...others.map((line) => `  ${line}`)];
    }
    case 'lines':
    case 'characters':
      return part.lines;
    case 'table':
      return [...part.caption, ...tableLines(part.table, width), ...(part.below ?? [])];
    case 'picture':
      return part.text(width);
  }
}
