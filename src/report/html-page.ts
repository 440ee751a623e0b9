// A report as one HTML file that needs nothing else: no network (its own policy forbids it), no framework; pictures and style are inside.
//
//   title, what was typed, settings
//   head -> heading and sentences    lines -> sentences    table -> a table that can be sorted    picture -> the drawing
//
// All words are escaped: names of files are the user's, and quoted bytes of a bad trace are anyone's. Two machines make the same page of
// the same results: it bears no date.

import type { TextTable } from './columns.ts';
import { PAGE_SCRIPT, PAGE_STYLE } from './page-look.ts';
import type { ReportPart } from './report-part.ts';
import { PARTIAL } from './simulation-parts.ts';

/** What a page says of itself. */
export interface PageFacts {
  readonly title: string;
  /** What was typed. */
  readonly command: string;
  /** Who made it: `quire 0.1.0`. */
  readonly program: string;
  /** Names and values of what the command was asked to do, defaults included. */
  readonly settings: readonly (readonly [name: string, value: string])[];
}

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** What a cell is filled up with, so that numbers within it stand below each other: in a page by a space as wide as a digit. */
const PADDING = / (?= )/g;
const FIGURE_SPACE = '\u2007';

/** Returns the page as an HTML document. */
export function htmlPage({ title, command, program, settings }: PageFacts, parts: readonly ReportPart[]): string {
  const rows = settings.map(([name, value]) => `<div><dt>${escaped(name)}</dt><dd>${escaped(value)}</dd></div>`);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escaped(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escaped(title)}</h1>
<pre>$ ${escaped(command)}</pre>
<dl>${rows.join('\n')}</dl>
</header>
${parts.map(partHtml).filter(Boolean).join('\n')}
<footer>${escaped(program)}. A click on the head of a column sorts by it.</footer>
</main>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function partHtml(part: ReportPart): string {
  switch (part.kind) {
    case 'head':
      return `<h2>${escaped(part.name)}</h2>\n${sentencesHtml(part.lines)}`;
    case 'lines':
      return sentencesHtml(part.lines);
    case 'table':
      return `${tableHtml(part.table, part.caption)}\n${sentencesHtml(part.below ?? [])}`;
    case 'picture':
      return `<figure>${part.svg()}</figure>`;
    case 'characters':
      return `<pre class="characters">${escaped(part.lines.join('\n'))}</pre>`;
  }
}

function sentencesHtml(lines: readonly string[]): string {
  return lines.map((line) => `<p${line.startsWith(PARTIAL) ? ' class="partial"' : ''}>${escaped(line.trim())}</p>`).join('\n');
}

function tableHtml({ head, rows, keys, keysAre }: TextTable, caption: readonly string[]): string {
  const isWord = (column: number): boolean => (column < keys && keysAre === 'words') || head[column] === '';
  const headCells = head.map((name, column) => {
    const words = isWord(column) ? ' class="word"' : '';
    return `<th scope="col"${words}>${name === '' ? '' : `<button type="button">${escaped(name)}</button>`}</th>`;
  });
  const cellHtml = (text: string, column: number): string => {
    const look = /^[█·]+\s*$/.test(text) ? ' class="bar"' : isWord(column) ? ' class="word"' : '';
    return `<td${look}>${escaped(text.trimEnd()).replace(PADDING, FIGURE_SPACE)}</td>`;
  };
  const lines = rows.map((row) => `<tr>${row.map(cellHtml).join('')}</tr>`);
  // Not a caption element: that would be as narrow as the table.
  const title = caption.length === 0 ? '' : `<h3>${escaped(caption.map((line) => line.trim()).join(' '))}</h3>\n`;
  const body = `<thead><tr>${headCells.join('')}</tr></thead>\n<tbody>\n${lines.join('\n')}\n</tbody>`;
  return `${title}<div class="scroll"><table>\n${body}\n</table></div>`;
}

/** Returns text as HTML's text or the value of an attribute. */
function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/\p{Cc}/gu, (character) => (character === '\n' || character === '\t' ? character : '\ufffd'));
}
