// Traces as the command line writes them.

import { QuireTraceWriter, type ReferenceBatch, type ReferenceSink } from '../src/trace/index.ts';
import type { OutputFile } from './output-file.ts';

/** Formats that can be written. */
export const writtenFormats = ['quire', 'numbers'] as const;

export type WrittenFormat = (typeof writtenFormats)[number];

/** Takes pages, and the end of them; `cut` says that the last sink was interrupted, and that what it was writing may be lost. */
export interface TraceWriter {
  readonly sink: ReferenceSink;
  readonly cut: () => void;
  readonly end: () => void;
}

/** Returns a writer of pages of 2^`pageShift` bytes. Throws a UsageError when the file takes no more. */
export function traceWriter(format: WrittenFormat, pageShift: number, output: OutputFile): TraceWriter {
  if (format === 'numbers')
    return { sink: (batch) => output.writeOrRefuse(numbersText(batch)), cut: () => undefined, end: () => undefined };
  const writer = new QuireTraceWriter({ unit: 'pages', pageShift }, (bytes) => output.writeOrRefuse(bytes));
  return { sink: (batch) => writer.add(batch), cut: () => writer.dropBlock(), end: () => writer.end() };
}

function numbersText({ addresses, count }: ReferenceBatch): string {
  return `${addresses.subarray(0, count).join('\n')}\n`;
}
