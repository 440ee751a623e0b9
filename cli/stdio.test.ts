import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hostClock, hostRandom } from './host-clock.ts';
import { hostCall } from './host-errors.ts';
import { hostSink, hostSource, type StreamCalls } from './stdio.ts';

/** A host that fails with `codes`, one after the other, and then moves `count` bytes. */
function host(codes: readonly string[], count: number): StreamCalls & { calls: number } {
  const left = [...codes];
  const call = (): number => {
    self.calls++;
    const code = left.shift();
    if (code !== undefined) throw Object.assign(new Error(code), { code, syscall: 'read' });
    return count;
  };
  const self = { calls: 0, read: call, write: call };
  return self;
}

describe('host streams', () => {
  test('wait and try again while the host says EAGAIN', () => {
    const busy = host(['EAGAIN', 'EAGAIN'], 3);
    expect(hostSource(0, busy).read(new Uint8Array(8), 8)).toBe(3);
    expect(busy.calls).toBe(3);
    expect(hostSink(1, host(['EAGAIN'], 8)).write(new Uint8Array(8), 8)).toBe(8);
  });

  test('report other errors as the guest knows them', () => {
    expect(() => hostSink(1, host(['EPIPE'], 0)).write(new Uint8Array(1), 1)).toThrow(expect.objectContaining({ errno: 64 }));
    expect(() => hostSource(0, host(['EISDIR'], 0)).read(new Uint8Array(1), 1)).toThrow(expect.objectContaining({ errno: 31 }));
    expect(() => hostSource(0, host(['EWHATEVER'], 0)).read(new Uint8Array(1), 1)).toThrow(expect.objectContaining({ errno: 29 }));
  });

  test('end where the host ends, also where the end is an error', () => {
    expect(hostSource(0, host([], 0)).read(new Uint8Array(1), 1)).toBe(0);
    expect(hostSource(0, host(['EOF'], 5)).read(new Uint8Array(1), 1)).toBe(0);
  });

  test('move bytes of real files', () => {
    const directory = mkdtempSync(join(tmpdir(), 'quire-stdio-'));
    const path = join(directory, 'f');
    writeFileSync(path, 'abcdef');
    const input = openSync(path, 'r');
    const source = hostSource(input);
    const bytes = new Uint8Array(4);
    expect([source.isTerminal, source.read(bytes, 4), source.read(bytes, 4), source.read(bytes, 4)]).toEqual([false, 4, 2, 0]);
    closeSync(input);
    const output = openSync(path, 'w');
    expect(hostSink(output).write(new Uint8Array([65, 66, 67]), 2)).toBe(2);
    closeSync(output);
    expect(readFileSync(path, 'utf8')).toBe('AB');
    rmSync(directory, { recursive: true });
  });
});

describe('host calls', () => {
  test('only failed host calls become errnos; a bug stays a bug', () => {
    const bug = new TypeError('bug');
    expect(() =>
      hostCall(() => {
        throw bug;
      }),
    ).toThrow(bug);
    expect(() =>
      hostCall(() => {
        throw Object.assign(new Error(), { code: 'ERR_INVALID_ARG_TYPE' });
      }),
    ).not.toThrow(/EIO/);
    expect(() =>
      hostCall(() => {
        throw Object.assign(new Error(), { code: 'EOPNOTSUPP', syscall: 'x' });
      }),
    ).toThrow(expect.objectContaining({ errno: 58 }));
  });
});

describe('the host clock', () => {
  test('agrees with the wall, never falls, and sleeps at least as long as asked', () => {
    const clock = hostClock();
    expect(Math.abs(Number(clock.realtime() / 1_000_000n) - Date.now())).toBeLessThan(60_000);
    const before = clock.monotonic();
    clock.sleep(3_000_000n);
    expect(clock.monotonic() - before).toBeGreaterThanOrEqual(3_000_000n);
  });

  test('random bytes differ', () => {
    const [one, other] = [new Uint8Array(16), new Uint8Array(16)];
    hostRandom().fill(one);
    hostRandom().fill(other);
    expect(one).not.toEqual(other);
  });
});
