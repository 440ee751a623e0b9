import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIB } from '../src/base/index.ts';
import { peakHostBytes, rootFolder } from './host.ts';
import { measureRun, type RunRequest } from './program-run.ts';

const request = (program: string, args: string, changes: Partial<RunRequest> = {}): RunRequest => ({
  program: join(rootFolder(), 'programs', `${program}.wasm`),
  args: args.split(' '),
  mmu: 'on',
  ramBytes: 16 * MIB,
  swapBytes: 0,
  limitSeconds: 60,
  ...changes,
});

describe('measureRun', () => {
  it.each(['on', 'off'] as const)('times load and run apart with the MMU %s', (mmu) => {
    const run = measureRun(request('fib', '20', { mmu }));
    expect(run.outcome).toBe('finished');
    expect(Math.min(run.seconds, run.loadSeconds)).toBeGreaterThan(0);
  });

  it('counts one fault for each page of new memory that is touched', () => {
    // 1 MiB in steps of a page; the program's own pages come on top.
    const run = measureRun(request('sparse', '1 4096'));
    expect(run.peakPages).toBeGreaterThanOrEqual(256);
    expect(run.peakPages).toBeLessThan(256 + 16);
    expect(run.faults).toBeGreaterThanOrEqual(256);
  });

  it('stops a run at its limit and still has its counters', () => {
    const run = measureRun(request('fib', '60', { limitSeconds: 0.3 }));
    expect(run.outcome).toBe('stopped');
    expect(run.faults).toBeGreaterThan(0);
  });

  it('says why a run failed', () => {
    const run = measureRun(request('sparse', '64 4096', { ramBytes: 2 * MIB }));
    expect(run.outcome).toBe('failed');
    expect(run.reason).toMatch(/memory|swap/i);
  });
});

describe('peakHostBytes', () => {
  it('is more than Node alone takes, and less than all there is', () => {
    expect(peakHostBytes()).toBeGreaterThan(20 * MIB);
    expect(peakHostBytes()).toBeLessThan(64 * 1024 * MIB);
  });
});
