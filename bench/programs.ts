// The programs benchmark: whole programs, plain and on Quire, with RAM to spare and with too little.
//
//   plain   the module unchanged on plain WebAssembly memory, with the same system interface (`--mmu off`)
//   ample   on Quire, with RAM for everything: what translation and first-touch faults cost
//   half    on Quire, with RAM for half of the pages that the ample run had resident: what paging costs
//
// Plain and ample runs take turns, and the least time of each counts. One run at half: it is long, and its counters say more than its
// time. What a program prints must be the same in every run.
//
// A program that does nothing shows what starting takes, and starts on Quire twice in each turn: with an empty folder of rewritten code,
// where it is kept, and with the folder as that run leaves it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KIB, MIB, PAGE_SIZE } from '../src/base/index.ts';
import { FRAME_RECORD_BYTES } from '../src/frames/index.ts';
import type { CodeFacts } from '../src/report/index.ts';
import { rootFolder } from './host.ts';
import type { Laboratory, RunInLaboratory } from './laboratory.ts';
import { type BenchProgram, benchPrograms, startPrograms } from './program-list.ts';

/** How much to do. */
export interface ProgramsSettings {
  /** Times that plain and ample runs take turns. */
  readonly repeats: number;
  /** The same for programs that do nothing: they are short, and a start is disturbed easily. */
  readonly startRepeats: number;
  /** Seconds after which a run at half the footprint is stopped. */
  readonly limitSeconds: number;
  readonly choice: 'all' | 'quick';
}

/** The full benchmark: some ten minutes. */
export const programsSettings: ProgramsSettings = { repeats: 3, startRepeats: 9, limitSeconds: 20, choice: 'all' };
/** Enough to see that everything works. */
export const quickProgramsSettings: ProgramsSettings = { repeats: 1, startRepeats: 1, limitSeconds: 3, choice: 'quick' };

/** The least times of several runs. */
export interface Timing {
  readonly seconds: number;
  /** Every run's, in their order: how far they lie apart shows how quiet the machine was. */
  readonly allSeconds: readonly number[];
  /** Reading, rewriting and compiling; not in `seconds`. */
  readonly loadSeconds: number;
  /** The whole process, as one who waits for it sees it. */
  readonly processSeconds: number;
  readonly hostBytes: number;
}

/** What Quire counted beside the time. */
export interface PagingCounts {
  readonly kernelSeconds: number;
  readonly faults: number;
  readonly faultsPerSecond: number;
}

/** Runs with RAM for everything. */
export interface AmpleRun extends Timing, PagingCounts {
  readonly peakPages: number;
  readonly code?: CodeFacts;
}

/** A run with RAM for half the footprint. */
export interface HalfRun extends PagingCounts {
  readonly ramBytes: number;
  /** `stopped`: it took longer than the limit, and the counters are those of the part that ran. */
  readonly outcome: 'finished' | 'stopped';
  readonly seconds: number;
  readonly swapPagesIn: number;
  readonly swapPagesOut: number;
}

/** One program's results, or why there are none. */
export interface ProgramRow {
  readonly program: string;
  readonly args: readonly string[];
  readonly group: BenchProgram['group'];
  readonly plain?: Timing;
  readonly ample?: AmpleRun;
  /** Of a program that does nothing: `ample` is its first start then, which keeps the rewritten code, and this one finds it. */
  readonly again?: AmpleRun;
  /** Absent for a footprint under `LEAST_PAGES`. */
  readonly half?: HalfRun;
  readonly failure?: string;
}

/** What was measured. */
export interface ProgramsResult {
  readonly settings: ProgramsSettings;
  readonly ampleBytes: number;
  readonly rows: readonly ProgramRow[];
  /** Programs that do nothing: what starting takes. */
  readonly starts: readonly ProgramRow[];
  /** The programs with RAM to spare, on other versions of Node. */
  readonly others?: readonly { readonly node: string; readonly rows: readonly ProgramRow[] }[];
}

/** Another version of Node, and what measures there. */
export interface OtherVersion {
  readonly version: string;
  readonly laboratory: Pick<Laboratory, 'run'>;
}

/** RAM in which no program here has to give a page back. */
const AMPLE_BYTES = 512 * MIB;
/** Below 1 MiB there is nothing to page: the stack and the C library alone are what a program touches all the time. */
const LEAST_PAGES = (1024 * KIB) / PAGE_SIZE;
/** A run with ample RAM that takes longer than this hangs. */
const PATIENCE_SECONDS = 300;

/** Which runs of a program are made beside the plain ones: ample, and half; ample alone; or first and later starts. */
type Course = 'work' | 'ample only' | 'start';

/** Measures everything; `tell` gets a word before each step. */
export function measurePrograms(
  settings: ProgramsSettings,
  laboratory: Pick<Laboratory, 'run'>,
  tell: (step: string) => void,
  others: readonly OtherVersion[] = [],
): ProgramsResult {
  const measured =
    (what: Course, repeats: number, where = laboratory, name = '') =>
    (program: BenchProgram): ProgramRow => {
      tell(`${name}${program.name} ${program.args.join(' ')}`);
      return new ProgramBench(program, { ...settings, repeats }, where).row(what);
    };
  const programs = chosen(benchPrograms, settings);
  return {
    settings,
    ampleBytes: AMPLE_BYTES,
    rows: programs.map(measured('work', settings.repeats)),
    starts: chosen(startPrograms, settings).map(measured('start', settings.startRepeats)),
    others: others.map(({ version, laboratory: other }) => ({
      node: version,
      rows: programs.map(measured('ample only', settings.repeats, other, `Node ${version}: `)),
    })),
  };
}

function chosen(programs: readonly BenchProgram[], { choice }: ProgramsSettings): readonly BenchProgram[] {
  if (choice === 'all') return programs;
  return programs.flatMap((program) => (program.quickArgs === undefined ? [] : [{ ...program, args: program.quickArgs }]));
}

/**
 * Returns the RAM in bytes that holds `pages` pages of a program and the kernel's own memory for it.
 * @param kernelBytes page tables and kernel heap; the frame table comes on top, since it grows with RAM.
 */
export function ramFor(pages: number, kernelBytes: number): number {
  const frames = pages + kernelBytes / PAGE_SIZE;
  return Math.ceil(frames / (1 - FRAME_RECORD_BYTES / PAGE_SIZE)) * PAGE_SIZE;
}

type Measured = Pick<ProgramRow, 'plain' | 'ample' | 'again' | 'half'>;

/** A run that cannot be counted, with the reason in one sentence. */
class FailedRun extends Error {}

/** Measures one program. */
class ProgramBench {
  readonly #program: BenchProgram;
  readonly #settings: ProgramsSettings;
  readonly #laboratory: Pick<Laboratory, 'run'>;
  #output: string | undefined;

  constructor(program: BenchProgram, settings: ProgramsSettings, laboratory: Pick<Laboratory, 'run'>) {
    this.#program = program;
    this.#settings = settings;
    this.#laboratory = laboratory;
  }

  row(course: Course): ProgramRow {
    const { name: program, args, group } = this.#program;
    const head = { program, args, group };
    try {
      return { ...head, ...(course === 'start' ? this.#starts() : this.#work(course)) };
    } catch (error) {
      if (error instanceof FailedRun) return { ...head, failure: error.message };
      throw error;
    }
  }

  #work(course: Course): Measured {
    const plain: RunInLaboratory[] = [];
    const ample: RunInLaboratory[] = [];
    for (let turn = 0; turn < this.#settings.repeats; turn++) {
      plain.push(this.#plain());
      ample.push(this.#ample());
    }
    const last = ample.at(-1) as RunInLaboratory;
    const pages = course === 'work' && last.peakPages >= LEAST_PAGES ? Math.floor(last.peakPages / 2) : 0;
    return { plain: timing(plain), ample: ampleRun(ample), ...(pages > 0 && { half: this.#half(pages, last) }) };
  }

  #starts(): Measured {
    const plain: RunInLaboratory[] = [];
    const first: RunInLaboratory[] = [];
    const again: RunInLaboratory[] = [];
    for (let turn = 0; turn < this.#settings.repeats; turn++) {
      const codeCache = mkdtempSync(join(tmpdir(), 'quire-bench-'));
      try {
        plain.push(this.#plain());
        first.push(this.#ample(codeCache));
        again.push(this.#ample(codeCache));
      } finally {
        rmSync(codeCache, { recursive: true, force: true });
      }
    }
    return { plain: timing(plain), ample: ampleRun(first), again: ampleRun(again) };
  }

  #plain(): RunInLaboratory {
    return this.#finished('plain', this.#run('off', AMPLE_BYTES, PATIENCE_SECONDS));
  }

  #ample(codeCache?: string): RunInLaboratory {
    const run = this.#finished('with ample RAM', this.#run('on', AMPLE_BYTES, PATIENCE_SECONDS, codeCache));
    if (run.swapPagesOut > 0) throw new FailedRun(`${AMPLE_BYTES / MIB} MiB of RAM are not ample: it was paged out`);
    return run;
  }

  #half(pages: number, ample: RunInLaboratory): HalfRun {
    const ramBytes = ramFor(pages, ample.kernelBytes);
    const run = this.#run('on', ramBytes, this.#settings.limitSeconds);
    if (run.outcome !== 'stopped') this.#finished('at half its footprint', run);
    return {
      ramBytes,
      outcome: run.outcome === 'stopped' ? 'stopped' : 'finished',
      seconds: run.seconds,
      ...counts(run),
      swapPagesIn: run.swapPagesIn,
      swapPagesOut: run.swapPagesOut,
    };
  }

  #run(mmu: 'on' | 'off', ramBytes: number, limitSeconds: number, codeCache?: string): RunInLaboratory {
    const root = rootFolder();
    const { path, args } = this.#program;
    return this.#laboratory.run({
      program: join(root, path),
      args,
      directory: join(root, 'bench'),
      mmu,
      ramBytes,
      swapBytes: AMPLE_BYTES,
      limitSeconds,
      ...(codeCache !== undefined && { codeCache }),
    });
  }

  /** Returns the run if it counts: it came to its end and printed what the others did. */
  #finished(which: string, run: RunInLaboratory): RunInLaboratory {
    if (run.outcome !== 'finished') throw new FailedRun(`${which}: ${run.reason ?? `not done after ${run.seconds.toFixed(0)} s`}`);
    this.#output ??= run.outputChecksum;
    if (run.outputChecksum !== this.#output) throw new FailedRun(`${which}: its output differs from the plain run's`);
    return run;
  }
}

function timing(runs: readonly RunInLaboratory[]): Timing {
  return {
    seconds: fastest(runs).seconds,
    allSeconds: runs.map((run) => run.seconds),
    loadSeconds: Math.min(...runs.map((run) => run.loadSeconds)),
    processSeconds: Math.min(...runs.map((run) => run.processSeconds)),
    hostBytes: Math.min(...runs.map((run) => run.hostBytes)),
  };
}

function ampleRun(runs: readonly RunInLaboratory[]): AmpleRun {
  const { peakPages, code } = runs.at(-1) as RunInLaboratory;
  return { ...timing(runs), ...counts(fastest(runs)), peakPages, ...(code && { code }) };
}

function fastest(runs: readonly RunInLaboratory[]): RunInLaboratory {
  return runs.reduce((best, run) => (run.seconds < best.seconds ? run : best));
}

function counts({ kernelSeconds, faults, seconds }: RunInLaboratory): PagingCounts {
  return { kernelSeconds, faults, faultsPerSecond: faults / seconds };
}
