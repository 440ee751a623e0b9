import { describe, expect, it } from 'vitest';
import { chooseToSwapOut, hasRoomFor, type Room } from './load-control.ts';
import { type ProcessState, SharingProcess } from './process-table.ts';

const processIn = (number: number, state: ProcessState, sinceNs = 0): SharingProcess => {
  const process = new SharingProcess(number);
  process.enter(state, sinceNs);
  return process;
};

describe('who is swapped out', () => {
  const processes = [
    processIn(0, 'reading', 50),
    processIn(1, 'ready'),
    processIn(2, 'waiting', 20),
    processIn(3, 'done'),
    processIn(4, 'out'),
  ];
  const held = Int32Array.of(5, 9, 9, 0, 0);

  it('is the biggest, the one that has waited longest, or the last in order, of those in memory', () => {
    expect(chooseToSwapOut(processes, 'biggest', held, 100)?.number).toBe(1);
    expect(chooseToSwapOut(processes, 'blocked', held, 100)?.number).toBe(2);
    expect(chooseToSwapOut(processes, 'lowest', held, 100)?.number).toBe(2);
  });

  it('is nobody where one is left', () => {
    expect(chooseToSwapOut([processIn(0, 'ready'), processIn(1, 'done'), processIn(2, 'out')], 'biggest', held, 0)).toBeUndefined();
  });
});

describe('who comes back', () => {
  const process = processIn(0, 'out');
  process.saved = Array.from({ length: 30 }, (_, page) => page);
  const room: Room = { frames: 100, free: 0, needs: 'known', isAlone: false, intervalsSinceThrashing: 0, deviceUse: 1 };

  it('needs room for what it had and a tenth of memory, where needs are known', () => {
    expect(hasRoomFor(process, { ...room, free: 39 })).toBe(false);
    expect(hasRoomFor(process, { ...room, free: 40 })).toBe(true);
  });

  it('needs ten calm intervals and a device that is idle half of the time, where they are not', () => {
    const calm: Room = { ...room, needs: 'unknown', intervalsSinceThrashing: 10, deviceUse: 0.49 };
    expect(hasRoomFor(process, calm)).toBe(true);
    expect(hasRoomFor(process, { ...calm, intervalsSinceThrashing: 9 })).toBe(false);
    expect(hasRoomFor(process, { ...calm, deviceUse: 0.5 })).toBe(false);
  });

  it('comes in any case if nothing else is in memory', () => {
    expect(hasRoomFor(process, { ...room, isAlone: true })).toBe(true);
  });
});
