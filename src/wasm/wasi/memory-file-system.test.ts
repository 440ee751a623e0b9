import { describe, expect, test } from 'vitest';
import { WasiErrno as E } from './errno.ts';
import { describeFileSystem } from './file-system.conformance.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { BUFFER, RESULT, TestGuest } from './test-guest.conformance.ts';

describeFileSystem('the memory file system', () => {
  let time = 1n;
  return { root: new MemoryFileSystem({ now: () => time++ }).root, dispose: () => undefined };
});

describe('a memory file system of limited size', () => {
  test('is full at its limit, to the byte, and says so without changing anything', () => {
    const files = new MemoryFileSystem({ limitBytes: 10 });
    const guest = TestGuest.on(files.root);
    guest.writeFile('f', '12345678');
    const fd = guest.open('g', { flags: 1 });
    expect(guest.write(fd, 'abc')).toBe(-E.ENOSPC);
    expect(guest.write(fd, 'ab')).toBe(2);
    expect(files.usedBytes).toBe(10);
    expect(guest.call('fd_filestat_set_size', fd, 3n)).toBe(E.ENOSPC);
    expect(guest.call('fd_filestat_set_size', fd, 2n ** 50n)).toBe(E.ENOSPC);
    expect(guest.readFile('g')).toBe('ab');
    expect(guest.readFile('f')).toBe('12345678');
  });

  test('gets the space back when the last name and the last descriptor are gone', () => {
    const files = new MemoryFileSystem({ limitBytes: 10 });
    const guest = TestGuest.on(files.root);
    guest.writeFile('f', '1234567890');
    const fd = guest.open('f');
    guest.link('f', 'g');
    guest.onPath('path_unlink_file', 'f');
    guest.onPath('path_unlink_file', 'g');
    expect(files.usedBytes).toBe(10);
    guest.call('fd_close', fd);
    expect(files.usedBytes).toBe(0);
    guest.writeFile('a', '12345');
    guest.writeFile('b', '12345');
    expect(guest.rename('a', 'b')).toBe(0);
    expect(files.usedBytes).toBe(5);
  });

  test('a transfer that fills it half-way is short, and only the next one fails', () => {
    const files = new MemoryFileSystem({ limitBytes: 70_000 });
    const guest = TestGuest.on(files.root);
    const fd = guest.open('f', { flags: 1 });
    expect(guest.call('fd_write', fd, ...guest.vectors([BUFFER, 80_000]), RESULT)).toBe(0);
    expect(guest.result32()).toBe(65_536);
    expect(guest.call('fd_write', fd, ...guest.vectors([BUFFER, 80_000 - 65_536]), RESULT)).toBe(E.ENOSPC);
    expect(files.usedBytes).toBe(65_536);
  });

  test('does not show old content when a file grows again', () => {
    const files = new MemoryFileSystem();
    const guest = TestGuest.on(files.root);
    guest.writeFile('f', 'secret');
    const fd = guest.open('f');
    guest.call('fd_filestat_set_size', fd, 0n);
    guest.call('fd_filestat_set_size', fd, 6n);
    expect(guest.readFile('f')).toBe('\0'.repeat(6));
  });

  test('holds as many files as it may, and takes new ones as old ones go', () => {
    const guest = TestGuest.on(new MemoryFileSystem({ limitNodes: 4 }).root); // the root and three
    const fd = guest.open('f', { flags: 1 });
    expect(guest.onPath('path_create_directory', 'd')).toBe(0);
    expect(guest.symlink('f', 'l')).toBe(0);
    expect(guest.link('f', 'another name')).toBe(0);
    expect(guest.open('g', { flags: 1 })).toBe(-E.ENOSPC);
    expect(guest.symlink('f', 'g')).toBe(E.ENOSPC);
    expect(guest.onPath('path_create_directory', 'g')).toBe(E.ENOSPC);
    for (const name of ['l', 'f', 'another name']) expect(guest.onPath('path_unlink_file', name)).toBe(0);
    expect(guest.onPath('path_remove_directory', 'd')).toBe(0);
    expect(guest.onPath('path_create_directory', 'a')).toBe(0);
    expect(guest.onPath('path_create_directory', 'b')).toBe(0);
    expect(guest.onPath('path_create_directory', 'c')).toBe(E.ENOSPC); // `f` is still open
    guest.call('fd_close', fd);
    expect(guest.rename('a', 'b')).toBe(0);
    expect(guest.onPath('path_create_directory', 'c')).toBe(0);
    expect(guest.onPath('path_create_directory', 'e')).toBe(0);
    expect(guest.onPath('path_create_directory', 'g')).toBe(E.ENOSPC);
  });

  test('a size that the host has no buffer for is a full disk', () => {
    const guest = TestGuest.on(new MemoryFileSystem({ limitBytes: Number.MAX_SAFE_INTEGER }).root);
    const fd = guest.open('f', { flags: 1 });
    expect(guest.call('fd_filestat_set_size', fd, 2n ** 52n)).toBe(E.ENOSPC);
    expect(guest.write(fd, 'still works')).toBe(11);
  });
});

describe('the embedder', () => {
  test('writes and reads whole files, making directories on the way', () => {
    const files = new MemoryFileSystem();
    files.writeFile('/a/b/c.txt', 'text');
    files.writeFile('a/b/c.txt', new Uint8Array([1, 2]));
    expect([...files.readFile('/a/b/c.txt')]).toEqual([1, 2]);
    expect(() => files.readFile('/a/x')).toThrow('ENOENT');
    expect(() => files.writeFile('/a/b', 'x')).toThrow('EISDIR');
    expect(() => files.writeFile('/a/b/c.txt/d', 'x')).toThrow('ENOTDIR');
  });

  test('two file systems do not link or rename into each other', () => {
    const one = new MemoryFileSystem();
    const other = new MemoryFileSystem();
    one.writeFile('f', 'x');
    const guest = new TestGuest({
      preopens: [
        { guestPath: '/1', directory: one.root },
        { guestPath: '/2', directory: other.root },
      ],
    });
    expect(guest.rename('f', 'f', 3, 4)).toBe(E.EXDEV);
    expect(guest.call('path_link', 3, 0, ...guest.string('f'), 4, ...guest.string('g', 9000))).toBe(E.EXDEV);
  });
});
