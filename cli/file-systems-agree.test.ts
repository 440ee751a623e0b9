// Linux as the oracle: the same random calls on a memory file system and on a real directory must answer the same, call by call,
// and the same paths must lead where the kernel says. Whatever a real directory answers comes from the kernel.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { WasiErrno as E } from '../src/wasm/wasi/errno.ts';
import { FileType, MemoryFileSystem } from '../src/wasm/wasi/index.ts';
import { TestGuest } from '../src/wasm/wasi/test-guest.conformance.ts';
import { hostDirectory } from './host-directory.ts';
import { hostCode } from './host-errors.ts';

const scratch = mkdtempSync(join(tmpdir(), 'quire-file-systems-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let made = 0;
function freshDirectory(): string {
  const path = join(scratch, String(made++));
  mkdirSync(path);
  return path;
}

const name = fc.constantFrom('a', 'b', 'c');
const path = fc
  .tuple(
    fc.array(fc.oneof({ weight: 5, arbitrary: name }, fc.constantFrom('.', '..')), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', '', '', '/'),
  )
  .map(([parts, end]) => parts.join('/') + end);

type Step =
  | { readonly do: 'mkdir' | 'rmdir' | 'unlink' | 'stat' | 'follow' | 'readlink' | 'read' | 'list'; readonly path: string }
  | { readonly do: 'rename' | 'link' | 'symlink'; readonly path: string; readonly to: string }
  | { readonly do: 'open'; readonly path: string; readonly flags: number; readonly follow: 0 | 1; readonly text: string };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom(
      'mkdir' as const,
      'mkdir' as const,
      'rmdir' as const,
      'unlink' as const,
      'stat' as const,
      'follow' as const,
      'readlink' as const,
      'read' as const,
      'list' as const,
    ),
    path,
  }),
  fc.record({ do: fc.constantFrom('rename' as const, 'link' as const, 'symlink' as const), path, to: path }),
  fc.record({
    do: fc.constant('open' as const),
    path,
    flags: fc.constantFrom(0, 1, 1, 5, 8, 9, 2),
    follow: fc.constantFrom(0 as const, 1 as const),
    text: fc.string({ maxLength: 5 }),
  }),
);

/** Does one step and returns all that the guest can see of its outcome. */
function perform(guest: TestGuest, one: Step): unknown {
  switch (one.do) {
    case 'mkdir':
      return guest.onPath('path_create_directory', one.path);
    case 'rmdir':
      return guest.onPath('path_remove_directory', one.path);
    case 'unlink':
      return guest.onPath('path_unlink_file', one.path);
    case 'rename':
      return guest.rename(one.path, one.to);
    case 'link':
      return guest.link(one.path, one.to);
    case 'symlink':
      return guest.symlink(one.path, one.to);
    case 'readlink':
      return guest.readlink(one.path);
    case 'read':
      return guest.readFile(one.path);
    case 'stat':
      return visible(guest.stat(one.path, 0));
    case 'follow':
      return visible(guest.stat(one.path, 1));
    case 'list':
      return listing(guest, one.path);
    case 'open':
      return openAndWrite(guest, one);
  }
}

/** Sizes and link counts of directories are each file system's own affair. */
function visible(stat: ReturnType<TestGuest['stat']>): unknown {
  if (typeof stat === 'number') return stat;
  return stat.type === FileType.directory ? stat.type : [stat.type, stat.size, stat.links];
}

function listing(guest: TestGuest, at: string): unknown {
  const fd = guest.open(at, { flags: 2, follow: 1 });
  if (fd < 0) return fd;
  const entries = guest.list(fd);
  guest.call('fd_close', fd);
  return typeof entries === 'number' ? entries : entries.map((entry) => [entry.name, entry.type]);
}

function openAndWrite(guest: TestGuest, one: Extract<Step, { do: 'open' }>): unknown {
  const fd = guest.open(one.path, { flags: one.flags, follow: one.follow });
  if (fd < 0) return fd;
  const written = guest.write(fd, one.text);
  guest.call('fd_close', fd);
  return written;
}

test('a memory file system answers like a real one, call by call', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const real = TestGuest.on(hostDirectory(freshDirectory()));
      const memory = TestGuest.on(new MemoryFileSystem().root);
      for (const one of steps) expect([one, perform(memory, one)]).toEqual([one, perform(real, one)]);
      for (const at of ['.', 'a', 'b', 'c', 'a/a', 'b/a']) expect(listing(memory, at)).toEqual(listing(real, at));
    }),
    { numRuns: 150 },
  );
});

/** What the kernel says of a path: where it really is, or why not. */
function kernel(root: string, at: string): string {
  try {
    const isDirectoryOnly = at.endsWith('/');
    const real = realpathSync.native(`${join(root, '.')}/${at}`);
    if (isDirectoryOnly && !statSync(real).isDirectory()) return 'ENOTDIR';
    return real;
  } catch (error) {
    return hostCode(error) ?? 'unknown';
  }
}

test('a path that is walked leads where the kernel leads, and one that is not fails as there', () => {
  const node = fc.record({
    at: fc.tuple(name, name, name),
    depth: fc.constantFrom(1, 2, 3),
    target: fc.option(path, { nil: undefined }),
    file: fc.constantFrom('file', 'directory'),
  });
  fc.assert(
    fc.property(fc.array(node, { maxLength: 12 }), fc.array(path, { minLength: 1, maxLength: 20 }), (nodes, paths) => {
      const root = realpathSync(freshDirectory());
      for (const { at, depth, target, file } of nodes) {
        const full = join(root, ...at.slice(0, depth));
        try {
          if (target !== undefined) symlinkSync(target, full);
          else if (file === 'file') writeFileSync(full, '', { flag: 'wx' });
          else mkdirSync(full);
        } catch (error) {
          if (hostCode(error) === undefined) throw error; // the place is taken, or its directory is missing
        }
      }
      const guest = TestGuest.on(hostDirectory(root));
      for (const at of paths) {
        const stat = guest.stat(at, 1);
        const truth = kernel(root, at);
        if (stat === E.ENOTCAPABLE) continue; // it leaves the directory, if only for a moment; the kernel does not mind
        if (typeof stat === 'number') expect([at, stat]).toEqual([at, E[truth as keyof typeof E]]);
        else {
          expect([at, relative(root, truth).startsWith('..')]).toEqual([at, false]);
          expect([at, stat.inode]).toEqual([at, statSync(truth, { bigint: true }).ino]);
        }
      }
    }),
    { numRuns: 150 },
  );
});
