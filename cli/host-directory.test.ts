import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WasiErrno as E } from '../src/wasm/wasi/errno.ts';
import { describeFileSystem } from '../src/wasm/wasi/file-system.conformance.ts';
import { MemoryFileSystem } from '../src/wasm/wasi/index.ts';
import { TestGuest } from '../src/wasm/wasi/test-guest.conformance.ts';
import { hostDirectory } from './host-directory.ts';

const scratchDirectory = (): string => mkdtempSync(join(tmpdir(), 'quire-host-directory-'));
const remove = (path: string): void => rmSync(path, { recursive: true, force: true });

describeFileSystem('a real directory', () => {
  const path = scratchDirectory();
  return { root: hostDirectory(path), dispose: () => remove(path) };
});

describe('a hostile guest', () => {
  let outside: string;
  let inside: string;
  let guest: TestGuest;
  beforeEach(() => {
    outside = scratchDirectory();
    inside = join(outside, 'inside');
    mkdirSync(inside);
    mkdirSync(join(inside, 'd'));
    mkdirSync(join(outside, 'd'));
    writeFileSync(join(outside, 'secret'), 'not yours');
    writeFileSync(join(outside, 'd', 'secret'), 'not yours either');
    guest = TestGuest.on(hostDirectory(inside));
  });
  afterEach(() => {
    guest.wasi.close();
    remove(outside);
  });

  test('links that the host has there lead nowhere outside', () => {
    symlinkSync('/etc', join(inside, 'etc'));
    symlinkSync('../secret', join(inside, 'up'));
    symlinkSync('etc', join(inside, 'd', 'etc2'));
    symlinkSync('../etc/passwd', join(inside, 'd', 'passwd'));
    symlinkSync(join(inside, 'd'), join(inside, 'absolute'));
    for (const path of ['etc/passwd', 'etc/', 'up', 'd/passwd', 'absolute/x'])
      expect([path, guest.stat(path, 1)]).toEqual([path, E.ENOTCAPABLE]);
    expect(guest.open('up', { follow: 1, flags: 1 })).toBe(-E.ENOTCAPABLE);
    expect(guest.open('etc/new', { flags: 1 })).toBe(-E.ENOTCAPABLE);
    expect(guest.stat('d/etc2', 1)).toBe(E.ENOENT);
    expect(guest.onPath('path_unlink_file', 'etc/passwd')).toBe(E.ENOTCAPABLE);
    expect(guest.onPath('path_unlink_file', 'etc')).toBe(0);
    expect(lstatSync('/etc').isDirectory()).toBe(true);
  });

  test.each(['..', '../', '../secret', 'd/../../secret', './../secret', 'd/./../..//secret', '/', '//', '/etc/passwd'])(
    'the path %s is not for it',
    (path) => {
      expect(guest.stat(path)).toBe(E.ENOTCAPABLE);
      expect(guest.open(path, { base: 0 })).toBe(-E.ENOTCAPABLE);
      expect(guest.onPath('path_create_directory', `${path}/new`)).toBe(E.ENOTCAPABLE);
      expect(guest.rename('d', path)).toBe(E.ENOTCAPABLE);
      expect(guest.rename(path, 'stolen')).toBe(E.ENOTCAPABLE);
      expect(guest.link(path, 'stolen')).toBe(E.ENOTCAPABLE);
    },
  );

  test('a directory swapped for a link after it was opened is not entered', () => {
    const fd = guest.open('d', { flags: 2 });
    expect(guest.rename('d', 'gone')).toBe(0);
    expect(guest.symlink('../d', 'd')).toBe(0);
    expect(guest.stat('secret', 0, fd)).toBe(E.ENOENT);
    expect(guest.open('secret', { dir: fd, base: 0 })).toBe(-E.ENOENT);
    expect(guest.list(fd)).toBe(E.ENOENT);
    expect(guest.call('fd_filestat_get', fd, 1024)).toBe(E.ENOENT);
    expect(guest.call('fd_filestat_set_times', fd, 0n, 0n, 8)).toBe(E.ENOENT);
    expect(guest.call('fd_sync', fd)).toBe(E.ENOENT);
    expect(guest.rename('x', 'y', 3, fd)).toBe(E.ENOENT);
  });

  test('nor is one whose parent was swapped, or replaced by another directory', () => {
    guest.onPath('path_create_directory', 'd/e');
    const fd = guest.open('d/e', { flags: 2 });
    expect(guest.rename('d', 'gone')).toBe(0);
    mkdirSync(join(outside, 'd', 'e'));
    writeFileSync(join(outside, 'd', 'e', 'secret'), 'x');
    expect(guest.symlink('../d', 'd')).toBe(0);
    expect(guest.open('secret', { dir: fd, base: 0 })).toBe(-E.ENOENT);
    guest.onPath('path_unlink_file', 'd');
    guest.onPath('path_create_directory', 'd');
    guest.onPath('path_create_directory', 'd/e');
    expect(guest.open('new', { dir: fd, flags: 1 })).toBe(-E.ENOENT);
    expect(guest.rename('d', 'other')).toBe(0);
    expect(guest.rename('gone', 'd')).toBe(0);
    expect(guest.open('new', { dir: fd, flags: 1 })).toBeGreaterThan(fd);
  });

  test('a pipe, a socket or a device cannot hang it', () => {
    execFileSync('mkfifo', [join(inside, 'pipe')]);
    expect(guest.open('pipe')).toBe(-E.ENXIO);
    expect(guest.open('pipe', { flags: 1 })).toBe(-E.ENXIO);
    expect(guest.onPath('path_unlink_file', 'pipe')).toBe(0);
  });

  test('files of the host go through unharmed', () => {
    guest.writeFile('d/made', 'by the guest');
    expect(readFileSync(join(inside, 'd', 'made'), 'utf8')).toBe('by the guest');
    renameSync(join(outside, 'secret'), join(inside, 'given'));
    expect(guest.readFile('given')).toBe('not yours');
  });

  test('renaming and linking do not cross into another kind of file system', () => {
    const two = new TestGuest({
      preopens: [
        { guestPath: '/1', directory: hostDirectory(inside) },
        { guestPath: '/2', directory: new MemoryFileSystem().root },
      ],
    });
    expect(two.rename('d', 'd', 3, 4)).toBe(E.EXDEV);
  });
});

describe('the root', () => {
  test('must exist and be a directory', () => {
    const path = scratchDirectory();
    writeFileSync(join(path, 'f'), '');
    expect(() => hostDirectory(join(path, 'missing'))).toThrow(/missing cannot be opened \(ENOENT\); give one that exists/);
    expect(() => hostDirectory(join(path, 'f'))).toThrow(/f is not a directory/);
    symlinkSync(path, join(path, 'link'));
    expect(hostDirectory(join(path, 'link')).list()).toEqual(['f', 'link']);
    remove(path);
  });
});
