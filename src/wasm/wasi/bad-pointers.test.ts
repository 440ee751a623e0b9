// Every call that takes pointers, with each pointer in turn pointing at nothing: EFAULT (21), and nothing changed anywhere.

import { describe, expect, test } from 'vitest';
import { MemoryFileSystem } from './memory-file-system.ts';
import { bytesSource, CollectingSink } from './streams.ts';
import { BUFFER, END, RESULT, TestGuest, VECTORS } from './test-guest.conformance.ts';

const EFAULT = 21;
/** Pointers that a call of up to 64 bytes must not accept: just too high, far too high, negative as a signed number, wrapping. */
const BAD = [END - 1, END, 0x7fff_ffff, -8, -1];

interface Scene {
  readonly guest: TestGuest;
  readonly files: MemoryFileSystem;
  readonly stdout: CollectingSink;
  readonly fd: number;
}

function scene(): Scene {
  const files = new MemoryFileSystem();
  files.writeFile('file', 'content of the file');
  files.writeFile('dir/inner', '');
  files.root.makeLink('link', 'file');
  const stdout = new CollectingSink();
  const guest = TestGuest.on(files.root, {
    stdout,
    stdin: bytesSource(new Uint8Array(100).fill(1)),
    args: ['program', 'b'],
    environ: { A: '1' },
  });
  const fd = guest.open('file');
  guest.string('file', 4096);
  guest.string('fresh', 4200);
  guest.string('link', 4300);
  guest.vectors([BUFFER, 10], [BUFFER + 100, 10]);
  return { guest, files, stdout, fd };
}

/** A call's parameters; `ptr` marks a pointer, with the good value. */
type Parameter = number | bigint | { readonly ptr: number };
const ptr = (good: number): Parameter => ({ ptr: good });
const file = [ptr(4096), 4] as const;
const fresh = [ptr(4200), 5] as const;
const link = [ptr(4300), 4] as const;
const vectors = [ptr(VECTORS), 2] as const;

const CALLS: readonly (readonly [name: string, parameters: (fd: number) => readonly Parameter[]])[] = [
  ['args_get', () => [ptr(5000), ptr(BUFFER)]],
  ['args_sizes_get', () => [ptr(RESULT), ptr(RESULT + 8)]],
  ['environ_get', () => [ptr(5000), ptr(BUFFER)]],
  ['environ_sizes_get', () => [ptr(RESULT), ptr(RESULT + 8)]],
  ['clock_res_get', () => [0, ptr(RESULT)]],
  ['clock_time_get', () => [0, 0n, ptr(RESULT)]],
  ['fd_fdstat_get', (fd) => [fd, ptr(RESULT)]],
  ['fd_filestat_get', (fd) => [fd, ptr(RESULT)]],
  ['fd_pread', (fd) => [fd, ...vectors, 0n, ptr(RESULT)]],
  ['fd_prestat_get', () => [3, ptr(RESULT)]],
  ['fd_prestat_dir_name', () => [3, ptr(BUFFER), 2]],
  ['fd_pwrite', (fd) => [fd, ...vectors, 0n, ptr(RESULT)]],
  ['fd_read', (fd) => [fd, ...vectors, ptr(RESULT)]],
  ['fd_read', () => [0, ...vectors, ptr(RESULT)]],
  ['fd_readdir', () => [3, ptr(BUFFER), 100, 0n, ptr(RESULT)]],
  ['fd_seek', (fd) => [fd, 5n, 0, ptr(RESULT)]],
  ['fd_tell', (fd) => [fd, ptr(RESULT)]],
  ['fd_write', (fd) => [fd, ...vectors, ptr(RESULT)]],
  ['fd_write', () => [1, ...vectors, ptr(RESULT)]],
  ['path_create_directory', () => [3, ...fresh]],
  ['path_filestat_get', () => [3, 0, ...file, ptr(RESULT)]],
  ['path_filestat_set_times', () => [3, 0, ...file, 1n, 1n, 5]],
  ['path_link', () => [3, 0, ...file, 3, ...fresh]],
  ['path_open', () => [3, 0, ...fresh, 1, 2n, 0n, 0, ptr(RESULT)]],
  ['path_open', () => [3, 0, ...file, 8, 2n, 0n, 0, ptr(RESULT)]],
  ['path_readlink', () => [3, ...link, ptr(BUFFER), 100, ptr(RESULT)]],
  ['path_remove_directory', () => [3, ...fresh]],
  ['path_rename', () => [3, ...file, 3, ...fresh]],
  ['path_symlink', () => [...file, 3, ...fresh]],
  ['path_unlink_file', () => [3, ...file]],
  ['poll_oneoff', () => [ptr(6000), ptr(8000), 2, ptr(RESULT)]],
  ['random_get', () => [ptr(BUFFER), 100]],
];

/** Everything that a call could have changed. */
function stateOf({ guest, files, stdout, fd }: Scene): unknown {
  const memory = Buffer.from(guest.bytes.slice()).toString('latin1');
  guest.call('fd_tell', fd, RESULT);
  const position = guest.result64();
  guest.bytes.set(Buffer.from(memory.slice(RESULT, RESULT + 8), 'latin1'), RESULT);
  const names = files.root.list().map((name) => [name, files.root.statOf(name)]);
  return { memory, position, names, content: files.readFile('file'), printed: stdout.text(), open: openDescriptors(guest) };
}

function openDescriptors(guest: TestGuest): number[] {
  const saved = guest.bytes.slice(RESULT, RESULT + 24);
  const open = Array.from({ length: 10 }, (_, fd) => fd).filter((fd) => guest.call('fd_fdstat_get', fd, RESULT) === 0);
  guest.bytes.set(saved, RESULT);
  return open;
}

describe.each(CALLS.map(([name, parameters], i) => [`${i} ${name}`, name, parameters] as const))('%s', (_title, name, parametersFor) => {
  const pointers = parametersFor(4).flatMap((parameter, i) => (typeof parameter === 'object' ? [i] : []));

  test.each(pointers)('parameter %i', (position) => {
    for (const bad of BAD) {
      const stage = scene();
      const before = stateOf(stage);
      const words = parametersFor(stage.fd).map((parameter, i) =>
        typeof parameter !== 'object' ? parameter : i === position ? bad : parameter.ptr,
      );
      expect([bad, stage.guest.call(name, ...words)]).toEqual([bad, EFAULT]);
      expect(stateOf(stage)).toEqual(before);
    }
  });

  test('succeeds with good pointers, up to the last byte', () => {
    const stage = scene();
    const words = parametersFor(stage.fd).map((parameter) => (typeof parameter === 'object' ? parameter.ptr : parameter));
    expect([0, 44]).toContain(stage.guest.call(name, ...words)); // path_remove_directory of what is not there: ENOENT
  });
});

describe('a bad buffer in a list of good ones', () => {
  test.each(['fd_write', 'fd_read'])('%s moves nothing', (name) => {
    const stage = scene();
    for (const [address, length] of [
      [END - 4, 5],
      [END, 1],
      [0xffff_fff0, 32],
      [BUFFER, 0xffff_ffff],
    ] as const) {
      stage.guest.vectors([BUFFER, 5], [address, length], [BUFFER, 5]);
      const before = stateOf(stage);
      expect(stage.guest.call(name, stage.fd, VECTORS, 3, RESULT)).toBe(EFAULT);
      expect(stateOf(stage)).toEqual(before);
    }
  });

  test('an empty buffer may point anywhere, and the last byte of memory is good', () => {
    const { guest, fd } = scene();
    expect(guest.call('fd_read', fd, ...guest.vectors([0xffff_ffff, 0], [END - 4, 4]), RESULT)).toBe(0);
    expect([guest.result32(), guest.textAt(END - 4, 4)]).toEqual([4, 'cont']);
    expect(guest.call('fd_tell', fd, END - 8)).toBe(0);
    expect(guest.call('random_get', END, 0)).toBe(0);
  });

  test('a list that runs over the end is bad, whatever is in it', () => {
    const { guest, fd } = scene();
    guest.bytes.fill(0, END - 16);
    expect(guest.call('fd_write', fd, END - 16, 2, RESULT)).toBe(0);
    expect(guest.call('fd_write', fd, END - 16, 3, RESULT)).toBe(EFAULT);
  });
});
