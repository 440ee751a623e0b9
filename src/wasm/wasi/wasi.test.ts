import { describe, expect, test } from 'vitest';
import { UsageError } from '../../base/index.ts';
import { deterministicClock, type WasiClock } from './clock.ts';
import { WasiErrno as E, WasiError } from './errno.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { ProcessExit, ProcessSignal } from './process-calls.ts';
import { Right } from './rights.ts';
import { type ByteSink, bytesSource, CollectingSink } from './streams.ts';
import { BUFFER, END, RESULT, STRINGS, TestGuest, VECTORS } from './test-guest.conformance.ts';

/** All functions of wasi_snapshot_preview1.witx, typed in from the document. */
const PREVIEW1_NAMES = `args_get args_sizes_get environ_get environ_sizes_get clock_res_get clock_time_get fd_advise fd_allocate fd_close
  fd_datasync fd_fdstat_get fd_fdstat_set_flags fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread
  fd_prestat_get fd_prestat_dir_name fd_pwrite fd_read fd_readdir fd_renumber fd_seek fd_sync fd_tell fd_write path_create_directory
  path_filestat_get path_filestat_set_times path_link path_open path_readlink path_remove_directory path_rename path_symlink
  path_unlink_file poll_oneoff proc_exit proc_raise sched_yield random_get sock_accept sock_recv sock_send sock_shutdown`.split(/\s+/);

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe('the function table', () => {
  test('has every function of both snapshots and no other', () => {
    const { modules } = new TestGuest().wasi;
    expect(Object.keys(modules).sort()).toEqual(['wasi_snapshot_preview1', 'wasi_unstable']);
    expect(PREVIEW1_NAMES.length).toBe(46); // 45 in the first edition, and sock_accept
    expect(Object.keys(modules['wasi_snapshot_preview1'] ?? {}).sort()).toEqual([...PREVIEW1_NAMES].sort());
    expect(Object.keys(modules['wasi_unstable'] ?? {}).sort()).toEqual(PREVIEW1_NAMES.filter((name) => name !== 'sock_accept').sort());
  });
});

describe('arguments and environment', () => {
  test('are handed out with pointers, in UTF-8', () => {
    const guest = new TestGuest({ args: ['prog', '', 'ä b'], environ: { A: '1', LONG: 'x=y' } });
    expect(guest.call('args_sizes_get', RESULT, RESULT + 4)).toBe(0);
    expect([guest.result32(), guest.view.getUint32(RESULT + 4, true)]).toEqual([3, 5 + 1 + 5]);
    expect(guest.call('args_get', VECTORS, BUFFER)).toBe(0);
    expect([0, 1, 2].map((i) => guest.view.getUint32(VECTORS + 4 * i, true) - BUFFER)).toEqual([0, 5, 6]);
    expect(guest.textAt(BUFFER, 11)).toBe('prog\0\0ä b\0');
    guest.call('environ_sizes_get', RESULT, RESULT + 4);
    expect([guest.result32(), guest.view.getUint32(RESULT + 4, true)]).toEqual([2, 4 + 9]);
    guest.call('environ_get', VECTORS, BUFFER);
    expect(guest.textAt(BUFFER, 13)).toBe('A=1\0LONG=x=y\0');
  });

  test('with a NUL are refused', () => {
    expect(() => new TestGuest({ args: ['a\0b'] })).toThrow(UsageError);
    expect(() => new TestGuest({ environ: { A: '\0' } })).toThrow(/holds a NUL character/);
  });
});

describe('clocks and random numbers', () => {
  test('the deterministic clock moves by a fixed step, and by what is slept', () => {
    const clock = deterministicClock();
    const first = clock.monotonic();
    expect(clock.monotonic() - first).toBe(1000n);
    clock.sleep(5_000_000n);
    expect(clock.monotonic() - first).toBe(5_002_000n);
    expect(new Date(Number(clock.realtime() / 1_000_000n)).toISOString()).toBe('2000-01-01T00:00:00.005Z');
  });

  test('four clocks, no fifth', () => {
    const guest = new TestGuest();
    for (const id of [0, 1, 2, 3]) {
      expect(guest.call('clock_time_get', id, 0n, RESULT)).toBe(0);
      const before = guest.result64();
      guest.call('clock_time_get', id, 0n, RESULT);
      expect(guest.result64()).toBeGreaterThan(before);
      expect(guest.call('clock_res_get', id, RESULT)).toBe(0);
      expect(guest.result64()).toBe(1000n);
    }
    for (const id of [4, -1]) {
      expect(guest.call('clock_time_get', id, 0n, RESULT)).toBe(E.EINVAL);
      expect(guest.call('clock_res_get', id, RESULT)).toBe(E.EINVAL);
    }
  });

  test('the same seed gives the same bytes, over more than one staging buffer', () => {
    const bytesOf = (): Uint8Array => {
      const guest = new TestGuest();
      expect(guest.call('random_get', BUFFER, 100_000)).toBe(0);
      return guest.bytes.slice(BUFFER, BUFFER + 100_001);
    };
    const bytes = bytesOf();
    expect(Buffer.compare(bytes, bytesOf())).toBe(0);
    expect(bytes[100_000]).toBe(0);
    expect(new Set(bytes).size).toBe(256);
    expect(bytes.subarray(99_990, 100_000).every((byte) => byte === 0)).toBe(false);
  });
});

describe('standard streams', () => {
  test('read what there is and no more, and end', () => {
    const guest = new TestGuest({ stdin: bytesSource(text('hello')) });
    expect(guest.read(0, 2)).toBe('he');
    expect(guest.read(0, 0)).toBe('');
    expect(guest.read(0, 100)).toBe('llo');
    expect(guest.read(0, 100)).toBe('');
  });

  test('write, through gathered buffers', () => {
    const stdout = new CollectingSink();
    const guest = new TestGuest({ stdout });
    guest.string('world hello', BUFFER);
    guest.call('fd_write', 1, ...guest.vectors([BUFFER + 6, 5], [BUFFER + 5, 1], [BUFFER, 5]), RESULT);
    expect([guest.result32(), stdout.text()]).toEqual([11, 'hello world']);
  });

  test('have a kind, no position, and one direction', () => {
    const terminal: ByteSink = { isTerminal: true, write: (_bytes, length) => length };
    const guest = new TestGuest({ stdout: terminal });
    guest.call('fd_fdstat_get', 1, RESULT);
    expect(guest.view.getUint8(RESULT)).toBe(2);
    guest.call('fd_fdstat_get', 2, RESULT);
    expect(guest.view.getUint8(RESULT)).toBe(0);
    expect(guest.rights(1).base & (Right.fd_seek | Right.fd_tell)).toBe(0); // how C libraries know a terminal
    expect(guest.call('fd_seek', 1, 0n, 1, RESULT)).toBe(E.ESPIPE);
    expect(guest.call('fd_tell', 0, RESULT)).toBe(E.ESPIPE);
    expect(guest.call('fd_pwrite', 1, ...guest.vectors([BUFFER, 1]), 0n, RESULT)).toBe(E.ESPIPE);
    expect(guest.call('fd_sync', 1)).toBe(E.EINVAL);
    expect(guest.call('fd_filestat_set_size', 1, 0n)).toBe(E.EINVAL);
    expect(guest.read(1, 1)).toBe(E.EBADF);
    expect(guest.write(0, 'x')).toBe(-E.EBADF);
    expect(guest.call('fd_filestat_get', 1, RESULT)).toBe(0);
    expect(guest.attributes()).toMatchObject({ type: 2, size: 0 });
  });

  test('a write that fails after a part was written is short; the next one tells why', () => {
    let room = 65_536;
    const stdout: ByteSink = {
      isTerminal: false,
      write(_bytes, length) {
        if (room === 0) throw new WasiError('EPIPE');
        room -= length;
        return length;
      },
    };
    const guest = new TestGuest({ stdout });
    const write = (): number => guest.call('fd_write', 1, ...guest.vectors([BUFFER, 70_000]), RESULT);
    expect([write(), guest.result32()]).toEqual([0, 65_536]);
    expect(write()).toBe(E.EPIPE);
    expect(guest.result32()).toBe(65_536);
  });

  test('more than 1024 buffers, or 2 GiB, are refused', () => {
    const guest = new TestGuest();
    expect(guest.call('fd_write', 1, BUFFER, 1025, RESULT)).toBe(E.EINVAL);
    expect(guest.call('fd_write', 1, BUFFER, 1024, RESULT)).toBe(0);
    for (let i = 0; i < 1024; i++) guest.view.setUint32(BUFFER + 8 * i + 4, END, true);
    expect(guest.call('fd_write', 1, BUFFER, 1024, RESULT)).toBe(0);
  });
});

describe('descriptors', () => {
  test('the lowest free number is given, and all are given before EMFILE', () => {
    const files = new MemoryFileSystem();
    const guest = TestGuest.on(files.root);
    guest.writeFile('f', '');
    for (let fd = 4; fd < 1024; fd++) expect(guest.open('f')).toBe(fd);
    expect(guest.open('f')).toBe(-E.EMFILE);
    expect(guest.open('new', { flags: 1 })).toBe(-E.EMFILE);
    expect(files.root.list()).toEqual(['f']);
    guest.call('fd_close', 500);
    guest.call('fd_close', 7);
    expect([guest.open('f'), guest.open('f'), guest.open('f')]).toEqual([7, 500, -E.EMFILE]);
  });

  test('numbers that are not open are EBADF for every call', () => {
    const guest = TestGuest.on(new MemoryFileSystem().root);
    for (const fd of [4, 1024, -1, 0x7fff_ffff]) {
      for (const call of ['fd_close', 'fd_sync', 'fd_datasync', 'sock_recv']) expect(guest.call(call, fd)).toBe(E.EBADF);
      expect(guest.call('fd_fdstat_get', fd, RESULT)).toBe(E.EBADF);
      expect(guest.call('fd_prestat_get', fd, RESULT)).toBe(E.EBADF);
      expect(guest.call('fd_renumber', fd, 3)).toBe(E.EBADF);
      expect(guest.open('f', { dir: fd })).toBe(-E.EBADF);
    }
  });

  test('renumbering moves, closes what was there, and wants both open', () => {
    const stdout = new CollectingSink();
    const files = new MemoryFileSystem();
    const guest = TestGuest.on(files.root, { stdout });
    const fd = guest.open('log', { flags: 1 });
    expect(guest.call('fd_renumber', fd, 9)).toBe(E.EBADF);
    expect(guest.call('fd_renumber', fd, fd)).toBe(0);
    expect(guest.call('fd_renumber', fd, 1)).toBe(0);
    expect(guest.call('fd_close', fd)).toBe(E.EBADF);
    expect(guest.write(1, 'to the file')).toBe(11);
    expect([stdout.text(), guest.readFile('log')]).toEqual(['', 'to the file']);
    guest.call('fd_close', 1);
    expect(guest.open('log')).toBe(1);
  });

  test('preopened directories are told by name, other descriptors are not', () => {
    const guest = new TestGuest({
      preopens: [
        { guestPath: '/', directory: new MemoryFileSystem().root },
        { guestPath: '/dätä', directory: new MemoryFileSystem().root },
      ],
    });
    expect(guest.call('fd_prestat_get', 4, RESULT)).toBe(0);
    expect([guest.view.getUint8(RESULT), guest.view.getUint32(RESULT + 4, true)]).toEqual([0, 7]);
    expect(guest.call('fd_prestat_dir_name', 4, BUFFER, 6)).toBe(E.ENAMETOOLONG);
    expect(guest.call('fd_prestat_dir_name', 4, BUFFER, 8)).toBe(0);
    expect(guest.textAt(BUFFER, 8)).toBe('/dätä\0');
    expect(guest.call('fd_prestat_get', 1, RESULT)).toBe(E.EBADF);
    expect(guest.call('fd_prestat_get', guest.open('.', { flags: 2 }), RESULT)).toBe(E.EBADF);
  });

  test('sockets there are none', () => {
    const guest = TestGuest.on(new MemoryFileSystem().root);
    for (const fd of [0, 3]) {
      expect(guest.call('sock_accept', fd, 0, RESULT)).toBe(E.ENOTSOCK);
      expect(guest.call('sock_recv', fd, VECTORS, 0, 0, RESULT, RESULT)).toBe(E.ENOTSOCK);
      expect(guest.call('sock_send', fd, VECTORS, 0, 0, RESULT)).toBe(E.ENOTSOCK);
      expect(guest.call('sock_shutdown', fd, 3)).toBe(E.ENOTSOCK);
    }
  });
});

describe('poll_oneoff', () => {
  const EVENTS = 8192;
  interface Subscription {
    userdata: bigint;
    clock?: { id: number; timeout: bigint; flags?: number };
    read?: number;
    write?: number;
  }

  function subscribe(guest: TestGuest, subscriptions: readonly Subscription[]): void {
    const { view } = guest;
    subscriptions.forEach((one, i) => {
      const at = STRINGS + 48 * i;
      view.setBigUint64(at, one.userdata, true);
      view.setUint8(at + 8, one.clock ? 0 : one.read !== undefined ? 1 : 2);
      view.setUint32(at + 16, one.clock?.id ?? one.read ?? one.write ?? 0, true);
      view.setBigUint64(at + 24, one.clock?.timeout ?? 0n, true);
      view.setUint16(at + 40, one.clock?.flags ?? 0, true);
    });
  }

  function poll(guest: TestGuest, ...subscriptions: Subscription[]): unknown {
    subscribe(guest, subscriptions);
    const errno = guest.call('poll_oneoff', STRINGS, EVENTS, subscriptions.length, RESULT);
    if (errno !== 0) return errno;
    return Array.from({ length: guest.result32() }, (_, i) => {
      const at = EVENTS + 32 * i;
      return [
        guest.view.getBigUint64(at, true),
        guest.view.getUint16(at + 8, true),
        guest.view.getUint8(at + 10),
        guest.view.getBigUint64(at + 16, true),
      ];
    });
  }

  /** A clock that stands still but for sleeping, and remembers how long that was. */
  function sleeper(): WasiClock & { slept: bigint[] } {
    let now = 1000n;
    const slept: bigint[] = [];
    return {
      resolution: 1n,
      slept,
      realtime: () => now + 5000n,
      monotonic: () => now,
      sleep: (time) => {
        slept.push(time);
        now += time;
      },
    };
  }

  test('sleeps until the first clock, then reports all that are due', () => {
    const clock = sleeper();
    const guest = new TestGuest({ clock });
    expect(
      poll(
        guest,
        { userdata: 1n, clock: { id: 1, timeout: 70n } },
        { userdata: 2n, clock: { id: 1, timeout: 50n } },
        { userdata: 3n, clock: { id: 0, timeout: 50n } },
      ),
    ).toEqual([
      [2n, 0, 0, 0n],
      [3n, 0, 0, 0n],
    ]);
    expect(clock.slept).toEqual([50n]);
  });

  test('takes absolute times, and does not sleep for those that are past', () => {
    const clock = sleeper();
    const guest = new TestGuest({ clock });
    expect(poll(guest, { userdata: 1n, clock: { id: 0, timeout: 6040n, flags: 1 } })).toEqual([[1n, 0, 0, 0n]]);
    expect(
      poll(
        guest,
        { userdata: 2n, clock: { id: 1, timeout: 1040n, flags: 1 } },
        { userdata: 3n, clock: { id: 1, timeout: 1041n, flags: 1 } },
      ),
    ).toEqual([[2n, 0, 0, 0n]]);
    expect(poll(guest, { userdata: 4n, clock: { id: 1, timeout: 0n } })).toEqual([[4n, 0, 0, 0n]]);
    expect(clock.slept).toEqual([40n]);
  });

  test('finds files and streams ready at once, with the bytes left to read', () => {
    const clock = sleeper();
    const files = new MemoryFileSystem();
    files.writeFile('f', '12345');
    const guest = TestGuest.on(files.root, { clock });
    const fd = guest.open('f');
    guest.read(fd, 2);
    expect(
      poll(
        guest,
        { userdata: 1n, clock: { id: 1, timeout: 9n } },
        { userdata: 2n, read: fd },
        { userdata: 3n, write: 1 },
        { userdata: 4n, read: 0 },
      ),
    ).toEqual([
      [2n, 0, 1, 3n],
      [3n, 0, 2, 0n],
      [4n, 0, 1, 1n],
    ]);
    expect(clock.slept).toEqual([]);
  });

  test('reports what is wrong with one subscription as its event', () => {
    const guest = TestGuest.on(new MemoryFileSystem().root);
    expect(
      poll(
        guest,
        { userdata: 1n, read: 77 },
        { userdata: 2n, clock: { id: 9, timeout: 5n } },
        { userdata: 3n, write: 0 },
        { userdata: 4n, read: 3 },
      ),
    ).toEqual([
      [1n, E.EBADF, 1, 0n],
      [2n, E.EINVAL, 0, 0n],
      [3n, E.EBADF, 2, 0n],
      [4n, E.EBADF, 1, 0n],
    ]);
  });

  test('refuses no subscriptions, too many, and unknown kinds', () => {
    const guest = new TestGuest();
    expect(guest.call('poll_oneoff', STRINGS, EVENTS, 0, RESULT)).toBe(E.EINVAL);
    expect(guest.call('poll_oneoff', STRINGS, EVENTS, 1025, RESULT)).toBe(E.EINVAL);
    expect(guest.call('poll_oneoff', 0, BUFFER, 1024, RESULT)).toBe(0);
    guest.view.setUint8(STRINGS + 8, 3);
    expect(guest.call('poll_oneoff', STRINGS, EVENTS, 1, RESULT)).toBe(E.EINVAL);
  });
});

describe('ending', () => {
  const thrownBy = (guest: TestGuest, name: string, value: number): unknown => {
    try {
      return guest.call(name, value);
    } catch (error) {
      return error;
    }
  };

  test('proc_exit carries its unsigned code', () => {
    const exit = thrownBy(new TestGuest(), 'proc_exit', -1);
    expect(exit).toBeInstanceOf(ProcessExit);
    expect(exit).toMatchObject({ code: 0xffff_ffff });
  });

  test('signals end, are ignored, or are refused, as the document says', () => {
    const guest = new TestGuest();
    expect(thrownBy(guest, 'proc_raise', 6)).toBeInstanceOf(ProcessSignal);
    expect(thrownBy(guest, 'proc_raise', 6)).toMatchObject({ signal: 'SIGABRT' });
    expect(thrownBy(guest, 'proc_raise', 11)).toMatchObject({ signal: 'SIGSEGV' });
    expect(thrownBy(guest, 'proc_raise', 30)).toMatchObject({ signal: 'SIGSYS' });
    for (const ignored of [0, 13, 16, 17, 22, 27]) expect(guest.call('proc_raise', ignored)).toBe(0);
    for (const stop of [18, 19, 20, 21]) expect(guest.call('proc_raise', stop)).toBe(E.ENOTSUP);
    expect(guest.call('proc_raise', 31)).toBe(E.EINVAL);
    expect(guest.call('sched_yield')).toBe(0);
  });
});

describe('snapshot 0', () => {
  const old = (): TestGuest => {
    const files = new MemoryFileSystem({ now: () => 7n });
    files.writeFile('f', '0123456789');
    return new TestGuest({ preopens: [{ guestPath: '/', directory: files.root }] }, 'wasi_unstable');
  };

  test('has a 56-byte filestat with a 32-bit link count', () => {
    const guest = old();
    guest.bytes.fill(0xee, RESULT, RESULT + 64);
    expect(guest.call('path_filestat_get', 3, 0, ...guest.string('f'), RESULT)).toBe(0);
    const { view } = guest;
    expect([view.getUint8(RESULT + 16), view.getUint32(RESULT + 20, true)]).toEqual([4, 1]);
    expect([24, 32, 40, 48].map((at) => view.getBigUint64(RESULT + at, true))).toEqual([10n, 7n, 7n, 7n]);
    expect(view.getUint8(RESULT + 56)).toBe(0xee);
  });

  test('counts whence from current, end, set', () => {
    const guest = old();
    const fd = guest.open('f');
    const seek = (delta: bigint, whence: number): bigint => {
      guest.call('fd_seek', fd, delta, whence, RESULT);
      return guest.result64();
    };
    expect([seek(3n, 2), seek(2n, 0), seek(-1n, 1)]).toEqual([3n, 5n, 9n]);
  });

  test('has a 56-byte subscription whose clock begins with an identifier', () => {
    const guest = old();
    const { view } = guest;
    for (const [i, userdata] of [
      [0, 11n],
      [1, 12n],
    ] as const) {
      const at = STRINGS + 56 * i;
      view.setBigUint64(at, userdata, true);
      view.setBigUint64(at + 16, 0xffff_ffff_ffffn, true);
      view.setUint32(at + 24, 1, true);
      view.setBigUint64(at + 32, BigInt(1_000_000 * (2 - i)), true);
    }
    expect(guest.call('poll_oneoff', STRINGS, BUFFER, 2, RESULT)).toBe(0);
    expect([guest.result32(), view.getBigUint64(BUFFER, true)]).toEqual([1, 12n]);
  });
});
