// The command line, called inside the test's own process: what it says and returns.

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { main } from '../../cli/main.ts';
import type { RunReport } from '../../src/report/index.ts';

/** What a command said. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command of `quire` that is done when it returns. The guest's own output goes to the process's. */
export function quire(...parameters: string[]): Said {
  const { code, said } = start(parameters);
  if (typeof code !== 'number') throw new Error(`quire ${parameters[0]} is done later: use quireLater`);
  return { code, ...said };
}

/** Runs a command of `quire` that takes its time. */
export async function quireLater(...parameters: string[]): Promise<Said> {
  const { code, said } = start(parameters);
  return { code: await code, ...said };
}

function start(parameters: readonly string[]): { readonly code: number | Promise<number>; readonly said: { out: string; err: string } } {
  const said = { out: '', err: '' };
  const output = (key: 'out' | 'err') => ({
    write: (text: string): void => {
      said[key] += text;
    },
    columns: undefined,
    color: 'none' as const,
  });
  const code = main(parameters, { out: output('out'), err: output('err'), environment: {} });
  return { code, said };
}

/** Expects a refusal: exit code 2 and one sentence, which is returned without its `quire: `. */
export function refusal({ code, out, err }: Said): string {
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/^quire: [^\n]+\n$/);
  return err.slice('quire: '.length, -1);
}

/** Reads a report that `--report json --report-file` wrote, and expects it to have every key that the format promises. */
export function readReport(path: string): RunReport {
  const report = JSON.parse(readFileSync(path, 'utf8')) as RunReport;
  const number = expect.any(Number);
  const numbers = (...keys: string[]) => Object.fromEntries(keys.map((key) => [key, number]));
  expect(report).toMatchObject({
    program: expect.any(String),
    system: expect.any(String),
    policy: expect.any(String),
    ...numbers('ramBytes', 'exitCode', 'tlbMisses'),
    seconds: numbers('total', 'kernel'),
    faults: numbers('zeroFill', 'image', 'file', 'copyOnWrite', 'swapIn', 'protection', 'mappedAhead'),
    swap: numbers('pagesIn', 'pagesOut', 'readOperations', 'writeOperations', 'bytesWritten'),
    evictions: numbers('clean', 'dirty', 'reactivated'),
    resident: numbers('peakPages', 'finalPages'),
    kernelBytes: numbers('pageTables', 'frameTable', 'heap'),
    map: expect.any(Array),
  });
  return report;
}
