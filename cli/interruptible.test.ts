// The signal is sent by the work itself, so it arrives while the work runs, whatever the machine's speed.

import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { interruptible } from './interruptible.ts';

// (module (func (export "spin") (loop (br 0))))
const endlessLoop = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 0x73, 0x70, 0x69, 0x6e, 0, 0, 10, 9, 1, 7, 0, 0x03, 0x40,
  0x0c, 0, 0x0b, 0x0b,
]);

const spinInWasm = (): void => {
  const { spin } = new WebAssembly.Instance(new WebAssembly.Module(endlessLoop)).exports;
  (spin as () => void)();
};

const interruptMyself = (): void => {
  process.kill(process.pid, 'SIGINT');
};

describe('interruptible', () => {
  it('runs the work to its end', () => {
    let runs = 0;
    expect(interruptible(() => runs++)).toBe('finished');
    expect(runs).toBe(1);
  });

  it.each([
    ['WebAssembly', spinInWasm],
    [
      'JavaScript',
      (): void => {
        for (;;);
      },
    ],
  ])('stops an endless loop in %s, and keeps the state that the work left', (_language, spin) => {
    const seen: string[] = [];
    const work = (): void => {
      seen.push('begun');
      interruptMyself();
      try {
        spin();
      } finally {
        seen.push('cleaned up');
      }
    };
    expect(interruptible(work)).toBe('interrupted');
    expect(seen).toEqual(['begun']);
    expect(interruptible(() => seen.push('again'))).toBe('finished');
    expect(seen).toEqual(['begun', 'again']);
  });

  it('passes on what the work throws, of the same class', () => {
    const thrower = (): void => {
      throw new RangeError('no');
    };
    expect(() => interruptible(thrower)).toThrow(RangeError);
  });

  it('leaves no listener behind', () => {
    const before = process.listenerCount('SIGINT');
    interruptible(() => undefined);
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});
