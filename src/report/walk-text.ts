// A translation as text: one paragraph for each level, every field of the entry by its name, and the end.

import { formatBytes } from './quantities.ts';
import type { ReportTextOptions } from './run-report-text.ts';
import { type TextStyle, textStyle, wrap } from './text-style.ts';
import type { WalkPageReport, WalkReport, WalkStepReport } from './walk-report.ts';

const INDENT = '    ';

/** What an entry does, in words. */
const roles: Readonly<Record<WalkStepReport['role'], string>> = {
  table: 'names the next table',
  page: 'maps the page',
  absent: 'not present',
  reserved: 'a form that is reserved',
  other: "another page's: the chain goes on",
};

/** Returns the text of one walk, its lines as wide as `width` where they can be. */
export function formatWalk(report: WalkReport, { width, color }: ReportTextOptions): string {
  const style = textStyle(color);
  const { address, format, access, mode, steps } = report;
  const lines = [style.paint('title', `${address} on ${format}, ${access} by ${mode === 'user' ? 'a program' : 'the kernel'}`)];
  for (const step of steps) lines.push(...stepLines(step, width));
  lines.push(...endLines(report, width, style));
  return `${lines.join('\n')}\n`;
}

function stepLines({ name, table, index, entryAddress, entry, fields, role }: WalkStepReport, width: number): string[] {
  const where = name === 'chain' ? `${name}, entry at ${entryAddress}` : `${name} at ${table}, index ${index}, entry at ${entryAddress}`;
  const values = fields.map((field) => `${field.name.replaceAll(' ', '\u00a0')}=${field.value}`).join(' ');
  return [
    `  ${where}: ${entry}`,
    ...wrap(`${values} : ${roles[role]}`, width - INDENT.length).map((line) => INDENT + line.replaceAll('\u00a0', ' ')),
  ];
}

function endLines({ page, fault, access }: WalkReport, width: number, style: TextStyle): string[] {
  if (fault === undefined) return page === undefined ? [] : [`  ${style.paint('good', pageText(page))}`];
  const registers = fault.registers.map(({ name, value, meaning }) => `${name} ${value} (${meaning})`).join(', ');
  const sentence = `${access} faults: ${fault.why} (${fault.kind}, level ${fault.level})${registers === '' ? '' : `; ${registers}`}`;
  return wrap(sentence, width - 2).map((line) => `  ${style.paint('bad', line)}`);
}

function pageText({ frame, physical, pageBytes, rights, accessed, dirty }: WalkPageReport): string {
  const allowed = [rights.user ? 'program' : 'kernel', 'read', ...(rights.write ? ['write'] : []), ...(rights.execute ? ['execute'] : [])];
  const marks = [...(accessed ? ['accessed'] : []), ...(dirty ? ['dirty'] : [])];
  const size = pageBytes === 4096 ? '' : `, in a page of ${formatBytes(pageBytes)}`;
  return `frame ${frame}, physical address ${physical}${size}: ${[...allowed, ...marks].join(', ')}`;
}
