// What every file system must do, seen from the guest: run on the memory file system and on real directories alike.
// Expectations: POSIX, WASI's specification, and what the WebAssembly community's WASI tests demand of a host.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WasiErrno as E } from './errno.ts';
import { type Directory, FileType } from './file-system.ts';
import { DescriptorFlag, OpenFlag, TimesFlag } from './layout.ts';
import { Right } from './rights.ts';
import { type Attributes, BUFFER, RESULT, STRINGS, TestGuest } from './test-guest.conformance.ts';

/** A fresh file system and what removes it. */
export interface FileSystemUnderTest {
  readonly root: Directory;
  readonly dispose: () => void;
}

const { create, directory, exclusive, truncate } = OpenFlag;

/** Describes the behaviour of the file system that `make` makes, empty, anew for each test. */
export function describeFileSystem(name: string, make: () => FileSystemUnderTest): void {
  describe(name, () => {
    let under: FileSystemUnderTest;
    let guest: TestGuest;
    beforeEach(() => {
      under = make();
      guest = TestGuest.on(under.root);
    });
    afterEach(() => {
      guest.wasi.close();
      under.dispose();
    });
    const mkdir = (path: string): number => guest.onPath('path_create_directory', path);
    const rmdir = (path: string): number => guest.onPath('path_remove_directory', path);
    const unlink = (path: string): number => guest.onPath('path_unlink_file', path);
    const names = (fd = 3): unknown => {
      const entries = guest.list(fd);
      return typeof entries === 'number' ? entries : entries.map((entry) => entry.name);
    };
    const statted = (path: string, follow: 0 | 1 = 0): Attributes => {
      const stat = guest.stat(path, follow);
      if (typeof stat === 'number') throw new Error(`stat ${path}: errno ${stat}`);
      return stat;
    };

    describe('opening', () => {
      test('creates, reads back, and keeps what is there unless it truncates', () => {
        guest.writeFile('f', 'hello');
        expect(guest.readFile('f')).toBe('hello');
        const fd = guest.open('f', { flags: create });
        expect(guest.write(fd, 'J')).toBe(1);
        expect(guest.readFile('f')).toBe('Jello');
        expect(guest.open('f', { flags: truncate })).toBeGreaterThan(fd);
        expect(guest.readFile('f')).toBe('');
      });

      test('says what is wrong', () => {
        guest.writeFile('f', '');
        mkdir('d');
        expect(guest.open('missing')).toBe(-E.ENOENT);
        expect(guest.open('missing/x', { flags: create })).toBe(-E.ENOENT);
        expect(guest.open('f/x')).toBe(-E.ENOTDIR);
        expect(guest.open('f', { flags: create | exclusive })).toBe(-E.EEXIST);
        expect(guest.open('f', { flags: directory, base: 0 })).toBe(-E.ENOTDIR);
        expect(guest.open('d')).toBe(-E.EISDIR);
        expect(guest.open('d', { flags: truncate, base: 0 })).toBe(-E.EISDIR);
        expect(guest.open('d', { flags: directory | create, base: 0 })).toBe(-E.EINVAL);
        expect(guest.open('')).toBe(-E.ENOENT);
        expect(guest.open('f\0')).toBe(-E.EINVAL);
        expect(guest.open('x'.repeat(256))).toBe(-E.ENAMETOOLONG);
        expect(guest.open('x/'.repeat(2500))).toBe(-E.ENAMETOOLONG);
        expect(guest.open('f', { flags: 16 })).toBe(-E.EINVAL);
        expect(guest.open('f', { descriptorFlags: 32 })).toBe(-E.EINVAL);
        guest.bytes.set([0x66, 0xff], STRINGS);
        expect(guest.call('path_open', 3, 0, STRINGS, 2, 0, 0n, 0n, 0, RESULT)).toBe(E.EILSEQ);
      });

      test('a failed exclusive or directory open leaves nothing behind', () => {
        guest.open('new', { flags: directory | create });
        guest.open('new/', { flags: create });
        expect(names()).toEqual(['.', '..']);
      });

      test('slashes and dots mean what they mean in POSIX', () => {
        mkdir('d');
        mkdir('d/e');
        guest.writeFile('d/e/f', 'x');
        expect(guest.readFile('d/.//e/../../d/e///./f')).toBe('x');
        expect(guest.readFile('./d/e/f')).toBe('x');
        expect(guest.open('d/e/f/', { base: 0 })).toBe(-E.ENOTDIR);
        expect(guest.open('d/e/f/.', { base: 0 })).toBe(-E.ENOTDIR);
        expect(guest.open('d/e///', { base: 0 })).toBeGreaterThan(3);
        expect(guest.open('d/nothing/..', { base: 0 })).toBe(-E.ENOENT);
        expect(guest.open('new/', { flags: create })).toBe(-E.EISDIR);
      });

      test('nothing above the directory can be named', () => {
        mkdir('d');
        const fd = guest.open('d', { flags: directory });
        expect(guest.open('..', { base: 0 })).toBe(-E.ENOTCAPABLE);
        expect(guest.open('d/../..', { base: 0 })).toBe(-E.ENOTCAPABLE);
        expect(guest.open('/d', { base: 0 })).toBe(-E.ENOTCAPABLE);
        expect(guest.open('../d', { dir: fd, base: 0 })).toBe(-E.ENOTCAPABLE);
        expect(guest.open('.', { dir: fd, base: 0 })).toBeGreaterThan(fd);
      });

      test('an open file lives on without a name', () => {
        guest.writeFile('f', 'still here');
        const fd = guest.open('f');
        expect(unlink('f')).toBe(0);
        expect(guest.read(fd, 100)).toBe('still here');
        expect(guest.open('f')).toBe(-E.ENOENT);
        expect(guest.call('fd_close', fd)).toBe(0);
      });

      test('a removed directory is empty and takes nothing', () => {
        mkdir('d');
        const fd = guest.open('d', { flags: directory });
        expect(rmdir('d')).toBe(0);
        expect(guest.open('f', { dir: fd, flags: create })).toBe(-E.ENOENT);
        expect(guest.list(fd)).toBe(E.ENOENT);
        expect(mkdir('d')).toBe(0);
      });
    });

    describe('reading and writing', () => {
      test('scatters and gathers in order', () => {
        const fd = guest.open('f', { flags: create });
        guest.string('abcdef', BUFFER);
        expect(guest.call('fd_write', fd, ...guest.vectors([BUFFER + 3, 3], [BUFFER, 0], [BUFFER, 3]), RESULT)).toBe(0);
        expect(guest.result32()).toBe(6);
        guest.call('fd_seek', fd, 0n, 0, RESULT);
        expect(guest.call('fd_read', fd, ...guest.vectors([BUFFER + 100, 1], [BUFFER + 200, 4], [BUFFER + 300, 10]), RESULT)).toBe(0);
        expect(guest.result32()).toBe(6);
        expect([guest.textAt(BUFFER + 100, 1), guest.textAt(BUFFER + 200, 4), guest.textAt(BUFFER + 300, 1)]).toEqual(['d', 'efab', 'c']);
        expect(guest.read(fd, 10)).toBe('');
      });

      test('transfers larger than the staging buffer arrive whole', () => {
        const fd = guest.open('f', { flags: create });
        const pattern = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 7 + (i >> 8)) & 255);
        guest.bytes.set(pattern, BUFFER);
        expect(guest.call('fd_write', fd, ...guest.vectors([BUFFER, 65_000], [BUFFER + 65_000, 35_001]), RESULT)).toBe(0);
        expect(guest.result32()).toBe(100_001);
        guest.bytes.fill(0, BUFFER);
        expect(guest.call('fd_pread', fd, ...guest.vectors([BUFFER, 7], [BUFFER + 7, 110_000]), 0n, RESULT)).toBe(0);
        expect(guest.result32()).toBe(100_001);
        expect(Buffer.compare(guest.bytes.slice(BUFFER, BUFFER + 100_001), pattern)).toBe(0);
      });

      test('positioned calls leave the offset alone', () => {
        guest.writeFile('f', '0123456789');
        const fd = guest.open('f');
        expect(guest.read(fd, 2)).toBe('01');
        expect(guest.call('fd_pread', fd, ...guest.vectors([BUFFER, 3]), 5n, RESULT)).toBe(0);
        expect(guest.textAt(BUFFER, guest.result32())).toBe('567');
        expect(guest.call('fd_pwrite', fd, ...guest.vectors(guest.string('XY', BUFFER)), 12n, RESULT)).toBe(0);
        expect(guest.call('fd_tell', fd, RESULT)).toBe(0);
        expect(guest.result64()).toBe(2n);
        expect(guest.readFile('f')).toBe('0123456789\0\0XY');
        expect(guest.call('fd_pread', fd, ...guest.vectors([BUFFER, 3]), 100n, RESULT)).toBe(0);
        expect(guest.result32()).toBe(0);
        expect(guest.call('fd_pread', fd, ...guest.vectors([BUFFER, 3]), -1n, RESULT)).toBe(E.EINVAL);
      });

      test('append goes to the end, whatever the offset, until it is switched off', () => {
        guest.writeFile('f', 'abc');
        const fd = guest.open('f', { descriptorFlags: DescriptorFlag.append });
        expect(guest.write(fd, 'de')).toBe(2);
        guest.call('fd_seek', fd, 0n, 0, RESULT);
        expect(guest.write(fd, 'f')).toBe(1);
        guest.call('fd_tell', fd, RESULT);
        expect(guest.result64()).toBe(6n);
        expect(guest.call('fd_fdstat_set_flags', fd, 0)).toBe(0);
        guest.call('fd_seek', fd, 0n, 0, RESULT);
        guest.write(fd, 'A');
        expect(guest.readFile('f')).toBe('Abcdef');
      });

      test('seeks from the start, from here, from the end, never before the start', () => {
        guest.writeFile('f', '0123456789');
        const fd = guest.open('f');
        const seek = (delta: bigint, whence: number): bigint | number =>
          guest.call('fd_seek', fd, delta, whence, RESULT) || guest.result64();
        expect(seek(4n, 0)).toBe(4n);
        expect(seek(-1n, 1)).toBe(3n);
        expect(seek(-2n, 2)).toBe(8n);
        expect(seek(-9n, 1)).toBe(E.EINVAL);
        expect(seek(0n, 1)).toBe(8n);
        expect(seek(90n, 2)).toBe(100n);
        expect(guest.read(fd, 1)).toBe('');
        expect(seek(0n, 3)).toBe(E.EINVAL);
        expect(seek(2n ** 62n, 0)).toBe(E.EOVERFLOW);
      });

      test('sizes: truncate, extend with zeros, allocate never shrinks', () => {
        guest.writeFile('f', 'abcdef');
        const fd = guest.open('f');
        expect(guest.call('fd_filestat_set_size', fd, 2n)).toBe(0);
        expect(guest.call('fd_filestat_set_size', fd, 4n)).toBe(0);
        expect(guest.readFile('f')).toBe('ab\0\0');
        expect(guest.call('fd_allocate', fd, 1n, 1n)).toBe(0);
        expect(statted('f').size).toBe(4);
        expect(guest.call('fd_allocate', fd, 3n, 7n)).toBe(0);
        expect(statted('f').size).toBe(10);
        expect(guest.call('fd_allocate', fd, 3n, 0n)).toBe(E.EINVAL);
        expect(guest.call('fd_allocate', fd, 2n ** 63n, 2n ** 63n)).toBe(E.EFBIG);
        expect(guest.call('fd_filestat_set_size', fd, -1n)).toBe(E.EFBIG);
        expect(guest.call('fd_advise', fd, 0n, 10n, 3)).toBe(0);
        expect(guest.call('fd_advise', fd, 0n, 10n, 6)).toBe(E.EINVAL);
        expect(guest.call('fd_sync', fd)).toBe(0);
        expect(guest.call('fd_datasync', fd)).toBe(0);
        expect(guest.call('fd_sync', 3)).toBe(0);
      });
    });

    describe('names', () => {
      test('directories are made, listed and removed', () => {
        expect(mkdir('d')).toBe(0);
        expect(mkdir('d')).toBe(E.EEXIST);
        expect(mkdir('.')).toBe(E.EEXIST);
        expect(mkdir('x/y')).toBe(E.ENOENT);
        expect(mkdir('e/')).toBe(0);
        expect(rmdir('e/')).toBe(0);
        guest.writeFile('d/f', '');
        expect(rmdir('d')).toBe(E.ENOTEMPTY);
        expect(rmdir('d/f')).toBe(E.ENOTDIR);
        expect(rmdir('d/f/')).toBe(E.ENOTDIR);
        expect(rmdir('.')).toBe(E.EINVAL);
        expect(unlink('d')).toBe(E.EISDIR);
        expect(unlink('d/')).toBe(E.EISDIR);
        expect(unlink('d/f/')).toBe(E.ENOTDIR);
        expect(unlink('d/f')).toBe(0);
        expect(unlink('d/f')).toBe(E.ENOENT);
        expect(rmdir('d')).toBe(0);
        expect(rmdir('d')).toBe(E.ENOENT);
      });

      test('renaming files', () => {
        guest.writeFile('a', 'A');
        guest.writeFile('b', 'B');
        mkdir('d');
        expect(guest.rename('a', 'c')).toBe(0);
        expect(guest.rename('c', 'b')).toBe(0);
        expect(guest.readFile('b')).toBe('A');
        expect(guest.rename('b', 'd')).toBe(E.EISDIR);
        expect(guest.rename('b', 'x/')).toBe(E.ENOTDIR);
        expect(guest.rename('b/', 'x')).toBe(E.ENOTDIR);
        expect(guest.rename('missing', 'x')).toBe(E.ENOENT);
        expect(guest.rename('b', 'd/b')).toBe(0);
        expect(guest.rename('d/b', 'd/b')).toBe(0);
        expect(guest.readFile('d/b')).toBe('A');
        expect(guest.link('d/b', 'd/same')).toBe(0);
        expect(guest.rename('d/b', 'd/same')).toBe(0); // two names of one file: POSIX does nothing
        expect(statted('d/b').links).toBe(2);
      });

      test('renaming directories', () => {
        mkdir('a');
        mkdir('a/in');
        mkdir('empty');
        mkdir('full');
        guest.writeFile('full/f', '');
        expect(guest.rename('a', 'full')).toBe(E.ENOTEMPTY);
        expect(guest.rename('a', 'full/f')).toBe(E.ENOTDIR);
        expect(guest.rename('a', 'a/in/x')).toBe(E.EINVAL);
        expect(guest.rename('.', 'x')).toBe(E.EBUSY);
        expect(guest.rename('a/', 'b/')).toBe(0);
        expect(guest.rename('b', 'empty')).toBe(0);
        expect(names()).toEqual(['.', '..', 'empty', 'full']);
        expect(statted('empty/in').type).toBe(FileType.directory);
      });

      test('hard links share the file', () => {
        guest.writeFile('f', 'one');
        mkdir('d');
        expect(guest.link('f', 'd/g')).toBe(0);
        expect(statted('f').links).toBe(2);
        expect(statted('d/g').inode).toBe(statted('f').inode);
        expect(guest.link('f', 'd/g')).toBe(E.EEXIST);
        expect(guest.link('f', 'f')).toBe(E.EEXIST);
        expect(guest.link('d', 'e')).toBe(E.EPERM);
        expect(guest.link('f', 'e/')).toBe(E.ENOENT);
        expect(guest.link('missing', 'e')).toBe(E.ENOENT);
        unlink('f');
        expect(guest.readFile('d/g')).toBe('one');
        expect(statted('d/g').links).toBe(1);
      });

      test('readdir: the dots, then sorted names, in pieces of any size', () => {
        mkdir('d');
        for (const name of ['b', 'a', 'long'.repeat(20)]) guest.writeFile(`d/${name}`, '');
        guest.symlink('a', 'd/link');
        const fd = guest.open('d', { flags: directory });
        const entries = guest.list(fd);
        if (typeof entries === 'number') throw new Error(`errno ${entries}`);
        expect(entries.map((entry) => [entry.name, entry.type])).toEqual([
          ['.', 3],
          ['..', 3],
          ['a', 4],
          ['b', 4],
          ['link', 7],
          ['long'.repeat(20), 4],
        ]);
        expect(entries[0]?.inode).toBe(statted('d').inode);
        expect(entries[2]?.inode).toBe(statted('d/a').inode);
        for (const length of [104, 105, 150, 1000]) expect(guest.list(fd, length)).toEqual(entries);
        // A buffer too small for the entry is filled with its beginning.
        expect(guest.call('fd_readdir', fd, BUFFER, 30, 5n, RESULT)).toBe(0);
        expect(guest.result32()).toBe(30);
        expect(guest.call('fd_readdir', fd, BUFFER, 30, 6n, RESULT)).toBe(0);
        expect(guest.result32()).toBe(0);
        expect(guest.call('fd_readdir', fd, BUFFER, 30, -1n, RESULT)).toBe(0);
        expect(guest.result32()).toBe(0);
      });

      test('a program may delete what it lists while it lists', () => {
        mkdir('d');
        const all = Array.from({ length: 40 }, (_, i) => `file${String(i).padStart(2, '0')}`);
        for (const name of all) guest.writeFile(`d/${name}`, '');
        const fd = guest.open('d', { flags: directory });
        const seen: string[] = [];
        let cookie = 0n;
        for (;;) {
          guest.call('fd_readdir', fd, BUFFER, 60, cookie, RESULT);
          if (guest.result32() < 24) break;
          cookie = guest.view.getBigUint64(BUFFER, true);
          const name = guest.textAt(BUFFER + 24, guest.view.getUint32(BUFFER + 16, true));
          if (name.startsWith('.')) continue;
          seen.push(name);
          expect(unlink(`d/${name}`)).toBe(0);
        }
        expect(seen).toEqual(all);
        expect(rmdir('d')).toBe(0);
      });
    });

    describe('symbolic links', () => {
      test('are followed in the middle, and at the end only when asked', () => {
        mkdir('d');
        guest.writeFile('d/f', 'x');
        expect(guest.symlink('d', 'l')).toBe(0);
        expect(guest.symlink('d/f', 'lf')).toBe(0);
        expect(guest.readFile('l/f')).toBe('x');
        expect(guest.readFile('lf')).toBe('x');
        expect(guest.open('lf')).toBe(-E.ELOOP);
        expect(guest.open('l', { flags: directory, base: 0 })).toBe(-E.ELOOP);
        expect(guest.open('l', { flags: directory, base: 0, follow: 1 })).toBeGreaterThan(3);
        expect(guest.open('l/', { flags: directory, base: 0 })).toBeGreaterThan(3);
        expect(guest.open('lf', { flags: directory, base: 0, follow: 1 })).toBe(-E.ENOTDIR);
        expect(statted('l').type).toBe(FileType.symbolicLink);
        expect(statted('lf').size).toBe(3);
        expect(statted('lf', 1)).toMatchObject({ type: FileType.regularFile, size: 1 });
        expect(rmdir('l')).toBe(E.ENOTDIR);
        expect(rmdir('l/')).toBe(E.ENOTDIR);
        expect(unlink('l')).toBe(0);
        expect(names(guest.open('d', { flags: directory }))).toEqual(['.', '..', 'f']);
      });

      test('are read, whole or cut off', () => {
        guest.symlink('target', 'l');
        guest.writeFile('f', '');
        guest.bytes.fill(0xee, BUFFER, BUFFER + 20);
        expect(guest.readlink('l', 10)).toBe('target');
        expect(guest.bytes[BUFFER + 6]).toBe(0xee);
        expect(guest.readlink('l', 4)).toBe('targ');
        expect(guest.readlink('l', 0)).toBe('');
        expect(guest.readlink('f')).toBe(E.EINVAL);
        expect(guest.readlink('missing')).toBe(E.ENOENT);
      });

      test('may dangle, and a file may be created behind one', () => {
        expect(guest.symlink('nothing', 'l')).toBe(0);
        expect(guest.symlink('x', 'l')).toBe(E.EEXIST);
        expect(guest.open('l', { follow: 1 })).toBe(-E.ENOENT);
        expect(guest.open('l', { follow: 1, flags: create | exclusive })).toBe(-E.EEXIST);
        expect(guest.link('l', 'hard')).toBe(0);
        expect(statted('hard').type).toBe(FileType.symbolicLink);
        expect(guest.link('l', 'other', 1)).toBe(E.ENOENT);
        const fd = guest.open('l', { follow: 1, flags: create });
        expect(fd).toBeGreaterThan(3);
        guest.write(fd, 'made');
        expect(guest.readFile('nothing')).toBe('made');
        expect(guest.rename('l', 'nothing')).toBe(0);
        expect(guest.readlink('nothing')).toBe('nothing');
      });

      test('that loop end in ELOOP; forty in a row do not', () => {
        guest.symlink('loop', 'loop');
        guest.symlink('b', 'a');
        guest.symlink('a', 'b');
        expect(guest.open('loop', { follow: 1 })).toBe(-E.ELOOP);
        expect(guest.open('a/x')).toBe(-E.ELOOP);
        guest.writeFile('l0', 'end');
        for (let i = 1; i <= 41; i++) guest.symlink(`l${i - 1}`, `l${i}`);
        expect(guest.readFile('l40')).toBe('end');
        expect(guest.readFile('l41')).toBe(E.ELOOP);
      });

      test('that would lead out are not followed', () => {
        mkdir('d');
        mkdir('d/e');
        guest.writeFile('secret', 'x');
        expect(guest.symlink('/etc', 'abs')).toBe(E.ENOTCAPABLE);
        expect(guest.symlink('', 'empty')).toBe(E.ENOENT);
        expect(guest.symlink('..', 'up')).toBe(0);
        expect(guest.symlink('../..', 'd/up2')).toBe(0);
        expect(guest.symlink('../secret', 'd/fine')).toBe(0);
        expect(guest.symlink('e/../../up/x', 'd/chain')).toBe(0);
        expect(guest.open('up', { follow: 1, base: 0 })).toBe(-E.ENOTCAPABLE);
        expect(guest.stat('up/x')).toBe(E.ENOTCAPABLE);
        expect(guest.stat('d/up2', 1)).toBe(E.ENOTCAPABLE);
        expect(guest.stat('d/chain', 1)).toBe(E.ENOTCAPABLE);
        expect(guest.readFile('d/fine')).toBe('x');
        // What is inside for one descriptor is outside for another.
        const fd = guest.open('d', { flags: directory });
        expect(guest.readFile('fine', fd)).toBe(E.ENOTCAPABLE);
        expect(guest.rename('e', '../e', fd, fd)).toBe(E.ENOTCAPABLE);
        expect(guest.rename('e', 'e', fd, 3)).toBe(0);
      });

      test('new names with a slash are refused', () => {
        mkdir('d');
        guest.writeFile('f', '');
        expect(guest.symlink('x', 'new/')).toBe(E.ENOENT);
        expect(guest.symlink('x', 'd/')).toBe(E.EEXIST);
        expect(guest.symlink('x', 'f/')).toBe(E.ENOTDIR);
      });
    });

    describe('attributes', () => {
      test('times are set exactly, one at a time, on files, links, directories and open files', () => {
        guest.writeFile('f', 'x');
        guest.symlink('f', 'l');
        mkdir('d');
        const setTimes = (path: string, follow: number, accessed: bigint, modified: bigint, flags: number): number =>
          guest.call('path_filestat_set_times', 3, follow, ...guest.string(path), accessed, modified, flags);
        const before = statted('f');
        const time = 1_234_567_890_123_456_789n;
        expect(setTimes('f', 0, 5n, time, TimesFlag.modified)).toBe(0);
        expect(statted('f')).toMatchObject({ modified: time, accessed: before.accessed });
        expect(setTimes('f', 0, time + 1n, 5n, TimesFlag.accessed)).toBe(0);
        expect(statted('f')).toMatchObject({ modified: time, accessed: time + 1n });
        expect(setTimes('l', 0, 0n, time + 7n, TimesFlag.modified)).toBe(0);
        expect([statted('l').modified, statted('f').modified]).toEqual([time + 7n, time]);
        expect(setTimes('l', 1, 0n, time + 9n, TimesFlag.modified)).toBe(0);
        expect([statted('l').modified, statted('f').modified]).toEqual([time + 7n, time + 9n]);
        expect(setTimes('d', 0, time, time, TimesFlag.accessed | TimesFlag.modified)).toBe(0);
        expect(setTimes('.', 0, time, time, TimesFlag.accessed | TimesFlag.modified)).toBe(0);
        expect([statted('d').modified, statted('.').modified]).toEqual([time, time]);
        const fd = guest.open('f');
        expect(guest.call('fd_filestat_set_times', fd, 0n, time - 3n, TimesFlag.modified)).toBe(0);
        expect(guest.call('fd_filestat_get', fd, RESULT)).toBe(0);
        expect(guest.attributes()).toMatchObject({ modified: time - 3n, accessed: time + 1n, size: 1, type: FileType.regularFile });
        expect(guest.write(fd, 'y')).toBe(1);
        expect(statted('f').modified).not.toBe(time - 3n);
      });

      test('now and a time at once, and unknown flags, are refused', () => {
        guest.writeFile('f', '');
        const set = (flags: number): number => guest.call('path_filestat_set_times', 3, 0, ...guest.string('f'), 0n, 0n, flags);
        expect(set(TimesFlag.modified | TimesFlag.modifiedNow)).toBe(E.EINVAL);
        expect(set(TimesFlag.accessed | TimesFlag.accessedNow)).toBe(E.EINVAL);
        expect(set(16)).toBe(E.EINVAL);
        expect(set(TimesFlag.accessedNow | TimesFlag.modifiedNow)).toBe(0);
        // The deterministic clock stands in the first second of 2000.
        expect(statted('f').modified / 1_000_000_000n).toBe(946_684_800n);
      });
    });

    describe('rights', () => {
      test('shrink and never grow', () => {
        guest.writeFile('f', 'abc');
        const fd = guest.open('f', { base: Right.fd_read | Right.fd_write | Right.fd_seek });
        expect(guest.call('fd_fdstat_set_rights', fd, BigInt(Right.fd_seek), 0n)).toBe(0);
        expect(guest.rights(fd).base).toBe(Right.fd_seek);
        expect(guest.read(fd, 1)).toBe(E.EBADF);
        expect(guest.write(fd, 'x')).toBe(-E.EBADF);
        expect(guest.call('fd_tell', fd, RESULT)).toBe(E.ENOTCAPABLE);
        expect(guest.call('fd_fdstat_set_rights', fd, BigInt(Right.fd_seek | Right.fd_read), 0n)).toBe(E.ENOTCAPABLE);
        expect(guest.call('fd_filestat_get', fd, RESULT)).toBe(E.ENOTCAPABLE);
      });

      test('of a directory limit what is opened through it', () => {
        guest.writeFile('f', 'abc');
        mkdir('d');
        const readable = guest.open('.', { flags: directory, base: Right.path_open | Right.path_filestat_get, inheriting: Right.fd_read });
        expect(guest.open('f', { dir: readable, base: Right.fd_read, inheriting: 0 })).toBeGreaterThan(readable);
        expect(guest.open('f', { dir: readable, base: Right.fd_read | Right.fd_write, inheriting: 0 })).toBe(-E.ENOTCAPABLE);
        expect(guest.open('f', { dir: readable, base: 0, inheriting: Right.fd_write })).toBe(-E.ENOTCAPABLE);
        expect(guest.open('new', { dir: readable, flags: create, base: 0, inheriting: 0 })).toBe(-E.ENOTCAPABLE);
        expect(guest.open('f', { dir: readable, flags: truncate, base: 0, inheriting: 0 })).toBe(-E.ENOTCAPABLE);
        expect(guest.onPath('path_unlink_file', 'f', readable)).toBe(E.ENOTCAPABLE);
        expect(guest.onPath('path_create_directory', 'x', readable)).toBe(E.ENOTCAPABLE);
        expect(guest.readFile('f')).toBe('abc');
      });

      test('that make no sense for the kind of file are dropped', () => {
        const fd = guest.open('.', { flags: directory });
        expect(guest.rights(fd).base & (Right.fd_seek | Right.fd_tell | Right.fd_read | Right.fd_filestat_set_size)).toBe(0);
        guest.writeFile('f', '');
        expect(guest.rights(guest.open('f')).base & Right.path_open).toBe(0);
      });

      test('a directory is no file and a file no directory', () => {
        guest.writeFile('f', '');
        const file = guest.open('f');
        expect(guest.open('x', { dir: file, base: 0, inheriting: 0 })).toBe(-E.ENOTDIR);
        expect(guest.list(file)).toBe(E.ENOTDIR);
        expect(guest.call('fd_seek', 3, 0n, 1, RESULT)).toBe(E.EISDIR);
        expect(guest.call('fd_allocate', 3, 0n, 1n)).toBe(E.EISDIR);
        expect(guest.call('fd_filestat_set_size', 3, 0n)).toBe(E.EISDIR);
        expect(guest.call('fd_pread', 3, ...guest.vectors([BUFFER, 1]), 0n, RESULT)).toBe(E.EISDIR);
        expect(guest.read(3, 1)).toBe(E.EBADF);
        expect(guest.open('.', { flags: directory, base: Right.fd_read | Right.fd_write })).toBe(-E.EISDIR);
      });
    });
  });
}
