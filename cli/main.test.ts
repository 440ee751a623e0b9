// The command line from its arguments to its exit code, with a runner that only notes what it was asked for.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EVENT_WORDS, EventType, MIB, UsageError } from '../src/base/index.ts';
import type { RunReport } from '../src/report/index.ts';
import { main } from './main.ts';
import type { RunHost, RunOptions, RunProgram } from './run-program.ts';

const report: RunReport = {
  program: 'a.wasm',
  system: 'uvm',
  policy: 'clock',
  ramBytes: 16 * MIB,
  exitCode: 0,
  seconds: { total: 1, kernel: 0 },
  tlbMisses: 0,
  faults: { zeroFill: 0, image: 0, file: 0, copyOnWrite: 0, swapIn: 0, protection: 0, resident: 0, failed: 0, mappedAhead: 0 },
  swap: { pagesIn: 0, pagesOut: 0, readOperations: 0, writeOperations: 0, bytesWritten: 0 },
  evictions: { clean: 0, dirty: 0, reactivated: 0 },
  resident: { peakPages: 0, finalPages: 0 },
  kernelBytes: { pageTables: 0, frameTable: 0, heap: 0 },
  map: [],
};

let folder: string;
let program: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quire-cli-'));
  program = join(folder, 'a.wasm');
  writeFileSync(program, 'module');
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Said {
  code: number;
  out: string;
  err: string;
  asked: RunOptions | undefined;
}

const say = (parameters: string[], answer: (options: RunOptions, host: RunHost) => RunReport = () => report): Said => {
  const said: Said = { code: 0, out: '', err: '', asked: undefined };
  const run: RunProgram = (options, host) => {
    said.asked = options;
    return answer(options, host);
  };
  const output = (key: 'out' | 'err') => ({
    write: (text: string): void => {
      said[key] += text;
    },
    columns: undefined,
    color: 'none' as const,
  });
  const terminal = { out: output('out'), err: output('err'), environment: { HOME: '/home/me' } };
  said.code = main(parameters, terminal, run) as number;
  return said;
};

const asked = (...parameters: string[]): RunOptions => {
  const said = say(['run', ...parameters]);
  if (said.asked === undefined) throw new Error(said.err);
  return said.asked;
};

describe('quire', () => {
  it('prints help on request, to the standard output', () => {
    for (const parameters of [['--help'], ['help'], ['help', 'run'], ['run', '--help'], ['info', '--help']]) {
      const { code, out, err } = say(parameters);
      expect([code, err]).toEqual([0, '']);
      expect(out).toMatch(/^Usage: quire/);
    }
  });

  it('prints help to the standard error when it is told nothing', () => {
    const { code, out, err } = say([]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^Usage: quire/);
  });

  it('prints its version', () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    expect(say(['--version'])).toMatchObject({ code: 0, out: `${version}\n` });
  });

  it.each([
    [['a.wasm'], "unknown command 'a.wasm'; see quire help"],
    [['run'], "missing required argument 'program.wasm'; see quire help"],
    [['run', '--rma', '1'], "unknown option '--rma' (Did you mean --ram?); see quire help"],
    [['run', '--ram'], "option '--ram <size>' argument missing; see quire help"],
    [['run', '--policy', 'best', 'x'], /^there is no policy 'best': choose one of uvm, clock, .*$/],
    [['run', '--policy', 'lru', 'x'], /^policy 'lru' must see every reference, which hardware does not tell: replay a trace with it/],
    [['run', '--policy', 'belady', 'x'], /^policy 'belady' must know the references to come: /],
    [['run', '--report', 'xml', 'x'], /Allowed choices are text, json, html, none/],
    [['run', '--mmu', 'maybe', 'x'], /Allowed choices are on, off/],
    [['run', '--frames', 'sieve', 'x'], /Allowed choices are bitmap, stack/],
    [['run', '--ram', 'much', 'x'], /^--ram much: not a size/],
    [['run', '--swap', '-1', 'x'], /^--swap -1: not a size/],
    [['run', '--swap', 'none', '--swap-file', 'y', 'x'], '--swap-file: there is no swap to keep in it'],
    [['run', '--swap-file', ',size=1M', 'x'], /^--swap-file ,size=1M: there is no path; write PATH, PATH,size=64MiB or /],
    [['run', '--swap-file', 'y,size=much', 'x'], /^--swap-file y: size much: not a size/],
    [['run', '--swap-file', 'y,size=1M,big', 'x'], /^--swap-file y: size 1M,big: not a size/],
    [['run', '--swap-file', 'y,size=4095', 'x'], /^--swap-file y,size=4095: its size is less than a page of 4096 bytes;/],
    [['run', '--swap', '4095', '--swap-file', 'y', 'x'], /^--swap-file y: its size is less than a page/],
    [['run', '--swap-file', 'y,size=1M,size=2M', 'x'], /^--swap-file y,size=1M,size=2M: size is given twice;/],
    [['run', '--swap-file', 'y,prio=1', 'x'], /^--swap-file y,prio=1: it has no setting 'prio';/],
    [['run', '--swap-file', 'y,priority=', 'x'], /: its priority is not a whole number from 0 to 32767;/],
    [['run', '--swap-file', 'y,priority=-1', 'x'], /: its priority is not a whole number from 0 to 32767;/],
    [['run', '--swap-file', 'y,priority=32768', 'x'], /: its priority is not a whole number from 0 to 32767;/],
    [['run', '--class-limits', 'some', 'x'], /Allowed choices are none, netbsd/],
    [['run', '--report', 'none', '--report-file', 'y', 'x'], '--report-file: with --report none there is none'],
    [['run', '--swap-read-ahead', '1', 'x'], '--swap-read-ahead 1: write adaptive, off, or a number of pages from 2 to 16'],
    [['run', '--swap-read-ahead', '17', 'x'], '--swap-read-ahead 17: write adaptive, off, or a number of pages from 2 to 16'],
    [['run', '--seed', '1.5', 'x'], '--seed 1.5: not a whole number from 0 to 4294967295'],
    [['run', '--seed', '4294967296', 'x'], '--seed 4294967296: not a whole number from 0 to 4294967295'],
    [['run', '--dir', 'here', 'x'], /^--dir here: write the guest's name and the host's directory/],
    [['run', '--dir', '/data=', 'x'], /^--dir \/data=: write/],
    [['run', '--dir', '/data=/no/such', 'x'], '--dir /data=/no/such: /no/such does not exist'],
    [['run', '--dir', '/data=/dev/null', 'x'], '--dir /data=/dev/null: /dev/null is not a directory'],
    [['run', '--env', 'UNSET', 'x'], '--env UNSET: write NAME=VALUE, or the name of a variable that is set here'],
    [['run', '--env', '=x', 'x'], /^--env =x: write NAME=VALUE/],
    [['run', '/no/such.wasm'], '/no/such.wasm: cannot be read: no such file or directory'],
    [['run', '/dev'], /^\/dev: cannot be read: illegal operation on a directory/],
    [['info', '/no/such.wasm'], '/no/such.wasm: cannot be read: no such file or directory'],
  ])('answers %j with one sentence and exit code 2', (parameters, sentence) => {
    const { code, out, err, asked } = say(parameters);
    expect([code, out, asked]).toEqual([2, '', undefined]);
    expect(err).toMatch(/^quire: [^\n]*\n$/);
    expect(err.slice('quire: '.length, -1)).toMatch(sentence);
  });
});

describe('quire run', () => {
  it('has defaults for everything', () => {
    expect(asked(program)).toMatchObject({
      program,
      args: [],
      argv0: 'a.wasm',
      env: {},
      directories: [],
      mmu: 'on',
      system: 'uvm',
      frames: 'bitmap',
      pageTable: 'i386',
      largePages: 'never',
      ranges: 'red-black',
      kernelHeap: 'slab',
      kernelMap: 'identity',
      ramBytes: 16 * MIB,
      swapBytes: 256 * MIB,
      swapFiles: [],
      classLimits: 'none',
      clocksAndRandom: 'real',
      seed: 1,
    });
    expect(Buffer.from(asked(program).bytes).toString()).toBe('module');
  });

  it('passes every setting on', () => {
    mkdirSync(join(folder, 'a=b'));
    const settings = ['--ram', '1.5G', '--swap', '64k', '--swap-file', 's', '--policy', 'fifo', '--frames', 'stack', '--mmu', 'off'];
    const world = ['--dir', `/x=${folder}/a=b`, '--dir', `y=${folder}`, '--env', 'A=1=2', '--env', 'B=', '--env', 'HOME'];
    const rest = ['--class-limits', 'netbsd', '--kernel-heap', 'buddy', '--argv0', 'me', '--deterministic', '--seed', '4294967295'];
    expect(asked(...settings, ...world, ...rest, program)).toMatchObject({
      ramBytes: 1536 * MIB,
      swapBytes: 65_536,
      swapFiles: [{ path: 's', sizeBytes: 65_536, priority: 0 }],
      classLimits: 'netbsd',
      kernelHeap: 'buddy',
      policy: 'fifo',
      frames: 'stack',
      mmu: 'off',
      directories: [
        { guest: '/x', host: `${folder}/a=b` },
        { guest: 'y', host: folder },
      ],
      env: { A: '1=2', B: '', HOME: '/home/me' },
      argv0: 'me',
      clocksAndRandom: 'seeded',
      seed: 4_294_967_295,
    });
    expect(asked('--swap', 'none', program).swapBytes).toBe(0);
    expect(['off', 'adaptive', '2', '16'].map((text) => asked('--swap-read-ahead', text, program).swapReadAhead)).toEqual([
      'off',
      'adaptive',
      2,
      16,
    ]);
  });

  it('takes several swap files, with commas in their names', () => {
    const files = ['a,size=1MiB,priority=32767', 'b', '/x,y/c=d,priority=3,size=4096', 'e,f'];
    const { swapFiles } = asked('--swap', '2MiB', ...files.flatMap((file) => ['--swap-file', file]), program);
    expect(swapFiles).toEqual([
      { path: 'a', sizeBytes: MIB, priority: 32_767 },
      { path: 'b', sizeBytes: 2 * MIB, priority: 0 },
      { path: '/x,y/c=d', sizeBytes: 4096, priority: 3 },
      { path: 'e,f', sizeBytes: 2 * MIB, priority: 0 },
    ]);
  });

  it('leaves what follows the program to the program', () => {
    expect(asked(program, '--ram', '1', '-h', '--', 'x').args).toEqual(['--ram', '1', '-h', '--', 'x']);
    expect(asked('--', program, 'x').args).toEqual(['x']);
  });

  it("returns the guest's exit code and writes the report to the standard error", () => {
    const { code, out, err } = say(['run', program], () => ({ ...report, exitCode: 7 }));
    expect([code, out]).toEqual([7, '']);
    expect(err).toMatch(/^Quire ran a\.wasm in 16 MiB of RAM\n {2}It exited with code 7 after 1\.00 s\./);
  });

  it('writes the report as JSON, to a file, or not at all', () => {
    expect(JSON.parse(say(['run', '--report', 'json', program]).err)).toEqual(report);
    expect(JSON.parse(say(['run', '--report', 'json', '--quiet', program]).err)).toEqual(report);
    expect(say(['run', '--report', 'none', program]).err).toBe('');
    expect(say(['run', '--quiet', program]).err).toBe('');
    const file = join(folder, 'report');
    expect(say(['run', '--quiet', '--report-file', file, program]).err).toBe('');
    expect(readFileSync(file, 'utf8')).toMatch(/^Quire ran/);
    say(['run', '--report', 'json', '--report-file', file, program]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(report);
  });

  it("writes the report in the form that its file's ending says, unless it is told another", () => {
    const [json, page] = [join(folder, 'report.json'), join(folder, 'report.html')];
    say(['run', '--quiet', '--report-file', json, program]);
    expect(JSON.parse(readFileSync(json, 'utf8'))).toEqual(report);
    say(['run', '--report-file', page, program, '<b>']);
    expect(readFileSync(page, 'utf8')).toMatch(
      /^<!DOCTYPE html>[\s\S]*<h2>Quire ran a\.wasm in 16 MiB of RAM<\/h2>[\s\S]*<h3>Faults<\/h3>/,
    );
    expect(readFileSync(page, 'utf8')).not.toContain('<b>');
    say(['run', '--report', 'text', '--report-file', page, program]);
    expect(readFileSync(page, 'utf8')).toMatch(/^Quire ran/);
    expect(say(['run', '--report-file', join(folder, 'a.csv'), program])).toMatchObject({ code: 2, asked: undefined });
  });

  it('writes the events', () => {
    const file = join(folder, 'events');
    say(['run', '--events', file, program], (_options, { events }) => {
      events?.(new Int32Array(EVENT_WORDS).fill(EventType.start, 0, 1), 0);
      return report;
    });
    expect(readFileSync(file, 'utf8')).toBe('{"sequence":0,"event":"start","process":0}\n');
  });

  it('gives the run no reader when nobody asked for events', () => {
    say(['run', program], (_options, host) => {
      expect(host).not.toHaveProperty('events');
      return report;
    });
  });

  it('leaves no file behind, and none changed, when the runner refuses', () => {
    const old = join(folder, 'old');
    writeFileSync(old, 'as it was');
    const files = ['--events', join(folder, 'new'), '--report-file', old];
    const { code, err } = say(['run', ...files, program], () => {
      throw new UsageError('RAM of 1 byte is below the minimum');
    });
    expect([code, err]).toEqual([2, 'quire: RAM of 1 byte is below the minimum\n']);
    expect(existsSync(join(folder, 'new'))).toBe(false);
    expect(readFileSync(old, 'utf8')).toBe('as it was');
  });

  it('leaves no file behind when another cannot be opened', () => {
    const wrong = ['--report-file', join(folder, 'new'), '--events', join(folder, 'no', 'file')];
    expect(say(['run', ...wrong, program])).toMatchObject({ code: 2, asked: undefined });
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });

  it.skipIf(!existsSync('/dev/full'))('says when a file could not take the report, without hiding the exit code of the guest', () => {
    const lost = 'quire: --report-file /dev/full: cannot be written: no space left on device\n';
    expect(say(['run', '--report-file', '/dev/full', program])).toMatchObject({ code: 2, err: lost });
    expect(say(['run', '--report-file', '/dev/full', program], () => ({ ...report, exitCode: 3 }))).toMatchObject({ code: 3, err: lost });
  });

  it('does not take a bug for bad input', () => {
    const bug = (): never => {
      throw new TypeError('a bug');
    };
    expect(() => say(['run', program], bug)).toThrow(TypeError);
  });
});
