// The first lines of a report: what ran, how it ended, where it faulted, what it holds, under which settings.

import { PAGE_SIZE } from '../base/index.ts';
import { formatAddress, formatBytes, formatCountOf, formatSeconds } from './quantities.ts';
import type { FaultReport, RunReport } from './run-report.ts';
import { type TextStyle, type Tone, wrap } from './text-style.ts';

const NO_BREAK = '\u00a0';

/** Returns the head of the report. */
export function headLines(report: RunReport, width: number, style: TextStyle): string[] {
  const [tone, end] = endSentence(report);
  return [
    style.paint('title', headTitle(report)),
    ...paragraph(end, tone, width, style),
    ...faultSentences(report.ended?.fault).flatMap((sentence) => paragraph(sentence, 'plain', width, style)),
    ...paragraph(holdingSentence(report), 'plain', width, style),
    ...paragraph(lossSentence(report), 'bad', width, style),
    ...paragraph(joined(settingsOf(report)), 'quiet', width, style),
  ];
}

/** Returns what ran, and in how much. */
export function headTitle({ mmu, program, ramBytes }: RunReport): string {
  return `Quire ran ${program} ${mmu === 'off' ? 'with the MMU off' : `in ${formatBytes(ramBytes)} of RAM`}`;
}

/** Returns the head's other sentences, the settings last. */
export function headSentences(report: RunReport): string[] {
  const [, end] = endSentence(report);
  const sentences = [end, ...faultSentences(report.ended?.fault), holdingSentence(report), lossSentence(report)];
  return [...sentences.filter((sentence) => sentence !== ''), settingsOf(report).join(' · ')];
}

function paragraph(text: string, tone: Tone, width: number, style: TextStyle): string[] {
  return wrap(text, width - 2).map((line) => `  ${style.paint(tone, line.replaceAll(NO_BREAK, ' '))}`);
}

// Lines break between settings, never inside one.
function joined(settings: readonly string[]): string {
  return settings.map((setting) => setting.replaceAll(' ', NO_BREAK)).join(`${NO_BREAK}· `);
}

function endSentence({ ended, exitCode, seconds }: RunReport): [Tone, string] {
  const after = `after ${formatSeconds(seconds.total)}`;
  const reason = ended?.reason ? `: ${ended.reason}` : '';
  switch (ended?.how) {
    case undefined:
    case 'exit':
      return [exitCode === 0 ? 'good' : 'bad', `It exited with code ${exitCode} ${after}.`];
    case 'interrupt':
      return ['bad', `It was interrupted ${after}${reason}. This is the report so far.`];
    case 'kill':
      return ['bad', `It was killed ${after}${reason}.`];
    case 'fault':
      return ['bad', `A memory fault stopped it ${after}${reason}.`];
    case 'trap':
      return ['bad', `It trapped ${after}${reason}.`];
  }
}

function faultSentences(fault: FaultReport | undefined): string[] {
  if (fault === undefined) return [];
  const sentences = [`It tried to ${fault.access} at ${formatAddress(fault.address)}: ${fault.why}.`];
  if (fault.registers?.length) {
    const registers = fault.registers.map(({ name, value, meaning }) => `${name} ${value} (${meaning})`);
    sentences.push(`The processor would show ${registers.join(', ')}.`);
  }
  if (fault.area) {
    const { start, end, protection, name } = fault.area;
    const area = `${formatAddress(start)}-${formatAddress(end)} ${protection} ${name}`.trimEnd();
    sentences.push(`The address is in the area ${area}.`);
  }
  if (fault.function) {
    const { index, name, offset } = fault.function;
    const called = name === undefined ? `function ${index}` : `function ${index}, ${name}`;
    sentences.push(`The code is in ${called}${offset === undefined ? '' : `, byte ${formatAddress(offset)} of the module`}.`);
  }
  return sentences;
}

function holdingSentence({ map }: RunReport): string {
  const resident = map.reduce((sum, area) => sum + area.residentPages, 0) * PAGE_SIZE;
  const swapped = map.reduce((sum, area) => sum + area.swappedPages, 0) * PAGE_SIZE;
  if (swapped === 0) return '';
  const held = `${formatBytes(resident + swapped)}: ${formatBytes(resident)} in RAM, ${formatBytes(swapped)} in swap`;
  return `At the end it held ${held}.`;
}

function lossSentence({ lostPages = 0 }: RunReport): string {
  if (lostPages === 0) return '';
  return `Warning: ${formatCountOf(lostPages, 'changed page')} of files could not be written back, and ${lostPages === 1 ? 'is' : 'are'} lost.`;
}

function settingsOf({
  mmu,
  system,
  policy,
  classLimits,
  swapReadAhead,
  frames,
  pageTableFormat,
  ranges,
  seed,
  swapBytes,
  swap,
}: RunReport): string[] {
  if (mmu === 'off') return ['plain WebAssembly memory: no paging, so nothing to count'];
  const settings = [`memory manager ${system}`, `policy ${policy}`];
  if (classLimits !== undefined) settings.push(`class limits ${classLimits}`);
  if (swapReadAhead !== undefined) settings.push(`swap read-ahead ${swapReadAhead}`);
  if (frames !== undefined) settings.push(`frames ${frames}`);
  if (pageTableFormat !== undefined) settings.push(`page tables ${pageTableFormat}`);
  if (ranges !== undefined) settings.push(`areas ${ranges}`);
  if (swapBytes !== undefined) settings.push(swapText(swapBytes, swap.devices?.length ?? 1));
  if (seed !== undefined) settings.push(`seed ${seed}`);
  return [...settings, 'pages of 4 KiB'];
}

function swapText(sizeBytes: number, devices: number): string {
  if (sizeBytes === 0) return 'no swap';
  return devices === 1 ? `${formatBytes(sizeBytes)} of swap` : `${formatBytes(sizeBytes)} of swap on ${devices} devices`;
}
