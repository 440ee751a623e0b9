// The file of `--save-dump`: all of RAM as it is when the program has ended, and the sentence that says how to look into it.

import type { RunReport } from '../src/report/index.ts';
import type { Machine } from '../src/system/index.ts';
import { OutputFile, reasonOf } from './output-file.ts';

/** An image of RAM that a run leaves behind. */
export class DumpFile {
  readonly #file: OutputFile;
  #complaint: string | undefined;

  /** Throws a `UsageError` if nothing can be written there. */
  constructor(path: string) {
    this.#file = new OutputFile(path, '--save-dump');
  }

  /** What went wrong, as a sentence. */
  get complaint(): string | undefined {
    return this.#complaint;
  }

  /** Writes the image, whole or not at all. */
  readonly save = ({ ram }: Machine): void => {
    try {
      this.#file.writeBytes(ram.bytes);
      this.#file.close();
    } catch (error) {
      this.#file.abandon();
      this.#complaint = `--save-dump ${this.#file.path}: cannot be written: ${reasonOf(error)}`;
    }
  };

  /** Ends the file of a run that did not come to its end. */
  discard(): void {
    this.#file.discard();
  }

  /** Adds to a report how to look into the image. */
  noted(report: RunReport): RunReport {
    const { pageTable, pageTableFormat } = report;
    if (this.#complaint !== undefined || pageTable === undefined) return report;
    const root = `0x${pageTable.root.toString(16)}`;
    const walk = `quire walk --format ${pageTableFormat} --dump ${this.#file.path} --root ${root} --space ${pageTable.space} ADDRESS`;
    return { ...report, notes: [...(report.notes ?? []), `RAM is saved as it was at the end; to look into it: ${walk}`] };
  }
}
