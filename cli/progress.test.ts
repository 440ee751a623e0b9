import { describe, expect, it } from 'vitest';
import { ProgressLine, type ProgressSnapshot } from './progress.ts';

const snapshot: ProgressSnapshot = { residentPages: 1152, ramPages: 1536, faults: 43_216, swapPagesIn: 38_102, swapPagesOut: 40_120 };

const lineOn = (columns: number | undefined) => {
  const written: string[] = [];
  const clock = { now: 0 };
  const line = new ProgressLine({ write: (text) => written.push(text), columns, color: 'none' }, () => clock.now);
  return { line, written, clock };
};

describe('ProgressLine', () => {
  it('shows time, RAM, faults and swap, on one line', () => {
    const { line, written, clock } = lineOn(120);
    clock.now = 12_340;
    line.update(() => snapshot);
    expect(written).toEqual(['\r\u001b[2K12.3 s   RAM ████████░░ 4.5 MiB of 6 MiB   faults 43,216   swap in 148.8 MiB, out 156.7 MiB']);
  });

  it('draws nothing at first, then at most ten times a second, and asks for no snapshot in between', () => {
    const { line, written, clock } = lineOn(80);
    let snapshots = 0;
    for (clock.now = 0; clock.now < 1300; clock.now++) {
      line.update(() => {
        snapshots++;
        return snapshot;
      });
    }
    expect(snapshots).toBe(10);
    expect(written.length).toBe(10);
  });

  it('never fills the last column', () => {
    const { line, written, clock } = lineOn(40);
    clock.now = 1000;
    line.update(() => snapshot);
    expect(written[0]?.replace('\r\u001b[2K', '').length).toBe(39);
  });

  it('erases the line once, and only if it is there', () => {
    const { line, written, clock } = lineOn(80);
    line.hide();
    expect(written).toEqual([]);
    clock.now = 1000;
    line.update(() => snapshot);
    line.hide();
    line.hide();
    expect(written.slice(1)).toEqual(['\r\u001b[2K']);
  });

  it('writes nothing where there is no terminal', () => {
    const { line, written, clock } = lineOn(undefined);
    clock.now = 1e9;
    line.update(() => snapshot);
    line.hide();
    expect(written).toEqual([]);
  });
});
